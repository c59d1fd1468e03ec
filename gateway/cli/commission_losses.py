"""The drills upstream_lost and meter_lost, and device_lost beside them: control runs, something is taken away, registers tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.cli.capability import plan
from gateway.cli.commission_alone import ARRIVES_S, BACK_S, GONE_S, alone, read_since
from gateway.cli.commission_lines import Lines
from gateway.cli.commission_station import Station, Times, running
from gateway.cli.commission_trial import FAILS, give_back, probe_w, registers, room_now
from gateway.cli.proving import Unsafe, value_of
from gateway.clock import Clock
from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.drills import Course, Loss, judge_course, judge_loss, left_out
from gateway.commission.trials import tolerance_of
from gateway.control import guard
from gateway.control.kinds import control_of
from gateway.control.watched import meter_point
from gateway.model.mode import Mode
from gateway.model.point import point_id
from gateway.model.safety import Loss as MeterLost
from gateway.model.site import Asset, Battery, Site
from gateway.texts import say

READY_S = 15.0
NEAR, STEADY = 0.01, 2.0
LOSSES = ("upstream_lost", "meter_lost", "device_lost")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Leader:
    """The asset whose setpoint is followed and lost, and the power it is asked for."""

    asset: Asset
    devices: tuple[str, ...]
    power_w: float


async def lose(
    lines: Lines, clock: Clock, drills: Sequence[str], assets: Sequence[Asset], *, times: Times, tell: Tell
) -> list[Check]:
    """The rows of these drills; at the end every asset is given back."""
    site = lines.site
    if not drills:
        return []
    if not assets:
        return [left_out(site.id, drill, "nothing_follows") for drill in drills]
    before = {asset.id: registers(asset, lines.snapshot()) for asset in site.assets.values()}
    rows: list[Check] = []
    try:
        leader = await _leader(assets, lines)
        async with running(lines, clock, times) as station:
            if await station.until(lambda: station.is_in(Mode.LOCAL), within_s=READY_S) is None:
                return [left_out(site.id, drill, "not_ready") for drill in drills]
            for drill in drills:
                tell(drill)
                if drill == "device_lost":
                    rows += await alone(site, lines, station, assets)
                elif drill == "meter_lost":
                    rows += await _meter(site, lines, station, leader, times)
                else:
                    rows += await _upstream(site, lines, station, leader, times)
    except Unsafe as exc:
        done = {row.subject for row in rows}
        verdict = Verdict.FAILED if exc.code in FAILS else Verdict.SKIPPED
        missing = [drill for drill in drills if drill not in done]
        rows += [Check(Part.DRILL, site.id, drill, verdict, exc.code, {"detail": exc.said}) for drill in missing]
    finally:
        if lines.silent:
            await lines.resume(tuple(lines.silent))
        for asset in site.assets.values():
            await give_back(asset, lines, before[asset.id])
    return rows


async def _leader(assets: Sequence[Asset], lines: Lines) -> _Leader:
    """The quickest asset with room, a battery first: its safe value is a value; Unsafe when none has room."""
    by_speed = sorted(assets, key=lambda one: (not isinstance(one.detail, Battery), one.dead_time_s + one.lag_s))
    for asset in by_speed:
        room = await room_now(asset, lines)
        steps = plan(
            least_w=room.least_w, rest_w=room.rest_w, most_w=room.most_w, dead_s=0.0, lag_s=0.0, hold_s=ARRIVES_S
        )
        if steps:
            return _Leader(asset, room.devices, probe_w(room))
    raise Unsafe("no_room", say("refused.nobody_has_room"))


async def _following(lines: Lines, station: Station, leader: _Leader, times: Times) -> float:
    """Let it follow a setpoint; what its register then reads. Unsafe when it does not."""
    control = control_of(leader.asset)
    point = point_id(leader.devices[0], control)
    rest = lines.snapshot().usable(point)
    tolerance = tolerance_of(lines.members[leader.devices[0]].profile.controls[control])
    station.ask(leader.asset.id, leader.power_w)

    def moved() -> bool:
        value = lines.snapshot().usable(point)
        return value is not None and (rest is None or abs(value - rest) > tolerance)

    if await station.until(lambda: station.is_in(Mode.REMOTE) and moved(), within_s=ARRIVES_S, beat=True) is None:
        raise Unsafe(
            "not_following", say("refused.setpoint_not_taken", asset=leader.asset.id, kw=leader.power_w / 1000.0)
        )
    await station.until(lambda: False, within_s=times.settle_s, beat=True)
    held = lines.snapshot().usable(point)
    if held is None:
        raise Unsafe("power_unknown", say("refused.point_unread", point=point))
    return held


async def _upstream(site: Site, lines: Lines, station: Station, leader: _Leader, times: Times) -> list[Check]:
    held = await _following(lines, station, leader, times)
    station.heartbeat()
    lost_s = lines.now_s()
    within_s = times.lost_s + times.hold_s + times.ramp_s
    await station.until(lambda: station.is_in(Mode.SAFE), within_s=within_s + ARRIVES_S)
    await _until_safe(lines, station, leader, held)
    wanted = (Mode.HOLD.value, Mode.RAMP.value, Mode.SAFE.value)
    return judge_course(
        site.id, "upstream_lost", _course(lines, station, leader, held, lost_s, wanted=wanted, within_s=within_s)
    )


async def _meter(site: Site, lines: Lines, station: Station, leader: _Leader, times: Times) -> list[Check]:
    held = await _following(lines, station, leader, times)
    meter = meter_point(site)
    stale_s = lines.image.specs[meter].stale_after_s
    lost_s = lines.now_s()
    await lines.silence([site.meter])
    await station.until(lambda: station.is_in(Mode.FAULT), within_s=stale_s + ARRIVES_S, beat=True)
    loss = station.site.failsafe.meter
    over_s = 0.0 if loss.then is MeterLost.SAFE else loss.hold_s + loss.ramp_s
    await station.until(lambda: False, within_s=over_s, beat=True)
    await _until_decided(lines, station, leader, steady_s=STEADY * times.settle_s)
    course = _course(lines, station, leader, held, lost_s, wanted=(Mode.FAULT.value,), within_s=stale_s)
    if (decided := _decided(station, leader)) is not None:
        course = replace(course, asked=decided, tolerance=_near(leader))
    rows = judge_course(site.id, "meter_lost", course)
    unused_s = next((at_s for at_s, mode in course.modes if mode == Mode.FAULT.value), None)
    again_s = lines.now_s()
    await lines.resume([site.meter])
    back_s = await station.until(lambda: read_since(lines, meter, again_s), within_s=GONE_S, beat=True)
    left = await station.until(lambda: not station.is_in(Mode.FAULT), within_s=ARRIVES_S, beat=True)
    rows.append(
        judge_loss(Loss(site.meter, stale_s, unused_s, BACK_S, back_s if left is not None else None, ()), "meter_lost")
    )
    return rows


def _decided(station: Station, leader: _Leader) -> float | None:
    """What control asks of a battery now that the meter is lost: its worst-case limits may want more than the safe value."""
    if station.last is None or not isinstance(leader.asset.detail, Battery):
        return None
    share = next((one for one in station.last.shares if one.asset == leader.asset.id), None)
    return None if share is None else value_of(leader.asset, share.command_w, len(leader.devices))[0]


def _near(leader: _Leader) -> float:
    """How near to a decision that still moves a little a register must be."""
    return NEAR * (leader.asset.max_w - leader.asset.min_w) / len(leader.devices)


async def _until_decided(lines: Lines, station: Station, leader: _Leader, *, steady_s: float) -> None:
    """Until the registers have read what control asks for so long without a break."""
    since_s = lines.now_s()

    def steady() -> bool:
        nonlocal since_s
        decided, values = _decided(station, leader), registers(leader.asset, lines.snapshot()).values()
        if decided is not None and any(one is None or abs(one - decided) > _near(leader) for one in values):
            since_s = lines.now_s()
        return lines.now_s() - since_s >= steady_s

    await station.until(steady, within_s=ARRIVES_S + steady_s, beat=True)


async def _until_safe(lines: Lines, station: Station, leader: _Leader, held: float) -> None:
    """Give the registers time to read their safe values; how they read is judged afterwards."""
    course = _course(lines, station, leader, held, lines.now_s(), wanted=(), within_s=0.0)
    wanted, tolerance = course.asked, course.tolerance

    def safe() -> bool:
        values = registers(leader.asset, lines.snapshot())
        known = [values[point_id(one, control_of(leader.asset))] for one in leader.devices]
        return all(
            value is not None and (abs(value - wanted) <= tolerance if wanted is not None else value != held)
            for value in known
        )

    await station.until(safe, within_s=ARRIVES_S)


def _course(
    lines: Lines,
    station: Station,
    leader: _Leader,
    held: float,
    lost_s: float,
    *,
    wanted: tuple[str, ...],
    within_s: float,
) -> Course:
    """What there is to judge: the modes since the loss, and the registers now."""
    asset, name, snapshot = leader.asset, control_of(leader.asset), lines.snapshot()
    control = lines.members[leader.devices[0]].profile.controls[name]
    return Course(
        wanted=wanted,
        modes=station.since(lost_s),
        within_s=within_s,
        asked=safe_value(asset, len(leader.devices)),
        held=held,
        registers=tuple((device, snapshot.usable(point_id(device, name))) for device in leader.devices),
        tolerance=tolerance_of(control),
        unit=control.unit.value,
    )


def safe_value(asset: Asset, count: int) -> float | None:
    """What a setpoint reads at the asset's safe value; None: the device is released."""
    found = guard.failsafe(asset)
    if isinstance(asset.detail, Battery) or found is None:
        return None if asset.safe_w is None else value_of(asset, asset.safe_w, count)[0]
    return found
