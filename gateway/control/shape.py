"""Aim -> commands: ramp rate, lead, quantisation and dead band, one command a period, leases renewed.

A lease is how long a command may stand without the control step: every actuator's command is renewed before it ends,
and a step that no longer runs lets it lapse in the writer and, by its own timer, in the device.
"""

from gateway.control import fleet, response
from gateway.control.headroom import Band, may_start, may_stop
from gateway.control.kinds import ENABLE, RUNNING, control_of, to_drive, to_watts
from gateway.control.state import AssetState, Charger, Sent
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Asset, Battery, Chiller, Detail, Dimmer, EvFleet, Fans

LEASE_S = 15.0
RENEW_S = 5.0
RELEASE_RENEW_S = 60.0
LEAD_LAG_S = 5.0
"""Assets slower than this are led: their drive overshoots so that the power arrives in time."""
LIMITED_PCT = 99.5
"""A demand limit of 100 % is none: the machine then follows its own controller."""
PERIOD_S: dict[type[Detail], float] = {Battery: 0.0, EvFleet: 0.0, Fans: 2.0, Chiller: 10.0, Dimmer: 0.5}
DEADBAND: dict[type[Detail], float] = {Battery: 100.0, EvFleet: 0.5, Fans: 0.2, Chiller: 0.5, Dimmer: 0.5}
"""Smallest change worth a write, in the control's own unit: W, A, %."""


def reach_s(asset: Asset) -> float:
    """How long after its dead time an asset's aim is meant to be reached."""
    return asset.lag_s if asset.lag_s < LEAD_LAG_S else LEAD_LAG_S + asset.lag_s / 8.0


def horizon_s(asset: Asset) -> float:
    """From a command to its effect."""
    if isinstance(asset.detail, EvFleet):
        return asset.detail.command_s
    return asset.dead_time_s + reach_s(asset)


def ramped(aim_w: float, previous_w: float, ramp_w_per_s: float, dt_s: float) -> float:
    """The aim, no further from the previous one than the ramp rate allows in `dt_s` (I-04)."""
    most = ramp_w_per_s * max(0.0, dt_s)
    return min(max(aim_w, previous_w - most), previous_w + most)


def commands(
    asset: Asset,
    state: AssetState,
    band: Band,
    snapshot: Snapshot,
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
    eased: bool = False,
) -> list[Command]:
    """What to write now for an aim in W; None releases the asset. Notes what was sent in `state`."""
    if isinstance(asset.detail, EvFleet):
        return _fleet(asset, asset.detail, state, band, aim_w=aim_w, reason=reason, now_s=now_s, eased=eased)
    devices = band.devices
    if not devices:
        return []
    switches: list[Command] = []
    count = len(devices)
    if isinstance(asset.detail, Chiller) and aim_w is not None:
        devices, switches = _stage(asset.detail, state, band, snapshot, aim_w=aim_w, now_s=now_s)
        count = max(1, len(devices))
    drive = _drive(asset, state, aim_w=aim_w, count=count)
    value = None if drive is None else _value(asset, drive, count)
    control = control_of(asset)
    sent = [state.sent.get(f"{device}/{control}") for device in devices]
    period_s = max(asset.command_period_s, PERIOD_S[type(asset.detail)])
    moved = any(_moved(entry, value, DEADBAND[type(asset.detail)]) for entry in sent)
    waiting = any(entry is not None and now_s - entry.at_s < period_s for entry in sent) and reason != "interlock"
    written: list[Command] = []
    if moved and not waiting:
        rest = to_drive(asset, band.rest_w, count) if drive is None else drive
        response.send(state.twin, rest, now_s + asset.dead_time_s)
        written = [_send(state, device, control, value, reason, now_s=now_s) for device in devices]
    else:
        for device, entry in zip(devices, sent, strict=True):
            if entry is not None and now_s - entry.renewed_s >= (
                RENEW_S if entry.value is not None else RELEASE_RENEW_S
            ):
                written.append(_renew(state, device, control, entry, reason, now_s=now_s))
    return switches + written


def _drive(asset: Asset, state: AssetState, *, aim_w: float | None, count: int) -> float | None:
    if aim_w is None:
        return None
    wanted = to_drive(asset, aim_w, count)
    if asset.lag_s < LEAD_LAG_S:
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


def _value(asset: Asset, drive: float, count: int) -> float:
    match asset.detail:
        case Battery():
            return float(round(drive / count))
        case Chiller(rated_w=rated_w) | Dimmer(rated_w=rated_w):
            return round(100.0 * drive / (count * rated_w), 1)
        case _:
            return round(drive, 2)


