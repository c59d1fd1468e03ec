"""Scanning emulated lines: who is there, how sure, and that nothing is ever written."""

import asyncio

import pytest

from emulators.bench import Bench, Manner
from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer
from emulators.profile_bench import wiring_of_profiles
from gateway.commission.asker import Asker
from gateway.commission.opcua_scan import Thing
from gateway.commission.scan import Wishes, scan
from gateway.commission.target import Hosts, OpcUa, SerialPort, parse_target, parse_units
from gateway.errors import ProfileError
from gateway.field import pdu
from gateway.field.open import open_line
from gateway.model.site import Connection, Transport
from gateway.profiles.load import profile_names
from gateway.profiles.relations import Sure
from gateway.profiles.schema import Protocol
from gateway.shipped import shipped
from tests.commission.places import READS, Busy, Nobody, load_profile, sunspec, units_of

NAMES = profile_names()
FOLDER = shipped("device_profiles")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("192.168.1.20", Hosts(("192.168.1.20",), (502,), opcua_too=True)),
        ("plc.local:1502", Hosts(("plc.local",), (1502,), opcua_too=False)),
        ("192.168.1.9-11", Hosts(("192.168.1.9", "192.168.1.10", "192.168.1.11"), (502,), opcua_too=True)),
        ("10.0.0.0/30", Hosts(("10.0.0.1", "10.0.0.2"), (502,), opcua_too=True)),
        ("[fe80::1]:502", Hosts(("fe80::1",), (502,), opcua_too=False)),
        ("/dev/ttyUSB0", SerialPort("/dev/ttyUSB0")),
        ("opc.tcp://plc:4840/", OpcUa("opc.tcp://plc:4840/")),
    ],
)
def test_a_target_is_an_address_a_range_a_port_or_an_endpoint(given, expected):
    assert parse_target(given) == expected


@pytest.mark.parametrize("given", ["10.0.0.0/8", "10.0.0.300/24", "192.168.1.20-10", "host:port", "host:0", "", "a b"])
def test_what_is_no_target_is_refused_with_what_to_write(given):
    with pytest.raises(ProfileError):
        parse_target(given)


def test_unit_ids_are_lists_and_ranges():
    assert parse_units("1-3,247, 3") == (1, 2, 3, 247)
    for wrong in ("0-300", "3-1", "x", ""):
        with pytest.raises(ProfileError):
            parse_units(wrong)


def tells(profile, trait) -> bool:
    """Whether a register at the device's own unit id makes more than a guess."""
    return bool(trait.point) and profile.points[trait.point].unit_id is None and trait.sure is not Sure.MAYBE


