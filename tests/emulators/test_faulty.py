"""The faults an emulated device can have: what its server says then, what its values show, what happens to the device."""

import asyncio
import math
import struct

import pytest
from asyncua import ua
from asyncua.client.client import Client

from emulators.bench import Bench, Manner
from emulators.fault_table import FAULTS, ON_MODBUS, FaultSpec, Timetable, check_faults, parse_fault
from emulators.faulty import FaultyUnit, FaultyValues, absent_of
from emulators.plant import Plant
from emulators.profile_bench import wiring_of_profiles
from emulators.scenario import load_scenario
from emulators.unit import Unit
from gateway.errors import ConfigError
from gateway.profiles.load import load_profile

TARGETS = ("meter/abb_b23", "battery/acme_200", "sensor/xy_md02")
READ_SOC = struct.pack(">BHH", 3, 102, 1)
READ_POWER = struct.pack(">BHH", 3, 100, 2)
WRITE_SETPOINT = struct.pack(">BHHBi", 16, 200, 2, 4, 60_000)  # the device's sign: + discharges
READ_SETPOINT = struct.pack(">BHH", 3, 200, 2)


class Rig:
    """One battery without a plant behind a unit, and its clock."""

    def __init__(self, *specs):
        self.now_s = 0.0
        wiring, self.values = wiring_of_profiles(TARGETS)
        self.values.write_point("battery", "battery.power.setpoint", 0.0)
        faults = Timetable(specs)
        absent = {device: absent_of(profile) for device, profile in wiring.profiles.items()}
        self.shown = FaultyValues(self.values, faults, absent)
        unit = Unit("battery", wiring.profiles["battery"], self.shown, lambda: self.now_s)
        self.unit = FaultyUnit(unit, faults, lambda: self.now_s, deadline_s=1.0)

    def ask(self, pdu, *, at_s):
        self.now_s = at_s
        return self.unit.answer(pdu)

    def setpoint_w(self, *, at_s):
        return -struct.unpack(">i", self.ask(READ_SETPOINT, at_s=at_s).pdu[2:])[0]


def fault(name, start_s=10.0, for_s=20.0, device="battery"):
    return FaultSpec(device, name, start_s, for_s)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_before_and_after_a_fault_everything_is_as_ever(name):
    rig, healthy = Rig(fault(name)), Rig()
    for at_s in (0.0, 9.9, 60.0):
        assert rig.ask(READ_SOC, at_s=at_s) == healthy.ask(READ_SOC, at_s=at_s)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("offline", (None, 0.0, 0, 0)),
        ("hang", (None, 0.0, 0, 0)),
        ("reboot", (None, 0.0, 0, 0)),
        ("late", ("030201f9", 1.3, 0, 0)),
        ("wrong_tid", ("030201f9", 0.0, 1, 0)),
        ("wrong_unit", ("030201f9", 0.0, 0, 1)),
        ("wrong_function", ("040201f9", 0.0, 0, 0)),
        ("short", ("0300", 0.0, 0, 0)),
        ("busy", ("8306", 0.0, 0, 0)),
        ("sentinel", ("0302ffff", 0.0, 0, 0)),
        ("zero", ("03020000", 0.0, 0, 0)),
    ],
)
def test_a_fault_of_the_answer_shows_in_the_frame(name, expected):
    answer = Rig(fault(name)).ask(READ_SOC, at_s=10.0)
    pdu = None if answer.pdu is None else answer.pdu.hex()
    assert (pdu, answer.delay_s, answer.transaction_by, answer.unit_by) == expected


def test_a_reboot_is_silent_for_eight_seconds_and_forgets_the_setpoint():
    rig = Rig(fault("reboot", for_s=None))
    rig.ask(WRITE_SETPOINT, at_s=9.0)
    assert rig.setpoint_w(at_s=9.5) == -60_000
    assert rig.ask(READ_SOC, at_s=17.9).pdu is None
    assert rig.setpoint_w(at_s=18.1) == 0


