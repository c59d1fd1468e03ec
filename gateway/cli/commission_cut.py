"""The drill power_cut: every asset holds a small step, then nothing is said to its devices until their timers have run out.

To a device it is the same whether our power, our network or our program has gone. Afterwards everything is new, as in a
gateway that starts, and only reads; then the assets are given back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite, nan

import numpy as np

from gateway.cli.capability import plan
from gateway.cli.commission_blind import blind, powers, shows, slow_s
from gateway.cli.commission_effect import beside, thinned
from gateway.cli.commission_guard import watts_of
from gateway.cli.commission_lines import Lines
from gateway.cli.commission_samples import Samples
from gateway.cli.commission_station import Times
from gateway.cli.commission_trial import BACK_S, give_back, probe_w, registers, room_now
from gateway.cli.proving import Room, Unsafe, drawn, guarded, limits_kept, value_of
from gateway.commission.acceptance import Check, Curve, Part, Picture
from gateway.commission.drawn import Drawn, judge_silence
from gateway.commission.drills import Cut, judge_cut, left_out, silence_s
from gateway.commission.trials import tolerance_of
from gateway.control.kinds import control_of, power_point
from gateway.control.shape import RENEW_S
from gateway.control.watched import meter_point
from gateway.field.steps import timeout_s
from gateway.insight.held import Held, combine
from gateway.model.point import PointId, device_of, point_id
from gateway.model.site import Asset, Site
from gateway.profiles.schema import Then
from gateway.texts import say

DRILL = "power_cut"
LOOK_S = 0.25
ARRIVES_S = 20.0
"""How long registers may take to read as written."""


@dataclass(slots=True)
class _Held:
    """One asset that takes part, and what it read at rest."""

    asset: Asset
    room: Room
    value: float
    change_w: float
    before: Mapping[PointId, float | None]
    rest_w: dict[str, float | None]


async def cut_power(
    site: Site, assets: list[Asset], lines: Lines, *, times: Times, tell: Callable[[str, float], None]
) -> tuple[list[Check], list[Picture]]:
    """Rows and pictures of the drill; whatever ends it, the assets are given back."""
    checks: list[Check] = []
    held: list[_Held] = []
    for asset in assets:
        try:
            held.append(await _prepared(asset, lines))
        except Unsafe as exc:
            checks.append(left_out(asset.id, DRILL, exc.code, exc.said))
    if not held:
        return checks, []
    watched = {power_point(one.asset, device) for one in held for device in one.room.devices}
    samples = Samples([meter_point(site), *watched])
    begin_s = lines.now_s()
    try:
        await _hold(site, held, lines, samples, settle_s=times.settle_s)
        cuts = [_at_cut(one, device, lines) for one in held for device in one.room.devices]
        devices = [cut.device for cut in cuts]
        quiet_s = silence_s([cut.timeout_s for cut in cuts if isfinite(cut.timeout_s)], extra_s=times.extra_s)
        tell(DRILL, quiet_s)
        cut_s = lines.now_s()
        await lines.lose_power(devices)
        await _pass(lines, samples, quiet_s)
        await lines.resume(devices)
        back_s = lines.now_s()
        shown = [point for one in held for point in (*_readable(one, lines), *_powers(one))]
        await lines.read_all(shown)
        await _pass(lines, samples, times.settle_s)
        await _known_again(lines, samples, shown)
        snapshot = lines.snapshot()
        for cut, asset in zip(cuts, [one.asset for one in held for _ in one.room.devices], strict=True):
            after = snapshot.usable(point_id(cut.device, cut.control.name))
            after_w = snapshot.usable(power_point(asset, cut.device))
            seen = replace(cut, after=after, after_w=after_w, silent_s=back_s - cut_s)
            checks.append(_judged(asset, seen, lines))
    except Unsafe as exc:
        checks.append(left_out(site.id, DRILL, exc.code, exc.said))
        return checks, []
    finally:
        if lines.silent:
            await lines.resume(tuple(lines.silent))
        for one in held:
            await give_back(one.asset, lines, one.before)
    mark = (cut_s - begin_s, back_s - begin_s)
    return checks, [_picture(site, held, samples, begin_s, lines.now_s(), mark)]


async def _prepared(asset: Asset, lines: Lines) -> _Held:
    """The step an asset will hold; Unsafe when it has none."""
    room = await room_now(asset, lines)
    steps = plan(least_w=room.least_w, rest_w=room.rest_w, most_w=room.most_w, dead_s=0.0, lag_s=0.0, hold_s=ARRIVES_S)
    if not steps:
        raise Unsafe("no_room", say("refused.no_room", asset=asset.id, devices=len(room.devices)))
    value, exact_w = value_of(asset, probe_w(room), len(room.devices))
    snapshot = lines.snapshot()
    drawn_w = drawn(asset, room, snapshot)[1]
    rest_w = powers(asset, room.devices, snapshot)
    change_w = exact_w - (drawn_w if isfinite(drawn_w) else room.rest_w)
    return _Held(asset, room, value, change_w, registers(asset, snapshot), rest_w)


async def _hold(site: Site, held: list[_Held], lines: Lines, samples: Samples, *, settle_s: float) -> None:
    """Write the steps and keep them until the registers read so, and powers have moved where only they tell."""
    await limits_kept(site, lines, change_w=sum(one.change_w for one in held))
    settle_s += max((_slow_s(one, lines) for one in held), default=0.0)
    begin_s, renewed_s, there_s = lines.now_s(), -inf, inf
    while (now_s := lines.now_s()) < begin_s + ARRIVES_S + settle_s and now_s < there_s + settle_s:
        if now_s - renewed_s >= RENEW_S:
            for one in held:
                await lines.write(guarded(one.asset, one.room, lines.snapshot(), one.value, now_s))
            renewed_s = now_s
        await _pass(lines, samples, LOOK_S)
        if there_s == inf and all(_reads(one, lines) for one in held):
            there_s = lines.now_s()


def _slow_s(one: _Held, lines: Lines) -> float:
    """Where only the power will tell, it has to have moved first."""
    name, devices = control_of(one.asset), one.room.devices
    tells = {lines.members[device].profile.controls[name].lost.then for device in devices}
    if tells <= {Then.FALLBACK, Then.KEEPS_LAST} and not blind(one.asset, devices, lines.members):
        return 0.0
    return slow_s(one.asset)


def _reads(one: _Held, lines: Lines) -> bool:
    """Whether every register of an asset reads as written; one that cannot be read: whether the power moved."""
    name, snapshot = control_of(one.asset), lines.snapshot()
    unread = blind(one.asset, one.room.devices, lines.members)
    now_w = powers(one.asset, unread, snapshot)
    if not all(shows(one.asset, one.value, rest_w=one.rest_w[device], now_w=now_w[device]) for device in unread):
        return False
    for device in set(one.room.devices) - unread:
        value = snapshot.usable(point_id(device, name))
        if value is None or abs(value - one.value) > tolerance_of(lines.members[device].profile.controls[name]):
            return False
    return True


def _judged(asset: Asset, cut: Cut, lines: Lines) -> Check:
    """By the register, or by the power where the register is only written."""
    if not blind(asset, [cut.device], lines.members):
        return judge_cut(cut)
    fallback = cut.control.lost.value
    return judge_silence(
        Drawn(cut.device, cut.rest_w, cut.held_w, cut.after_w),
        cut.control.lost,
        asked_w=watts_of(asset, cut.asked, 1),
        fallback_w=None if fallback is None else watts_of(asset, fallback, 1),
        silent_s=cut.silent_s,
    )


def _at_cut(one: _Held, device: str, lines: Lines) -> Cut:
    member, snapshot = lines.members[device], lines.snapshot()
    control = member.profile.controls[control_of(one.asset)]
    point = point_id(device, control.name)
    return Cut(
        device=device,
        control=control,
        timeout_s=timeout_s(member, control),
        silent_s=0.0,
        rest=one.before[point],
        held=snapshot.usable(point),
        asked=one.value,
        after=None,
        rest_w=one.rest_w[device],
        held_w=snapshot.usable(power_point(one.asset, device)),
        after_w=None,
    )


async def _pass(lines: Lines, samples: Samples, seconds: float) -> None:
    end_s = lines.now_s() + seconds
    while lines.now_s() < end_s:
        await lines.pass_time(min(LOOK_S, max(0.0, end_s - lines.now_s())))
        samples.look(lines.snapshot())


async def _known_again(lines: Lines, samples: Samples, points: list[PointId]) -> None:
    """Wait while one of these has no value: a single answer may be lost just now."""
    end_s = lines.now_s() + BACK_S
    while lines.now_s() < end_s and any(lines.snapshot().usable(point) is None for point in points):
        await _pass(lines, samples, LOOK_S)


def _readable(one: _Held, lines: Lines) -> list[PointId]:
    """The setpoints that can be read."""
    unread = blind(one.asset, one.asset.devices, lines.members)
    return [point for point in one.before if device_of(point) not in unread]


def _powers(one: _Held) -> list[PointId]:
    return [power_point(one.asset, device) for device in one.room.devices]


def _picture(
    site: Site, held: list[_Held], samples: Samples, begin_s: float, end_s: float, mark: tuple[float, float]
) -> Picture:
    """What all of them drew together, nothing where nothing was read, and the site meter beside that."""
    powers = [power_point(one.asset, device) for one in held for device in one.room.devices]
    total = combine(
        lambda *values: np.sum(values, axis=0), *(_known(samples, point, begin_s, end_s, mark) for point in powers)
    )
    curves = [Curve("does", "drawn", *thinned(total.t_s, total.value))]
    meter_s, meter_w = samples.of(meter_point(site), begin_s, end_s)
    if (shifted := beside(meter_s, meter_w, total)) is not None:
        curves.append(Curve("plan", "meter", *thinned(meter_s, shifted)))
    return Picture(Part.DRILL, site.id, DRILL, "W", end_s - begin_s, tuple(curves), (mark,))


def _known(samples: Samples, point: PointId, begin_s: float, end_s: float, mark: tuple[float, float]) -> Held:
    """One device's power; unknown from the cut to the first reading after it."""
    t_s, watts = samples.of(point, begin_s, end_s)
    at = int(np.searchsorted(t_s, mark[0]))
    return Held(np.insert(t_s, at, mark[0]), np.insert(watts, at, nan), end_s - begin_s)
