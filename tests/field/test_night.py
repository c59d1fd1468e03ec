"""F-038: a device that sleeps at night is asleep, not lost; in virtual time, over whole nights."""

import asyncio
import random
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace

import pytest

from emulators.modbus_device import TcpServer
from emulators.unit import Stored
from emulators.unit import Unit as Emulated
from gateway.errors import BusDown, BusTimeout
from gateway.field.bus import Member
from gateway.field.night import LONGEST_S, Night
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.model.image import Image
from gateway.model.point import Unit, point_id
from gateway.model.reading import Cause, Quality
from gateway.model.site import Device
from tests.field import things
from tests.field.fakes import FakeBus
from tests.field.rig import polling, until
from tests.field.virtual import LoopClock, VirtualLoop, run

HOUR_S = 3600.0
WAKE_S = 30.0


class Dark(FakeBus):
    """A line whose inverter can say "not available" instead of its power."""

    dark = False

    async def read(self, device, batch):
        fetched = await super().read(device, batch)
        if not (self.dark and device == "pv"):
            return fetched
        names = self.batches(device)[batch].points
        gone = [name == "pv.power" for name in names]
        return type(fetched)(
            [None if one else value for one, value in zip(gone, fetched.values, strict=True)],
            [Quality.INVALID if one else Quality.GOOD for one in gone],
            [Cause.SENTINEL if one else Cause.NONE for one in gone],
            fetched.started_s,
        )


def inverter():
    points = [things.register("pv.power", 0, unit=Unit.WATT), things.register("x.energy", 4)]
    return Member(Device("pv", "test/thing", "line", poll_s=5.0), things.profile(points, sleeps=True))


@asynccontextmanager
async def polled(loop, *members):
    """These devices on one line, polled; the bus, the image's reading of a point, the alarms, the poller."""
    clock, alarms = LoopClock(loop), []
    image = Image(things.specs(*members, stale_after_s=1e9))
    bus = Dark(list(members), clock=clock, answer_s=0.01)
    poller = Poller(
        bus, members, line="line", writer=Writer(members, tell=lambda _: None), image=image, clock=clock,
        on_alarm=alarms.append, rng=random.Random(1),
    )  # fmt: skip
    task = asyncio.create_task(poller.run(), name="poll")

    def reading(name="pv.power", device="pv"):
        return image.snapshot(clock.boot_s()).reading(point_id(device, name))

    try:
        yield SimpleNamespace(bus=bus, reading=reading, alarms=alarms, poller=poller)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def looks(bus, from_s):
    return [at_s for at_s, device, _ in bus.reads if device == "pv" and at_s >= from_s]


async def night(rig, loop, *, hours, fall, rise):
    """Dusk, so many hours of night, dawn; when it woke, and every look at it while it slept."""
    rig.bus.values["pv"]["pv.power"] = -20.0
    await asyncio.sleep(30.0)
    fall()
    began_s = loop.time()
    await asyncio.sleep(hours * HOUR_S)
    asked, cause = looks(rig.bus, began_s), rig.reading().cause
    rig.bus.values["pv"]["pv.power"] = -50.0
    rise()
    return loop.time(), asked, cause


@pytest.mark.fault("F-038")
@pytest.mark.parametrize("how", ["timeout", "line_down", "not_available"])
@pytest.mark.parametrize("hours", [8.6, 10.0])
def test_a_night_of_ten_hours_is_no_fault_costs_a_look_a_minute_and_is_over_within_half_a_minute(how, hours):
    loop = VirtualLoop()

    async def through() -> None:
        async with polled(loop, inverter()) as rig:

            def fall():
                rig.bus.dark = how == "not_available"
                rig.bus.fail = {"timeout": {"pv": BusTimeout}, "line_down": {"pv": BusDown}}.get(how, {})

            def rise():
                rig.bus.dark, rig.bus.fail = False, {}

            await asyncio.sleep(60.0)
            woke_s, asked, cause = await night(rig, loop, hours=hours, fall=fall, rise=rise)
            assert cause is Cause.ASLEEP
            assert len(asked) <= hours * 60.0 + 5.0  # the failures that told are looks too
            while rig.reading().usable != -50.0 or rig.reading("x.energy").usable is None:
                await asyncio.sleep(0.5)
                assert loop.time() - woke_s <= WAKE_S
            assert len(rig.alarms) <= 2
            assert rig.alarms == []

    run(loop, through())


@pytest.mark.fault("F-038")
def test_who_gave_power_just_before_is_lost_not_asleep():
    loop = VirtualLoop()

    async def through() -> None:
        async with polled(loop, inverter()) as rig:
            rig.bus.values["pv"]["pv.power"] = -5000.0
            await asyncio.sleep(60.0)
            rig.bus.fail = {"pv": BusTimeout}
            await asyncio.sleep(60.0)
            assert rig.reading().cause is Cause.OFFLINE
            assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [("device_offline:pv", True)]

    run(loop, through())


