"""The steps of a self-test: an asset moved safely, and the record of what it did.

Every command passes the guard, whose word is final: what it would change is not tried. Before each step the site's own
limits must leave room for it, by the meter. Leases are renewed while a step is held; whatever happens, the asset is
released at the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np

from gateway.cli.capability import Step, Taken, follows, plan
from gateway.control import guard
from gateway.control.kinds import EV_STATE, RUNNING, SOC, control_of, power_point, to_drive, to_watts
from gateway.control.shape import LEASE_S, RENEW_S
from gateway.control.watched import meter_point
from gateway.errors import GatewayError
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Asset, Battery, Chiller, Dimmer, EvFleet, Fans, Pv, Site, Switched, Zones
from gateway.texts import say

LOOK_S = 0.25
SOC_MARGIN_PCT = 5.0
CHARGING = 3.0
"""`ev.state` of a car that wants to charge."""
REASON = "selftest"
SETTLE_S = 5.0
METER_BACK_S = 5.0
"""How long a site meter that is not read just now is waited for."""
FIRST_READ_S = 30.0
Tell = Callable[[Step, int, int], None]


class Unsafe(GatewayError):
    """The test does not begin, or stopped: `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Bench(Protocol):
    """Where the asset is: on its lines, or in a simulation."""

    def now_s(self) -> float:
        """The bench's clock."""
        ...

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        ...

    async def write(self, commands: Sequence[Command]) -> None:
        """Hand commands to the devices."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let this much of the bench's time pass."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """What the asset may be asked now, and by which of its devices."""

    devices: tuple[str, ...]
    least_w: float
    rest_w: float
    most_w: float


async def prove(site: Site, asset: Asset, bench: Bench, *, hold_s: float | None, tell: Tell) -> list[Taken]:
    """Take the steps; Unsafe when the asset has no room, does not follow the first one, or something is unknown."""
    room = await first_room(asset, bench)
    steps = plan(
        least_w=room.least_w,
        rest_w=room.rest_w,
        most_w=room.most_w,
        dead_s=asset.dead_time_s + (asset.detail.command_s if isinstance(asset.detail, EvFleet) else 0.0),
        lag_s=asset.lag_s,
        hold_s=hold_s,
    )
    if not steps:
        raise Unsafe("no_room", say("refused.no_room", asset=asset.id, devices=len(room.devices)))
    taken: list[Taken] = []
    try:
        before = await hold(site, asset, bench, room, Step(room.rest_w, steps[0].hold_s, full=False))
        for number, step in enumerate(steps, start=1):
            tell(step, number, len(steps))
            one = await hold(site, asset, bench, room, step, from_w=settled_w(before))
            if number == 1 and not follows(one):
                raise Unsafe("not_following", say("refused.not_followed", asset=asset.id, kw=one.asked_w / 1000.0))
            taken.append(one)
            before = one
    finally:
        now_s = bench.now_s()
        control = control_of(asset)
        released = [Command(device, control, None, REASON, now_s, now_s + LEASE_S) for device in room.devices]
        await bench.write(released)
        await bench.pass_time(SETTLE_S)
    return taken


async def first_room(asset: Asset, bench: Bench) -> Room:
    """The room once every device has been read, or after a while of those that were."""
    end_s = bench.now_s() + FIRST_READ_S
    while bench.now_s() < end_s:
        snapshot = bench.snapshot()
        if all(snapshot.usable(power_point(asset, device)) is not None for device in asset.devices):
            break
        await bench.pass_time(LOOK_S)
    return room_of(asset, bench.snapshot())


def room_of(asset: Asset, snapshot: Snapshot) -> Room:
    """The site file's range, as far as the devices that are there now can go; Unsafe for an unknown state of charge."""
    devices = tuple(device for device in asset.devices if takes_part(asset, device, snapshot))
    count, least_w, most_w = len(devices), asset.min_w, asset.max_w
    drawn = [snapshot.usable(power_point(asset, device)) or 0.0 for device in devices]
    rest_w = sum(drawn) if asset.operating_w is None else asset.operating_w
    match asset.detail:
        case Battery(soc_min_pct=low, soc_max_pct=high):
            socs = [snapshot.usable(point_id(device, SOC)) for device in devices]
            known = [soc for soc in socs if soc is not None]
            if len(known) < len(asset.devices):
                raise Unsafe("soc_unknown", say("refused.soc_unknown", asset=asset.id))
            rest_w = 0.0
            least_w = 0.0 if min(known) < low + SOC_MARGIN_PCT else least_w
            most_w = 0.0 if max(known) > high - SOC_MARGIN_PCT else most_w
        case EvFleet() as fleet:
            volt = fleet.volts * fleet.phases * count
            least_w, most_w = fleet.min_current_a * volt, min(most_w, fleet.max_current_a * volt)
        case Chiller(rated_w=rated_w, min_part_pct=part):
            least_w, most_w = max(least_w, count * rated_w * part / 100.0), min(most_w, count * rated_w)
        case Pv():  # it cannot be asked for more than the sun gives
            rest_w = least_w = sum(drawn)
            most_w = min(most_w, 0.0)
        case Switched():
            raise Unsafe("switched", say("refused.switched", asset=asset.id))
        case Zones():
            raise Unsafe("zones", say("refused.zones", asset=asset.id))
        case Fans() | Dimmer():
            share = count / len(asset.devices)
            least_w, rest_w, most_w = least_w * share, rest_w * share, most_w * share
    return Room(devices, least_w, min(max(rest_w, least_w), most_w), max(most_w, least_w))


def takes_part(asset: Asset, device: str, snapshot: Snapshot) -> bool:
    """Whether a device answers, and can be moved: a car that wants to charge, a machine that runs."""
    if snapshot.usable(power_point(asset, device)) is None:
        return False
    match asset.detail:
        case EvFleet():
            return (snapshot.usable(point_id(device, EV_STATE)) or 0.0) >= CHARGING
        case Chiller():
            return (snapshot.usable(point_id(device, RUNNING)) or 0.0) > 0.5
        case _:
            return True


def value_of(asset: Asset, watts: float, count: int) -> tuple[float, float]:
    """What is written to each of so many devices, and the watts that really means."""
    match asset.detail:
        case Battery():
            value = float(round(watts / count))
            return value, value * count
        case EvFleet(volts=volts, phases=phases, min_current_a=least, max_current_a=most):
            value = float(min(max(round(watts / (volts * phases * count)), least), most))
            return value, value * volts * phases * count
        case Fans(min_speed_pct=least, max_speed_pct=most):
            value = round(min(max(to_drive(asset, watts, count), least), most), 1)
            return value, to_watts(asset, value, count)
        case Chiller(rated_w=rated_w, min_part_pct=least) | Dimmer(rated_w=rated_w, min_level_pct=least):
            value = round(min(max(100.0 * watts / (count * rated_w), least), 100.0), 1)
            return value, value * count * rated_w / 100.0
        case Pv(rated_w=rated_w):
            value = round(min(max(-100.0 * watts / (count * rated_w), 0.0), 100.0), 1)
            return value, -value * count * rated_w / 100.0
        case Switched(rated_w=rated_w):
            value = float(watts >= 0.5 * count * rated_w)
            return value, value * count * rated_w
        case Zones():
            raise Unsafe("zones", say("refused.zones", asset=asset.id))


async def hold(site: Site, asset: Asset, bench: Bench, room: Room, step: Step, *, from_w: float | None = None) -> Taken:
    """Command one step and watch it to its end, renewing its lease. Unsafe when limits or guard stand against it."""
    value, exact_w = value_of(asset, step.to_w, len(room.devices))
    drawn_w = drawn(asset, room, bench.snapshot())[1]
    await limits_kept(site, bench, change_w=exact_w - (drawn_w if np.isfinite(drawn_w) else room.rest_w))
    begin_s, times, watts = bench.now_s(), [], []
    renewed_s, last_s = -inf, -inf
    while (now_s := bench.now_s()) < begin_s + step.hold_s:
        if now_s - renewed_s >= RENEW_S:
            if renewed_s > begin_s:
                await limits_kept(site, bench, change_w=0.0)  # the building moves too
            await bench.write(guarded(asset, room, bench.snapshot(), value, now_s))
            renewed_s = now_s
        at_s, power_w = drawn(asset, room, bench.snapshot())
        if at_s > max(last_s, begin_s):
            times.append(at_s - begin_s)
            watts.append(power_w)
            last_s = at_s
        await bench.pass_time(LOOK_S)
    exact = Step(exact_w, step.hold_s, step.full)
    return Taken(exact, room.rest_w if from_w is None else from_w, np.array(times), np.array(watts))


def settled_w(taken: Taken) -> float:
    """The power at the end of a hold: the mean of its last third; Unsafe when it was not read."""
    last = taken.watts[taken.t_s >= taken.step.hold_s * 2.0 / 3.0]
    last = last[np.isfinite(last)]
    if not last.size:
        raise Unsafe("power_unknown", say("refused.asset_power_unread"))
    return float(last.mean())


def drawn(asset: Asset, room: Room, snapshot: Snapshot) -> tuple[float, float]:
    """(when the newest part was measured, watts of all); NaN watts while one part is unknown."""
    points = [power_point(asset, device) for device in room.devices]
    values = [snapshot.usable(point) for point in points]
    newest_s = max((snapshot.reading(point).measured_s for point in points), default=-inf)
    known = [value for value in values if value is not None]
    return newest_s, sum(known) if len(known) == len(values) else float("nan")


async def limits_kept(site: Site, bench: Bench, *, change_w: float) -> None:
    """As `check_limits`, once the meter is read: one lost answer is waited for, and nothing renewed meanwhile."""
    for _ in range(round(METER_BACK_S / LOOK_S)):
        try:
            return check_limits(site, bench.snapshot(), change_w=change_w)
        except Unsafe as exc:
            if exc.code != "meter_unknown":
                raise
        await bench.pass_time(LOOK_S)
    return check_limits(site, bench.snapshot(), change_w=change_w)


def check_limits(site: Site, snapshot: Snapshot, *, change_w: float) -> None:
    """Unsafe when the site would leave its limits, or nobody can tell."""
    limits = site.limits
    if limits.max_import_w == inf and limits.max_export_w == inf:
        return
    meter_w = snapshot.usable(meter_point(site))
    if meter_w is None:
        raise Unsafe("meter_unknown", say("refused.meter_unread"))
    if not -limits.max_export_w <= meter_w + change_w <= limits.max_import_w:
        raise Unsafe("site_limit", say("refused.site_limit", kw=(meter_w + change_w) / 1000.0))


def guarded(asset: Asset, room: Room, snapshot: Snapshot, value: float, now_s: float) -> list[Command]:
    """The commands of one value to every device; Unsafe when the guard would change one."""
    found = []
    for device in room.devices:
        asked = Command(device, control_of(asset), value, REASON, now_s, now_s + LEASE_S)
        allowed = guard.clamp(asked, asset, snapshot)
        if allowed.value != value:
            raise Unsafe(
                "guard", say("refused.guard", device=device, allowed=allowed.value, wanted=value, reason=allowed.reason)
            )
        found.append(allowed)
    return found
