"""(site, state, inputs) -> (state, decision): one control step, the order of everything else in this room.

devices -> load -> book -> room -> plan -> mode -> goal -> shares -> commands -> guard. Pure: time is an argument, the
state given is never changed, the same arguments give the same decision byte for byte (I-25).
"""

from dataclasses import replace

from gateway.control import (
    age,
    baseline,
    blind,
    book,
    chargers,
    claims,
    feeders,
    fleet,
    forecast,
    goal,
    guard,
    headroom,
    interlocks,
    kinds,
    local,
    observer,
    response,
    settle,
    shape,
    timing,
    verify,
)
from gateway.control.allocate import Room, cascade
from gateway.control.decision import Decision, Inputs, Share, Use
from gateway.control.headroom import Band
from gateway.control.holds import FROZEN, Part, drawn_w, excess_w, held_part, opened, safe_w
from gateway.control.holds import causes as holds_causes
from gateway.control.services import dr
from gateway.control.services.view import View
from gateway.control.state import (
    AssetState,
    Book,
    ControlState,
    Declared,
    Held,
    Load,
    ModeState,
    Twin,
    fork,
)
from gateway.control.target import Goal
from gateway.control.watched import meter_point
from gateway.model.command import Alarm, Command
from gateway.model.image import Snapshot
from gateway.model.mode import Mode
from gateway.model.request import Arrival, Service
from gateway.model.site import Asset, Battery, Chiller, EvFleet, Site

METER_DOUBT_S = 0.25
"""… give or take this; while the assets move fast that is an error of the load, and the observer trusts it less."""
DOUBT_W = 10_000.0
TRAVEL_S = 1.0
"""No signal is taken to have travelled longer than this: the clocks differ."""
FAST_S = 2.0
OBSERVER_FAST, OBSERVER_SLOW = 0.7, 0.35
"""Gain of the load observer with and without an asset that answers within `FAST_S`."""
SETTLING_S = 10.0
"""So long after a start the twins are not yet what the devices do: every asset has been polled once or twice."""
CHILLER_SHARE = 0.7
SOLD = ("reg", "ar", "dr")


def begin(site: Site, *, now_s: float) -> ControlState:
    """The state of a gateway that has decided nothing yet."""
    return ControlState(
        started_s=now_s,
        stepped_s=now_s,
        book=Book(),
        assets={name: _begin_asset(asset, now_s) for name, asset in site.assets.items()},
        load=Load(),
        mode=ModeState(since_s=now_s),
        plan=Declared(),
    )


