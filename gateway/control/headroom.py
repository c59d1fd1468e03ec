"""How far each asset can move now, each way, and what binds it; an unknown input leaves no room at all."""

from itertools import compress
from math import inf
from typing import NamedTuple

from gateway.control import bounded, cycles, facts, staging, zones
from gateway.control.facts import Facts, Kept
from gateway.control.state import AssetState
from gateway.model.image import Snapshot
from gateway.model.site import Asset, Battery, Chiller, Site

OVER_COMFORT = 0.1
"""Beyond the edge of the comfort band the range turns round by a tenth: it becomes recovery."""


class Car(NamedTuple):
    """A car that can be charged now, and the current that would just serve it."""

    device: str
    need_a: float
    urgent: bool
    left_s: float | None = None
    """Until it leaves; None when that is unknown."""
    least_a: float = 0.0
    """What it must be charged with now, whatever the fleet is asked for."""
    kept_a: float | None = None
    """What it goes on with while its booking cannot be read."""


class Band(NamedTuple):
    """Absolute consumption in W an asset may be asked for now; `rest_w` is what it draws unasked."""

    lo_w: float
    hi_w: float
    rest_w: float
    lo_reason: str
    hi_reason: str
    devices: tuple[str, ...]
    """Those that answer."""
    cars: tuple[Car, ...] = ()
    """Of an EV fleet: who can be charged now."""
    kelvins: zones.Kelvins | None = None
    """Of rooms: the heat they can still take and give."""


SLACK_S = 0.001
"""So much before a minimum time is over the room is worked out at every step."""


def room(
    known: Facts,
    state: AssetState,
    snapshot: Snapshot,
    powers: tuple[float | None, ...],
    shown: tuple[float | None, ...],
    *,
    now_s: float,
) -> Band:
    """The band of an asset by the powers of its devices and what it shows besides; EV fleets have their own (`fleet.room`)."""
    asset = known.asset
    devices = asset.devices
    if None in powers:  # those whose power is known answer
        devices = tuple(compress(devices, [watts is not None for watts in powers]))
    if known.pv is not None or known.switched is not None:
        return _of_bounded(known, state, snapshot, now_s=now_s)
    if known.zones is not None:
        zones.see_own(known, state, snapshot)
        scope = zones.scope(known, state, snapshot, now_s=now_s)
        return Band(*scope[:6], kelvins=scope.kelvins)
    key = (
        devices,
        shown,
        now_s < state.shunned_until_s,
        cycles.used(known, state),
        state.switched_s,
        state.starts_s,
    )
    kept = known.kept
    if kept.from_s <= now_s < kept.until_s and kept.key == key:
        return kept.band  # type: ignore[no-any-return]  # what was kept of this asset is a band
    found = _band(asset, state, devices, shown, now_s=now_s)
    until_s = inf if known.chiller is None else _until_s(known.chiller, state, now_s=now_s)
    known.kept = Kept(key, now_s if known.chiller is not None else -inf, until_s, found)
    return found


def _of_bounded(known: Facts, state: AssetState, snapshot: Snapshot, *, now_s: float) -> Band:
    """The band of inverters or switched loads, what they show taken over first."""
    bounded.take_over(known, state, snapshot, now_s=now_s)
    devices = bounded.present(known, state, now_s=now_s)
    if not devices:
        return Band(0.0, 0.0, 0.0, "offline", "offline", devices)
    if known.switched is None:
        found = bounded.sun_room(known, state, devices)
    else:
        found = staging.room(known, known.switched, state, devices, now_s=now_s)
    if now_s < state.shunned_until_s:
        return Band(found[2], found[2], found[2], "not_following", "not_following", devices)
    return Band(*found, devices)


def _band(
    asset: Asset, state: AssetState, devices: tuple[str, ...], shown: tuple[float | None, ...], *, now_s: float
) -> Band:
    part = len(devices) / len(asset.devices)
    rest_w = (asset.operating_w or 0.0) * part
    if not devices:
        return Band(0.0, 0.0, 0.0, "offline", "offline", devices)
    if now_s < state.shunned_until_s:
        return Band(rest_w, rest_w, rest_w, "not_following", "not_following", devices)
    lo_w, hi_w = asset.min_w * part, asset.max_w * part
    match asset.detail:
        case Battery() if cycles.used(facts.of(asset), state):
            return Band(0.0, 0.0, 0.0, "cycles", "cycles", devices)
        case Battery() as battery:
            socs = [soc for device, soc in zip(asset.devices, shown, strict=False) if device in devices]
            return _battery(battery, socs, devices, lo_w=lo_w, hi_w=hi_w)
        case Chiller() as chiller:
            shows = dict(zip(asset.devices, shown, strict=False))
            on = [device for device in devices if (shows[device] or 0.0) > 0.5]
            return _chiller(chiller, state, (on, shown[-1]), devices, now_s=now_s, bounds=(lo_w, hi_w, rest_w))
        case _:
            return Band(lo_w, hi_w, min(max(rest_w, lo_w), hi_w), "min", "max", devices)


