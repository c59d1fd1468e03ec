"""One asset tried: a small step of all its devices, then its whole room; at the end given back and looked at once more.

The steps are those of `gateway selftest` and pass the same guard. What they show of each device and of the site meter is
in `commission_effect`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gateway.cli.capability import PROBE, Capability, Step, Taken, capability, plan
from gateway.cli.commission_blind import blind, slow_s
from gateway.cli.commission_effect import SETTLED, Ground, back_rows, capability_row, effect_rows, meter_row, picture
from gateway.cli.commission_samples import Bench, Recorder
from gateway.cli.proving import Room, Unsafe, first_room, hold, settled_w
from gateway.commission.acceptance import Check, Part, Picture, Verdict
from gateway.commission.drawn import Drawn
from gateway.commission.trials import LEAST_STEP_W, tolerance_of
from gateway.control import guard
from gateway.control.kinds import control_of, power_point
from gateway.control.shape import LEASE_S
from gateway.control.watched import meter_point
from gateway.field.bus import Member
from gateway.model.command import Command, Fate, Outcome
from gateway.model.image import Snapshot
from gateway.model.point import PointId, device_of, point_id
from gateway.model.site import Asset, EvFleet, Site
from gateway.texts import say

REASON = "commission"
LAGS = 4.0
LEAST_HOLD_S = 15.0
SPARE = 1.5
FOLLOWS_AT_ALL = 0.1
BACK_S, GONE_S, LOOK_S = 10.0, 3.0, 0.25
"""How long a device may take to read as it did before, twice: by itself, and after it was told; and one that is not read."""
FAILS = ("not_following", "power_unknown", "meter_unknown")
"""Why a trial ends that is a fault, not a lack of room."""
Tell = Callable[[str, int, int], None]
"""Hears what is done now, its number, of how many."""


class Place(Bench, Protocol):
    """A bench that knows its devices."""

    @property
    def site(self) -> Site:
        """Whose devices they are."""
        ...

    def texts(self) -> Mapping[PointId, str]:
        """What the devices say in words."""
        ...

    @property
    def exact(self) -> bool:
        """Whether a device must read what it was asked for."""
        ...

    def watch(self, devices: Sequence[str]) -> None:
        """At least these are read from now on."""
        ...

    @property
    def members(self) -> Mapping[str, Member]:
        """Its devices by name."""
        ...

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """What became of every command so far."""
        ...


@dataclass(frozen=True, slots=True)
class Tryout:
    """What came of one asset."""

    checks: tuple[Check, ...]
    picture: Picture | None = None
    measured: Capability | None = None


@dataclass(slots=True)
class Going:
    """The steps of one asset while they are taken; times are of the bench's clock."""

    room: Room
    steps: Sequence[Step]
    rest_s: float
    rest: Taken | None = None
    taken: list[Taken] = field(default_factory=list)
    begun_s: list[float] = field(default_factory=list)


def hold_s_of(asset: Asset) -> float:
    """How long a step of this asset is held: until a lag as stated has settled to a few percent."""
    dead_s = asset.dead_time_s + (asset.detail.command_s if isinstance(asset.detail, EvFleet) else 0.0)
    return max(LEAST_HOLD_S, SPARE * dead_s + LAGS * asset.lag_s)


