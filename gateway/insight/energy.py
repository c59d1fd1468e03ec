"""What meters counted over a period, on a raster: per cell, in all, and how much of the time anything is known.

Inside a gap a counter's total is known as soon as it is read again, but not when it was counted: such a stretch adds to
the total and leaves its cells empty. Unknown is never zero.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.insight.energy_counter import Mark, Register, Steps, Times, counted
from gateway.insight.held import Floats
from gateway.model.reading import Quality

LONGEST_STEPS, LONGEST_MS = 3.5, 60_000.0
"""Readings further apart than so many steps of the history, and than so long, have a gap between them."""
COVERED = 0.98
"""A cell is known when this share of it is."""
SUSPECT_SPREAD = 0.5
"""A slot in which a counter moved by more than this share of its register holds two counters."""


@dataclass(frozen=True, slots=True)
class Slots:
    """A stretch of history: one slot every `step_ms` from `begin_ms`; the columns have shape (slots,), NaN is a gap."""

    begin_ms: int
    step_ms: int
    mean: Floats
    low: Floats
    high: Floats
    quality: NDArray[np.uint8]

    @property
    def times_ms(self) -> Times:
        """Where each slot begins."""
        found: Times = self.begin_ms + self.step_ms * np.arange(len(self.mean), dtype=np.int64)
        return found


@dataclass(frozen=True, slots=True)
class Use:
    """What was used; inside units. `cells` NaN: not known; `in_gaps` is the part of `total` nobody knows the time of."""

    edges_ms: Times
    cells: Floats
    gaps: tuple[tuple[int, int, float], ...]
    """Stretches (begin, end, amount) without readings between; the amount may be NaN: not known at all."""
    total: float | None
    known: float
    """Share of the period with readings."""
    marks: tuple[tuple[int, Mark], ...]

    @property
    def in_gaps(self) -> float:
        """What was counted while nobody looked."""
        return float(sum(amount for _, _, amount in self.gaps if np.isfinite(amount)))


def readings(slots: Slots, register: Register) -> tuple[Times, Floats]:
    """A counter's readings: its lowest at a slot's begin, its highest at the end; doubtful and mixed slots are gaps."""
    good = np.isfinite(slots.mean) & (slots.quality <= Quality.GOOD)
    spread = slots.high - slots.low
    most = register.most_per_s * slots.step_ms / 1000.0 + 2.0 * register.quantum
    with np.errstate(invalid="ignore"):
        good &= ~(spread > most)
        if register.span is not None:
            good &= ~(spread > SUSPECT_SPREAD * register.span)
    begin = slots.times_ms
    if slots.step_ms <= 1000:
        return begin, np.where(good, slots.mean, np.nan)
    times = np.stack((begin, begin + slots.step_ms - 1000), axis=1).reshape(-1)
    values = np.stack((slots.low, slots.high), axis=1).reshape(-1)
    return times, np.where(np.repeat(good, 2), values, np.nan)


def used(slots: Slots, register: Register, edges_ms: Times) -> Use:
    """What a counter counted between the first and the last edge, cell by cell."""
    times, values = readings(slots, register)
    inside = (times >= edges_ms[0] - slots.step_ms) & (times <= edges_ms[-1] + slots.step_ms)
    longest_ms = max(LONGEST_MS, LONGEST_STEPS * slots.step_ms)
    return spread(counted(times[inside], values[inside], register), edges_ms, longest_ms=longest_ms)


def spread(steps: Steps, edges_ms: Times, *, longest_ms: float) -> Use:
    """Lay steps on a raster, evenly over each step's time; a step longer than `longest_ms` is a gap."""
    begin, end = max(int(edges_ms[0]), 0), int(edges_ms[-1])
    length = (steps.end_ms - steps.begin_ms).astype(np.float64)
    there = np.isfinite(steps.amount)
    share = _inside(steps.begin_ms, steps.end_ms, begin, end) / np.maximum(length, 1.0)
    short = there & (length <= longest_ms)
    amounts, covered = _laid(steps, edges_ms, short)
    width = np.diff(edges_ms).astype(np.float64)
    cells = np.where(covered >= COVERED * width, amounts, np.nan)
    partly = there & (share > 0.0)
    gaps = tuple(
        (max(int(first), begin), min(int(last), end), float(amount * part))
        for first, last, amount, part, small in zip(
            steps.begin_ms, steps.end_ms, steps.amount, share, short, strict=True
        )
        if part > 0.0 and not small
    )
    total = float((np.where(there, steps.amount, 0.0) * share).sum()) if partly.any() else None
    known = float(covered.sum() / width.sum()) if width.size else 0.0
    return Use(edges_ms, cells, gaps, total, known, tuple(mark for mark in steps.marks if begin < mark[0] <= end))


def integrated(slots: Slots, edges_ms: Times, *, part: Callable[[Floats], Floats] = lambda watts: watts) -> Use:
    """Energy from means of power, where nothing counts it: a slot without a mean is a gap of unknown amount."""
    watts = part(slots.mean)
    ends = slots.times_ms + slots.step_ms
    steps = Steps(slots.times_ms, ends, watts * slots.step_ms / 3_600_000.0, ())
    known = np.isfinite(watts)
    return spread(Steps(steps.begin_ms[known], ends[known], steps.amount[known], ()), edges_ms, longest_ms=np.inf)


def _inside(begin_ms: Times, end_ms: Times, first: int, last: int) -> Floats:
    """How many ms of each step lie between two instants."""
    found: Floats = np.maximum(0, np.minimum(end_ms, last) - np.maximum(begin_ms, first)).astype(np.float64)
    return found


def _laid(steps: Steps, edges_ms: Times, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Per cell: what the chosen steps put into it, and how many ms of it they cover."""
    if not chosen.any():
        nothing = np.zeros(max(len(edges_ms) - 1, 0))
        return nothing, nothing.copy()
    begin, end = steps.begin_ms[chosen].astype(np.float64), steps.end_ms[chosen].astype(np.float64)
    bounds = np.stack((begin, end), axis=1).reshape(-1)
    amount = np.stack((np.zeros(begin.size), steps.amount[chosen]), axis=1).reshape(-1).cumsum()
    length = np.stack((np.zeros(begin.size), end - begin), axis=1).reshape(-1).cumsum()
    edges = np.asarray(edges_ms, dtype=np.float64)
    return np.diff(np.interp(edges, bounds, amount)), np.diff(np.interp(edges, bounds, length))
