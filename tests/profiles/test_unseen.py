"""Devices that do not ship, written from their manuals' register tables in YAML alone: what the schema can say is enough."""

import math
import shutil
from pathlib import Path

import pytest

from emulators.bench import Bench, Manner
from emulators.profile_bench import wiring_of_profiles
from gateway.cli.check import problems_of
from gateway.clock import SystemClock
from gateway.config import check_site
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.model.site import Connection, Transport
from gateway.profiles.frames import for_device
from gateway.profiles.load import load_profile_file, profile_names
from gateway.profiles.places import inputs_of
from gateway.profiles.schema import Set

FOLDER = Path(__file__).parent / "unseen"
FILES = sorted(path for path in FOLDER.glob("*/*.yaml") if not path.name.endswith(".vectors.yaml"))
UNSEEN = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
METER = "meter/abb_b23"


@UNSEEN
def test_a_profile_of_a_device_that_does_not_ship_and_its_vectors_are_sound(path):
    assert f"{path.parent.name}/{path.stem}" not in profile_names()
    assert problems_of(path)[0] == []
    assert problems_of(path.with_name(f"{path.stem}.vectors.yaml"))[0] == []


@UNSEEN
def test_what_a_table_of_registers_says_needs_no_more_than_yaml(path):
    assert {file.suffix for file in path.parent.iterdir()} == {".yaml"}
    assert len(path.read_text(encoding="utf-8").splitlines()) < 120


@UNSEEN
async def test_the_emulated_device_is_read_over_a_real_socket_as_it_shows(path):
    wiring, values = wiring_of_profiles([METER, str(path)])
    bench = Bench(wiring, values, lambda: 0.0, manner=Manner())
    await bench.start()
    try:
        device = next(device for line in wiring.lines for device in line.devices if device.profile != METER)
        profile = for_device(wiring.profiles[device.id], device.params)
        line = Connection("bench", Transport.MODBUS_TCP, bench.addresses["bench"], timeout_s=40.0)
        bus = open_bus(line, [Member(device, profile)], clock=SystemClock())
        batches = list(bus.batches(device.id))
        for number in sorted(range(len(batches)), key=lambda number: batches[number].every != "slow"):
            fetched = await bus.read(device.id, number)
            for name, value in zip(batches[number].points, fetched.values, strict=True):
                if inputs_of(profile.points[name]):
                    continue  # not whole before the others were read
                shown = values.read(device.id, name)
                assert math.isclose(value, shown, rel_tol=1e-3, abs_tol=abs(profile.points[name].factor)), name
        await bus.close()
    finally:
        await bench.stop()


@pytest.mark.parametrize(
    ("name", "asset"),
    [
        (
            "battery/solax_x3_hybrid_g4",
            "kind: battery, device: d, max_charge_kw: 10, max_discharge_kw: 10, energy_kwh: 12",
        ),
        ("hvac/ebmpapst_ec_fan", "kind: fans, devices: [d], min_kw: 0, max_kw: 3, rated_kw: 3, min_speed_pct: 20"),
    ],
)
def test_such_a_device_is_an_asset_of_a_site_that_keeps_its_profile_beside_its_file(tmp_path, name, asset):
    shutil.copytree(FOLDER, tmp_path / "device_profiles")
    path = tmp_path / "site.yaml"
    path.write_text(
        "site: {id: s, timezone: Asia/Shanghai, meter: pcc}\n"
        'connections: {l: {modbus_tcp: "127.0.0.1:5020"}}\n'
        f"devices: {{pcc: {{profile: {METER}, on: l}}, d: {{profile: {name}, on: l, unit_id: 2}}}}\n"
        f"assets: {{a: {{{asset}}}}}\n",
        encoding="utf-8",
    )
    assert check_site(path)[1] == []


def test_a_number_of_the_site_stands_in_the_steps_once_the_profile_is_a_devices():
    profile = load_profile_file(FOLDER / "battery" / "solax_x3_hybrid_g4.yaml")
    written = [
        for_device(profile, params).controls["battery.power.setpoint"].apply[0]
        for params in ({}, {"installer_code": 6868})
    ]
    assert written == [Set((("x.unlock", 2014.0),)), Set((("x.unlock", 6868.0),))]
