"""Delivery of events: demand response against its baseline, automatic response against what the site drew before."""

from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Floats, Held, combine, raster

QUARTER_S = 900.0
COUNTED = 0.8
"""Share of a short event, from its end, that counts: the rest is the way there."""
FIRST_MOVE = 0.1
BAND = 0.1
BEFORE_S = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """What was asked: `shed_w` less import from `start_s` (sent or due, seconds of the run) for `for_s`."""

    id: str
    service: str
    start_s: float
    for_s: float
    shed_w: float

    @property
    def end_s(self) -> float:
        """When it was over."""
        return self.start_s + self.for_s


@dataclass(frozen=True, slots=True)
class Delivery:
    """Shed over committed: mean of the event, and of its worst and best quarter of an hour."""

    id: str
    delivery: float
    worst_quarter: float | None
    best_quarter: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """An automatic response, in shares of the shed asked for; a time is None when it was never so."""

    id: str
    first_move_s: float | None
    t90_s: float | None
    settle_s: float | None
    overshoot: float
    steady_error: float


def deliver(event: Event, power: Held, baseline: Held) -> Delivery | None:
    """Delivery on the settlement raster from the event's start; None when power or baseline is not known throughout."""
    shed = combine(np.subtract, baseline, power)
    if event.for_s < QUARTER_S:
        delivered = shed.mean(event.end_s - COUNTED * event.for_s, event.end_s) / event.shed_w
        return Delivery(event.id, delivered, None, None) if np.isfinite(delivered) else None
    delivered = shed.mean(event.start_s, event.end_s) / event.shed_w
    if not np.isfinite(delivered):
        return None
    quarters = shed.means(raster(event.start_s, event.end_s, QUARTER_S)) / event.shed_w
    return Delivery(event.id, delivered, float(quarters.min()), float(quarters.max()))


def step(event: Event, power: Held, basepoint: Held) -> Step | None:
    """Follow a step from the moment it was sent; the reference is the declared base point where there is one, else the
    mean of the 60 s before. None when power is not known throughout.
    """
    inside = power.t_s[(power.t_s > event.start_s) & (power.t_s < event.end_s)]
    times = np.concatenate(([event.start_s], inside))
    before = power.mean(max(event.start_s - BEFORE_S, float(power.t_s[0])), event.start_s)
    declared = basepoint.at(times)
    response = (np.where(np.isfinite(declared), declared, before) - power.at(times)) / event.shed_w
    if not np.isfinite(response).all() or power.end_s < event.end_s:
        return None
    since = times - event.start_s
    steady = Held(times, response, event.end_s).mean(event.end_s - event.for_s / 2.0, event.end_s)
    return Step(
        event.id,
        first(since, response - response[0] >= FIRST_MOVE),
        first(since, response >= 0.9),
        settled(since, np.abs(response - 1.0) <= BAND),
        max(0.0, float(response.max()) - 1.0),
        abs(steady - 1.0),
    )


def first(since_s: Floats, true: np.typing.NDArray[np.bool_]) -> float | None:
    """The first time it was so."""
    found = np.flatnonzero(true)
    return float(since_s[found[0]]) if found.size else None


def settled(since_s: Floats, inside: np.typing.NDArray[np.bool_]) -> float | None:
    """The time from which it stayed so to the end."""
    outside = np.flatnonzero(~inside)
    if not outside.size:
        return 0.0
    return float(since_s[outside[-1] + 1]) if outside[-1] + 1 < len(since_s) else None