async def try_asset(site: Site, asset: Asset, place: Place, *, hold_s: float, quick: bool, tell: Tell) -> Tryout:
    """Take the steps (`quick`: the small one alone) and judge them; raises only what ends the command."""
    place.watch([site.meter, *asset.devices])
    before = registers(asset, place.snapshot())
    bench = Recorder(place, [meter_point(site), *(power_point(asset, one) for one in asset.devices), *before])
    going: Going | None = None
    checks: list[Check] = []
    try:
        going = await _begin(asset, bench, hold_s=hold_s, quick=quick)
        await _take(site, asset, bench, going, tell=tell)
    except Unsafe as exc:
        verdict = Verdict.FAILED if exc.code in FAILS else Verdict.SKIPPED
        checks.append(Check(Part.COMMAND, asset.id, "trial", verdict, exc.code, {"detail": exc.said}))
    finally:
        await give_back(asset, place, before)
    if going is None:
        return Tryout(tuple(checks))
    ground = Ground(site, asset, place.members, going.room.devices, bench.samples, place.exact)
    measured = capability([one for one in going.taken if abs(one.asked_w) >= LEAST_STEP_W])
    if going.rest is not None and going.taken:
        checks.insert(0, meter_row(ground, going.rest, going.taken, going.begun_s))
        checks[:0] = effect_rows(ground, going.rest, going.taken[0], begun_s=going.begun_s[0], outcomes=place.outcomes)
    if unread := blind(asset, ground.devices, place.members):
        await place.pass_time(slow_s(asset))
    drawn = {device: _drawn(asset, device, bench, going) for device in unread}
    checks += back_rows(ground, before, await _read(asset, place), drawn)
    checks.append(capability_row(asset, measured, quick=quick))
    shown = picture(ground, going.rest_s, [going.rest_s, *going.begun_s], [going.rest, *going.taken])
    return Tryout(tuple(checks), shown, measured)


async def room_now(asset: Asset, bench: Bench) -> Room:
    """The room it has now; a state of charge that one lost answer hides is waited for."""
    for _ in range(round(BACK_S / LOOK_S)):
        try:
            return await first_room(asset, bench)
        except Unsafe as exc:
            if exc.code != "soc_unknown":
                raise
        await bench.pass_time(LOOK_S)
    return await first_room(asset, bench)


async def _begin(asset: Asset, bench: Recorder, *, hold_s: float, quick: bool) -> Going:
    """The room it has now, and the steps through it; Unsafe when there is none."""
    room = await room_now(asset, bench)
    ends = {"least_w": room.least_w, "rest_w": room.rest_w, "most_w": room.most_w}
    steps = plan(**ends, dead_s=asset.dead_time_s, lag_s=asset.lag_s, hold_s=hold_s)
    if not steps:
        raise Unsafe("no_room", say("refused.no_room", asset=asset.id, devices=len(room.devices)))
    small = Step(probe_w(room), steps[0].hold_s, full=False)
    return Going(room, [small] if quick else [small, *steps[1:]], bench.now_s())


def probe_w(room: Room) -> float:
    """The power of the small step: towards the end that is further away, where whole amperes matter less."""
    end_w = max((room.least_w, room.most_w), key=lambda end_w: abs(end_w - room.rest_w))
    return room.rest_w + PROBE * (end_w - room.rest_w)


async def _take(site: Site, asset: Asset, bench: Recorder, going: Going, *, tell: Tell) -> None:
    """Rest first, then the steps; a small one that moves nothing ends it."""
    room, hold_s = going.room, going.steps[0].hold_s
    before = going.rest = await hold(site, asset, bench, room, Step(room.rest_w, hold_s, full=False))
    for number, step in enumerate(going.steps, start=1):
        tell(f"{asset.id} → {step.to_w / 1000.0:.1f} kW", number, len(going.steps))
        from_w, begun_s = settled_w(before), bench.now_s()
        before = await hold(site, asset, bench, room, step, from_w=from_w)
        going.begun_s.append(begun_s)
        going.taken.append(before)
        if number == 1 and not _moved(before):
            raise Unsafe("not_following", say("refused.not_followed", asset=asset.id, kw=before.asked_w / 1000.0))


def _moved(taken: Taken) -> bool:
    """Whether a step moved anything at all; how well is judged for each device."""
    known = taken.watts[np.isfinite(taken.watts)]
    return (
        bool(known.size)
        and abs(taken.asked_w) >= LEAST_STEP_W
        and (float(known[-1]) - taken.from_w) / taken.asked_w > FOLLOWS_AT_ALL
    )


