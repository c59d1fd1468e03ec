"""The emulated OPC UA server, asked by asyncua's client."""

import asyncio
import time

import pytest
import pytest_asyncio
from asyncua import Client, ua

from emulators.bench import free_port
from emulators.opcua_device import OpcUaServer
from emulators.scenario import LineSpec
from emulators.unit import Stored
from gateway.model.site import Device
from gateway.profiles.load import load_profile

PROFILE = load_profile("hvac/acme_chiller_opcua")
URI = "urn:vpp-gateway:acme:chiller"
LINE = LineSpec(poll_s=1.0, delay_s=(0.05, 0.1), refresh_s=0.0, lost_share=0.0, refused_share=0.0, ignored_share=0.0)


def stored():
    return Stored(
        {
            (f"chiller{number}", quantity): value
            for number in (1, 2)
            for quantity, value in (
                ("chiller.power", 80_000.0),
                ("chiller.running", 1.0),
                ("chiller.alarm", 0.0),
                ("chiller.water.supply", 7.0),
                ("chiller.water.return", 12.0),
                ("chiller.demand.limit", 100.0),
                ("chiller.enable", 1.0),
            )
        }
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running():
    """One server for all tests: its start takes seconds."""
    values = stored()
    begin_s = time.monotonic()
    machines = [
        (Device(f"chiller{number}", PROFILE.name, "cooling", params={"instance": f"Chiller{number}"}), PROFILE)
        for number in (1, 2)
    ]
    server = OpcUaServer(machines, values, lambda: time.monotonic() - begin_s, line=LINE)
    url = await server.start(free_port())
    client = Client(url, timeout=4)
    await client.connect()
    space = await client.get_namespace_index(URI)

    async def node(machine, name):
        return await client.nodes.objects.get_child([f"{space}:{machine}", f"{space}:{name}"])

    yield values, client, node
    await client.disconnect()
    await server.stop()


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_both_machines_hang_below_objects_with_the_nodes_of_the_profile(running):
    _values, client, node = running
    for number in (1, 2):
        names = [(await node(f"Chiller{number}", point.path[-1].name)) for point in PROFILE.points.values()]
        found = await client.read_attributes(names)
        assert [one.Value.Value for one in found] == [80.0, True, False, 7.0, 12.0, 100.0, True]
        assert found[0].Value.VariantType is ua.VariantType.Double


async def test_a_changed_value_is_shown_by_itself(running):
    values, _, node = running
    power = await node("Chiller2", "Power")
    values.values["chiller2", "chiller.power"] = 65_400.0
    for _ in range(40):
        await asyncio.sleep(0.05)
        if await power.read_value() == 65.4:
            return
    pytest.fail("the new power never showed")


async def test_every_write_reaches_the_plant_even_of_the_same_value(running):
    values, _, node = running
    limit = await node("Chiller1", "DemandLimit")
    taken = []
    values.write_point = lambda *facts: taken.append(facts) or Stored.write_point(values, *facts)
    for percent in (60.0, 60.0, 55.5):
        await limit.write_value(ua.DataValue(ua.Variant(percent, ua.VariantType.Double)))
    del values.write_point
    assert taken == [("chiller1", "chiller.demand.limit", one) for one in (60.0, 60.0, 55.5)]
    assert await limit.read_value() == 55.5


async def test_what_the_machine_changes_itself_is_read_at_once(running):
    values, _, node = running
    limit = await node("Chiller1", "DemandLimit")
    values.values["chiller1", "chiller.demand.limit"] = 100.0
    assert await limit.read_value() == 100.0


async def test_a_refused_write_leaves_the_old_value_standing(running):
    values, _, node = running
    enable = await node("Chiller1", "Enable")
    values.write_point = lambda *_: False
    await enable.write_value(ua.DataValue(ua.Variant(False, ua.VariantType.Boolean)))
    del values.write_point
    assert await enable.read_value() is True


async def test_a_reading_cannot_be_written(running):
    _, _, node = running
    power = await node("Chiller1", "Power")
    with pytest.raises(ua.UaStatusCodeError):
        await power.write_value(ua.DataValue(ua.Variant(1.0, ua.VariantType.Double)))