def test_frozen_readings_stand_while_setpoints_are_taken():
    rig = Rig(fault("frozen"))
    before = rig.ask(READ_POWER, at_s=10.0).pdu
    rig.ask(WRITE_SETPOINT, at_s=11.0)
    assert rig.setpoint_w(at_s=12.0) == -60_000
    assert rig.ask(READ_POWER, at_s=13.0).pdu == before
    rig.ask(WRITE_SETPOINT, at_s=29.0)
    assert rig.ask(READ_POWER, at_s=30.1).pdu != before


def test_an_ignored_write_is_acknowledged_and_not_applied():
    rig = Rig(fault("ignore_writes"))
    assert rig.ask(WRITE_SETPOINT, at_s=10.0).pdu == WRITE_SETPOINT[:5]
    assert rig.setpoint_w(at_s=10.1) == 0


def test_a_dead_asset_reads_back_and_does_not_move_until_it_lives_again():
    rig = Rig(fault("asset_dead"))
    rig.ask(WRITE_SETPOINT, at_s=11.0)
    assert rig.setpoint_w(at_s=11.1) == -60_000
    assert rig.shown.read("battery", "battery.power") == 0.0
    rig.ask(WRITE_SETPOINT, at_s=25.0)
    rig.shown.advance(30.5)
    assert rig.shown.read("battery", "battery.power") == -60_000


def test_a_device_that_reverts_does_so_again_and_again():
    rig = Rig(fault("reverts"))
    for began_s in (10.0, 17.0, 24.0):
        rig.ask(WRITE_SETPOINT, at_s=began_s + 1.0)
        assert rig.setpoint_w(at_s=began_s + 6.9) == -60_000
        assert rig.setpoint_w(at_s=began_s + 7.1) == (0 if began_s < 24.0 else -60_000)


def test_a_setpoint_without_a_plant_reverts_by_its_own_timer():
    rig = Rig()
    rig.ask(WRITE_SETPOINT, at_s=1.0)
    assert rig.setpoint_w(at_s=15.9) == -60_000
    assert rig.setpoint_w(at_s=16.1) == 0


def test_every_point_with_a_value_for_not_available_shows_it():
    for name in ("battery/acme_200", "meter/eastron_sdm630", "hvac/acme_chiller_opcua"):
        profile = load_profile(name)
        absent = absent_of(profile)
        assert absent
        for quantity, value in absent.items():
            point = profile.points[quantity]
            assert (point.invalid or point.codes) if value is None else math.isnan(value)


def test_in_a_plant_a_dead_battery_and_a_dead_charger_keep_their_power():
    scenario = load_scenario("battery_full")
    plant = Plant(scenario.plant, scenario.load(), seed=1)
    assert scenario.plant.fleet is not None
    charger = next(name for name in scenario.plant.fleet.devices if plant.read(name, "ev.power"))
    faults = Timetable([fault("asset_dead", 5.0, 20.0), fault("asset_dead", 5.0, 20.0, charger)])
    FaultyValues(plant, faults, {})
    plant.command("battery", "battery.power.setpoint", 50_000.0)
    plant.advance(5.0)
    drawn_w = plant.read(charger, "ev.power")
    for at_s in (6.0, 12.0, 18.0, 24.0):
        plant.advance(at_s)
        assert plant.command("battery", "battery.power.setpoint", -80_000.0)
        plant.command(charger, "ev.current.limit", 7.0)
    assert plant.read("battery", "battery.power.setpoint") == -80_000.0
    assert plant.read("battery", "battery.power") == 50_000.0
    assert plant.read(charger, "ev.power") == drawn_w
    plant.advance(35.0)
    assert plant.read("battery", "battery.power") == -80_000.0
    assert plant.read(charger, "ev.power") == 7 * 690.0


