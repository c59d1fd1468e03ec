"""The emulated OPC UA server, asked by asyncua's client."""

import asyncio
import time
from dataclasses import replace

import pytest
import pytest_asyncio
from asyncua import Client, ua

from emulators.bench import free_port
from emulators.opcua_device import OpcUaServer
from emulators.scenario import LineSpec
from emulators.unit import Stored
from gateway.clock import SystemClock
from gateway.errors import BusRefused, ProfileError
from gateway.field.bus import Member
from gateway.field.opcua import OpcUaBus
from gateway.field.points import member_of
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.load import load_profile
from tests.profiles.made import made

PROFILE = load_profile("hvac/acme_chiller_opcua")
URI = "urn:vpp-gateway:acme:chiller"
PUMP = """\
ua: {namespaces: {p: "urn:tests:pump"}, root: ["p:Pump"]}
defaults: {type: f64}
points:
  motor.speed: {path: ["p:Speed"], call: ["p:SetSpeed"], unit: rpm}
  x.running: {path: ["p:On"], type: bool, call: {0: ["p:Stop"], 1: ["p:Start"]}}
"""
"""A device that is set by methods only."""
BOX = """\
params: {instance: {default: "s=Line1.Box", doc: node id of the box}}
ua: {namespaces: {b: "urn:tests:box"}, root: [{namespace: b, param: instance, node: true}]}
defaults: {type: f64}
points:
  frequency: {path: ["b:Frequency"], unit: Hz}
  x.power: {path: [{node: "b:s=Line1.Power"}], unit: W, sign: import}
  x.count: {path: [{node: "b:i=42"}], type: u32, unit: "1", access: rw}
  x.gone: {path: [{node: "b:i=43"}], type: u32, unit: "1"}
"""
"""A device whose nodes have no names that can be browsed for, as program variables of controllers."""
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
        | {("pump", "motor.speed"): 900.0, ("pump", "x.running"): 1.0}
        | {("box", "frequency"): 50.0, ("box", "x.power"): 700.0, ("box", "x.count"): 3.0}
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory):
    """One server for all tests: its start takes seconds."""
    values = stored()
    pump = made(tmp_path_factory.mktemp("profiles"), PUMP)
    begin_s = time.monotonic()
    machines = [
        (Device(f"chiller{number}", PROFILE.name, "cooling", params={"instance": f"Chiller{number}"}), PROFILE)
        for number in (1, 2)
    ]
    machines.append((Device("pump", pump.name, "cooling"), pump))
    box = made(tmp_path_factory.mktemp("boxes"), BOX)
    there = replace(box, points={name: point for name, point in box.points.items() if name != "x.gone"})
    machines.append((Device("box", box.name, "cooling"), there))
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


async def test_nodes_are_found_by_their_ids_and_below_a_node_that_the_site_names(running, tmp_path):
    values, client, _ = running
    box = made(tmp_path, BOX)
    line = Connection("line", Transport.OPCUA, client.server_url.geturl(), timeout_s=4.0, connect_timeout_s=8.0)
    members = [
        member_of(Device(name, box.name, "line", params=params), {box.name: box})
        for name, params in (("box", {}), ("wrong", {"instance": "s=Line2.Box"}))
    ]
    bus = OpcUaBus(line, members, clock=SystemClock())

    async def read(device):
        return dict(zip(bus.batches(device)[0].points, (await bus.read(device, 0)).values, strict=True))

    assert await read("box") == {"frequency": 50.0, "x.power": 700.0, "x.count": 3.0, "x.gone": None}
    assert await read("wrong") == {"frequency": None, "x.power": 700.0, "x.count": 3.0, "x.gone": None}
    await bus.write("box", {"x.count": 5.0})
    assert values.values["box", "x.count"] == 5.0
    assert bus.counters["nodes_missing"] == 3
    await bus.close()
    with pytest.raises(ProfileError, match="'Line2' is no node id"):
        member_of(Device("box", box.name, "line", params={"instance": "Line2"}), {box.name: box})


async def test_a_device_that_is_set_by_methods_is_set_through_its_profile(running, tmp_path):
    values, client, _ = running
    pump = made(tmp_path, PUMP)
    line = Connection("line", Transport.OPCUA, client.server_url.geturl(), timeout_s=4.0, connect_timeout_s=8.0)
    bus = OpcUaBus(line, [Member(Device("pump", pump.name, "line"), pump)], clock=SystemClock())
    assert (await bus.read("pump", 0)).values == [900.0, 1.0]
    await bus.write("pump", {"motor.speed": 1200.0, "x.running": 0.0})
    assert values.values["pump", "motor.speed"] == 1200.0
    assert values.values["pump", "x.running"] == 0.0
    values.write_point = lambda *_: False
    with pytest.raises(BusRefused):
        await bus.write("pump", {"motor.speed": 100.0})
    del values.write_point
    await bus.close()
