"""Looking: every asset's twin brought to now, what was polled taken over, its room; then the load nobody controls."""

from math import isclose
from typing import NamedTuple

from gateway.control import age, balance, facts, fleet, headroom, observer, response, shape, timing, verify
from gateway.control.facts import Facts
from gateway.control.headroom import Band
from gateway.control.kinds import to_watts
from gateway.control.state import AssetState, ControlState, Load
from gateway.control.watched import meter_point
from gateway.model.image import Snapshot
from gateway.model.site import Site

METER_DOUBT_S = 0.25
"""A meter value is as old as `age` says give or take this: while the assets move fast an error of the load."""
DOUBT_W = 10_000.0
FAST_S = 2.0
OBSERVER_FAST, OBSERVER_SLOW = (0.7, 0.95), (0.35, 0.56)
"""Gain of the load observer with and without an asset that answers within `FAST_S`: of a small difference, half of which
is noise, and of a large one, which is a step of the load."""
STEP_W = 10_000.0
"""From here on a difference is a large one."""
SETTLING_S = 10.0
"""So long after a start the twins are not yet what the devices do: every asset has been polled once or twice."""


class Looks(NamedTuple):
    """What was seen of the assets: how far each can move, and what it draws by its twin."""

    bands: dict[str, Band]
    drawn_w: dict[str, float]


def look(site: Site, stated: Site, state: ControlState, snapshot: Snapshot, *, now_s: float) -> Looks:
    """Look at every asset; `stated` has the dead times and lags of the owner, `site` those in use."""
    states, load, returns = state.assets, state.load, site.failsafe.device_return_s > 0.0
    bands: dict[str, Band] = {}
    drawn: dict[str, float] = {}
    read = iter(snapshot.each_timed(facts.points_of(site)))
    for (name, known), (powers, newest_s), (shown, _) in zip(facts.of_all(site), read, read, strict=True):
        asset, own = known.asset, states[name]
        if known.fleet is not None:
            fleet.take_over(known, known.fleet, own, snapshot, powers)
            band = fleet.room(known, known.fleet, own, powers, shown, now_s=now_s)
            own.twin.at_s = now_s
            watts = fleet.then_w(known.fleet, own, now_s)
        else:
            band = _look(known, own, load, snapshot, (powers, shown), now_s=now_s, newest_s=newest_s)
            count = len(band.devices)
            watts = 0.0 if not count else own.twin.x if known.fans is None else to_watts(asset, own.twin.x, count)
        response.note(own.twin, watts)
        if returns:
            band = headroom.returned(asset, own, band, site, now_s=now_s)
        if known.slow and _is_news(known, own, newest_s):
            timing.learn(asset, own, band, snapshot, stated=stated.assets[name])
        bands[name], drawn[name] = band, watts
    return Looks(bands, drawn)


def _look(
    known: Facts,
    own: AssetState,
    load: Load,
    snapshot: Snapshot,
    read: tuple[tuple[float | None, ...], tuple[float | None, ...]],
    *,
    now_s: float,
    newest_s: float,
) -> Band:
    """Bring the twin of an asset to now and take over its powers, if any was measured since; how far it can move."""
    asset = known.asset
    response.advance(own.twin, now_s, asset.lag_s)
    if known.chiller is not None:
        shape.observe_running(asset, own, read[1], now_s=now_s)
    band = headroom.room(known, own, snapshot, *read, now_s=now_s)
    if newest_s <= own.polled_s and band.devices:  # nothing to compare the twin with
        return band
    slip_w = verify.correct(known, own, band, snapshot, now_s=now_s)
    if not slip_w:
        return band
    if load.now_w is not None:
        load.now_w, load.slow_w, load.slower_w = load.now_w - slip_w, load.slow_w - slip_w, load.slower_w - slip_w
    return headroom.room(known, own, snapshot, *read, now_s=now_s)  # it has just lost its share


def _is_news(known: Facts, own: AssetState, newest_s: float) -> bool:
    """Whether there is a command or a reading that its times could be learned from."""
    learned, pending = own.timing, own.twin.pending
    if learned is None or not learned.rivals or newest_s > learned.read_s:
        return True
    return bool(pending) and pending[-1][0] - known.asset.dead_time_s > learned.orders[-1][0]


def observe(site: Site, state: ControlState, snapshot: Snapshot, drawn: dict[str, float], now_s: float) -> float | None:
    """Site power as metered; a new value of it goes to the observer."""
    load = state.load
    drawn_w = sum(drawn.values(), 0.0)
    age.note(load, now_s, drawn_w, drawn_w + (load.now_w or 0.0) if load.asked_w is None else load.asked_w)
    meter = snapshot.reading(meter_point(site))
    shown_w = balance.shown_w(load, meter)
    if shown_w is None:
        return None
    if meter.measured_s <= load.measured_s:
        return balance.upright_w(load, shown_w)
    settling = now_s - state.started_s < SETTLING_S
    if not settling:
        balance.weigh(load, shown_w, age.drawn_w(load, meter.measured_s - age.of(load)))
    meter_w = balance.upright_w(load, shown_w)
    if not settling:
        age.learn(load, meter_w, meter.measured_s)
    at_s = meter.measured_s - age.of(load)
    before_w, then_w, after_w = (age.drawn_w(load, at_s + shift_s) for shift_s in (-METER_DOUBT_S, 0.0, METER_DOUBT_S))
    doubt = (after_w - before_w) / 2.0 / DOUBT_W
    most, large = _gain(site)
    new_w = 0.0 if load.now_w is None else meter_w - then_w - load.now_w
    if load.now_w is not None and not settling:
        age.watch(load, new_w, meter.measured_s, most=most)
    part = age.gain(load, most, waited_s=meter.measured_s - load.taken_s)
    if isclose(part, most):  # the age of the values is not in doubt
        part += (large - most) * min(1.0, (new_w / STEP_W) ** 2)
    if part > 0.0:
        load.taken_s = meter.measured_s
    gain = part / (1.0 + doubt * doubt)
    observer.observe(load, meter_w, meter.measured_s, then_w, gain=gain, settling=settling)
    return meter_w


def _gain(site: Site) -> tuple[float, float]:
    everybody = facts.of_all(site)
    fastest = min((known.horizon_s for _, known in everybody), default=0.0)
    return OBSERVER_FAST if fastest < FAST_S and any(known.battery for _, known in everybody) else OBSERVER_SLOW
