"""Demand response around its event: what prepares it, the way there, and the recovery it leaves.

    notice   window frozen        approach  begin                 end   release                    recovery
       |----------|------ prepare ----|-------|------ follow -------|------|-------- within the cap ----------|

Nothing is stored up before the adjustment window is over: it would raise the yardstick. The site is on its target when
the event begins, not after. Afterwards what was put off is caught up only in the room that natural load leaves below
1.05 of the baseline; where the load itself is above that, nothing is, and what cannot wait is covered by others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.control import observer, stores
from gateway.control.book import active
from gateway.control.headroom import Band
from gateway.control.services.plan import Outlook, charging
from gateway.control.services.quarter import allowed_w as allowed
from gateway.control.services.quarter import count, owed_w
from gateway.control.state import ControlState, Held, Rebound
from gateway.control.target import Goal, curve_at, shed_target_w
from gateway.model.image import Snapshot
from gateway.model.mode import Mode
from gateway.model.request import Kind, Service
from gateway.model.site import Battery, Chiller, EvFleet, Site

APPROACH_S = (60.0, 300.0)
"""The way to the target takes a dead time and a lag of the slowest asset, within these."""
RELEASE_S = 300.0
CAP = 1.05
MARGIN = 0.004
"""Kept from the cap, share of the baseline: a quarter hour's mean is not met to the watt."""
RECOVER_S = 3600.0
"""What was taken from cells and zones is given back over about this long."""
WARM_K = 0.1
AHEAD_S = 240.0
MOST_OWED = 0.1
"""A quarter's mean is mended by at most this part of the shed at a time."""


@dataclass(frozen=True, slots=True)
class View:
    """What a step knows of the site besides the state: its assets' rooms and readings, and the time."""

    site: Site
    bands: Mapping[str, Band]
    snapshot: Snapshot
    meter_w: float | None
    now_s: float


def follow(state: ControlState, view: View) -> None:
    """Note which event is followed, and when it ends by its time, a withdrawal or a higher service."""
    now_s, assets = view.now_s, view.site.assets
    led, rebound = active(state.book, now_s), state.rebound
    if led is not None and _is_event(led):
        if rebound is None or rebound.ended_s is not None or rebound.held.request.id != led.request.id:
            usual = {name: band.rest_w for name, band in view.bands.items() if isinstance(assets[name].detail, EvFleet)}
            state.rebound = Rebound(led, None, usual)
    elif rebound is not None and rebound.ended_s is None:
        state.rebound = replace(rebound, ended_s=now_s)
    elif rebound is not None and now_s > _curve_end_s(rebound.held):
        state.rebound = None
    if (rebound := state.rebound) is not None:
        load_w = state.load.now_w
        unasked_w = None if load_w is None else load_w + _rest_w(view, _usual(rebound, view))
        quarter = count(rebound.quarter, rebound.held.begin_s, drawn_w=view.meter_w, unasked_w=unasked_w, now_s=now_s)
        state.rebound = replace(rebound, quarter=quarter)


def around(goal: Goal, state: ControlState, view: View) -> Goal:
    """The goal around and in an event: of a site nobody steers what one that is coming, or is over, wants of it."""
    if goal.service == "dr" and goal.target is not None and state.rebound is not None:
        return _kept(goal, state.rebound)
    if state.mode.mode is not Mode.LOCAL or goal.target is not None or state.load.now_w is None:
        return goal
    coming = _coming(state, view.now_s)
    if coming is not None and view.now_s >= coming.begin_s - _adjust_end_s(view.site):
        if view.now_s >= coming.begin_s - _approach_s(view.site):
            return _approach(goal, coming, state, view)
        return _prepare(goal, coming, state, view)
    rebound = state.rebound
    if rebound is not None and rebound.ended_s is not None and rebound.held.curve is not None:
        return _recover(goal, rebound, state, view)
    return goal


def sustained(state: ControlState, view: View) -> dict[str, Band]:
    """The bands as far as they last to the end of the event that is approached or followed."""
    held = active(state.book, view.now_s)
    if held is None or not _is_event(held):
        held = _coming(state, view.now_s)
    if held is None or held.end_s is None:
        return dict(view.bands)
    left_s = held.end_s - view.now_s
    assets = view.site.assets
    return {n: stores.lasting(assets[n], band, view.snapshot, left_s=left_s) for n, band in view.bands.items()}


def _is_event(held: Held) -> bool:
    request = held.request
    return request.service is Service.DR and request.kind is Kind.EVENT and held.curve is not None


def _coming(state: ControlState, now_s: float) -> Held | None:
    """The next event of the whole site that was announced and has a baseline."""
    waiting = [
        held
        for held in state.book.entries
        if held.begin_s > now_s
        and held.request.target == "site"
        and _is_event(held)
        and held.request.shed_w is not None
    ]
    return min(waiting, key=lambda held: held.begin_s, default=None)