def test_in_a_plant_a_reboot_releases_every_control():
    scenario = load_scenario("battery_full")
    plant = Plant(scenario.plant, scenario.load(), seed=1)
    FaultyValues(plant, Timetable([fault("reboot", 5.0, None)]), {})
    plant.command("battery", "battery.power.setpoint", 50_000.0)
    plant.advance(4.9)
    assert plant.read("battery", "battery.power") == 50_000.0
    plant.advance(9.0)
    assert plant.read("battery", "battery.power") == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("device=battery,fault=late,start=10s,for=20s", FaultSpec("battery", "late", 10.0, 20.0)),
        ("fault=reboot, device=ev01", FaultSpec("ev01", "reboot", 0.0, None)),
        ("device=battery,fault=lat", "late"),
        ("device=battery", "'fault' is missing"),
        ("device=battery,fault=late,start=soon", "no span of time"),
        ("device=battery,device=pcc,fault=late", "once each"),
        ("battery", "not one of"),
    ],
)
def test_a_fault_of_the_command_line_is_read_or_refused_with_what_to_write(text, expected):
    if isinstance(expected, FaultSpec):
        assert parse_fault(text) == expected
        return
    with pytest.raises(ConfigError, match=expected):
        parse_fault(text)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (fault("late", device="batery"), "write battery"),
        (fault("asset_dead", device="pcc"), "battery or a charger"),
        *((fault(name, device="hvac"), "speaks OPC UA") for name in sorted(ON_MODBUS)),
    ],
)
def test_a_fault_a_device_cannot_have_is_refused(spec, expected):
    with pytest.raises(ConfigError, match=expected):
        check_faults([spec], ["pcc", "battery", "hvac"], steered={"battery"}, framed={"pcc", "battery"})


async def served(*specs, targets=TARGETS, now_s):
    wiring, values = wiring_of_profiles(targets)
    absent = {device: absent_of(profile) for device, profile in wiring.profiles.items()}
    faults = Timetable(specs)
    bench = Bench(wiring, FaultyValues(values, faults, absent), now_s, manner=Manner(faults=faults))
    await bench.start()
    return bench


async def refused(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_an_endpoint_whose_devices_are_all_offline_refuses_connections_and_comes_back():
    now_s = 0.0
    specs = [fault("offline", device=device) for device in ("pcc", "battery", "sensor")]
    bench = await served(*specs, now_s=lambda: now_s)
    port = int(bench.addresses["bench"].rpartition(":")[2])
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        now_s = 10.0
        async with asyncio.timeout(2.0):
            assert await reader.read(1) == b""
        writer.close()
        assert await refused(port)
        now_s = 30.0
        for _ in range(100):
            if not await refused(port):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the endpoint never came back")
    finally:
        await bench.stop()


async def test_a_wrong_transaction_id_and_a_wrong_unit_go_over_the_wire():
    specs = [fault("wrong_tid", 0.0), fault("wrong_unit", 0.0)]
    bench = await served(*specs, now_s=lambda: 1.0)
    try:
        host, _, port = bench.addresses["bench"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(struct.pack(">HHHB", 7, 0, 6, 2) + READ_SOC)
        async with asyncio.timeout(2.0):
            header = await reader.readexactly(7)
        assert struct.unpack(">HHHB", header) == (8, 0, 5, 3)
        writer.close()
    finally:
        await bench.stop()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("offline", "BadNotConnected"), ("late", "BadTimeout"), ("busy", "BadDeviceFailure"), ("sentinel", "nan")],
)
async def test_on_opc_ua_the_status_tells_of_a_fault(name, expected):
    now_s = 0.0
    specs = [fault(name, device="hvac")]
    bench = await served(*specs, targets=("hvac/acme_chiller_opcua",), now_s=lambda: now_s)
    try:
        async with Client(bench.addresses["cooling"]) as client:
            space = await client.get_namespace_index("urn:vpp-gateway:acme:chiller")
            node = await client.nodes.objects.get_child([f"{space}:Chiller1", f"{space}:Power"])
            assert await node.read_value() == 78.5
            now_s = 10.0
            seen = ""
            for _ in range(100):
                value = await node.read_data_value(raise_on_bad_status=False)
                assert value.StatusCode is not None
                assert value.Value is not None
                seen = value.StatusCode.name if value.StatusCode.is_bad() else str(value.Value.Value)
                if seen == expected:
                    break
                await asyncio.sleep(0.02)
            assert seen == expected
            now_s = 30.0
            for _ in range(100):
                value = await node.read_data_value(raise_on_bad_status=False)
                if value.StatusCode == ua.StatusCode() and value.Value == ua.Variant(78.5):
                    return
                await asyncio.sleep(0.02)
            pytest.fail("the machine never came back")
    finally:
        await bench.stop()