def step(site: Site, before: ControlState, inputs: Inputs) -> tuple[ControlState, Decision]:
    """One step; see the module's head for its order."""
    state = fork(before)
    now_s, snapshot = inputs.now_s, inputs.snapshot
    dt_s = now_s - before.stepped_s
    state.stepped_s = now_s
    stated = site
    site = timing.learned(stated, state.assets)
    bands = {name: _look(site, asset, state.assets[name], state.load, inputs) for name, asset in site.assets.items()}
    for name, asset in site.assets.items():
        timing.learn(asset, state.assets[name], bands[name], snapshot, stated=stated.assets[name])
    meter_w = _observe(site, state, snapshot, now_s)
    watched = not site.interlocks or interlocks.known(site, snapshot)
    look = View(site, bands, snapshot, meter_w, now_s)
    asked = _asked(site, state, inputs)
    taken = book.take(state.book, asked, site, declines=lambda one: dr.declined(one, inputs.curves, state, look))
    _hear(site, state, taken, inputs)
    book.attach(state.book, inputs.curves)
    verdicts = [*taken.verdicts, *book.turn(state.book, now_s, inputs.utc_ms)]
    if meter_w is not None:  # what the site drew while its meter was lost is not known
        goal.refer(state.book, state, now_s)
    planned = state.mode.mode not in settle.UNLINKED and meter_w is not None
    planned = planned and baseline.roll(
        state.plan, state.load, site, snapshot, bands, now_s=now_s, utc_ms=inputs.utc_ms
    )
    complete = all(bands[name].devices or isinstance(asset.detail, EvFleet) for name, asset in site.assets.items())
    aims = {name: asset.aim_w for name, asset in state.assets.items()}
    seen = settle.Seen(now_s, inputs.utc_ms, meter_w is not None and watched, complete, taken, aims)
    verdicts += settle.settle(state, site, seen)
    wished = dr.around(blind.wish(state, site, now_s=now_s, meter_only=watched), state, look)
    wished = local.responding(site, wished, snapshot, utc_ms=inputs.utc_ms)
    held = {name: entry for name, entry in book.holds(state.book, now_s, site.assets).items() if name in site.assets}
    held = local.in_hand(site, held, wished)
    parts = {
        name: held_part(asset, held[name], aim_w=state.assets[name].aim_w)
        if name in held
        else _unasked(asset, state, bands[name], wished)
        for name, asset in site.assets.items()
    }
    bounds = book.limits(state.book, site, now_s)
    within = local.bounds(site, state, bounds, meter_w=meter_w, now_s=now_s, utc_ms=inputs.utc_ms)
    wanted = goal.within(wished, within, _natural_w(site, state, bands, parts))
    whole, claimed = bands, claims.claims(site)
    if claimed and wanted.service in SOLD:
        bands = claims.narrowed(site, bands, wanted.service)
    bands = dr.sustained(wished, wanted, state, replace(look, bands=bands))

    def share(within: dict[str, Band]) -> tuple[dict[str, Part], float]:
        return _share(site, state, within, wanted, parts, held, bounds=bounds, now_s=now_s)

    view = feeders.View(site, state, bands, held, snapshot)
    rows = [*feeders.rows(view), *(blind.row(view, bounds) if meter_w is None else ())]
    given, shortfall_w = feeders.keep(view, rows, share) if rows else share(bands)
    reasons, commands = _act(site, state, bands, given, inputs, dt_s=dt_s)
    if rows:
        commands = chargers.fit(view, rows, given, commands, before.assets)
    state.load.asked_w = None if wanted.target is None else wanted.target(0.0)
    alarms = _alarms(site, state, bands, held, feeders.broken(view, rows, given), meter_w=meter_w, inputs=inputs)
    shares = tuple(_report(site.assets[name], state.assets[name], bands[name], reasons[name]) for name in site.assets)
    return state, Decision(
        now_s=now_s,
        utc_ms=inputs.utc_ms,
        mode=state.mode.mode,
        cause=state.mode.cause,
        service=wanted.service,
        signal=wanted.signal,
        capacity_w=wanted.capacity_w,
        basepoint_w=wanted.basepoint_w,
        target_w=state.load.asked_w,
        site_w=meter_w,
        baseline_w=wanted.baseline_w,
        shortfall_w=shortfall_w,
        shares=shares,
        commands=commands,
        verdicts=tuple(verdicts),
        alarms=alarms,
        ledger=_ledger(site, state, whole, wanted.service) if claimed else (),
        plan=baseline.publish(state.plan, now_s=now_s, utc_ms=inputs.utc_ms) if planned else None,
    )


def _asked(site: Site, state: ControlState, inputs: Inputs) -> tuple[Arrival, ...]:
    """What is asked in this step: interlocks that trip first, then what arrived, then the site's own schedule."""
    if not site.interlocks and site.services.tariff is None:
        return inputs.arrivals
    now_s, utc_ms = inputs.now_s, inputs.utc_ms
    tripped = interlocks.watch(state.book, site, inputs.snapshot, now_s=now_s, utc_ms=utc_ms)
    return (*tripped, *inputs.arrivals, *local.arrivals(site, state, now_s=now_s, utc_ms=utc_ms))


