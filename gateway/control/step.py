"""(site, state, inputs) -> (state, decision): one control step, the order of everything else in this room.

devices -> load -> book -> room -> plan -> mode -> goal -> shares -> commands -> guard. Pure: time is an argument, the
state given is never changed, the same arguments give the same decision byte for byte (I-25).
"""

from dataclasses import replace

from gateway.control import (
    act,
    balance,
    baseline,
    blind,
    book,
    chargers,
    claims,
    cycles,
    facts,
    feeders,
    forecast,
    goal,
    interlocks,
    kinds,
    local,
    look,
    report,
    rounding,
    settle,
    share,
    sun,
    timing,
    zones,
)
from gateway.control.copies import fork
from gateway.control.decision import Decision, Inputs
from gateway.control.headroom import Band
from gateway.control.holds import Part
from gateway.control.services import dr
from gateway.control.services.view import View
from gateway.control.state import AssetState, Book, ControlState, Declared, Load, ModeState, Twin
from gateway.control.target import Goal
from gateway.model.mode import Mode
from gateway.model.request import Arrival, Service
from gateway.model.site import Asset, EvFleet, Pv, Site

TRAVEL_S = 1.0
"""No signal is taken to have travelled longer than this: the clocks differ."""
NEAR_W = 1.0
"""A target this near to the export limit is one."""
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
    state = _begun(site, before, inputs)
    now_s, snapshot = inputs.now_s, inputs.snapshot
    dt_s = now_s - before.stepped_s
    stated = site
    site = timing.learned(stated, state.assets)
    bands, drawn = look.look(site, stated, state, snapshot, now_s=now_s)
    meter_w = balance.cleared(site, before, state, drawn, look.observe(site, state, snapshot, drawn, now_s))
    watched = not site.interlocks or interlocks.known(site, snapshot)
    view = View(site, bands, snapshot, meter_w, now_s)
    asked = _asked(site, state, inputs)
    taken = book.take(state.book, asked, site, declines=lambda one: dr.declined(one, inputs.curves, state, view))
    _hear(site, state, taken, inputs)
    book.attach(state.book, inputs.curves)
    verdicts = [*taken.verdicts, *book.turn(state.book, now_s, inputs.utc_ms)]
    if meter_w is not None:  # what the site drew while its meter was lost is not known
        goal.refer(state.book, state, now_s)
    planned = state.mode.mode not in settle.UNLINKED and meter_w is not None
    planned = planned and baseline.roll(
        state.plan, state.load, site, snapshot, bands, now_s=now_s, utc_ms=inputs.utc_ms
    )
    complete = state.mode.mode is not Mode.BOOT or _complete(site, bands)
    aims = {name: asset.aim_w for name, asset in state.assets.items()}
    seen = settle.Seen(now_s, inputs.utc_ms, meter_w is not None and watched, complete, taken, aims)
    verdicts += settle.settle(state, site, seen)
    wished = dr.around(blind.wish(state, site, now_s=now_s, meter_only=watched), state, view)
    wished = local.responding(site, wished, snapshot, utc_ms=inputs.utc_ms)
    held = {name: entry for name, entry in book.holds(state.book, now_s, site.assets).items() if name in site.assets}
    held = local.in_hand(site, held, wished)
    bands = balance.lidded(state, bands, held, taken.fresh)
    parts = share.unasked(site, state, bands, wished, held)
    bounds = book.limits(state.book, site, now_s)
    within = sun.inside(
        site,
        state,
        bands,
        local.bounds(site, state, bounds, meter_w=meter_w, now_s=now_s, utc_ms=inputs.utc_ms),
    )
    natural_w = share.natural_w(site, state, bands, parts) if wished.target is None else None
    wanted = goal.within(wished, within, natural_w)
    whole, claimed = bands, claims.claims(site)
    if claimed and wanted.service in SOLD:
        bands = claims.narrowed(site, bands, wanted.service)
    bands = dr.sustained(
        wished, wanted, state, replace(view, bands=sun.spared(site, state, bands, wanted.service, now_s=now_s))
    )

    def shared(within: dict[str, Band]) -> tuple[dict[str, Part], float]:
        return share.share(site, state, within, wanted, parts, held, bounds=bounds, now_s=now_s)

    below = feeders.View(site, state, bands, held, snapshot)
    rows = [*feeders.rows(below), *(blind.row(below, bounds) if meter_w is None else ())]
    given, shortfall_w = feeders.keep(below, rows, shared) if rows else shared(bands)
    given = _lawful(
        site, state, balance.kept(state, site, given, bands, held), bands, wanted, view, rows, (bounds[1], within[1])
    )
    reasons, commands = act.act(site, state, bands, given, inputs, dt_s=dt_s)
    if rows:
        for own in state.assets.values():  # what was sent is changed in place there
            own.chargers, own.sent = dict(own.chargers), dict(own.sent)
        commands = chargers.fit(below, rows, given, commands, before.assets)
    state.load.asked_w = None if wanted.target is None else wanted.target(0.0)
    broken = feeders.broken(below, rows, given)
    alarms = report.alarms(site, state, bands, held, broken, meter_w=meter_w, inputs=inputs)
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
        site_w=None if state.load.mirrored or before.load.mirrored else meter_w,
        baseline_w=wanted.baseline_w,
        shortfall_w=shortfall_w,
        shares=report.shares(site, state, bands, drawn, reasons),
        commands=commands,
        verdicts=tuple(verdicts),
        alarms=alarms,
        ledger=report.ledger(site, state, whole, wanted.service) if claimed else (),
        plan=baseline.publish(state.plan, now_s=now_s, utc_ms=inputs.utc_ms) if planned else None,
    )


def _begun(site: Site, before: ControlState, inputs: Inputs) -> ControlState:
    """The state to work on: a copy, its clock and counters brought to now."""
    state = fork(before)
    state.stepped_s = inputs.now_s
    cycles.count(site, state, inputs.snapshot, dt_s=inputs.now_s - before.stepped_s, utc_ms=inputs.utc_ms)
    zones.note_hours(site, state, now_s=inputs.now_s, utc_ms=inputs.utc_ms)
    return state


def _lawful(
    site: Site,
    state: ControlState,
    given: dict[str, Part],
    bands: dict[str, Band],
    wanted: Goal,
    view: View,
    rows: list[feeders.Row],
    export_w: tuple[float, float],
) -> dict[str, Part]:
    """The parts as whole loads where loads are switched, and with inverters inside what the site may give away.

    `export_w` is that limit, and the one the target is held inside.
    """
    if not any(known.pv is not None or known.switched is not None for _, known in facts.of_all(site)):
        return given
    exporting = wanted.target is not None and wanted.target(0.0) <= NEAR_W - export_w[1]
    given = rounding.rounded(site, state, given, bands, up=exporting)
    whole = sun.whole(site, state, given, bands, export_w[0], seen=view.meter_w is not None)
    return sun.capped(site, state, given, bands, [whole, *rows])


def _complete(site: Site, bands: dict[str, Band]) -> bool:
    """Whether every asset has been read; a fleet without cars has, and inverters are silent at night."""
    return all(bands[name].devices or isinstance(asset.detail, EvFleet | Pv) for name, asset in site.assets.items())


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
