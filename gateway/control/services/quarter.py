"""The settlement quarter that is running: what was drawn in it so far, and what that leaves for the rest of it."""

from dataclasses import replace

from gateway.control.state import Quarter

QUARTER_S = 900.0
LEAST_LEFT_S = 120.0
"""What went wrong in the last moments of a quarter is not made good by a jump."""


def count(
    quarter: Quarter | None, origin_s: float, *, drawn_w: float | None, unasked_w: float | None, now_s: float
) -> Quarter:
    """The quarter with the time since the last step counted; quarters begin at whole multiples from `origin_s`.

    The values given hold from now on; an unknown one stays what it was.
    """
    begin_s = origin_s + (now_s - origin_s) // QUARTER_S * QUARTER_S
    if quarter is None or now_s - quarter.at_s > QUARTER_S:
        return Quarter(begin_s, now_s, drawn_w or 0.0, unasked_w or 0.0, since_s=now_s)
    if quarter.begin_s < begin_s:
        quarter = replace(quarter, begin_s=begin_s, at_s=begin_s, since_s=begin_s, drawn_ws=0.0, unasked_ws=0.0)
    span_s = now_s - quarter.at_s
    return Quarter(
        begin_s,
        now_s,
        quarter.drawn_w if drawn_w is None else drawn_w,
        quarter.unasked_w if unasked_w is None else unasked_w,
        quarter.drawn_ws + quarter.drawn_w * span_s,
        quarter.unasked_ws + quarter.unasked_w * span_s,
        quarter.since_s,
    )


def owed_w(quarter: Quarter, target_w: float) -> float:
    """How far the site must keep from a target for the rest of the quarter so that the mean of the quarter meets it."""
    passed_s = quarter.at_s - quarter.since_s
    return (target_w * passed_s - quarter.drawn_ws) / _left_s(quarter)


def allowed_w(quarter: Quarter, cap_w: float) -> float:
    """What may be drawn now so that the quarter's mean stays below a cap, or below the load nobody asked anything of."""
    left_s, passed_s = _left_s(quarter), quarter.at_s - quarter.since_s
    most_ws = max(cap_w * (passed_s + left_s), quarter.unasked_ws + quarter.unasked_w * left_s)
    return (most_ws - quarter.drawn_ws) / left_s


def _left_s(quarter: Quarter) -> float:
    return max(quarter.begin_s + QUARTER_S - quarter.at_s, LEAST_LEFT_S)
