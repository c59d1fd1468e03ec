"""Whole loads: what switched loads are asked for, rounded to a number of loads that can run.

Down, so that no import limit is broken by a part of a load, but up where an export limit holds; others fill what is
left of a step. What a person asks of them is rounded to the nearest.
"""

from collections.abc import Mapping
from math import ceil, floor

from gateway.control import facts, feeders
from gateway.control.headroom import Band
from gateway.control.holds import FROZEN, WORDS, Part
from gateway.control.staging import is_on
from gateway.control.state import ControlState
from gateway.model.site import Site

HYSTERESIS = 0.2
"""A load is switched back only when this part of it is asked for beyond a whole one."""
SAME_W = 1.0
EPSILON = 1e-6


def rounded(
    site: Site, state: ControlState, parts: dict[str, Part], bands: Mapping[str, Band], *, up: bool
) -> dict[str, Part]:
    """The parts, those of switched loads in whole loads; `up`: the site is at its export limit."""
    found = parts
    for name, known in facts.of_all(site):
        part = parts[name]
        if known.switched is None or part.aim_w is None or part.reason == FROZEN:
            continue
        band, rated_w = bands[name], known.switched.rated_w
        running = sum(is_on(state.assets[name], device) for device in band.devices)
        if part.reason in WORDS.values():
            count = round(part.aim_w / rated_w)
        else:
            count = whole(part.aim_w, rated_w, band, running, up=up or part.reason.endswith(feeders.EXPORT))
        found = {**found, name: part._replace(aim_w=count * rated_w)}
    return found


def whole(aim_w: float, rated_w: float, band: Band, running: int, *, up: bool) -> int:
    """How many loads of `rated_w` run for an aim, with `running` of them now."""
    least, most = ceil(band.lo_w / rated_w - EPSILON), floor(band.hi_w / rated_w + EPSILON)
    if aim_w >= band.hi_w - SAME_W:
        count = most
    elif aim_w <= band.lo_w + SAME_W:
        count = least
    elif abs(aim_w - band.rest_w) <= SAME_W:
        count = round(band.rest_w / rated_w)
    elif up:
        count = ceil(aim_w / rated_w - EPSILON)
        if count < running:
            count = min(running, ceil(aim_w / rated_w + HYSTERESIS))
    else:
        count = floor(aim_w / rated_w + EPSILON)
        if count > running:
            count = max(running, floor(aim_w / rated_w - HYSTERESIS))
    return min(max(count, least), max(least, most))
