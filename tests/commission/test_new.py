"""From a line with devices to a checked site file, by flags and by answers; lines that a running gateway owns."""

import asyncio
import json

import pytest
import typer
from typer.testing import CliRunner

from emulators.modbus_device import TcpServer
from gateway.cli.completed import write_completed
from gateway.cli.new import new
from gateway.cli.scan import scan
from gateway.commission.interview import KINDS, asset_lines, possible_assets
from gateway.commission.owned import Line, without
from gateway.commission.proposal import Placed, free_name
from gateway.commission.target import parse_target
from gateway.config import schema_of
from gateway.config.assets import NEEDS
from gateway.config.read import load_site
from tests.commission.places import Nobody, load_profile, units_of

CLASSES = ["--class", "meter", "--class", "battery", "--class", "lighting"]


async def run(command, *arguments: str, said: str = ""):
    app = typer.Typer()
    app.command()(command)
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), input=said, env={"GATEWAY_LANG": "en"})


@pytest.fixture(autouse=True)
def _shipped_files_are_read_once(monkeypatch):
    monkeypatch.setattr("gateway.profiles.load.load_profile", load_profile)


@pytest.fixture
async def endpoint():
    units = units_of(["meter/abb_b23", "battery/acme_200", "lighting/acme_dimmer"], speaks_43=True)
    server = TcpServer({**units, 173: Nobody(), 200: Nobody()})
    yield f"127.0.0.1:{await server.start()}"
    await server.stop()


