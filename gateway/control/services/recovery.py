"""Recovery: what a demand-response event put off is caught up, below the cap its market sets.

Natural load is what nobody asked anything of. Up to 1.05 of the baseline there may be room for catching up: cars first,
for they leave, then the zones, then the cells. Where the load itself is above that there is none: then what cannot wait,
a car that leaves, is covered by others. What counts is the mean of each quarter hour.
"""

from dataclasses import replace

from gateway.control import observer, stores
from gateway.control.services.quarter import allowed_w as allowed
from gateway.control.services.view import View
from gateway.control.state import ControlState, Rebound
from gateway.control.target import Goal, curve_at
from gateway.model.site import Battery, Chiller, EvFleet, Zones

RELEASE_S = 300.0
CAP = 1.05
MARGIN = 0.004
"""Kept from the cap, share of the baseline: a quarter hour's mean is not met to the watt."""
CAPPED_S = 7200.0
"""So long after an event the cap holds; what is caught up later still keeps below it."""
RECOVER_S = 3600.0
"""What was taken from cells and zones is given back over about this long."""
WARM_K = 0.1
AHEAD_S = 240.0


def recover(goal: Goal, rebound: Rebound, state: ControlState, view: View) -> Goal:
    """The goal after an event: everything at its recovery's aim, held back as a whole where the cap asks for it."""
    held, load, quarter = rebound.held, state.load, rebound.quarter
    since_s = view.now_s - (rebound.ended_s or 0.0)
    if quarter is None or load.now_w is None:
        return goal
    # what is started now lasts some minutes: where baseline or load are falling, their lower value counts
    baseline_w = curve_at(held, view.now_s) or 0.0
    soon_w = min(baseline_w, curve_at(held, view.now_s + AHEAD_S) or 0.0)
    usual = usual_w(rebound, view)
    unasked_w = min(load.slow_w, observer.forecast_w(load, AHEAD_S)) + view.rest_w(usual)
    margin_w = MARGIN * abs(baseline_w)
    aims = _caught_up(max(CAP * soon_w, unasked_w) - margin_w - unasked_w + sum(usual.values()), view)
    allowed_w = allowed(quarter, CAP * baseline_w) - margin_w
    wished_w = load.now_w + sum(aims.get(name, band.rest_w) for name, band in view.bands.items())
    if since_s > CAPPED_S:
        return replace(goal, service="recovery", aims=aims)  # what is not caught up is left to its own controller
    back_w = min(wished_w, load.now_w + view.rest_w(usual) - margin_w)
    if since_s < RELEASE_S:  # the event's assets come back by and by, then what they put off is caught up
        wished_w = back_w - (held.request.shed_w or 0.0) * (1.0 - since_s / RELEASE_S)
    else:
        wished_w = back_w + (wished_w - back_w) * min(since_s / RELEASE_S - 1.0, 1.0)
    target_w = min(wished_w, allowed_w)
    return replace(goal, service="recovery", aims=aims, target=lambda _h: target_w)


def usual_w(rebound: Rebound, view: View) -> dict[str, float]:
    """What each EV fleet would draw had there been no event, W."""
    return {name: min(watts, _middle_w(view, name)) for name, watts in rebound.aims.items() if name in view.bands}


def _middle_w(view: View, name: str) -> float:
    asset = view.site.assets[name]
    return (asset.min_w + asset.max_w) / 2.0


def _caught_up(room_w: float, view: View) -> dict[str, float]:
    """The room shared out: cars first, for they leave; then the zones, then the cells. Below zero others cover it."""
    aims: dict[str, float] = {}
    for name, asset in view.site.assets.items():
        band = view.bands[name]
        if isinstance(asset.detail, EvFleet) and band.cars:
            aims[name] = min(max(room_w, band.lo_w), band.rest_w)
            room_w -= aims[name]
    for kind in (Battery, object):
        for name, asset in view.site.assets.items():
            band = view.bands[name]
            if room_w < 0.0 and name not in aims and isinstance(asset.detail, kind) and band.lo_w < band.rest_w:
                aims[name] = max(band.rest_w + room_w, band.lo_w)
                room_w += band.rest_w - aims[name]
    for name in view.site.assets:
        if room_w > 0.0 and (want_w := _wanted_w(name, view)) > 0.0:
            given_w = min(want_w, room_w, max(0.0, view.bands[name].hi_w - view.bands[name].rest_w))
            aims[name] = view.bands[name].rest_w + given_w
            room_w -= given_w
    return aims


def _wanted_w(name: str, view: View) -> float:
    """What a zone or a battery would draw beyond its rest to be back in the middle within `RECOVER_S`."""
    asset = view.site.assets[name]
    match asset.detail:
        case Chiller(wh_per_k=float(per_k)) as chiller:
            above_k = stores.warm_k(chiller, view.snapshot)
            return 0.0 if above_k is None or above_k < WARM_K else above_k * per_k * 3600.0 / RECOVER_S
        case Zones(wh_per_k=per_k) if (kelvins := view.bands[name].kelvins) is not None:
            return 0.0 if kelvins.owed < WARM_K else kelvins.owed * per_k * 3600.0 / RECOVER_S
        case Battery() as battery:
            cells = stores.cells_wh(asset, battery, view.snapshot)
            return 0.0 if cells is None else max(0.0, (cells[1] - cells[0]) / 2.0) * 3600.0 / RECOVER_S
        case _:
            return 0.0
