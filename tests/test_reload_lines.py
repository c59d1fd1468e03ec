"""Devices join and leave a line that is worked meanwhile, in whatever state it is; the image is laid out anew."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import SystemClock
from gateway.errors import BusDown, BusTimeout
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality, Reading
from tests.field import things
from tests.field.fakes import FakeBus
from tests.field.rig import polling, until

NAMES = ["a", "b", "c"]


def named(name: str):
    member = things.thing()
    return replace(member, device=replace(member.device, id=name))


class Joined(FakeBus):
    """A line of several devices; `hang` holds every answer back."""

    def __init__(self, names: list[str]) -> None:
        super().__init__([named(name) for name in names], clock=SystemClock())
        self.answers = asyncio.Event()
        self.answers.set()

    def join(self, member) -> None:
        self._members[member.id] = member
        self.values[member.id] = dict.fromkeys(member.profile.points, 7.0)

    async def _answer(self, device: str) -> None:
        await self.answers.wait()
        await super()._answer(device)


def respec(rig, names: list[str], anew: set[str]) -> None:
    rig.image.respec(things.specs(*(named(name) for name in names), stale_after_s=60.0), anew=anew)
    rig.pollers[0].replan()


async def left(rig, names: list[str]) -> None:
    await rig.pollers[0].leave(names)
    for name in names:
        rig.writer.leave(name)


def join(rig, names: list[str]) -> None:
    for name in names:
        rig.writer.join(named(name))
    rig.pollers[0].join([named(name) for name in names])


async def test_a_device_leaves_when_its_request_is_over_and_not_before():
    bus = Joined(NAMES)
    async with polling((bus, [named(name) for name in NAMES])) as rig:
        await until(lambda: all(map(rig.pollers[0].heard, NAMES)), within_s=5.0)
        bus.answers.clear()
        asked = len(bus.reads)
        await until(lambda: len(bus.reads) > asked, within_s=5.0)
        leaving = asyncio.create_task(left(rig, ["b", "c"]))
        await asyncio.sleep(0.05)
        assert not leaving.done()
        bus.answers.set()
        await asyncio.wait_for(leaving, 5.0)
        respec(rig, ["a"], set())
        asked = len(bus.reads)
        await until(lambda: len(bus.reads) > asked + 2, within_s=8.0)
        assert {device for _, device, _ in bus.reads[asked:]} == {"a"}
        assert not rig.pollers[0].online("b")


@pytest.mark.parametrize("failure", [BusDown, BusTimeout])
async def test_devices_change_on_a_line_that_is_dead_and_come_with_it(failure):
    bus = Joined(NAMES)
    bus.fail = dict.fromkeys(NAMES, failure)
    async with polling((bus, [named(name) for name in NAMES])) as rig:
        await until(lambda: any(alarm.raised for alarm in rig.alarms), within_s=10.0)
        await left(rig, ["b", "c"])
        respec(rig, ["a", "d"], {"d"})
        join(rig, ["d"])
        bus.fail = {}
        await until(lambda: rig.pollers[0].heard("a") and rig.pollers[0].heard("d"), within_s=10.0)
        assert rig.reading("d", "state").value == 7.0
        await until(lambda: standing(rig) == set(), within_s=10.0)


def standing(rig) -> set[str]:
    """The alarms that stand."""
    last = {alarm.key: alarm.raised for alarm in rig.alarms}
    return {key for key, raised in last.items() if raised}


async def test_a_device_that_came_and_went_before_it_was_asked_leaves_nothing_behind():
    bus = Joined(["a"])
    async with polling((bus, [named("a")])) as rig:
        await until(lambda: rig.pollers[0].heard("a"), within_s=5.0)
        respec(rig, ["a", "b"], {"b"})
        join(rig, ["b"])
        await left(rig, ["b"])
        respec(rig, ["a", "b"], {"b"})
        join(rig, ["b"])
        await until(lambda: rig.pollers[0].heard("b"), within_s=5.0)
        rig.command("b", 5.0)
        await until(lambda: bus.values["b"]["limit"] == 5.0, within_s=5.0)


READING = st.one_of(
    st.builds(Reading, st.floats(-1e9, 1e9), st.just(Quality.GOOD), st.just(Cause.NONE), st.floats(0, 100)),
    st.builds(Reading, st.none(), st.just(Quality.INVALID), st.just(Cause.OFFLINE), st.floats(0, 100)),
)
POINTS = st.lists(st.sampled_from([point_id(device, name) for device in NAMES for name in "xyz"]), unique=True)


@given(before=POINTS, after=POINTS, anew=st.sets(st.sampled_from(NAMES)), data=st.data())
def test_an_image_laid_out_anew_keeps_the_readings_of_what_stays(before, after, anew, data):
    image = Image([PointSpec(point, Unit.WATT, 1e9) for point in before])
    posted = {point: data.draw(READING) for point in before}
    for point, reading in posted.items():
        image.post(point, reading)
    earlier, heard = image.snapshot(100.0), []
    for point in before:
        image.on_post(point, heard.append)
    image.respec([PointSpec(point, Unit.WATT, 1e9) for point in after], anew=anew)
    now = image.snapshot(100.0)
    assert list(now.points()) == after
    for point in after:
        kept = point in posted and point.partition("/")[0] not in anew
        assert now.reading(point).cause is (posted[point].cause if kept else Cause.NEVER_READ)
        assert now.reading(point).value == (posted[point].value if kept else None)
        image.post(point, Reading(1.0, Quality.GOOD, Cause.NONE, 100.0))
    assert heard == [point for point in after if point in before], "who listened to a point that stays still does"
    assert [earlier.reading(point) for point in before] == list(posted.values()), "what was taken before is as it was"