def _hear(site: Site, state: ControlState, taken: book.Taken, inputs: Inputs) -> None:
    """Let the forecast learn from the signals that are new, each at the instant it was issued."""
    regulation = site.services.regulation
    for held in taken.fresh:
        if regulation is not None and held.request.service is Service.REG and held.request.signal is not None:
            travelled_s = min(max((inputs.utc_ms - held.request.issued_ms) / 1000.0, 0.0), TRAVEL_S)
            at_s = inputs.now_s - travelled_s
            forecast.hear(state.forecast, held.request.signal, at_s=at_s, period_s=regulation.signal_period_s)


def _begin_asset(asset: Asset, now_s: float) -> AssetState:
    rest_w = asset.operating_w or 0.0
    drive = kinds.to_drive(asset, rest_w, len(asset.devices))
    return AssetState(twin=Twin(x=drive, at_s=now_s, drive=drive), aim_w=rest_w)


def _look(site: Site, asset: Asset, state: AssetState, load: Load, inputs: Inputs) -> Band:
    """Bring one asset's twin to now, take over what was polled, and see how far it can move."""
    now_s, snapshot = inputs.now_s, inputs.snapshot
    if isinstance(asset.detail, EvFleet):
        fleet.track(asset, asset.detail, state, snapshot)
        band = fleet.band(asset, asset.detail, state, snapshot, now_s=now_s)
        state.twin.at_s = now_s
    else:
        response.advance(state.twin, now_s, asset.lag_s)
        if isinstance(asset.detail, Chiller):
            shape.observe_running(asset, state, snapshot, now_s=now_s)
        band = headroom.band(asset, state, snapshot, now_s=now_s)
        slip_w = verify.correct(asset, state, band, snapshot, now_s=now_s)
        if slip_w and load.now_w is not None:
            load.now_w, load.slow_w, load.slower_w = load.now_w - slip_w, load.slow_w - slip_w, load.slower_w - slip_w
    response.note(state.twin, shape.twin_power_w(asset, state, band))
    return band if site.failsafe.device_return_s <= 0.0 else headroom.returned(asset, state, band, site, now_s=now_s)


def _observe(site: Site, state: ControlState, snapshot: Snapshot, now_s: float) -> float | None:
    """Site power as metered; a new value of it goes to the observer."""
    load = state.load
    drawn_w = sum(state.assets[name].twin.trail[-1][1] for name in site.assets)
    age.note(load, now_s, drawn_w, drawn_w + (load.now_w or 0.0) if load.asked_w is None else load.asked_w)
    meter = snapshot.reading(meter_point(site))
    meter_w = meter.usable
    if meter_w is None or meter.measured_s <= load.measured_s:
        return meter_w
    settling = now_s - state.started_s < SETTLING_S
    if not settling:
        age.learn(load, meter_w, meter.measured_s)
    at_s = meter.measured_s - age.of(load)
    before_w, then_w, after_w = (age.drawn_w(load, at_s + shift_s) for shift_s in (-METER_DOUBT_S, 0.0, METER_DOUBT_S))
    doubt = (after_w - before_w) / 2.0 / DOUBT_W
    most = _gain(site)
    if load.now_w is not None and not settling:
        age.watch(load, meter_w - then_w - load.now_w, meter.measured_s, most=most)
    part = age.gain(load, most, waited_s=meter.measured_s - load.taken_s)
    if part > 0.0:
        load.taken_s = meter.measured_s
    gain = part / (1.0 + doubt * doubt)
    observer.observe(load, meter_w, meter.measured_s, then_w, gain=gain, settling=settling)
    return meter_w


def _gain(site: Site) -> float:
    fastest = min((shape.horizon_s(asset) for asset in site.assets.values()), default=0.0)
    return OBSERVER_FAST if fastest < FAST_S and _has_battery(site) else OBSERVER_SLOW