def identifiable() -> list[str]:
    """Modbus profiles that registers of the device itself can tell surely."""
    return [
        name
        for name in NAMES
        if "\nidentify:" in (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        and load_profile(name).protocol is Protocol.MODBUS
        and any(tells(load_profile(name), trait) for trait in load_profile(name).identify)
    ]


async def scanned(units, profiles, **wishes):
    server = TcpServer({**units, 173: Nobody(), 200: Nobody()})
    port = await server.start()
    try:
        (line,) = await scan(
            Hosts(("127.0.0.1",), (port,), opcua_too=False),
            Wishes(profiles, units=tuple(units), rate_per_s=1e6, deadline_s=10.0, **wishes),
        )
    finally:
        await server.stop()
    return line


async def test_a_device_that_was_silent_once_is_asked_once_more():
    names = ["meter/abb_b23", "battery/acme_200"]
    units = units_of(names, speaks_43=True)
    line = await scanned({1: units[1], 2: Busy(units[2])}, [load_profile(name) for name in names])
    assert [one.unit_id for one in line.findings] == [1, 2]


async def test_scan_names_the_devices_that_registers_tell_and_writes_nothing():
    names = identifiable()
    units = units_of(names, speaks_43=False)
    line = await scanned(units, [load_profile(name) for name in names])
    named = {finding.unit_id: finding.best.profile for finding in line.findings if finding.best}
    wrong = {name: named.get(unit) for unit, name in enumerate(names, start=1) if named.get(unit) != name}
    assert len(wrong) <= 0.05 * len(names), wrong
    assert {function for unit in units.values() for function in unit.functions} <= READS
    assert line.asked >= sum(sum(unit.functions.values()) for unit in units.values())


@pytest.mark.tier_s
async def test_scan_names_every_modbus_device_that_says_its_maker_and_model():
    names = [n for n in NAMES if load_profile(n).protocol is Protocol.MODBUS and not load_profile(n).sunspec_bases]
    units = units_of(names, speaks_43=True)
    line = await scanned(units, [load_profile(name) for name in NAMES])
    named = {finding.unit_id: finding.best.profile for finding in line.findings if finding.best}
    wrong = {name: named.get(unit) for unit, name in enumerate(names, start=1) if named.get(unit) != name}
    assert len(wrong) <= 0.05 * len(names), wrong
    assert {function for unit in units.values() for function in unit.functions} <= READS


async def test_scan_names_a_device_by_what_it_says_of_itself():
    names = ["hvac/abb_acs580", "io/wago_750", "ev_charger/goe_charger"]
    line = await scanned(units_of(names, speaks_43=True), [load_profile(name) for name in names])
    assert [finding.best.profile for finding in line.findings] == names
    assert line.findings[0].said["vendor"] == "ABB"
    assert any("fan.power" in shown for shown in line.findings[0].shown)


@pytest.mark.parametrize(
    ("base", "models", "expected"),
    [
        (40000, (103, 120), "pv/sunspec_inverter"),
        (0, (203,), "meter/sunspec_meter"),
        (50000, (802,), "battery/sunspec_battery"),
    ],
)
async def test_a_sunspec_device_is_known_by_its_models(base, models, expected):
    profiles = [
        load_profile(f"{name}") for name in ("battery/sunspec_battery", "meter/sunspec_meter", "pv/sunspec_inverter")
    ]
    line = await scanned({1: sunspec(base, *models)}, profiles)
    (finding,) = line.findings
    assert [one.profile for one in finding.candidates] == [expected]
    assert finding.said["manufacturer"] == "Fronius"
    assert finding.said["sunspec"] == ", ".join(map(str, (1, *models)))


async def test_what_nothing_tells_is_listed_as_unknown():
    line = await scanned(units_of(["hvac/eas_ech_r32"], speaks_43=False), [load_profile("meter/abb_b23")])
    (finding,) = line.findings
    assert finding.best is None


async def test_a_box_that_ignores_unit_ids_is_listed_once():
    unit = units_of(["meter/abb_b23"], speaks_43=True)[1]
    server = TcpServer(dict.fromkeys(range(256), unit))
    port = await server.start()
    try:
        target = Hosts(("127.0.0.1",), (port,), opcua_too=False)
        (line,) = await scan(target, Wishes([load_profile("meter/abb_b23")], rate_per_s=1e6, deadline_s=5.0))
    finally:
        await server.stop()
    assert (len(line.findings), line.note) == (1, "all_units")


async def test_a_serial_line_is_scanned_at_the_setting_that_answers():
    units = units_of(["meter/abb_b23", "sensor/calectro_ug3"], speaks_43=True)
    server = RtuServer({1: units[1], 7: units[2]}, baud=115200)
    path = await server.start()
    try:
        wishes = Wishes(
            [load_profile("meter/abb_b23"), load_profile("sensor/calectro_ug3")],
            units=(1, 7, 9), deadline_s=0.4, rate_per_s=1e6,
        )  # fmt: skip
        (line,) = await scan(SerialPort(path), wishes)
    finally:
        await server.stop()
    assert {finding.unit_id: finding.best.profile for finding in line.findings} == {
        1: "meter/abb_b23",
        7: "sensor/calectro_ug3",
    }
    assert {function for unit in units.values() for function in unit.functions} <= READS


async def test_an_opcua_server_is_known_by_its_nodes():
    wiring, values = wiring_of_profiles(["hvac/acme_chiller_opcua"])
    bench = Bench(wiring, values, lambda: 0.0, manner=Manner())
    await bench.start()
    try:
        (line,) = await scan(OpcUa(bench.addresses["cooling"]), Wishes([load_profile("hvac/acme_chiller_opcua")]))
    finally:
        await bench.stop()
    (finding,) = line.findings
    assert finding.best is not None
    assert (finding.best.profile, finding.best.sure) == ("hvac/acme_chiller_opcua", Sure.CERTAIN)
    assert dict(finding.params) == {"instance": "Chiller1"}
    assert finding.shown


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("http://opcfoundation.org/UA/Pumps/;PumpType", True), ("pump:PumpType", True), ("PumpType", True),
        ("http://example.org/;PumpType", False), ("FanType", False), ("", False),
    ],
)  # fmt: skip
def test_an_object_is_of_the_type_that_a_profile_names(wanted, expected):
    thing = Thing("P1", "urn:plant", "PumpType", "http://opcfoundation.org/UA/Pumps/")
    assert thing.is_of(wanted) is expected


async def test_nobody_there_is_told_and_not_raised():
    (line,) = await scan(Hosts(("127.0.0.1",), (9,), opcua_too=False), Wishes([]))
    assert (line.findings, line.note) == ((), "closed")
    (line,) = await scan(SerialPort("/dev/no_such_port"), Wishes([]))
    assert line.note == "down"


@pytest.mark.parametrize(
    "query",
    [
        pdu.write_register(1, 0, 1), pdu.write_coil(1, 0, on=True), pdu.write_registers(1, 0, [1]),
        pdu.write_coils(1, 0, [True]), pdu.mask_write(1, 0, and_mask=0, or_mask=0),
        pdu.read_write(1, 0, 1, write_at=0, words=[1]),
    ],
)  # fmt: skip
async def test_what_could_change_something_never_leaves_a_scan(query):
    line = open_line(Connection("tcp", Transport.MODBUS_TCP, "127.0.0.1:9"), units=1)
    with pytest.raises(ProfileError):
        await Asker(line, rate_per_s=1e6).transact(query)


async def test_a_scan_keeps_to_its_rate():
    units = units_of(["sensor/xy_md02"], speaks_43=True)
    server = TcpServer(units)
    port = await server.start()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    try:
        target = Hosts(("127.0.0.1",), (port,), opcua_too=False)
        (line,) = await scan(
            target, Wishes([load_profile("sensor/xy_md02")], units=(1,), rate_per_s=50.0, deadline_s=5.0)
        )
    finally:
        await server.stop()
    assert loop.time() - began_s >= (line.asked - 1) / 50.0
