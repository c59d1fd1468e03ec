"""The comparison with other gateways: everybody's points are counted alike, configurations fit, marks judge."""

import json
from pathlib import Path

import pytest

from benchmarks.peers.load import Load, NotInstalled
from benchmarks.peers.node_red.start import flow_of
from benchmarks.peers.payloads import OURS, PLAIN, THINGSBOARD, counted, firsts
from benchmarks.peers.runs import Run
from benchmarks.peers.table import Row, rows, show
from benchmarks.peers.thingsboard.start import devices_of, single, wide
from gateway.model.point import PointId
from gateway.wire.telemetry import batch_payload

VALUES = [10.0 * 7 + at for at in range(60)]
OURS_MESSAGE = batch_payload(
    "box",
    1,
    [(at + 1, PointId(f"m0003/x.value{at:03d}"), value / 10, "good", 1, False) for at, value in enumerate(VALUES)],
)
PLAIN_MESSAGE = json.dumps({"device": "m0003", "values": VALUES}).encode()
WIDE_MESSAGE = json.dumps(
    {"m0003": [{"ts": 1, "values": {f"v0{2 * at}": value for at, value in enumerate(VALUES)}}]}
).encode()


@pytest.mark.parametrize(
    ("topic", "payload"),
    [(OURS, OURS_MESSAGE), (PLAIN + "m0003", PLAIN_MESSAGE), (THINGSBOARD, WIDE_MESSAGE)],
    ids=["ours", "plain", "thingsboard"],
)
def test_every_gateways_message_counts_its_points_and_tells_the_turn_of_the_first(topic, payload):
    assert counted(topic, payload) == 60
    assert list(firsts(topic, payload)) == [("m0003", 7)]


@pytest.mark.parametrize("topic", ["v1/gateway/connect", "vpp/v1/bench/status", "v1/devices/me/telemetry"])
def test_what_is_no_telemetry_of_the_meters_counts_nothing(topic):
    assert counted(topic, b'{"device":"m0003","v0":1}') == 0


def a_load(folder: Path) -> Load:
    return Load({"m0000": 1502, "m0001": 1503, "pcc": 1504}, 60, 0.5, 1883, folder)


def test_the_flow_has_its_nodes_once_a_meter_and_every_wire_leads_to_one(tmp_path):
    flow = list(flow_of(a_load(tmp_path)))
    ids = [node["id"] for node in flow]
    assert len(ids) == len(set(ids)) == 2 + 2 * 4
    wired = {target for node in flow for output in node.get("wires", []) for target in output}
    assert wired | {node["server"] for node in flow if "server" in node} <= set(ids)
    assert {node["tcpPort"] for node in flow if node["type"] == "modbus-client"} == {"1502", "1503"}
    assert {node["rate"] for node in flow if node["type"] == "modbus-read"} == {"500"}


@pytest.mark.parametrize(("items", "requests"), [(wide, 1), (single, 60)])
def test_thingsboards_devices_ask_for_every_register(tmp_path, items, requests):
    load = a_load(tmp_path)
    devices = list(devices_of(load, items(load.points)))
    assert [device["port"] for device in devices] == [1502, 1503]
    assert len(devices[0]["timeseries"]) == requests


def a_run(*, cpu_us: float, kept: bool = True) -> Run:
    return Run(1.0, 0.5, cpu_us, 3000.0 if kept else 1000.0, 3000.0, 60.0, 5.0)


def test_a_row_passes_on_the_right_side_of_its_mark_and_says_when_there_is_no_figure():
    verdicts = [
        Row("what", "us", "floor", 3.0, 1.0, 3.0).verdict,
        Row("what", "us", "floor", 3.1, 1.0, 3.0).verdict,
        Row("what", "", "floor", 9.9, 1.0, 10.0, more=True).verdict,
        Row("what", "", "floor", 10.0, 1.0, 10.0, more=True).verdict,
        Row("what", "", "floor", 10.0, None, 10.0).verdict,
    ]
    assert verdicts == ["pass", "MISSED", "MISSED", "pass", "no figure"]


def test_an_absent_peer_keeps_its_rows_with_the_reason():
    runs = {name: [] for name in ("assembled", "node_red", "thingsboard_wide", "thingsboard_point")}
    runs |= {"floor": [a_run(cpu_us=1.0)], "ours": [a_run(cpu_us=2.0)]}
    loads = {name: found if name == "ours" else [] for name, found in runs.items()}
    text = show(rows(runs, loads), {"node_red": "node is missing"}, machine="here")
    assert "Node-RED (node is missing): no figure" in text
    assert "floor: pass" in text


def test_what_a_core_carries_is_the_best_of_all_loads():
    names = ("floor", "ours", "assembled", "node_red", "thingsboard_wide", "thingsboard_point")
    runs = {name: [a_run(cpu_us=10.0)] for name in names}
    loads = {name: [a_run(cpu_us=5.0), a_run(cpu_us=4.0, kept=False)] for name in names}
    found = next(row for row in rows(runs, loads) if row.more)
    assert (found.ours, found.theirs) == (250_000.0, 250_000.0)


def test_a_peer_that_is_not_there_says_so(tmp_path, monkeypatch):
    from benchmarks.peers.thingsboard import start

    monkeypatch.setattr(start, "PYTHON", tmp_path / "none")
    with pytest.raises(NotInstalled):
        start.configured(a_load(tmp_path), items=wide)