@pytest.mark.fault("F-038")
def test_who_is_silent_for_longer_than_any_night_is_lost_and_comes_back():
    loop = VirtualLoop()

    async def through() -> None:
        async with polled(loop, inverter()) as rig:
            await asyncio.sleep(60.0)
            rig.bus.fail = {"pv": BusTimeout}
            await asyncio.sleep(LONGEST_S + 600.0)
            assert rig.reading().cause is Cause.OFFLINE
            rig.bus.fail = {}
            await asyncio.sleep(60.0)
            assert rig.reading().usable == 0.0
            assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [
                ("device_offline:pv", True),
                ("device_offline:pv", False),
            ]

    run(loop, through())


@pytest.mark.fault("F-038")
def test_who_has_no_power_to_show_for_longer_than_any_night_is_told_once():
    loop = VirtualLoop()

    async def through() -> None:
        async with polled(loop, inverter()) as rig:
            await asyncio.sleep(60.0)
            rig.bus.dark = True
            await asyncio.sleep(LONGEST_S + 1200.0)
            assert rig.reading().cause is Cause.SENTINEL
            rig.bus.dark = False
            await asyncio.sleep(120.0)
            assert rig.reading().usable == 0.0
            assert [(alarm.key, alarm.raised) for alarm in rig.alarms] == [
                ("device_offline:pv", True),
                ("device_offline:pv", False),
            ]

    run(loop, through())


@pytest.mark.fault("F-038")
def test_a_sleeper_takes_nothing_from_the_others_on_its_line_and_a_lost_line_is_told():
    loop = VirtualLoop()

    async def through() -> None:
        other = things.thing("meter", unit_id=2, poll_s=5.0)
        async with polled(loop, inverter(), other) as rig:
            await asyncio.sleep(60.0)
            rig.bus.fail = {"pv": BusTimeout}
            began_s = loop.time()
            await asyncio.sleep(HOUR_S)
            polls = [
                at_s for at_s, device, batch in rig.bus.reads if (device, batch) == ("meter", 0) and at_s > began_s
            ]
            assert max(later - earlier for earlier, later in pairwise(polls)) < 7.0
            assert rig.alarms == []
            rig.bus.fail = {"pv": BusDown, "meter": BusDown}
            await asyncio.sleep(30.0)
            assert [alarm.key for alarm in rig.alarms] == ["line_offline:line"]

    run(loop, through())


async def test_over_a_real_socket_what_is_not_available_is_asleep_and_read_again_when_it_is_there():
    points = [things.register("pv.power", 0, invalid=(0xFFFF,)), things.register("x.energy", 4)]
    profile = things.profile(points, sleeps=True)
    shown = Stored({("pv", "pv.power"): 5.0, ("pv", "x.energy"): 7.0})
    server = TcpServer({1: Emulated("pv", profile, shown, lambda: 0.0)})
    port = await server.start()
    member = Member(Device("pv", "test/thing", "line", poll_s=0.05), profile)
    try:
        async with polling((things.tcp(f"127.0.0.1:{port}", timeout_s=2.0), [member])) as rig:
            await until(lambda: rig.reading("pv", "pv.power").usable == 5.0, within_s=40.0)
            shown.values["pv", "pv.power"] = None
            await until(lambda: rig.reading("pv", "pv.power").cause is Cause.ASLEEP, within_s=40.0)
            assert rig.reading("pv", "x.energy").value == 7.0
            shown.values["pv", "pv.power"] = 9.0
            await until(lambda: rig.reading("pv", "pv.power").usable == 9.0, within_s=60.0)
            assert rig.alarms == []
    finally:
        await server.stop()


def test_the_next_night_is_looked_into_from_an_hour_and_a_half_before_the_last_one_ended():
    night = Night()
    night.fall(0.0)
    night.wake(13 * HOUR_S)
    night.fall(24 * HOUR_S)
    waits = {hour: night.next_look_s((24 + hour) * HOUR_S) - (24 + hour) * HOUR_S for hour in (0.1, 1, 11, 11.6, 13)}
    assert waits == {0.1: 60.0, 1: 300.0, 11: 300.0, 11.6: 25.0, 13: 25.0}


def test_a_nap_is_no_night():
    night = Night()
    night.fall(0.0)
    night.wake(600.0)
    night.fall(1000.0)
    assert night.next_look_s(1000.0 + 5 * HOUR_S) == 1000.0 + 5 * HOUR_S + 300.0