def _adjust_end_s(site: Site) -> float:
    service = site.services.demand_response
    return 0.0 if service is None else service.adjust_end_s


def _approach_s(site: Site) -> float:
    least, most = APPROACH_S
    slowest_s = max((asset.dead_time_s + asset.lag_s for asset in site.assets.values()), default=0.0)
    return min(max(slowest_s, least), most)


def _curve_end_s(held: Held) -> float:
    from_s = held.begin_s if held.curve_from_s is None else held.curve_from_s
    return from_s + held.curve_step_s * len(held.curve or ())


def _rest_w(view: View, usual: Mapping[str, float] | None = None) -> float:
    """What all assets draw unasked; `usual` replaces the plans of the fleets."""
    usual = usual or {}
    return sum(usual.get(name, band.rest_w) for name, band in view.bands.items())


def _approach(goal: Goal, held: Held, state: ControlState, view: View) -> Goal:
    """From what is drawn unasked to the target, so that it is reached when the event begins."""
    natural_w, way_s = (state.load.now_w or 0.0) + _rest_w(view), _approach_s(view.site)
    shed_w = held.request.shed_w or 0.0

    def target(ahead_s: float) -> float:
        at_s = view.now_s + ahead_s
        part = min(max(1.0 - (held.begin_s - at_s) / way_s, 0.0), 1.0)
        wanted_w = shed_target_w(curve_at(held, max(at_s, held.begin_s)) or 0.0, shed_w)
        return natural_w + part * (wanted_w - natural_w)

    return replace(goal, service="dr", target=target)


def _prepare(goal: Goal, held: Held, state: ControlState, view: View) -> Goal:
    """Store up what the event is expected to lack, no more."""
    natural_w = state.load.slow_w + _rest_w(view)
    outlook = Outlook(
        excess_w=natural_w - (curve_at(held, view.now_s) or natural_w),
        shed_w=held.request.shed_w or 0.0,
        natural_w=natural_w,
        for_s=(held.end_s or held.begin_s) - held.begin_s,
        until_s=held.begin_s - _approach_s(view.site) - view.now_s,
    )
    aims = charging(outlook, view.site.assets, view.bands, view.snapshot)
    return replace(goal, service="prepare", aims=aims) if aims else goal


def _kept(goal: Goal, rebound: Rebound) -> Goal:
    """The target moved so that what a quarter hour has missed so far is made good in the rest of it."""
    quarter, wished = rebound.quarter, goal.target
    if quarter is None or wished is None or rebound.ended_s is not None:
        return goal
    most_w = MOST_OWED * abs(rebound.held.request.shed_w or 0.0)
    moved_w = min(max(owed_w(quarter, wished(0.0)), -most_w), most_w)
    return replace(goal, target=lambda h: wished(h) + moved_w)


def _recover(goal: Goal, rebound: Rebound, state: ControlState, view: View) -> Goal:
    held, load, quarter = rebound.held, state.load, rebound.quarter
    since_s = view.now_s - (rebound.ended_s or 0.0)
    if quarter is None or load.now_w is None:
        return goal
    # what is started now lasts some minutes: where baseline or load are falling, their lower value counts
    baseline_w = curve_at(held, view.now_s) or 0.0
    soon_w = min(baseline_w, curve_at(held, view.now_s + AHEAD_S) or 0.0)
    usual = _usual(rebound, view)
    unasked_w = min(load.slow_w, observer.forecast_w(load, AHEAD_S)) + _rest_w(view, usual)
    margin_w = MARGIN * abs(baseline_w)
    aims = _caught_up(max(CAP * soon_w, unasked_w) - margin_w - unasked_w + sum(usual.values()), view)
    allowed_w = allowed(quarter, CAP * baseline_w) - margin_w
    wished_w = load.now_w + sum(aims.get(name, band.rest_w) for name, band in view.bands.items())
    if since_s < RELEASE_S:  # the event's assets come back one after the other, the slow ones first
        wished_w = min(wished_w, load.now_w + _rest_w(view, usual)) - margin_w
        wished_w -= (held.request.shed_w or 0.0) * (1.0 - since_s / RELEASE_S)
    target_w = min(wished_w, allowed_w)
    return replace(goal, service="recovery", aims=aims, target=lambda _h: target_w)


def _usual(rebound: Rebound, view: View) -> dict[str, float]:
    return {name: min(watts, _middle_w(view, name)) for name, watts in rebound.aims.items()}


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
        case Battery() as battery:
            cells = stores.cells_wh(asset, battery, view.snapshot)
            return 0.0 if cells is None else max(0.0, (cells[1] - cells[0]) / 2.0) * 3600.0 / RECOVER_S
        case _:
            return 0.0