def registers(asset: Asset, snapshot: Snapshot) -> dict[PointId, float | None]:
    """What the setpoints of an asset's devices read now."""
    control = control_of(asset)
    return {point_id(device, control): snapshot.usable(point_id(device, control)) for device in asset.devices}


async def _read(asset: Asset, place: Place) -> dict[PointId, float | None]:
    """The registers once each of them is read; a single answer may be lost."""
    end_s = place.now_s() + BACK_S
    unread = blind(asset, asset.devices, place.members)
    while place.now_s() < end_s:
        values = registers(asset, place.snapshot())
        if all(value is not None for point, value in values.items() if device_of(point) not in unread):
            break
        await place.pass_time(LOOK_S)
    return registers(asset, place.snapshot())


def _drawn(asset: Asset, device: str, bench: Recorder, going: Going) -> Drawn:
    """What a device drew at rest, in the last step, and draws now."""
    point = power_point(asset, device)
    now_w = bench.snapshot().usable(point)
    if going.rest is None or not going.taken:
        return Drawn(device, None, None, now_w)
    rest_s, held_s = going.rest.step.hold_s, going.taken[-1].step.hold_s
    rest_end_s, held_end_s = going.begun_s[0], going.begun_s[-1] + held_s
    rest_w = bench.samples.mean(point, rest_end_s - rest_s * (1.0 - SETTLED), rest_end_s)
    held_w = bench.samples.mean(point, held_end_s - held_s * (1.0 - SETTLED), held_end_s)
    return Drawn(device, rest_w, held_w, now_w)


async def give_back(asset: Asset, place: Place, before: Mapping[PointId, float | None]) -> None:
    """Release every device; one that keeps what it is told, and read otherwise before, is told that again."""
    control, now_s = control_of(asset), place.now_s()
    await place.write([Command(device, control, None, REASON, now_s, now_s + LEASE_S) for device in asset.devices])
    await _until_back(asset, place, before)
    again = _as_before(asset, place, before) if place.exact else []
    if again:
        with suppress(Unsafe):  # what must not be written now stays as the device's own controller has it
            await place.write(again)
            await _until_back(asset, place, before)


async def _until_back(asset: Asset, place: Place, before: Mapping[PointId, float | None]) -> None:
    begin_s = place.now_s()
    while (now_s := place.now_s()) < begin_s + BACK_S:
        await place.pass_time(LOOK_S)
        off = _off(asset, place, before)
        gone = all(place.snapshot().usable(point_id(one, control_of(asset))) is None for one in off)
        if (not off or (gone and now_s >= begin_s + GONE_S)) and _released(asset, place):
            return


def _released(asset: Asset, place: Place) -> bool:
    """Whether the devices that cannot be read back have been told so, as far as they were told anything else before."""
    last = {one.device: one for one in place.outcomes if one.control == control_of(asset)}
    known = [last[device] for device in blind(asset, asset.devices, place.members) if device in last]
    return all(one.value is None and one.fate is Fate.WRITTEN for one in known)


def _off(asset: Asset, place: Place, before: Mapping[PointId, float | None]) -> list[str]:
    """The devices whose setpoint does not read as it did before."""
    control, snapshot = control_of(asset), place.snapshot()
    found = []
    for device in asset.devices:
        was, now = before[point_id(device, control)], snapshot.usable(point_id(device, control))
        known = place.members[device].profile.controls[control]
        if was is not None and (now is None or abs(now - was) > tolerance_of(known)):
            found.append(device)
    return found


def _as_before(asset: Asset, place: Place, before: Mapping[PointId, float | None]) -> list[Command]:
    """The old values for devices without a timer of their own; the guard may say no."""
    found, name, now_s, snapshot = [], control_of(asset), place.now_s(), place.snapshot()
    for device in _off(asset, place, before):
        if place.members[device].profile.controls[name].keepalive is None:
            asked = Command(device, name, before[point_id(device, name)], REASON, now_s, now_s + LEASE_S)
            if guard.clamp(asked, asset, snapshot).value == asked.value:
                found.append(asked)
    return found
