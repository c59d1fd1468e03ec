"""OPC UA: status, names, types, a server that restarts with its namespaces in another order."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.clock import SystemClock
from gateway.errors import BusError, BusRefused
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_values import reading_of
from gateway.model.reading import Cause, Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.contracts.test_bus import free_port
from tests.field import things

ROOT = Path(__file__).parents[2]
POWER = things.node("power", "Power", Kind.F64, expect_change_s=60.0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def server(port: int, *uris: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(ROOT / "tests/field/opcua_server.py"), str(port), *uris]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        try:
            yield process
        finally:
            process.kill()


def value(number: float | None, status: int = 0, *, behind_s: float = 0.0) -> ua.DataValue:
    variant = None if number is None else ua.Variant(number, ua.VariantType.Double)
    times: dict[str, Any] = {"SourceTimestamp": NOW - timedelta(seconds=behind_s), "ServerTimestamp": NOW}
    return ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), **times)


@pytest.mark.fault("F-042")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (value(5.0), (5.0, Quality.GOOD, Cause.NONE)),
        (value(5.0, StatusCodes.BadSensorFailure), (None, Quality.INVALID, Cause.SOURCE)),
        (value(5.0, StatusCodes.UncertainLastUsableValue), (5.0, Quality.UNCERTAIN, Cause.SOURCE)),
        (value(None), (None, Quality.INVALID, Cause.SENTINEL)),
        (value(float("nan")), (None, Quality.INVALID, Cause.SENTINEL)),
        (value(5.0, behind_s=59), (5.0, Quality.GOOD, Cause.NONE)),
        (value(5.0, behind_s=61), (5.0, Quality.UNCERTAIN, Cause.FROZEN)),
    ],
)
def test_status_and_source_time_become_quality(given, expected):
    assert reading_of(POWER, given) == expected


def machine():
    points = [
        POWER,
        things.node("running", "Running", Kind.BOOL, writable=True),
        things.node("limit", "Limit", Kind.F32, writable=True),
        things.node("broken", "Broken", Kind.F64),
        things.node("word", "Word", Kind.U16, writable=True),
        things.node("absent", "NoSuchNode", Kind.F64, writable=True),
    ]
    return things.Member(Device("thing", "test/thing", "line"), things.profile(points))


async def told_by_itself(bus: OpcUaBus) -> int:
    """Read until the values come from the subscription; how many nodes it watches."""
    async with asyncio.timeout(20):
        while True:
            fetched = await bus.read("thing", 0)
            if bus.counters["nodes_watched"] and fetched.took_s == 0.0:
                assert fetched.values[0] == 12.5
                return bus.counters["nodes_watched"]
            await asyncio.sleep(0.05)


@pytest.mark.fault("F-039", "F-042", "F-043")
async def test_nodes_are_found_by_name_after_a_restart_with_the_namespaces_in_another_order():
    port = free_port()
    connection = Connection(
        "line", Transport.OPCUA, f"opc.tcp://127.0.0.1:{port}/", timeout_s=1.0, connect_timeout_s=5.0
    )
    bus = OpcUaBus(connection, [machine()], clock=SystemClock())
    told = OpcUaBus(replace(connection, subscribe=True), [machine()], clock=SystemClock())
    names = bus.batches("thing")[0].points

    async def read() -> dict[str, tuple[float | None, Quality, Cause]]:
        got = await bus.read("thing", 0)
        return dict(zip(names, zip(got.values, got.qualities, got.causes, strict=True), strict=True))

    expected = {
        "power": (12.5, Quality.UNCERTAIN, Cause.SOURCE),
        "running": (1.0, Quality.GOOD, Cause.NONE),
        "limit": (50.0, Quality.GOOD, Cause.NONE),
        "broken": (None, Quality.INVALID, Cause.SOURCE),
        "word": (7.0, Quality.GOOD, Cause.NONE),
        "absent": (None, Quality.INVALID, Cause.SOURCE),
    }
    with server(port, "urn:tests:other", things.URI) as process:
        assert await read() == expected
        watched = await told_by_itself(told)
        await bus.write("thing", {"limit": 30.5, "running": 0.0, "word": 8.0})
        assert process.stdout is not None
        assert [process.stdout.readline().split() for _ in range(3)] == [
            ["WROTE", "Float", "None"],
            ["WROTE", "Boolean", "None"],
            ["WROTE", "UInt16", "None"],
        ]
        with pytest.raises(BusRefused, match="no such node"):
            await bus.write("thing", {"absent": 1.0})
    with pytest.raises(BusError):
        await bus.read("thing", 0)
    with pytest.raises(BusError):
        await told.read("thing", 0)  # what was told is of a session that is no more
    with server(port, things.URI, "urn:tests:other"):
        assert await read() == expected
        assert await told_by_itself(told) == watched == 5
        await bus.close()
        await told.close()
