"""The settlement quarter that is running: what was drawn in it so far, and what that leaves for the rest of it."""

from gateway.control.state import Quarter, Rates

QUARTER_S = 900.0
LEAST_LEFT_S = 60.0
"""What went wrong in the last moments of a quarter is not made good by a jump."""


def count(quarter: Quarter | None, origin_s: float, rates: Rates, *, now_s: float) -> Quarter:
    """The quarter with the time since the last step counted; `rates` hold from now on.

    Quarters begin at whole multiples from `origin_s`; one that was not watched from its begin counts what was seen.
    """
    begin_s = origin_s + (now_s - origin_s) // QUARTER_S * QUARTER_S
    if quarter is None or now_s - quarter.at_s > QUARTER_S:
        return Quarter(begin_s, now_s, now_s, rates)
    if quarter.begin_s < begin_s:
        quarter = Quarter(begin_s, begin_s, begin_s, quarter.rates)
    last, span_s = quarter.rates, now_s - quarter.at_s
    return Quarter(
        begin_s,
        quarter.since_s,
        now_s,
        rates,
        quarter.drawn_ws + last.drawn_w * span_s,
        quarter.unasked_ws + last.unasked_w * span_s,
        quarter.asked_ws + last.asked_w * span_s,
    )


def owed_w(quarter: Quarter) -> float:
    """How far the site must keep from what is asked for the rest of the quarter so that its mean comes out."""
    return _spread(quarter.asked_ws - quarter.drawn_ws, _left_s(quarter))


def allowed_w(quarter: Quarter, cap_w: float) -> float:
    """What may be drawn now so that the quarter's mean stays below a cap, or below the load nobody asked anything of."""
    left_s, passed_s, unasked_w = _left_s(quarter), quarter.at_s - quarter.since_s, quarter.rates.unasked_w
    capped_ws, unasked_ws = cap_w * passed_s, quarter.unasked_ws
    if capped_ws + cap_w * left_s >= unasked_ws + unasked_w * left_s:
        return cap_w + _spread(capped_ws - quarter.drawn_ws, left_s)
    return unasked_w + _spread(unasked_ws - quarter.drawn_ws, left_s)


def _left_s(quarter: Quarter) -> float:
    return quarter.begin_s + QUARTER_S - quarter.at_s


def _spread(energy_ws: float, left_s: float) -> float:
    return energy_ws / max(left_s, LEAST_LEFT_S)