async def test_one_command_makes_a_sound_site_file(endpoint, tmp_path):
    site = tmp_path / "tower.yaml"
    result = await run(
        new, str(site), "--scan", endpoint, "--units", "1-3", *CLASSES, "--timezone", "Asia/Shanghai",
        "--asset", "battery=200/200/400", "--max-import-kw", "1000", "--yes",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    made = load_site(site)
    assert {name: device.profile for name, device in made.devices.items()} == {
        "meter": "meter/abb_b23", "battery": "battery/acme_200", "lighting": "lighting/acme_dimmer",
    }  # fmt: skip
    assert (made.id, made.meter) == ("tower", "meter")
    assert made.assets["battery"].detail.energy_wh == 400_000.0


async def test_a_box_of_several_chargers_is_proposed_as_a_charger_each_and_they_are_a_fleet(tmp_path):
    units = units_of(["meter/abb_b23", "ev_charger/phoenix_charx"], speaks_43=True)
    server = TcpServer({**units, 173: Nobody(), 200: Nobody()})
    port = await server.start()
    site = tmp_path / "depot.yaml"
    try:
        result = await run(
            new, str(site), "--scan", f"127.0.0.1:{port}", "--units", "1-2", "--class", "meter", "--class", "ev_charger",
            "--timezone", "Asia/Shanghai", "--asset", "ev_fleet=88", "--max-import-kw", "200", "--yes",
        )  # fmt: skip
    finally:
        await server.stop()
    assert result.exit_code == 0, result.output
    made = load_site(site)
    assert made.assets["ev_fleet"].devices == ("ev_charger1", "ev_charger2", "ev_charger3", "ev_charger4")
    assert {made.devices[name].profile for name in made.assets["ev_fleet"].devices} == {
        f"ev_charger/phoenix_charx@connector{number:02}" for number in range(1, 5)
    }


async def test_without_flags_it_asks_and_asks_again(endpoint, tmp_path):
    site = tmp_path / "house.yaml"
    answers = [
        "Big House",
        "house",
        "Asia/Shanghai",
        endpoint,
        "",
        "200",
        "many",
        "200",
        "400",
        "",
        "1000",
        "vpp.example",
        "mqtt://vpp.example",
        "meter",
    ]
    result = await run(new, str(site), "--units", "1-2", *CLASSES, said="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    made = load_site(site)
    assert (made.id, list(made.assets), made.links["vpp"].url) == ("house", ["battery"], "mqtt://vpp.example")


async def test_a_file_that_is_there_is_left_alone(tmp_path):
    site = tmp_path / "tower.yaml"
    site.write_text("mine")
    result = await run(new, str(site), "--yes")
    assert (result.exit_code, site.read_text()) == (2, "mine")


async def test_scan_shows_what_it_is_and_writes_the_proposal(endpoint, tmp_path):
    site = tmp_path / "found.yaml"
    result = await run(
        scan, endpoint, "--units", "1-3", *CLASSES, "--out", str(site), "--state", str(tmp_path / "state")
    )
    assert result.exit_code == 0, result.output
    assert "meter/abb_b23" in result.output
    assert "0 writes" in result.output
    assert load_site(site).meter == "meter"


@pytest.mark.parametrize(
    ("target", "line", "left"),
    [
        ("192.168.1.20", Line("plant", "modbus_tcp", "192.168.1.20:502"), None),
        ("192.168.1.20", Line("plant", "modbus_tcp", "192.168.1.20"), None),
        ("192.168.1.20:1502", Line("plant", "modbus_tcp", "192.168.1.20:502"), "192.168.1.20:1502"),
        ("192.168.1.20", Line("cooling", "opcua", "opc.tcp://192.168.1.20:4840/ua"), None),
        ("/dev/ttyUSB0", Line("rtu", "modbus_rtu", "/dev/../dev/ttyUSB0"), None),
        ("/dev/ttyUSB1", Line("rtu", "modbus_rtu", "/dev/ttyUSB0"), "/dev/ttyUSB1"),
        ("opc.tcp://plc:4840/", Line("cooling", "opcua", "opc.tcp://plc"), None),
        ("192.168.1.20-22", Line("plant", "modbus_tcp", "192.168.1.21:502"), "some"),
    ],
)
def test_a_line_that_a_running_gateway_owns_is_not_scanned(target, line, left):
    wanted = parse_target(target)
    free, taken = without(wanted, [line])
    if left is None:
        assert (free, taken) == (None, [line])
    elif left == "some":
        assert free is not None
        assert free.hosts == ("192.168.1.20", "192.168.1.22")
    else:
        assert (free, taken) == (parse_target(left), [])


def test_what_an_asset_needs_is_what_a_site_file_asks():
    assert {kind: (needed.points, (needed.control,)) for kind, needed in KINDS.items()} == dict(NEEDS)


def test_batteries_are_assets_of_their_own_and_fans_are_a_group():
    profiles = {name: load_profile(name) for name in ("battery/acme_200", "hvac/abb_acs580")}
    devices = [
        Placed("b1", "battery/acme_200", "tcp", 1), Placed("b2", "battery/acme_200", "tcp", 2),
        Placed("f1", "hvac/abb_acs580", "rtu", 1), Placed("f2", "hvac/abb_acs580", "rtu", 2),
    ]  # fmt: skip
    possible = possible_assets(devices, profiles)
    assert [(one.id, one.devices) for one in possible] == [("b1", ("b1",)), ("b2", ("b2",)), ("fans", ("f1", "f2"))]
    assert asset_lines(possible[2], [15.0, 30.0]) == (
        "  fans: {kind: fans, devices: [f1, f2], min_kw: 0, max_kw: 15, rated_kw: 15, min_speed_pct: 30}"
    )


@pytest.mark.parametrize(
    ("wanted", "taken", "expected"),
    [("meter", [], "meter"), ("meter", ["meter"], "meter2"), ("ev1", ["ev1", "ev2"], "ev3"), ("1 Büro", [], "d1_b_ro")],
)
def test_names_are_lawful_and_free(wanted, taken, expected):
    assert free_name(wanted, taken) == expected


@pytest.mark.parametrize(("folder", "line"), [(None, "./profile.schema.json"), ("..", "../profile.schema.json")])
def test_what_is_written_has_its_schema_beside_it_and_its_line_on_top(tmp_path, folder, line):
    file = tmp_path / "meter" / "acme_m1.yaml"
    file.parent.mkdir()
    write_completed(file, "schema: 1\n", kind="profile", folder=folder and file.parent / folder)
    head, *rest = file.read_text(encoding="utf-8").splitlines()
    assert (head, rest) == (f"# yaml-language-server: $schema={line}", ["schema: 1"])
    assert json.loads((file.parent / line).read_text(encoding="utf-8")) == schema_of("profile")
