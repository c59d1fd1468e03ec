"""What a counter counted: the steps between its readings, through roll-overs, resets, exchanged meters and gaps.

Theory (I-29). A counter only rises, so the sum of the steps is its last reading minus its first one, however many are
missing between. Where a reading falls, one of four things happened, and each has its own mark:

    bounce    a zero or a stray value that goes away again: the readings after it go on from the one before. Left out
    rolled    it can have come to the end of its register and over it since: the step goes over the end
    reset     it is so small that it can have counted up from zero since: what it shows now was counted
    exchanged anything else, or a step no meter of this power can make: what was counted between is not known

A step is never negative, and one that is not known is NaN, never 0. Values are in inside units (Wh, m³).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import inf

import numpy as np
from numpy.typing import NDArray

from gateway.insight.held import Floats

Times = NDArray[np.int64]
LOOK = 3
"""So many readings may be stray at a time."""
NEAR_END, NEAR_BEGIN = 0.9, 0.1
"""Shares of the register between which a fall is a roll-over, where the power does not tell."""
SMALL = 0.01
"""Share of the reading before a fall up to which it counts as begun anew, where the power does not tell."""


class Mark(StrEnum):
    """What a counter did besides counting."""

    ROLLED = "rolled"
    RESET = "reset"
    EXCHANGED = "exchanged"


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of a counter: `span` is where it begins again, `most_per_s` bounds its rise, `quantum` its step."""

    span: float | None = None
    most_per_s: float = inf
    quantum: float = 0.0

    def can_rise(self, step: float, span_ms: float) -> bool:
        """Whether it can have counted so much in that time."""
        return 0.0 <= step <= self.most_per_s * span_ms / 1000.0 + 2.0 * self.quantum

    def fell(self, before: float, after: float, span_ms: float) -> tuple[float, Mark]:
        """The step of a fall, and what it was."""
        if self.span is not None and self._rolled(before, after + self.span - before, span_ms):
            return after + self.span - before, Mark.ROLLED
        bounded = self.most_per_s < inf
        if self.can_rise(after, span_ms) if bounded else after <= SMALL * before:
            return after, Mark.RESET
        return np.nan, Mark.EXCHANGED

    def _rolled(self, before: float, step: float, span_ms: float) -> bool:
        assert self.span is not None
        if self.most_per_s < inf:
            return self.can_rise(step, span_ms)
        return before >= NEAR_END * self.span and 0.0 <= step <= NEAR_BEGIN * self.span


@dataclass(frozen=True, slots=True)
class Steps:
    """One after the other, without a hole: (begin, end] in UTC ms, what was counted; NaN where that is not known."""

    begin_ms: Times
    end_ms: Times
    amount: Floats
    marks: tuple[tuple[int, Mark], ...]
    """When what happened besides counting."""

    @property
    def total(self) -> float | None:
        """The sum of what is known; None when there is none."""
        known = self.amount[np.isfinite(self.amount)]
        return float(known.sum()) if known.size else None


def counted(times_ms: Times, values: Floats, register: Register) -> Steps:
    """The steps between readings (rising times; NaN: not read)."""
    there = np.isfinite(values)
    times, readings = np.asarray(times_ms, dtype=np.int64)[there], np.asarray(values, dtype=np.float64)[there]
    begins, ends, amounts, marks = [], [], [], []
    for begin, end, amount, mark in _walk(times.tolist(), readings.tolist(), register):
        begins.append(begin)
        ends.append(end)
        amounts.append(amount)
        if mark is not None:
            marks.append((end, mark))
    return Steps(np.array(begins, np.int64), np.array(ends, np.int64), np.array(amounts, np.float64), tuple(marks))


def _walk(times: list[int], values: list[float], register: Register) -> Iterator[tuple[int, int, float, Mark | None]]:
    at, highest = 0, values[0] if values else 0.0
    while (on := _next(times, values, at, highest, register)) < len(values):
        value, span_ms = values[on], times[on] - times[at]
        step, mark = value - highest, None
        if -register.quantum <= step < 0.0:  # it trembles by its last digit: what was counted stays counted
            step, value = 0.0, highest
        elif step < 0.0:
            step, mark = register.fell(highest, value, span_ms)
        elif not register.can_rise(step, span_ms):
            step, mark = np.nan, Mark.EXCHANGED
        yield times[at], times[on], step, mark
        at, highest = on, value


def _next(times: list[int], values: list[float], at: int, highest: float, register: Register) -> int:
    """The next reading that counts: behind a stray one when the readings after it go on from the one before it."""
    first = at + 1
    if first >= len(values) or register.can_rise(values[first] - highest, times[first] - times[at]):
        return first
    if -register.quantum <= values[first] - highest < 0.0:
        return first
    for on in range(first + 1, min(first + 1 + LOOK, len(values))):
        if register.can_rise(values[on] - highest, times[on] - times[at]):
            return on
    return first
