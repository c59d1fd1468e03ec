"""Aim -> commands: ramp rate, lead, quantisation and dead band, one command a period, leases renewed.

A lease is how long a command may stand without the control step: every actuator's command is renewed before it ends,
and a step that no longer runs lets it lapse in the writer and, by its own timer, in the device.
"""

from dataclasses import replace
from math import inf

from gateway.control import fleet, response, staging, zones
from gateway.control.bounded import turned
from gateway.control.facts import Facts, Told, reach_s
from gateway.control.headroom import SLACK_S, Band, may_start, may_stop
from gateway.control.kinds import ENABLE, SETPOINT, to_drive
from gateway.control.state import AssetState, Charger, Sent
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.site import Asset, Chiller, EvFleet, Fans

LEASE_S = 15.0
RENEW_S = 5.0
RELEASE_RENEW_S = 60.0
RELEASED = Sent(None, 0.0, 0.0)
LIMITED_PCT = 99.5
"""A demand limit of 100 % is none: the machine then follows its own controller."""


def ramped(aim_w: float, previous_w: float, ramp_w_per_s: float, dt_s: float) -> float:
    """The aim, no further from the previous one than the ramp rate allows in `dt_s` (I-04)."""
    most = ramp_w_per_s * max(0.0, dt_s)
    return min(max(aim_w, previous_w - most), previous_w + most)


def written(
    known: Facts,
    state: AssetState,
    band: Band,
    snapshot: Snapshot,
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
    eased: bool,
) -> list[Command]:
    """What to write now for an aim in W; None releases the asset. Notes what was sent in `state`."""
    if reason != "interlock" and _is_told(known.told, state, band, aim_w=aim_w, now_s=now_s):
        return []
    if known.fleet is not None:
        return _fleet(known.fleet, state, band, known.keys, aim_w=aim_w, reason=reason, now_s=now_s, eased=eased)
    if not band.devices:
        return []
    if known.switched is not None:
        return _relays(known, state, band, aim_w=aim_w, reason=reason, now_s=now_s)
    if known.zones is not None:
        return _rooms(known, state, band, snapshot, aim_w=aim_w, reason=reason, now_s=now_s)
    return _levels(known, state, band, snapshot, aim_w=aim_w, reason=reason, now_s=now_s)


def _levels(
    known: Facts,
    state: AssetState,
    band: Band,
    snapshot: Snapshot,
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
) -> list[Command]:
    """The same of an asset that takes a level: a power, a speed, a part of its rating."""
    asset, devices, switches = known.asset, band.devices, list[Command]()
    count = len(devices)
    if known.chiller is not None and aim_w is not None:
        shown = dict(zip(asset.devices, map(snapshot.usable, known.shown), strict=False))
        running = tuple([device for device in devices if (shown[device] or 0.0) > 0.5])
        devices, switches = _stage(known.chiller, state, band, running, aim_w=aim_w, now_s=now_s)
        count = max(1, len(devices))
    entries = [state.sent.get(known.keys[device]) for device in devices]
    waits = known.period_s > 0.0 and reason != "interlock" and _waits(entries, known.period_s, now_s=now_s)
    if not waits:
        drive = None if aim_w is None else _drive(asset, known, state, aim_w=aim_w, count=count)
        value = None if drive is None else _value(known, drive, count)
        if _wants(entries, value, known.deadband):
            rest = to_drive(asset, band.rest_w, count) if drive is None else drive
            rest = rest if known.pv is None else max(rest, band.rest_w)  # no more than the sun gives
            response.send(state.twin, rest, now_s + asset.dead_time_s)
            return switches + [_send(state, device, known.control, value, reason, now_s=now_s) for device in devices]
    due_s = min([_due_s(entry) for entry in entries if entry is not None], default=inf)
    if now_s >= due_s:
        return switches + _renewed(state, devices, known, reason, now_s=now_s)
    if known.chiller is None:  # its machines may be switched at any step
        pause_s = _pause_s(entries, known.period_s) if waits else -inf
        same_s = -inf if known.led else pause_s if waits else inf
        known.told = Told(devices, state.sent, aim_w, min(same_s, due_s), min(pause_s, due_s))
    return switches


def _is_told(told: Told, state: AssetState, band: Band, *, aim_w: float | None, now_s: float) -> bool:
    """Whether there is nothing to be written, as a moment ago."""
    if told.sent is not state.sent or told.devices != band.devices:
        return False
    return now_s < told.pause_s or (now_s < told.until_s and told.aim_w == aim_w)


def _due_s(entry: Sent) -> float:
    """When a lease is renewed."""
    return entry.renewed_s + (RENEW_S if entry.value is not None else RELEASE_RENEW_S)


