"""Observer: the load nobody controls, from the site meter less the twins at the instant it was measured."""

from itertools import pairwise
from math import exp

from gateway.control.state import Load

RECENT_S = 60.0
SLOW_S = 300.0
"""Low-pass of the load for the base point; flat between 200 and 450 s."""


def observe(
    load: Load, meter_w: float, measured_s: float, assets_w: float, *, gain: float, settling: bool = False
) -> None:
    """Take over a new meter value; `assets_w` is what the twins drew when it was measured.

    While `settling` (the assets are still being read for the first time) the filters take every value whole.
    """
    seen_w = meter_w - assets_w
    if load.now_w is None or settling:
        load.now_w = load.slow_w = load.slower_w = seen_w
    else:
        load.now_w += gain * (seen_w - load.now_w)
        part = 1.0 - exp(-min(60.0, max(0.0, measured_s - load.measured_s)) / SLOW_S)
        load.slow_w += part * (seen_w - load.slow_w)
        load.slower_w += part * (load.slow_w - load.slower_w)
    load.measured_s = measured_s
    recent = load.recent
    while recent and recent[0][0] < measured_s - RECENT_S:
        recent = recent[1:]
    load.recent = (*recent, (measured_s, meter_w))


def mean_w(load: Load) -> float | None:
    """Mean site power of the last 60 s, each value held until the next; None before the first."""
    recent = load.recent
    if not recent:
        return None
    if len(recent) == 1:
        return recent[0][1]
    area = sum(w * (t1 - t0) for (t0, w), (t1, _) in pairwise(recent))
    span = recent[-1][0] - recent[0][0]
    return area / span if span > 0.0 else recent[-1][1]


def forecast_w(load: Load, ahead_s: float) -> float:
    """The load `ahead_s` from now, by its trend: S1 + (S1 - S2)(1 + ahead / Ts)."""
    return load.slow_w + (load.slow_w - load.slower_w) * (1.0 + ahead_s / SLOW_S)
