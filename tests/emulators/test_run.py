"""`python -m emulators.run` as a process: site file, records, an end at SIGTERM."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from emulators.lines import wiring_of
from emulators.serving import Origin
from gateway.clock import SystemClock, VirtualClock
from gateway.config import load_site
from gateway.shipped import shipped

ROOT = Path(__file__).parents[2]
SHED = """
scenario: {id: shed, site: shed.site.yaml}
load: {file: building_lbnl_rmv2/baseline_2006_hourly.csv, start: 198d, mean_kw: 600}
plant:
  building: {capacity_kw: 200, noise_share: 0.02, step_loads: 12, step_share: [0.03, 0.1], step_wait_s: 1440}
  meter: {device: pcc, gain_error_pct: 0.5, resolution_kw: 0.1, sample_s: 1}
lines:
  meter: {poll_s: 1, delay_s: [0, 0.5], lost_share: 0, refused_share: 0, ignored_share: 0}
upstream: {declared_blocks: 3}
"""
SHED_SITE = """
site: {id: shed, timezone: Asia/Shanghai, meter: pcc}
connections: {pcc: {modbus_tcp: "127.0.0.1:5020"}}
devices: {pcc: {profile: meter/abb_b23, on: pcc, unit_id: 1}}
limits: {max_import_kw: 1800, max_export_kw: 0}
links: {vpp: {mqtt: "mqtt://127.0.0.1:1883"}}
"""


@pytest.fixture
def shed(tmp_path):
    """A scenario with a meter only."""
    (tmp_path / "shed.site.yaml").write_text(SHED_SITE)
    (tmp_path / "shed.yaml").write_text(SHED)
    return str(tmp_path / "shed.yaml")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "emulators.run", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.timeout(60)
def test_a_bench_serves_writes_its_site_file_and_ends_cleanly_at_sigterm(tmp_path):
    origin_s = SystemClock().boot_s() - 100.0
    process = start("demo_tower", "--out", str(tmp_path), "--plant-csv", "--ledger", "--origin", str(origin_s))
    path = Path(process.stdout.readline().strip())
    assert path == tmp_path / "demo_tower.site.yaml", process.stderr.read()
    site = load_site(path)
    assert site.services.demand_response.history == tmp_path / "history.csv"
    host, port = site.connections["pcc"].address.split(":")
    with ModbusTcpClient(host, port=int(port), timeout=3, retries=3) as client:
        words = client.read_holding_registers(0x5B14, count=2, device_id=1).registers
    power_w = client.convert_from_registers(words, client.DATATYPE.INT32) / 100.0
    assert 800_000.0 < power_w < 1_600_000.0
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
    with (tmp_path / "plant.csv").open() as file:
        rows = [(float(row["t_s"]), float(row["true_site_w"])) for row in csv.DictReader(file)]
    times = [t_s for t_s, _ in rows]
    assert times == sorted(times)
    assert max(later - earlier for earlier, later in zip(times[-8:], times[-7:], strict=False)) < 0.5
    assert times[-1] > 100.0, "the run's second 0 is the origin handed over"
    with (tmp_path / "devices.csv").open() as file:
        assert any(row["device"] == "pcc" and row["outcome"] == "read" for row in csv.DictReader(file))
    process.stdout.close()
    process.stderr.close()


@pytest.mark.timeout(60)
def test_before_the_origin_the_plant_stands_at_the_run_s_begin(tmp_path, shed):
    out = tmp_path / "out"
    process = start(
        shed, "--out", str(out), "--plant-csv", "--origin", str(SystemClock().boot_s() + 3600.0),
        "--load-start", str(199.0 * 86_400.0 + 50_400.0),
    )  # fmt: skip
    site = load_site(Path(process.stdout.readline().strip()))
    with ModbusTcpClient("127.0.0.1", port=int(site.connections["pcc"].address.split(":")[1]), timeout=3) as client:
        words = client.read_holding_registers(0x5B14, count=2, device_id=1).registers
    assert client.convert_from_registers(words, client.DATATYPE.INT32) / 100.0 > 800_000.0, "14:00, not midnight"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert (out / "plant.csv").read_text() == "t_s,true_site_w\n"
    process.stdout.close()
    process.stderr.close()


@pytest.mark.timeout(60)
def test_a_port_that_is_taken_ends_with_two_and_names_it(tmp_path, shed):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(shed, "--out", str(tmp_path / "out"), "--base-port", str(port))
        _, error = process.communicate(timeout=40)
    assert process.returncode == 2
    assert str(port) in error
    assert "Traceback" not in error


@pytest.mark.timeout(60)
def test_bare_profiles_are_served_from_their_vectors_with_a_site_file_that_passes(tmp_path):
    own = tmp_path / "own" / "battery"
    own.mkdir(parents=True)
    text = (shipped("device_profiles") / "battery/acme_200.yaml").read_text()
    (own / "my_cell.yaml").write_text(text.replace("id: acme.200", "id: my.cell"))
    process = start(
        "battery/acme_200", "battery/acme_200", str(own / "my_cell.yaml"), "sensor/xy_md02", "--out", str(tmp_path),
        "--fault", "device=sensor,fault=busy",
    )  # fmt: skip
    path = Path(process.stdout.readline().strip())
    assert path == tmp_path / "bench.site.yaml", process.stderr.read()
    site = load_site(path)
    assert {device.id: device.unit_id for device in site.devices.values()} == {
        "pcc": 1, "battery01": 2, "battery02": 3, "battery03": 4, "sensor": 5,
    }  # fmt: skip
    assert site.devices["battery03"].profile == "battery/my_cell"
    assert {asset.max_w for asset in site.assets.values()} == {200_000.0}
    port = int(site.connections["bench"].address.split(":")[1])
    with ModbusTcpClient("127.0.0.1", port=port, timeout=3) as client:
        assert client.read_holding_registers(102, count=1, device_id=2).registers == [505]
        client.write_registers(200, [0, 1000], device_id=3)
        assert client.read_holding_registers(200, count=2, device_id=3).registers == [0, 1000]
        assert client.read_input_registers(1, count=1, device_id=5).exception_code == 6
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["meter/abb_b32"], "meter/abb_b23"),
        (["demo_tower", "battery_ful"], "battery_full"),
        (["meter/abb_b23", "--fault", "device=pcc,fault=lat"], "write late"),
        (["meter/abb_b23", "--fault", "device=pc,fault=late"], "write pcc"),
    ],
)
def test_a_profile_or_a_fault_that_is_not_there_ends_with_two_and_the_nearest(arguments, expected):
    process = start(*arguments)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert expected in error
    assert "Traceback" not in error


@pytest.mark.parametrize("arguments", [["demo_towr"], ["/nowhere/at/all.yaml"]])
def test_a_scenario_that_is_not_there_ends_with_two_and_says_so(arguments):
    process = start(*arguments)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "demo_tow" in error or "cannot be read" in error


def test_the_written_site_file_keeps_everything_but_the_addresses():
    wiring = wiring_of(ROOT / "emulators" / "scenarios" / "no_battery.site.yaml")
    moved = wiring.moved({line.connection.id: f"127.0.0.1:{4000 + n}" for n, line in enumerate(wiring.lines)})
    assert moved["devices"] == wiring.data["devices"]
    assert moved["assets"] == wiring.data["assets"]
    assert moved["connections"]["pcc"] == {"modbus_tcp": "127.0.0.1:4000"}
    assert wiring.data["connections"]["pcc"] != moved["connections"]["pcc"]


@pytest.mark.parametrize(
    ("origin_s", "begin_in_s", "took_s", "expected_s"),
    [
        (None, 0.0, 8.0, 108.0),  # emulated devices alone begin at once
        (None, 12.0, 2.0, 114.0),
        (None, 12.0, 30.0, 175.0),  # a busy machine: the gateway, too, will be slow to start
        (50.0, 12.0, 30.0, 50.0),
    ],
)
def test_a_run_begins_when_the_others_too_can_be_up(origin_s, begin_in_s, took_s, expected_s):
    clock = VirtualClock(boot_s=100.0)
    origin = Origin(clock, origin_s, begin_in_s)
    clock.now_s += took_s
    assert origin.now_s() == (0.0 if origin_s is None else 100.0 + took_s - origin_s)  # what is up early waits
    origin.begin()
    assert origin.boot_s == expected_s
    assert origin.now_s() == clock.now_s - expected_s
