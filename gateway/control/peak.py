"""Peak demand: how much the site may draw now so that the mean of a rolling window stays below its limit.

The window's past is kept in bins. The bound is the power that could be drawn on for any time up to half the window
without any window over its limit: enough for a short peak after a quiet time, early enough for a long one.
"""

from gateway.control.state import Peak
from gateway.model.local import PeakLimit

BINS = 90
AHEAD = (1.0 / 90.0, 0.125, 0.25, 0.375, 0.5)
"""Parts of the window that are looked ahead."""


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
    whole_j = limit.max_import_w * limit.window_s
    spans = (limit.window_s * part for part in AHEAD)
    return max(
        0.0,
        min((whole_j - _energy_j(peak, limit, now_s - limit.window_s + ahead_s, now_s)) / ahead_s for ahead_s in spans),
    )


def _energy_j(peak: Peak, limit: PeakLimit, since_s: float, now_s: float) -> float:
    """What was imported since; what was not measured counts as if it had been at the limit."""
    ends = [entry[0] for entry in peak.recent[1:]] + [peak.last_s if peak.open_s is None else peak.open_s]
    longest_s = 2.0 * limit.window_s / BINS
    past_j = known_s = 0.0
    for (begin_s, watts), end_s in zip(peak.recent, ends, strict=False):
        if end_s <= since_s:
            continue
        span_s = max(0.0, min(end_s, begin_s + longest_s) - max(begin_s, since_s))
        past_j += watts * span_s
        known_s += span_s
    if peak.open_s is not None:
        past_j += peak.area_j + peak.held_w * (now_s - peak.last_s)
        known_s += now_s - peak.open_s
    return past_j + limit.max_import_w * max(0.0, now_s - since_s - known_s)
