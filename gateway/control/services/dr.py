"""Demand response around its event: what prepares it, the way there, and the recovery it leaves.

    notice   window frozen        approach  begin                 end   release                    recovery
       |----------|------ prepare ----|-------|------ follow -------|------|-------- within the cap ----------|

Nothing is stored up before the adjustment window is over: it would raise the yardstick. The site is on its target when
the event begins, not after. The recovery has a file of its own.
"""

from dataclasses import replace

from gateway.control import stores
from gateway.control.book import active
from gateway.control.decision import Curve
from gateway.control.headroom import Band
from gateway.control.services import recovery
from gateway.control.services.plan import Outlook, charging, make_plan
from gateway.control.services.quarter import count, owed_w
from gateway.control.services.recovery import usual_w
from gateway.control.services.view import View
from gateway.control.state import ControlState, Held, Rates, Rebound
from gateway.control.target import Goal, at_once, curve_at, shed_target_w
from gateway.model.mode import Mode
from gateway.model.request import Arrival, Kind, Service
from gateway.model.site import EvFleet, Site

APPROACH_S = (60.0, 300.0)
"""The way to the target takes a dead time and a lag of the slowest asset, within these."""
MOST_OWED = 0.1
"""A quarter's mean is mended by at most this part of the shed at a time."""


def _follow(state: ControlState, view: View) -> None:
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
    _count(state, view)


def _count(state: ControlState, view: View) -> None:
    """Go on counting the quarter; while the meter or the load is not known it stands still."""
    rebound, load_w = state.rebound, state.load.now_w
    if rebound is None or load_w is None or view.meter_w is None:
        return
    held = rebound.held
    asked_w = held.request.power_w
    if held.request.shed_w is not None:
        asked_w = shed_target_w(curve_at(held, view.now_s) or 0.0, held.request.shed_w)
    rates = Rates(view.meter_w, load_w + view.rest_w(usual_w(rebound, view)), asked_w or 0.0)
    state.rebound = replace(rebound, quarter=count(rebound.quarter, held.begin_s, rates, now_s=view.now_s))


def around(goal: Goal, state: ControlState, view: View) -> Goal:
    """The goal around and in an event: of a site nobody steers what one that is coming, or is over, wants of it."""
    _follow(state, view)
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
        return recovery.recover(goal, rebound, state, view)
    return goal


def declined(arrival: Arrival, curves: tuple[Curve, ...], state: ControlState, view: View) -> str | None:
    """Why an event that could be followed is not: too little of it can be delivered. None: it is opted in to.

    Only of an event that begins within the hour: what the stores will hold later nobody knows. Nor is anything declined
    before the assets have been read.
    """
    request = arrival.request
    curve = None if request is None else next((one for one in curves if one.request == request.id), None)
    if request is None or curve is None or request.shed_w is None or state.load.now_w is None:
        return None
    begin_s = arrival.received_s + (request.begin_ms - arrival.received_ms) / 1000.0
    end_s = begin_s + ((request.end_ms or request.begin_ms) - request.begin_ms) / 1000.0
    unread = state.mode.mode in (Mode.BOOT, Mode.FAULT)
    if unread or request.kind is not Kind.EVENT or begin_s > view.now_s + curve.lead_s:
        return None
    held = Held(request, begin_s, end_s, view.now_s, curve=curve.watts, curve_step_s=curve.step_s)
    held = replace(held, curve_from_s=begin_s - curve.lead_s)
    plan = make_plan(_outlook(held, state, view), view.site.assets, view.bands, view.snapshot)
    return None if plan.opts_in else "opted_out"


def sustained(wished: Goal, wanted: Goal, state: ControlState, view: View) -> dict[str, Band]:
    """The bands, in an event and on the way there as far as they last to its end; a limit may use all there is."""
    if wished.service != "dr" or at_once(wished) != at_once(wanted):
        return view.bands
    held = active(state.book, view.now_s)
    if held is None or not _is_event(held):
        held = _coming(state, view.now_s)
    if held is None or held.end_s is None:
        return view.bands
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


def _approach(goal: Goal, held: Held, state: ControlState, view: View) -> Goal:
    """From what is drawn unasked to the target, so that it is reached when the event begins."""
    natural_w, way_s = (state.load.now_w or 0.0) + view.rest_w(), _approach_s(view.site)
    shed_w = held.request.shed_w or 0.0

    def target(ahead_s: float) -> float:
        at_s = view.now_s + ahead_s
        part = min(max(1.0 - (held.begin_s - at_s) / way_s, 0.0), 1.0)
        wanted_w = shed_target_w(curve_at(held, max(at_s, held.begin_s)) or 0.0, shed_w)
        return natural_w + part * (wanted_w - natural_w)

    return replace(goal, service="dr", target=target)


def _prepare(goal: Goal, held: Held, state: ControlState, view: View) -> Goal:
    """Store up what the event is expected to lack, no more."""
    aims = charging(_outlook(held, state, view), view.site.assets, view.bands, view.snapshot)
    return replace(goal, service="prepare", aims=aims) if aims else goal


def _outlook(held: Held, state: ControlState, view: View) -> Outlook:
    natural_w = state.load.slow_w + view.rest_w()
    from_s = max(view.now_s, held.begin_s - _adjust_end_s(view.site))
    return Outlook(
        excess_w=natural_w - (curve_at(held, view.now_s) or natural_w),
        shed_w=held.request.shed_w or 0.0,
        natural_w=natural_w,
        for_s=(held.end_s or held.begin_s) - held.begin_s,
        until_s=max(0.0, held.begin_s - _approach_s(view.site) - from_s),
    )


def _kept(goal: Goal, rebound: Rebound) -> Goal:
    """The target moved so that what a quarter hour has missed so far is made good in the rest of it."""
    quarter, wished = rebound.quarter, goal.target
    if quarter is None or wished is None or rebound.ended_s is not None:
        return goal
    most_w = MOST_OWED * abs(rebound.held.request.shed_w or 0.0)
    moved_w = min(max(owed_w(quarter), -most_w), most_w)
    return replace(goal, target=lambda h: wished(h) + moved_w)
