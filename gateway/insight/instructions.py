"""Dispatch instructions taken out of a record: when each was acted on, how fast, how exactly it was then held.

Target and response are fractions of the offered capacity R, shed positive. An instruction is a change of the target by
more than the dead band, from what the site then gave (P0) to its goal (PT):
T: issued until the response has moved in its direction by the response dead band;
V: mean rate from there until it lies within the target band; E: mean |P - PT| from there until the next instruction.
One that was replaced early and never reached says nothing and is left out, and so is one with gaps in its record.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Floats, Held


@dataclass(frozen=True, slots=True)
class Bands:
    """What counts as moved, as reached, and as replaced too early."""

    moved: float = 0.01
    reached: float = 0.02
    early_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as it was followed; a None says it never was. Rates are per minute."""

    issued_s: float
    until_s: float
    start: float
    goal: float
    delay_s: float | None
    reached_s: float | None
    """Seconds of the run."""
    rate: float
    """Infinite when it moved and arrived within one row of the record; 0 when it never moved."""
    error: float


def extract(target: Held, response: Held, bands: Bands | None = None) -> list[Instruction]:
    """Every instruction that can be judged, oldest first."""
    bands = bands or Bands()
    end_s = min(target.end_s, response.end_s)
    issued, goals = changes(target, bands.moved)
    until = np.append(issued, end_s)[1:]
    found = (
        follow(response, float(begin), float(stop), float(goal), bands)
        for begin, stop, goal in zip(issued, until, goals, strict=True)
        if stop > begin
    )
    return [one for one in found if one is not None]


def changes(target: Held, moved: float) -> tuple[Floats, Floats]:
    """When a new target was issued and what it was; smaller changes than the dead band belong to the one before."""
    found = list(_changes(target, moved))
    times, goals = zip(*found, strict=True) if found else ((), ())
    return np.array(times, dtype=np.float64), np.array(goals, dtype=np.float64)


def _changes(target: Held, moved: float) -> Iterator[tuple[float, float]]:
    last = np.nan
    for t_s, goal in zip(target.t_s.tolist(), target.value.tolist(), strict=True):
        if np.isfinite(goal) and not abs(goal - last) <= moved:
            yield t_s, goal
            last = goal


def follow(response: Held, begin_s: float, stop_s: float, goal: float, bands: Bands) -> Instruction | None:
    """One instruction; None when there was nothing to do, no data, or no time to do it."""
    times, p = rows_between(response, begin_s, stop_s)
    if not np.isfinite(p).all() or abs(goal - p[0]) <= bands.moved:
        return None
    moving = np.flatnonzero(np.sign(goal - p[0]) * (p - p[0]) > bands.moved)
    there = np.flatnonzero(np.abs(p - goal) <= bands.reached)
    if not there.size and stop_s - begin_s < bands.early_s:
        return None
    start, spans = float(p[0]), np.diff(np.append(times, stop_s))
    if not moving.size:
        error = abs(float(p @ spans) / (stop_s - begin_s) - goal)
        return Instruction(begin_s, stop_s, start, goal, None, None, 0.0, error)
    first, last = int(moving[0]), int(there[0]) if there.size else len(times) - 1
    span_min = (times[last] - times[first]) / 60.0
    rate = float(abs(p[last] - p[first]) / span_min) if span_min > 0.0 else np.inf
    settled_s = float(times[last]) if there.size else begin_s + bands.early_s
    after = np.clip(np.append(times[1:], stop_s) - settled_s, 0.0, spans)
    error = float(np.abs(p - goal) @ after / (stop_s - settled_s)) if stop_s > settled_s else float(abs(p[-1] - goal))
    reached_s = float(times[last]) if there.size else None
    return Instruction(begin_s, stop_s, start, goal, float(times[first] - begin_s), reached_s, rate, error)


def rows_between(held: Held, begin_s: float, stop_s: float) -> tuple[Floats, Floats]:
    """The value at the begin and every row after it before the stop: times and values; NaN where there is none."""
    low = int(np.searchsorted(held.t_s, begin_s, side="right"))
    high = int(np.searchsorted(held.t_s, stop_s, side="left"))
    times = np.concatenate(([begin_s], held.t_s[low:high]))
    first = held.value[low - 1] if low else np.nan
    values = np.concatenate(([first], held.value[low:high]))
    values[times >= held.end_s] = np.nan
    return times, values