def _has_battery(site: Site) -> bool:
    return any(isinstance(asset.detail, Battery) for asset in site.assets.values())


def _unasked(asset: Asset, state: ControlState, band: Band, wished: Goal) -> Part:
    if wished.toward_safe is not None:
        from_w = state.mode.held_aims.get(asset.id, band.rest_w)
        return Part(from_w + (safe_w(asset, band) - from_w) * wished.toward_safe, wished.service)
    if wished.safe:
        return Part(asset.safe_w, "safe")
    if asset.id in wished.aims:
        return Part(wished.aims[asset.id], wished.service)
    match asset.detail:
        case EvFleet():
            return Part(band.rest_w, "schedule")
        case Battery():
            return Part(0.0, "rest")
        case _:
            return Part(None, "rest")


def _natural_w(site: Site, state: ControlState, bands: dict[str, Band], parts: dict[str, Part]) -> float | None:
    """What the site draws when no target is set; None while the load is unknown."""
    if state.load.now_w is None:
        return None
    return state.load.now_w + sum(drawn_w(asset, bands[name], parts[name]) for name, asset in site.assets.items())


def _share(
    site: Site,
    state: ControlState,
    bands: dict[str, Band],
    wanted: Goal,
    parts: dict[str, Part],
    held: dict[str, Held],
    *,
    bounds: tuple[float, float],
    now_s: float,
) -> tuple[dict[str, Part], float]:
    """The part of every asset, and what the target wants beyond them all."""
    load_w, target = state.load.now_w, wanted.target
    if target is not None and load_w is not None:
        assets = site.assets
        pinned = {name: drawn_w(assets[name], bands[name], parts[name]) for name in held}
        least_w = load_w + sum(pinned.get(name, band.lo_w) for name, band in bands.items())
        most_w = load_w + sum(pinned.get(name, band.hi_w) for name, band in bands.items())
        parts = opened(parts, assets, bands, held, amount_w=excess_w((least_w, most_w), bounds))
        rooms = [_room(asset, state.assets[n], bands[n], parts[n], pinned=n in held) for n, asset in assets.items()]
        allocation = cascade(now_s, lambda h: target(h) - load_w, rooms)
        # those that answer first open further while slower ones are still on their way to the limit
        soonest_s = min((room.horizon_s for room in rooms), default=0.0)
        soon = {name: entry for name, entry in held.items() if shape.horizon_s(assets[name]) <= soonest_s}
        drawn = target(soonest_s) - allocation.shortfall_w
        parts = opened(parts, assets, bands, soon, amount_w=excess_w((drawn, drawn), bounds))
        free = {
            name: Part(aim_w, _binding(bands[name], aim_w), eased=name in allocation.eased)
            for name, aim_w in allocation.aims.items()
            if name not in held
        }
        parts = {**parts, **free}
        shortfall_w = allocation.shortfall_w
    else:
        shortfall_w = 0.0
    return parts, shortfall_w


def _room(asset: Asset, state: AssetState, band: Band, part: Part, *, pinned: bool) -> Room:
    rest_w = drawn_w(asset, band, part)
    lo_w, hi_w = (rest_w, rest_w) if pinned else (band.lo_w, band.hi_w)

    def then_w(at_s: float) -> float:
        if isinstance(asset.detail, EvFleet):
            return fleet.then_w(asset.detail, state, at_s)
        return kinds.to_watts(asset, response.ahead(state.twin, at_s, asset.lag_s), len(band.devices))

    return Room(
        asset=asset.id,
        lo_w=lo_w,
        hi_w=hi_w,
        rest_w=rest_w,
        horizon_s=shape.horizon_s(asset),
        share=CHILLER_SHARE if isinstance(asset.detail, Chiller) else 1.0,
        then_w=then_w,
    )


def _binding(band: Band, aim_w: float) -> str:
    if aim_w <= band.lo_w:
        return band.lo_reason
    return band.hi_reason if aim_w >= band.hi_w else "target"


