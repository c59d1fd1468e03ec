"""What an asset is capable of, from steps it was made to take: the plan of the steps, and the measures of the record.

The steps are safe by their order: a small one first, which must be followed before the full ones are tried, each from
rest and back to rest, never beyond what the site file allows. Powers are W, + = consume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.insight.response import Floats, Response, estimate

PROBE = 0.25
"""Size of the first step, as a share of the room."""
LEAST_ROOM_W = 100.0
LAGS = 5.0
LEAST_HOLD_S = 15.0
SPARE = 1.5
"""The site file may understate dead time and lag by this much."""
BAND = 0.05
"""On target: within this share of the step."""


@dataclass(frozen=True, slots=True)
class Step:
    """Go to a power and stay; `full` steps count for the capability, the first only for whether it follows at all."""

    to_w: float
    hold_s: float
    full: bool


def plan(
    *, least_w: float, rest_w: float, most_w: float, dead_s: float, lag_s: float, hold_s: float | None
) -> list[Step]:
    """Steps through the room on both sides of rest; empty where there is none."""
    hold = max(LEAST_HOLD_S, SPARE * (dead_s + LAGS * lag_s)) if hold_s is None else hold_s
    ends = [end for end in (least_w, most_w) if abs(end - rest_w) >= LEAST_ROOM_W]
    if not ends:
        return []
    steps = [Step(rest_w + PROBE * (ends[0] - rest_w), hold, full=False), Step(rest_w, hold, full=False)]
    for end in ends:
        steps += [Step(end, hold, full=True), Step(rest_w, hold, full=True)]
    return steps


@dataclass(frozen=True, slots=True)
class Taken:
    """One step as it was taken: from which power, and the samples from the command on (seconds since, watts)."""

    step: Step
    from_w: float
    t_s: Floats
    watts: Floats

    @property
    def asked_w(self) -> float:
        """The change that was asked for."""
        return self.step.to_w - self.from_w


@dataclass(frozen=True, slots=True)
class Measured:
    """One step's measures; None where it was never so. Shares are of the change asked for."""

    to_w: float
    from_w: float
    reached_w: float | None
    """Mean of the last third of the hold."""
    dead_s: float | None
    lag_s: float | None
    t90_s: float | None
    ramp_w_per_s: float | None
    deviation: float | None
    duration_s: float
    """Time within the band round the target."""
    steady_w: float | None
    """Spread of the last third: root mean square about its mean."""


@dataclass(frozen=True, slots=True)
class Capability:
    """Medians over the full steps; capacity and extremes over all."""

    adjustable_w: float
    least_w: float
    most_w: float
    response_s: float | None
    lag_s: float | None
    t90_s: float | None
    ramp_per_min: float | None
    """Share of the adjustable capacity per minute."""
    deviation: float | None
    """Largest deviation of a full step, as a share of it, with its sign."""
    duration_s: float
    """Shortest time on target of a full step."""
    steady: float | None
    """Spread at rest on target, as a share of the adjustable capacity."""
    steps: tuple[Measured, ...]


def follows(taken: Taken) -> bool:
    """Whether the first step was answered the way it was asked, and not by much more than was asked."""
    found = estimate(taken.t_s, taken.watts, begin_w=taken.from_w)
    return found is not None and 0.3 < found.change_w / taken.asked_w < 2.0


def measure(taken: Taken) -> Measured:
    """The measures of one step."""
    asked = taken.asked_w
    last = taken.watts[taken.t_s >= taken.step.hold_s * 2.0 / 3.0]
    last = last[np.isfinite(last)]
    reached = float(last.mean()) if last.size else None
    found = estimate(taken.t_s, taken.watts, begin_w=taken.from_w)
    share = (taken.watts - taken.from_w) / asked
    near = np.abs(taken.watts - taken.step.to_w) <= BAND * abs(asked)
    spans = np.diff(np.append(taken.t_s, taken.step.hold_s))
    return Measured(
        taken.step.to_w,
        taken.from_w,
        reached,
        None if found is None else found.dead_s,
        None if found is None else found.lag_s,
        first_above(taken.t_s, share, 0.9),
        ramp(found),
        None if reached is None else (reached - taken.from_w) / asked - 1.0,
        float(np.maximum(spans, 0.0)[near].sum()),
        float(last.std()) if last.size else None,
    )


def ramp(found: Response | None) -> float | None:
    """Mean rate from 10 to 90 % of the fitted change; None without one, or when it is a jump."""
    if found is None or found.lag_s <= 0.0:
        return None
    return 0.8 * abs(found.change_w) / (found.lag_s * float(np.log(9.0)))


def first_above(t_s: Floats, share: Floats, level: float) -> float | None:
    """The first time a share is reached."""
    there = np.flatnonzero(share >= level)
    return float(t_s[there[0]]) if there.size else None


def capability(taken: Sequence[Taken]) -> Capability | None:
    """Of every step that was taken; None when no full one was."""
    steps = tuple(measure(one) for one in taken)
    full = [measured for measured, one in zip(steps, taken, strict=True) if one.step.full]
    ends = [end for one in full for end in (one.reached_w, one.from_w) if end is not None]
    if not full or not ends:
        return None
    adjustable = max(ends) - min(ends)
    rate = median([one.ramp_w_per_s for one in full])
    deviations = [one.deviation for one in full if one.deviation is not None]
    spread = median([one.steady_w for one in full])
    return Capability(
        adjustable,
        min(ends),
        max(ends),
        median([one.dead_s for one in full]),
        median([one.lag_s for one in full]),
        median([one.t90_s for one in full]),
        None if rate is None or adjustable == 0.0 else rate * 60.0 / adjustable,
        max(deviations, key=abs, default=None),
        min(one.duration_s for one in full),
        None if spread is None or adjustable == 0.0 else spread / adjustable,
        steps,
    )


def median(values: Sequence[float | None]) -> float | None:
    """The median of those that are known."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
