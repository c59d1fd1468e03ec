"""Peak demand: how much the site may draw now so that the mean of a rolling window stays below its limit.

The window's past is kept in bins; what is left of the window's energy is spread over the next third of it, so that a
short peak after a quiet time costs nothing and a long one is shaved from the start. A past nobody measured counts as
if it had been at the limit.
"""

from gateway.control.state import Peak
from gateway.model.local import PeakLimit

BINS = 90
AHEAD = 1.0 / 3.0


def note(peak: Peak, limit: PeakLimit, watts: float | None, *, now_s: float) -> Peak:
    """The record with what the site has drawn since the last step; None: not known."""
    bin_s = limit.window_s / BINS
    if watts is None:
        return Peak(peak.recent, None, 0.0, 0.0, peak.last_s)
    if peak.open_s is None:
        return Peak(peak.recent, now_s, 0.0, max(0.0, watts), now_s)
    area_j = peak.area_j + peak.held_w * (now_s - peak.last_s)
    open_s, recent = peak.open_s, peak.recent
    if now_s - open_s >= bin_s:
        recent = (
            *(entry for entry in recent if entry[0] > now_s - limit.window_s),
            (open_s, area_j / (now_s - open_s)),
        )
        open_s, area_j = now_s, 0.0
    return Peak(recent, open_s, area_j, max(0.0, watts), now_s)


def bound_w(peak: Peak, limit: PeakLimit, *, now_s: float) -> float:
    """The most the site may import from now on."""
    ahead_s = limit.window_s * AHEAD
    since_s = now_s - (limit.window_s - ahead_s)
    past_j = known_s = 0.0
    ends = [entry[0] for entry in peak.recent[1:]] + [peak.last_s if peak.open_s is None else peak.open_s]
    for (begin_s, watts), end_s in zip(peak.recent, ends, strict=True):
        span_s = min(end_s, now_s, begin_s + 2.0 * limit.window_s / BINS) - max(begin_s, since_s)
        if span_s > 0.0:
            past_j += watts * span_s
            known_s += span_s
    if peak.open_s is not None:
        past_j += peak.area_j + peak.held_w * (now_s - peak.last_s)
        known_s += now_s - peak.open_s
    unknown_s = max(0.0, limit.window_s - ahead_s - known_s)
    left_j = limit.max_import_w * (limit.window_s - unknown_s) - past_j
    return max(0.0, left_j / ahead_s)
