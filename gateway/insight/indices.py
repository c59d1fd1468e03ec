"""How well one call was answered: the five technical indices of GB/T 44260 per resource.

A call asks for a change of the output (the power shed, W) from what it was to a target, at once, until its end.
Adjustable capacity: largest minus smallest output seen in it. Response time: until the output has moved the asked way
by the threshold. Ramp rate: change per minute from there until the band round the target, as a share of the adjustable
capacity. Deviation rate: what was given over what was asked, less 1, once there. Duration: time spent in the band.
The standard leaves threshold and band to the market (`Rules`). Capacity, deviation and duration are of short means,
so that a meter's noise is no capacity.
"""

from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Held, raster
from gateway.insight.instructions import Instruction, rows_between


@dataclass(frozen=True, slots=True)
class Rules:
    """Shares of the change asked for."""

    moved: float = 0.1
    band: float = 0.1
    mean_s: float = 10.0
    """Longest mean; a short call is cut into ten."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `from_w` None: from what the site gave at its start."""

    id: str
    service: str
    start_s: float
    end_s: float
    target_w: float
    from_w: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Indices:
    """The indices of one call; a None was never reached."""

    id: str
    service: str
    start_s: float
    asked_w: float
    adjustable_w: float
    response_s: float | None
    ramp_per_min: float | None
    deviation: float | None
    duration_s: float


def measure(call: Call, output_w: Held, rules: Rules | None = None) -> Indices | None:
    """The indices of a call; None when the output is not known throughout, or nothing was asked."""
    rules = rules or Rules()
    times, output = rows_between(output_w, call.start_s, call.end_s)
    if not np.isfinite(output).all() or output_w.end_s < call.end_s:
        return None
    begin_w = float(output[0])
    asked_w = call.target_w - (begin_w if call.from_w is None else call.from_w)
    if asked_w == 0.0:
        return None
    inside = np.abs(output - call.target_w) <= rules.band * abs(asked_w)
    moved = (
        (output - begin_w) / asked_w > rules.moved
    ) | inside  # it may be there already: plans have ramps of their own
    first, there = np.flatnonzero(moved), np.flatnonzero(inside)
    response_s = float(times[first[0]] - call.start_s) if first.size else None
    ramp = None
    span_s = call.end_s - call.start_s
    steps = raster(call.start_s, call.end_s, min(rules.mean_s, span_s / 10.0))
    means = output_w.means(steps)
    at_rest = [] if call.from_w is None else [call.from_w]
    seen = np.concatenate((means, [begin_w], at_rest))
    adjustable_w = float(seen.max() - seen.min())
    if first.size and there.size and there[0] > 0:
        since = min(int(first[0]), int(there[0]) - 1)
        change = abs(output[there[0]] - output[since]) / (times[there[0]] - times[since]) * 60.0
        ramp = float(change) / adjustable_w
    settled_s = float(times[there[0]]) if there.size else call.start_s + span_s / 2.0
    deviation = (output_w.mean(settled_s, call.end_s) - call.target_w) / asked_w
    duration_s = float(np.diff(steps)[np.abs(means - call.target_w) <= rules.band * abs(asked_w)].sum())
    return Indices(call.id, call.service, call.start_s, asked_w, adjustable_w, response_s, ramp, deviation, duration_s)


def call_of(one: Instruction, capacity_w: float, number: int) -> Call:
    """A dispatch instruction as a call; its output is the response times the capacity."""
    return Call(f"i{number}", "reg", one.issued_s, one.until_s, one.goal * capacity_w, None)
