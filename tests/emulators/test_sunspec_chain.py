"""An emulated SunSpec device over a real socket: SunSpec's own client and our bus read the whole chain, and agree."""

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from emulators.bench import Bench, Manner
from emulators.profile_bench import wiring_of_profiles
from emulators.sunspec_chain import chained, speaks_sunspec
from gateway.clock import SystemClock
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.model.site import Connection, Transport
from gateway.profiles.frames import for_device
from gateway.profiles.load import profile_names
from tests.test_profiles import profile_of

QUICK = ["pv/sunspec_inverter", "meter/sunspec_meter", "battery/fronius_gen24"]
SLOW = ["pv/fronius_symo", "battery/sunspec_battery", "battery/kaco_gridsave"]
FIXED = ["pv/solaredge_se", "battery/solaredge_hybrid"]
"""Of fixed addresses, with the headers of a chain round them."""


def soak(*names):
    return [pytest.param(name, marks=pytest.mark.tier_s) for name in names]


@asynccontextmanager
async def served(name):
    """One device of this profile; its host and port, and the values behind it."""
    wiring, values = wiring_of_profiles([name] if name.startswith("meter/") else ["meter/abb_b23", name])
    bench = Bench(wiring, values, lambda: 0.0, manner=Manner())
    await bench.start()
    try:
        line = next(line for line in wiring.lines if line.connection.id == "bench")
        yield bench.addresses["bench"], line.devices[-1], values
    finally:
        await bench.stop()


def models_of(address, unit):
    """What SunSpec's own client finds: model -> its points that are implemented."""
    client = pytest.importorskip("sunspec2.modbus.client", reason="needs pysunspec2")
    host, port = address.split(":")
    device = client.SunSpecModbusClientDeviceTCP(slave_id=unit, ipaddr=host, ipport=int(port), timeout=40)
    try:
        device.scan()
        found = {number: models[0] for number, models in device.models.items() if isinstance(number, int)}
        return {
            number: {name: point.cvalue for name, point in model.points.items() if point.cvalue is not None}
            for number, model in found.items()
        }
    finally:
        device.close()


@pytest.mark.parametrize("name", [*QUICK, FIXED[0], *soak(*SLOW, FIXED[1])])
async def test_sunspecs_own_client_walks_the_whole_chain(name):
    profile = profile_of(name)
    async with served(name) as (address, device, _):
        found = await asyncio.to_thread(models_of, address, device.unit_id)
    assert found[1]["Mn"]
    for trait in profile.identify:
        wanted = dict(trait.objects) if trait.source == "sunspec" else {}
        assert found[1]["Mn"].startswith(wanted.get("manufacturer", ""))
    for point in profile.points.values():
        assert not point.sunspec or {one.model for one in point.sunspec} & set(found), point.name


@pytest.mark.parametrize("name", [*QUICK, *soak(*SLOW)])
async def test_our_bus_reads_of_every_point_what_the_device_shows(name):
    async with served(name) as (address, device, values):
        connection = Connection("line", Transport.MODBUS_TCP, address, timeout_s=40.0)
        profile = for_device(profile_of(name), device.params)
        bus = open_bus(connection, [Member(device, profile)], clock=SystemClock())
        for number, batch in enumerate(bus.batches(device.id)):
            fetched = await bus.read(device.id, number)
            for point, value in zip(batch.points, fetched.values, strict=True):
                shown, spec = values.read(device.id, point), profile.points[point]
                if spec.derived is not None:
                    continue
                inside = (spec.low is None or shown >= spec.low) and (spec.high is None or shown <= spec.high)
                assert value is not None or not inside, point
                assert value is None or math.isclose(value, shown, rel_tol=0.01, abs_tol=1.0), point
        await bus.close()


async def test_sunspecs_own_client_and_our_profile_mean_the_same_and_a_limit_it_writes_is_read_by_us():
    async with served("pv/sunspec_inverter") as (address, device, values):
        found = await asyncio.to_thread(models_of, address, device.unit_id)
        inverter = found[103]
        assert inverter["W"] == -values.read(device.id, "pv.power")
        assert inverter["Hz"] == pytest.approx(values.read(device.id, "frequency"))
        assert found[123]["WMaxLimPct"] == pytest.approx(values.read(device.id, "pv.power.limit.percent"))

        def limit() -> None:
            client = pytest.importorskip("sunspec2.modbus.client", reason="needs pysunspec2")
            host, port = address.split(":")
            one = client.SunSpecModbusClientDeviceTCP(
                slave_id=device.unit_id, ipaddr=host, ipport=int(port), timeout=10
            )
            one.scan()
            point = one.models[123][0].points["WMaxLimPct"]
            point.cvalue = 42.5
            point.write()
            one.close()

        await asyncio.to_thread(limit)
        assert values.read(device.id, "pv.power.limit.percent") == pytest.approx(42.5)


def test_an_exponent_is_as_small_as_the_greatest_value_allows():
    battery = profile_of("battery/sunspec_battery")
    small = chained(battery, "b", lambda _: 1.0).profile.points["battery.power.max.charge"].factor
    large = chained(battery, "b", lambda _: 5e6).profile.points["battery.power.max.charge"].factor
    assert (small, large) == (1.0, 100.0)


def test_what_a_profile_does_not_name_is_not_implemented():
    chain = chained(profile_of("meter/sunspec_meter"), "m", lambda _: 0.0)
    assert (chain.words[40000], chain.words[40001]) == (0x5375, 0x6E53)
    assert list(chain.words.values()).count(0x8000) > 10
    assert chain.words[max(chain.words) - 1] == 0xFFFF


@pytest.mark.tier_s
def test_every_device_type_that_speaks_sunspec_is_tried_here():
    speaking = {name for name in profile_names() if speaks_sunspec(profile_of(name))}
    assert speaking == {*QUICK, *SLOW, *FIXED}