def _until_s(chiller: Chiller, state: AssetState, *, now_s: float) -> float:
    """Until when nothing changes of what its machines may do, if nobody switches them."""
    times = [
        since_s + wait_s for since_s in state.switched_s.values() for wait_s in (chiller.min_on_s, chiller.min_off_s)
    ]
    times += [start_s + 3600.0 for start_s in state.starts_s]
    return min((at_s - SLACK_S for at_s in times if at_s + SLACK_S > now_s), default=inf)


def _battery(battery: Battery, socs: list[float | None], devices: tuple[str, ...], *, lo_w: float, hi_w: float) -> Band:
    if any(soc is None for soc in socs):  # I-05: no charge, no discharge while the SOC is unknown
        return Band(0.0, 0.0, 0.0, "soc_unknown", "soc_unknown", devices)
    lo_reason, hi_reason = "max_discharge", "max_charge"
    if any(soc is not None and soc <= battery.soc_min_pct for soc in socs):
        lo_w, lo_reason = 0.0, "soc_min"
    if any(soc is not None and soc >= battery.soc_max_pct for soc in socs):
        hi_w, hi_reason = 0.0, "soc_max"
    return Band(lo_w, hi_w, 0.0, lo_reason, hi_reason, devices)


def _chiller(
    chiller: Chiller,
    state: AssetState,
    shown: tuple[list[str], float | None],
    devices: tuple[str, ...],
    *,
    now_s: float,
    bounds: tuple[float, float, float],
) -> Band:
    lo_w, hi_w, rest_w = bounds
    running, zone_c = shown
    can_stop = sum(may_stop(chiller, state, device, now_s=now_s) for device in running)
    can_start = sum(may_start(chiller, state, device, now_s=now_s) for device in devices if device not in running)
    least_w = chiller.rated_w * chiller.min_part_pct / 100.0
    lo_on_w = least_w * max(1 if running else 0, len(running) - can_stop)
    hi_on_w = chiller.rated_w * (len(running) + can_start)
    lo_w, lo_reason = (lo_on_w, "min_on") if lo_on_w > lo_w else (lo_w, "min")
    hi_w, hi_reason = (hi_on_w, "min_off") if hi_on_w < hi_w else (hi_w, "max")
    rest_w = min(max(rest_w, lo_w), hi_w)
    if chiller.zone is not None:
        if zone_c is None:  # comfort unknown: no excursion
            return Band(rest_w, rest_w, rest_w, "comfort_unknown", "comfort_unknown", devices)
        off_k = zone_c - chiller.comfort_c
        half_k = chiller.comfort_band_k / 2.0
        up = _clip((chiller.comfort_band_k + off_k) / half_k, -OVER_COMFORT, 1.0)
        down = _clip((chiller.comfort_band_k - off_k) / half_k, -OVER_COMFORT, 1.0)
        if up < 1.0:
            hi_w, hi_reason = rest_w + up * (hi_w - rest_w), "comfort_cold"
        if down < 1.0:
            lo_w, lo_reason = rest_w - down * (rest_w - lo_w), "comfort_warm"
        lo_w, hi_w = max(min(lo_w, hi_w), lo_on_w), max(hi_w, lo_on_w)
        rest_w = min(max(rest_w, lo_w), hi_w)
    return Band(lo_w, hi_w, rest_w, lo_reason, hi_reason, devices)


def returned(asset: Asset, state: AssetState, found: Band, site: Site, *, now_s: float) -> Band:
    """The band once every device has answered for the site's return delay; until then the asset stays at rest."""
    if len(found.devices) < len(asset.devices):
        state.whole_s = None
        return found
    if state.whole_s is None:
        state.whole_s = now_s
    if now_s - state.whole_s >= site.failsafe.device_return_s:
        return found
    return found._replace(lo_w=found.rest_w, hi_w=found.rest_w, lo_reason="returning", hi_reason="returning")


def may_stop(chiller: Chiller, state: AssetState, device: str, *, now_s: float) -> bool:
    """A machine may stop once it has run its minimum; unknown since when counts as just started."""
    return staging.has_lasted(state.switched_s.get(device), chiller.min_on_s, now_s=now_s)


def may_start(chiller: Chiller, state: AssetState, device: str, *, now_s: float) -> bool:
    """A machine may start after its minimum rest, within its starts per hour."""
    rested = staging.has_lasted(state.switched_s.get(device), chiller.min_off_s, now_s=now_s)
    return rested and staging.may_begin(state.starts_s, chiller.max_starts_per_h, now_s=now_s)


def _clip(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
