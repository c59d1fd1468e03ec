"""How far the load nobody controls falls from one value of the site meter to the next: what an export limit must stand.

A machine that stops while the inverters are at their limit is exported until the meter has shown it and the inverters
have answered, two to three seconds at best; nothing but a distance to the limit prevents that. The distance is the
largest fall of late, forgotten slowly. It is learned while every inverter gives what it is limited to, for then the twins
know what they give; and as much as the twins themselves moved in the last seconds is not counted, for that may have come
sooner or later than they say.
"""

from dataclasses import replace
from math import exp

from gateway.control import age, facts, response
from gateway.control.bounded import CLEAR_PART
from gateway.control.state import ControlState
from gateway.model.site import Site

APART_S = 2.5
"""Values of the meter further apart say nothing of what falls at once."""
FORGET_S = 7200.0
MOST_PART = 0.1
"""Of the inverters' rating: no more of the sun is given up for it."""


def note(site: Site, state: ControlState) -> None:
    """Take over a new value of the site meter."""
    load, fall = state.load, state.load.fall
    if not load.recent or load.mirrored or load.recent[-1][0] <= fall.at_s:
        return
    at_s, meter_w = load.recent[-1]
    then_s = at_s - age.of(load)
    drawn_w = sum(response.then(own.twin, then_s) or 0.0 for own in state.assets.values())
    waited_s, bound = at_s - fall.at_s, _bound(site, state)
    most_w = fall.most_w * exp(-max(0.0, waited_s) / FORGET_S)
    if bound and fall.bound and waited_s <= APART_S:
        lately_w = [drawn for _, drawn, _ in load.trail]
        moved_w = max(lately_w, default=0.0) - min(lately_w, default=0.0)
        fell_w = (fall.meter_w - fall.drawn_w) - (meter_w - drawn_w) - moved_w
        rated_w = sum(known.pv.rated_w * len(known.asset.devices) for _, known in facts.of_all(site) if known.pv)
        most_w = max(most_w, min(fell_w, MOST_PART * rated_w))
    load.fall = replace(fall, at_s=at_s, meter_w=meter_w, drawn_w=drawn_w, most_w=most_w, bound=bound)


def _bound(site: Site, state: ControlState) -> bool:
    """Whether every inverter gives what it is limited to, and no less."""
    for name, known in facts.of_all(site):
        if known.pv is None:
            continue
        shown = state.assets[name].inverters
        for device in known.asset.devices:
            one = shown.get(device)
            if one is None or one.gives_w < min(one.least_w, known.pv.rated_w) - CLEAR_PART * known.pv.rated_w:
                return False
    return True
