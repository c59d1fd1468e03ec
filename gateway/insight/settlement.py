"""What a settlement makes of a demand-response event: the rules that look at its mean and at its maximum.

The window's powers are means of the settlement raster (15 min) from the event's start. Qualified: the mean load lies
below the baseline's mean by at least the least share of the commitment. Out of bounds: one raster value lies above the
baseline's maximum, which can void the event. Effective minutes: minutes that delivered their share.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from gateway.insight.events import QUARTER_S, Event
from gateway.insight.held import Held, combine, raster


@dataclass(frozen=True, slots=True)
class SettlementRules:
    """A market's numbers; `unconfirmed` names what no rule text was seen for."""

    source: str
    unconfirmed: str = ""
    raster_s: float = QUARTER_S
    least_rate: float = 0.8
    """Least response rate of a valid event."""
    by_maximum: bool = True
    """One value above the baseline's maximum voids the event."""
    nothing_below: float = 0.5
    paid_up_to: float = inf
    effective: float = 0.5
    """A minute counts from this share of the commitment on."""


SETTLEMENTS: dict[str, SettlementRules] = {
    "usual": SettlementRules(
        source="usual numbers of Chinese provinces: under 80 % not valid, over 120 % paid as 120 %, under 50 % nothing",
        unconfirmed="for any single province; the share that makes a minute effective",
        by_maximum=False,
        paid_up_to=1.2,
    ),
    "provincial": SettlementRules(
        source="evaluation records of a provincial platform (Anhui, East Inner Mongolia): by mean and by maximum load",
        unconfirmed="the least rate and the share that makes a minute effective",
        paid_up_to=1.2,
    ),
    "zhejiang": SettlementRules(
        source="Zhejiang: mean and maximum load both below the baseline's and a response rate of 50 % (secondary)",
        unconfirmed="the share that makes a minute effective",
        least_rate=0.5,
    ),
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """One event as settled; powers W, `rate` and `paid` in shares of the commitment."""

    rate: float
    baseline_mean_w: float
    baseline_max_w: float
    baseline_min_w: float
    mean_w: float
    max_w: float
    min_w: float
    effective_min: int
    qualified_by_mean: bool
    out_of_bounds: bool
    valid: bool
    paid: float


def settle(event: Event, power: Held, baseline: Held, rules: SettlementRules) -> Settlement | None:
    """Settle an event; None when power or baseline is not known throughout, or it is shorter than the raster."""
    edges = raster(event.start_s, event.end_s, rules.raster_s)
    beside = combine(lambda line_w, _: line_w, baseline, power)  # a constant begins before all time
    load, line = power.means(edges), beside.means(edges)
    if not load.size or not (np.isfinite(load).all() and np.isfinite(line).all()):
        return None
    rate = float((line - load).mean() / event.shed_w)
    shed = combine(np.subtract, baseline, power).means(raster(event.start_s, event.end_s, 60.0))
    qualified = bool(load.mean() < line.mean()) and rate >= rules.least_rate
    out = bool(load.max() > line.max())
    return Settlement(
        rate=rate,
        baseline_mean_w=float(line.mean()),
        baseline_max_w=float(line.max()),
        baseline_min_w=float(line.min()),
        mean_w=float(load.mean()),
        max_w=float(load.max()),
        min_w=float(load.min()),
        effective_min=int(np.sum(shed >= rules.effective * event.shed_w)),
        qualified_by_mean=qualified,
        out_of_bounds=out,
        valid=qualified and not (rules.by_maximum and out),
        paid=0.0 if rate < rules.nothing_below else min(rate, rules.paid_up_to),
    )
