"""The drills upstream_lost and meter_lost, and device_lost beside them: control runs, something is taken away, registers tell."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway.cli.commission_alone import ARRIVES_S, BACK_S, GONE_S, alone, read_since
from gateway.cli.commission_blind import slow_s
from gateway.cli.commission_leader import (
    Followed,
    Leader,
    decided,
    followed,
    judge_powers,
    leader_of,
    tolerance,
    within,
)
from gateway.cli.commission_lines import Lines
from gateway.cli.commission_station import Station, Times, running
from gateway.cli.commission_trial import FAILS, give_back, registers
from gateway.cli.proving import Unsafe
from gateway.clock import Clock
from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.drills import Course, Loss, judge_course, judge_loss, left_out
from gateway.control.kinds import control_of
from gateway.control.watched import meter_point
from gateway.model.mode import Mode
from gateway.model.point import point_id
from gateway.model.safety import Loss as MeterLost
from gateway.model.site import Asset, Site

READY_S = 15.0
STEADY = 2.0
LOSSES = ("upstream_lost", "meter_lost", "device_lost")
Tell = Callable[[str], None]


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
        leader = await leader_of(assets, lines)
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


async def _upstream(site: Site, lines: Lines, station: Station, leader: Leader, times: Times) -> list[Check]:
    seen = await followed(lines, station, leader, times)
    station.heartbeat()
    lost_s = lines.now_s()
    within_s = times.lost_s + times.hold_s + times.ramp_s
    await station.until(lambda: station.is_in(Mode.SAFE), within_s=within_s + ARRIVES_S)
    await _until_safe(lines, station, leader, seen)
    wanted = (Mode.HOLD.value, Mode.RAMP.value, Mode.SAFE.value)
    course = _course(lines, station, leader, seen, lost_s, wanted=wanted, within_s=within_s)
    rows = judge_course(site.id, "upstream_lost", course)
    return rows + judge_powers(lines, leader, seen, "upstream_lost", asked=leader.safe_value)


async def _meter(site: Site, lines: Lines, station: Station, leader: Leader, times: Times) -> list[Check]:
    seen = await followed(lines, station, leader, times)
    meter = meter_point(site)
    stale_s = lines.image.specs[meter].stale_after_s
    lost_s = lines.now_s()
    await lines.silence([site.meter])
    await station.until(lambda: station.is_in(Mode.FAULT), within_s=stale_s + ARRIVES_S, beat=True)
    loss = station.site.failsafe.meter
    over_s = 0.0 if loss.then is MeterLost.SAFE else loss.hold_s + loss.ramp_s
    await station.until(lambda: False, within_s=over_s, beat=True)
    await _until_decided(lines, station, leader, seen, steady_s=STEADY * times.settle_s)
    course = _course(lines, station, leader, seen, lost_s, wanted=(Mode.FAULT.value,), within_s=stale_s)
    course = replace(course, asked=decided(station, leader), tolerance=within(lines, leader))
    rows = judge_course(site.id, "meter_lost", course)
    rows += judge_powers(lines, leader, seen, "meter_lost", asked=course.asked)
    unused_s = next((at_s for at_s, mode in course.modes if mode == Mode.FAULT.value), None)
    again_s = lines.now_s()
    await lines.resume([site.meter])
    back_s = await station.until(lambda: read_since(lines, meter, again_s), within_s=GONE_S, beat=True)
    left = await station.until(lambda: not station.is_in(Mode.FAULT), within_s=ARRIVES_S, beat=True)
    rows.append(
        judge_loss(Loss(site.meter, stale_s, unused_s, BACK_S, back_s if left is not None else None, ()), "meter_lost")
    )
    return rows


async def _until_decided(lines: Lines, station: Station, leader: Leader, seen: Followed, *, steady_s: float) -> None:
    """Until registers and powers have been what control asks for so long without a break."""
    since_s = lines.now_s()

    def steady() -> bool:
        nonlocal since_s
        if not _there(lines, leader, seen, decided(station, leader), near=within(lines, leader)):
            since_s = lines.now_s()
        return lines.now_s() - since_s >= steady_s

    await station.until(steady, within_s=ARRIVES_S + steady_s + _slow_s(leader), beat=True)


async def _until_safe(lines: Lines, station: Station, leader: Leader, seen: Followed) -> None:
    """Give the devices time to show their safe values; how they read is judged afterwards."""

    def safe() -> bool:
        return _there(lines, leader, seen, leader.safe_value, near=tolerance(lines, leader))

    await station.until(safe, within_s=ARRIVES_S + _slow_s(leader))


def _slow_s(leader: Leader) -> float:
    """What powers need beyond registers."""
    return slow_s(leader.asset) if leader.unread else 0.0


def _there(lines: Lines, leader: Leader, seen: Followed, asked: float | None, *, near: float) -> bool:
    """Whether every device shows what is asked; None: anything but what was followed."""
    values = registers(leader.asset, lines.snapshot())
    for device in leader.read:
        value = values[point_id(device, control_of(leader.asset))]
        if value is None or (value == seen.register if asked is None else abs(value - asked) > near):
            return False
    powers_told = judge_powers(lines, leader, seen, "", asked=asked)
    return all(row.verdict in (Verdict.PASSED, Verdict.SKIPPED) for row in powers_told)


def _course(
    lines: Lines,
    station: Station,
    leader: Leader,
    seen: Followed,
    lost_s: float,
    *,
    wanted: tuple[str, ...],
    within_s: float,
) -> Course:
    """What there is to judge: the modes since the loss, and the registers now."""
    name, snapshot = control_of(leader.asset), lines.snapshot()
    return Course(
        wanted=wanted,
        modes=station.since(lost_s),
        within_s=within_s,
        asked=leader.safe_value,
        held=seen.register if seen.register is not None else 0.0,
        registers=tuple((device, snapshot.usable(point_id(device, name))) for device in leader.read),
        tolerance=tolerance(lines, leader),
        unit=lines.members[leader.devices[0]].profile.controls[name].unit.value,
    )