def _pause_s(entries: list[Sent | None], period_s: float) -> float:
    """Until when one of the devices has had its last command less than a period ago, a little earlier."""
    return max([entry.at_s for entry in entries if entry is not None], default=-inf) + period_s - SLACK_S


def _waits(entries: list[Sent | None], period_s: float, *, now_s: float) -> bool:
    """Whether one of the devices had its last command less than a period ago."""
    for entry in entries:  # noqa: SIM110 - a generator takes twice as long, and there may be 500 of these
        if entry is not None and now_s - entry.at_s < period_s:
            return True
    return False


def _wants(entries: list[Sent | None], value: float | None, deadband: float) -> bool:
    """Whether one of the devices was last sent something else, or nothing yet."""
    for entry in entries:  # noqa: SIM110 - a generator takes twice as long, and there may be 500 of these
        if entry is None or _moved(entry.value, value, deadband):
            return True
    return False


def _renewed(state: AssetState, devices: tuple[str, ...], known: Facts, reason: str, *, now_s: float) -> list[Command]:
    """The leases that are due, of the devices that were ever sent anything."""
    written = []
    for device in devices:
        entry = state.sent.get(known.keys[device])
        if entry is not None and now_s >= _due_s(entry):
            written.append(_renew(state, device, known.control, entry, reason, now_s=now_s))
    return written


def _drive(asset: Asset, known: Facts, state: AssetState, *, aim_w: float, count: int) -> float:
    wanted = aim_w if known.fans is None else to_drive(asset, aim_w, count)
    if not known.led:
        return wanted
    arrived = response.ahead(state.twin, state.twin.at_s + asset.dead_time_s, asset.lag_s)
    led = response.lead(arrived, wanted, reach_s(asset), asset.lag_s)
    least, most = drive_bounds(asset, count)
    return min(max(led, least), most)


def drive_bounds(asset: Asset, count: int) -> tuple[float, float]:
    """The drives an asset's devices can take."""
    match asset.detail:
        case Fans(min_speed_pct=least, max_speed_pct=most):
            return least, most
        case Chiller(rated_w=rated_w, min_part_pct=least):
            return count * rated_w * least / 100.0, count * rated_w * LIMITED_PCT / 100.0
        case _:
            return asset.min_w, asset.max_w


def _value(known: Facts, drive: float, count: int) -> float:
    if known.battery:
        return float(round(drive / count))
    if known.pv is not None:
        return round(min(max(100.0 * drive / (count * known.level_w), 0.0), 100.0), 1)
    if known.level_w:
        return round(100.0 * drive / (count * known.level_w), 1)
    return round(drive, 2)


def _moved(before: float | None, value: float | None, deadband: float) -> bool:
    if value is None or before is None:
        return value is not before
    return abs(value - before) >= deadband or (value == 0.0) != (before == 0.0)


def _send(state: AssetState, device: str, control: str, value: float | None, reason: str, *, now_s: float) -> Command:
    state.sent = {**state.sent, f"{device}/{control}": Sent(value, now_s, now_s)}
    return Command(device, control, value, reason, now_s, now_s + LEASE_S)


def _renew(state: AssetState, device: str, control: str, entry: Sent, reason: str, *, now_s: float) -> Command:
    state.sent = {**state.sent, f"{device}/{control}": Sent(entry.value, entry.at_s, now_s)}
    return Command(device, control, entry.value, reason, now_s, now_s + LEASE_S)


def _fleet(
    detail: EvFleet,
    state: AssetState,
    band: Band,
    keys: dict[str, str],
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
    eased: bool,
) -> list[Command]:
    volt = detail.volts * detail.phases
    present = band.cars
    here = band.devices
    gone = [d for d, charger in state.chargers.items() if charger.amps is not None and d not in here]
    if gone:
        left = {d: Charger(c.watts, None, c.sent_s, c.due_w) for d, c in state.chargers.items() if d in gone}
        state.chargers = {**state.chargers, **left}
        ended = {keys[device] for device in gone}
        state.sent = {key: entry for key, entry in state.sent.items() if key not in ended}
    if aim_w is None:  # safe: every charger at its fallback current
        wishes = {
            car.device: detail.safe_current_a
            for car in present
            if state.chargers[car.device].amps != detail.safe_current_a and state.chargers[car.device].due_w is None
        }
    else:
        wishes = fleet.ask(detail, state, present, aim_w=aim_w, now_s=now_s, eased=eased)
    written = []
    if wishes:
        asked = {d: Charger(state.chargers[d].watts, amps, now_s, volt * amps) for d, amps in wishes.items()}
        state.chargers = {**state.chargers, **asked}
    for device, amps in wishes.items():
        written.append(_send(state, device, SETPOINT[EvFleet], amps, reason, now_s=now_s))
    for car in present:
        entry = state.sent.get(keys[car.device])
        if entry is not None and now_s - entry.renewed_s >= RENEW_S and car.device not in wishes:
            written.append(_renew(state, car.device, SETPOINT[EvFleet], entry, reason, now_s=now_s))
    return written