def _moved(entry: Sent | None, value: float | None, deadband: float) -> bool:
    if entry is None:
        return True
    if value is None or entry.value is None:
        return value is not entry.value
    return abs(value - entry.value) >= deadband or (value == 0.0) != (entry.value == 0.0)


def _send(state: AssetState, device: str, control: str, value: float | None, reason: str, *, now_s: float) -> Command:
    state.sent[f"{device}/{control}"] = Sent(value, now_s, now_s)
    return Command(device, control, value, reason, now_s, now_s + LEASE_S)


def _renew(state: AssetState, device: str, control: str, entry: Sent, reason: str, *, now_s: float) -> Command:
    state.sent[f"{device}/{control}"] = Sent(entry.value, entry.at_s, now_s)
    return Command(device, control, entry.value, reason, now_s, now_s + LEASE_S)


def _fleet(
    asset: Asset,
    detail: EvFleet,
    state: AssetState,
    band: Band,
    *,
    aim_w: float | None,
    reason: str,
    now_s: float,
    eased: bool,
) -> list[Command]:
    control = control_of(asset)
    volt = detail.volts * detail.phases
    present = band.cars
    here = {car.device for car in present}
    for device, charger in tuple(state.chargers.items()):
        if device not in here and charger.amps is not None:
            state.chargers[device] = Charger(charger.watts, None, charger.sent_s, charger.due_w)
            state.sent.pop(f"{device}/{control}", None)
    if aim_w is None:  # safe: every charger at its fallback current
        wishes = {
            car.device: detail.safe_current_a
            for car in present
            if state.chargers[car.device].amps != detail.safe_current_a and state.chargers[car.device].due_w is None
        }
    else:
        wishes = fleet.ask(detail, state, present, aim_w=aim_w, now_s=now_s, eased=eased)
    written = []
    for device, amps in wishes.items():
        state.chargers[device] = Charger(state.chargers[device].watts, amps, now_s, volt * amps)
        written.append(_send(state, device, control, amps, reason, now_s=now_s))
    for car in present:
        entry = state.sent.get(f"{car.device}/{control}")
        if entry is not None and car.device not in wishes and now_s - entry.renewed_s >= RENEW_S:
            written.append(_renew(state, car.device, control, entry, reason, now_s=now_s))
    return written


def _stage(
    chiller: Chiller,
    state: AssetState,
    band: Band,
    snapshot: Snapshot,
    *,
    aim_w: float,
    now_s: float,
) -> tuple[tuple[str, ...], list[Command]]:
    """The machines that shall share the aim, and the switch that is needed for it: one machine at a time."""
    running = tuple(device for device in band.devices if (snapshot.usable(point_id(device, RUNNING)) or 0.0) > 0.5)
    least_w = chiller.rated_w * chiller.min_part_pct / 100.0
    if len(running) > 1 and aim_w < least_w * len(running):
        for device in running:
            if may_stop(chiller, state, device, now_s=now_s):
                state.switched_s[device] = now_s
                rest = tuple(other for other in running if other != device)
                return rest, [_send(state, device, ENABLE, 0.0, "stage_down", now_s=now_s)]
    if aim_w > chiller.rated_w * max(1, len(running)) or (not running and aim_w > 0.0):
        for device in band.devices:
            if device not in running and may_start(chiller, state, device, now_s=now_s):
                state.switched_s[device] = now_s
                state.starts_s = (*(start for start in state.starts_s if now_s - start < 3600.0), now_s)
                return (*running, device), [_send(state, device, ENABLE, 1.0, "stage_up", now_s=now_s)]
    return running, []


def observe_running(asset: Asset, state: AssetState, snapshot: Snapshot, *, now_s: float) -> None:
    """Note when machines were last seen to switch; the minimum times count from there (I-06).

    A machine first seen running or resting counts as having done so since the gateway came up.
    """
    for device in asset.devices:
        value = snapshot.usable(point_id(device, RUNNING))
        if value is None:
            continue
        running = value > 0.5
        if state.running.get(device) is not running:
            state.running[device] = running
            state.switched_s[device] = now_s


def twin_power_w(asset: Asset, state: AssetState, band: Band) -> float:
    """What the asset draws now by its twin."""
    if isinstance(asset.detail, EvFleet):
        return fleet.then_w(asset.detail, state, state.twin.at_s)
    return to_watts(asset, state.twin.x, len(band.devices)) if band.devices else 0.0