def _act(
    site: Site,
    state: ControlState,
    bands: dict[str, Band],
    parts: dict[str, Part],
    inputs: Inputs,
    *,
    dt_s: float,
) -> tuple[dict[str, str], tuple[Command, ...]]:
    """What binds each asset in the end, and the commands."""
    written: list[Command] = []
    reasons = {name: part.reason for name, part in parts.items()}
    for name, asset in site.assets.items():
        own, band, aim_w = state.assets[name], bands[name], parts[name].aim_w
        if reasons[name] == FROZEN:
            continue
        if (
            aim_w is not None
            and reasons[name] != "interlock"
            and not _is_relief(reasons[name], own.aim_w, aim_w, safe_w(asset, band))
        ):
            limited = shape.ramped(aim_w, own.aim_w, asset.ramp_w_per_s, dt_s)
            reasons[name] = reasons[name] if limited == aim_w else "ramp_rate"
            aim_w = limited
        own.aim_w = band.rest_w if aim_w is None else aim_w
        for command in shape.commands(
            asset,
            own,
            band,
            inputs.snapshot,
            aim_w=aim_w,
            reason=reasons[name],
            now_s=inputs.now_s,
            eased=parts[name].eased,
        ):
            written.append(guard.clamp(command, asset, inputs.snapshot))
    return reasons, tuple(written)


def _is_relief(reason: str, before_w: float, aim_w: float, safe_w: float) -> bool:
    """I-04: what relieves a feeder does not wait for a ramp rate on its way to the safe value, beyond it it does."""
    hard = reason.endswith((feeders.IMPORT, feeders.EXPORT))
    return hard and min(before_w, safe_w) <= aim_w <= max(before_w, safe_w)


def _ledger(site: Site, state: ControlState, bands: dict[str, Band], service: str) -> tuple[Use, ...]:
    return claims.ledger(site, bands, {name: state.assets[name].aim_w for name in site.assets}, service)


def _alarms(
    site: Site,
    state: ControlState,
    bands: dict[str, Band],
    held: dict[str, Held],
    over: list[str],
    *,
    meter_w: float | None,
    inputs: Inputs,
) -> tuple[Alarm, ...]:
    """What began and what ended since the last step, one alarm a cause (U7)."""
    causes = []
    if meter_w is None and state.mode.mode is not Mode.BOOT:
        causes.append(f"site_meter_lost:{site.meter}")
    if state.mode.mode in settle.UNLINKED:
        causes.append("upstream_lost:site")
    for name, band in bands.items():
        if not verify.following(state.assets[name], now_s=inputs.now_s):
            causes.append(f"not_following:{name}")
        if band.hi_reason in ("soc_unknown", "comfort_unknown"):
            causes.append(f"{band.hi_reason}:{name}")
    causes += [*interlocks.causes(state.book), *holds_causes(held)]
    if state.mode.mode is not Mode.BOOT:  # at a start nothing has been read yet
        causes += [*(f"over_limit:{row}" for row in over), *interlocks.unknown(site, inputs.snapshot)]
    now = tuple(causes)
    raised = [Alarm(key, True, inputs.utc_ms) for key in now if key not in state.alarms]
    cleared = [Alarm(key, False, inputs.utc_ms) for key in state.alarms if key not in now]
    state.alarms = now
    return (*raised, *cleared)


def _report(asset: Asset, state: AssetState, band: Band, reason: str) -> Share:
    power_w = shape.twin_power_w(asset, state, band) if band.devices or isinstance(asset.detail, EvFleet) else None
    drawn_w = state.aim_w if power_w is None else power_w
    return Share(
        asset=asset.id,
        command_w=state.aim_w,
        power_w=power_w,
        headroom_w=max(0.0, drawn_w - band.lo_w),
        footroom_w=max(0.0, band.hi_w - drawn_w),
        reason=reason,
    )