def _relays(
    known: Facts, state: AssetState, band: Band, *, aim_w: float | None, reason: str, now_s: float
) -> list[Command]:
    """The loads that are switched for an aim, at rest without one; and the leases of those that were ever told."""
    assert known.switched is not None  # asked of switched loads only
    rated_w, devices = known.switched.rated_w, band.devices
    count = round((band.rest_w if aim_w is None else aim_w) / rated_w)
    switched = staging.switches(known, state, devices, count, urgent=reason == "interlock", now_s=now_s)
    written = []
    for device, on in switched.items():
        state.relays = {**state.relays, device: turned(state.relays[device], now_s, on=on)}
        written.append(_send(state, device, known.control, float(on), reason, now_s=now_s))
    if switched:
        running = sum(staging.is_on(state, device) for device in devices)
        response.send(state.twin, running * rated_w, now_s + known.asset.dead_time_s)
    for device in devices:
        entry = state.sent.get(known.keys[device])
        if entry is not None and device not in switched and now_s - entry.renewed_s >= RENEW_S:
            stands = Sent(float(staging.is_on(state, device)), entry.at_s, entry.renewed_s)
            written.append(_renew(state, device, known.control, stands, reason, now_s=now_s))
    return written


def _rooms(
    known: Facts,
    state: AssetState,
    band: Band,
    snapshot: Snapshot,
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
) -> list[Command]:
    """The set-points that change for an aim, and the leases that are due; each says what the room had before."""
    urgent, devices = reason == "interlock", band.devices
    entries = [state.sent.get(known.keys[device]) for device in devices]
    new: dict[str, float | None] = {}
    if urgent or not _waits(entries, known.period_s, now_s=now_s):
        still = band.lo_reason in zones.STILL
        new = zones.wanted(known, state, snapshot, aim_w=None if still else aim_w, urgent=urgent)
        if new:
            zones.given(known, state, new, now_s=now_s)
    written = [_send(state, device, known.control, value, reason, now_s=now_s) for device, value in new.items()]
    held = [one for one in devices if one not in new and state.sent.get(known.keys[one], RELEASED).value is not None]
    written += _renewed(state, tuple(held), known, reason, now_s=now_s)
    assert known.zones is not None  # asked of rooms only
    return [replace(one, back=zones.own_c(known.zones, state, one.device)) for one in written]


def _stage(
    chiller: Chiller,
    state: AssetState,
    band: Band,
    running: tuple[str, ...],
    *,
    aim_w: float,
    now_s: float,
) -> tuple[tuple[str, ...], list[Command]]:
    """The machines that shall share the aim, and the switch that is needed for it: one machine at a time."""
    least_w = chiller.rated_w * chiller.min_part_pct / 100.0
    if len(running) > 1 and aim_w < least_w * len(running):
        for device in running:
            if may_stop(chiller, state, device, now_s=now_s):
                state.switched_s = {**state.switched_s, device: now_s}
                rest = tuple(other for other in running if other != device)
                return rest, [_send(state, device, ENABLE, 0.0, "stage_down", now_s=now_s)]
    if aim_w > chiller.rated_w * max(1, len(running)) or (not running and aim_w > 0.0):
        for device in band.devices:
            if device not in running and may_start(chiller, state, device, now_s=now_s):
                state.switched_s = {**state.switched_s, device: now_s}
                state.starts_s = (*(start for start in state.starts_s if now_s - start < 3600.0), now_s)
                return (*running, device), [_send(state, device, ENABLE, 1.0, "stage_up", now_s=now_s)]
    return running, []


def observe_running(asset: Asset, state: AssetState, shown: tuple[float | None, ...], *, now_s: float) -> None:
    """Note when machines were last seen to switch (`shown`: what each shows); minimum times count from there (I-06).

    A machine first seen running or resting counts as having done so since the gateway came up.
    """
    for device, value in zip(asset.devices, shown, strict=False):
        if value is None:
            continue
        running = value > 0.5
        if state.running.get(device) is not running:
            state.running = {**state.running, device: running}
            state.switched_s = {**state.switched_s, device: now_s}
