"""What every Bus promises: one suite over the fake and over each real transport."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.clock import SystemClock
from gateway.errors import BusDown, BusError, BusTimeout
from gateway.field.bus import Bus, Member
from gateway.field.open import open_bus
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.field import things
from tests.field.certificates import certificate, server_context
from tests.field.fakes import FakeBus
from tests.field.peers import PtyPeer, TcpPeer

TIMEOUT_S = 0.3
ROOT = Path(__file__).parents[2]


@dataclass
class Rig:
    """A bus with one device `thing`: points state, limit (writable), word (writable)."""

    bus: Bus
    start: dict[str, float]
    silence: Callable[[bool], None]
    gone: Bus
    """The same kind of bus with nobody at the other end."""
    member: Member
    """The device."""


def register_member() -> Member:
    return things.thing("thing")


def node_member() -> Member:
    points = [
        things.node("state", "State", Kind.U16),
        things.node("limit", "Limit", Kind.F32, writable=True),
        things.node("word", "Word", Kind.U16, writable=True),
    ]
    return Member(Device("thing", "test/thing", "line"), things.profile(points))


@asynccontextmanager
async def fake() -> AsyncIterator[Rig]:
    def bus(failure=None) -> FakeBus:
        made = FakeBus([register_member()], clock=SystemClock(), answer_s=0.01)
        made.values["thing"].update(state=101.0, limit=110.0, word=111.0)
        made.fail = {"thing": failure} if failure else {}
        return made

    rigged = bus()

    def silence(on: bool) -> None:
        rigged.fail = {"thing": BusTimeout} if on else {}

    yield Rig(rigged, {"state": 101, "limit": 110, "word": 111}, silence, bus(BusDown), register_member())


@asynccontextmanager
async def modbus(transport: Transport) -> AsyncIterator[Rig]:
    pty = transport is Transport.MODBUS_RTU
    folder = Path(tempfile.mkdtemp(prefix="papers-"))
    security: dict[str, Any] = {}
    tls = None
    if transport is Transport.MODBUS_TLS:
        authority = certificate(folder, "authority")
        for name in ("device", "gateway"):
            certificate(folder, name, authority)
        security = {"ca_file": folder / "authority.crt", "cert_file": folder / "gateway.crt"}
        security["key_file"] = folder / "gateway.key"
        tls = server_context(folder, "device", clients="authority")
    peer = PtyPeer() if pty else TcpPeer(rtu=transport is Transport.MODBUS_RTU_TCP, tls=tls)
    silent = False
    straight = peer.script
    peer.script = lambda asked: [] if silent else straight(asked)
    if isinstance(peer, PtyPeer):
        peer.start()
    else:
        await peer.start()

    def silence(on: bool) -> None:
        nonlocal silent
        silent = on

    def bus(address: str) -> Bus:
        times = {"timeout_s": TIMEOUT_S, "connect_timeout_s": 1.0}
        connection = Connection("line", transport, address, baud=115200, **times, **security)
        return open_bus(connection, [register_member()], clock=SystemClock())

    gone = bus("/dev/no-such-port" if pty else f"127.0.0.1:{free_port()}")
    rigged = bus(peer.path if isinstance(peer, PtyPeer) else peer.address)
    try:
        yield Rig(rigged, {"state": 101, "limit": 110, "word": 111}, silence, gone, register_member())
    finally:
        await rigged.close()
        if isinstance(peer, PtyPeer):
            peer.stop()
        else:
            await peer.stop()
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def opcua_server() -> Iterator[Server]:
    """One server for the module: asyncua takes seconds to build its address space."""
    port = free_port()
    command = [sys.executable, str(ROOT / "tests/field/opcua_server.py"), str(port), "urn:tests:other", things.URI]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        yield Server(f"opc.tcp://127.0.0.1:{port}/", process)
        process.kill()


@asynccontextmanager
async def opcua(server: Server) -> AsyncIterator[Rig]:
    def bus(url: str) -> Bus:
        connection = Connection("line", Transport.OPCUA, url, timeout_s=1.0, connect_timeout_s=5.0)
        return open_bus(connection, [node_member()], clock=SystemClock())

    def silence(on: bool) -> None:
        os.kill(server.process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    rigged = bus(server.url)
    await rigged.write("thing", {"limit": 50.0, "word": 7.0})
    try:
        gone = bus(f"opc.tcp://127.0.0.1:{free_port()}/")
        yield Rig(rigged, {"state": 3, "limit": 50, "word": 7}, silence, gone, node_member())
    finally:
        silence(False)
        await rigged.close()


KINDS = ("fake", "modbus_tcp", "modbus_rtu", "modbus_rtu_tcp", "modbus_tls", "opcua")


@pytest_asyncio.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "fake":
        made = fake()
    elif request.param == "opcua":
        made = opcua(request.getfixturevalue("opcua_server"))
    else:
        made = modbus(Transport(request.param))
    async with made as rigged:
        yield rigged


async def value_of(bus: Bus, point: str, *, device: str = "thing") -> float | None:
    for number, batch in enumerate(bus.batches(device)):
        if point in batch.points:
            fetched = await bus.read(device, number)
            return fetched.values[batch.points.index(point)]
    raise AssertionError(point)


async def test_the_batches_read_every_point_once_and_decoded(rig):
    read = {}
    for number, batch in enumerate(rig.bus.batches("thing")):
        before_s = SystemClock().boot_s()
        fetched = await rig.bus.read("thing", number)
        assert before_s <= fetched.started_s <= SystemClock().boot_s()
        assert len(batch.points) == len(fetched.values) == len(fetched.qualities) == len(fetched.causes)
        assert set(fetched.qualities) == {Quality.GOOD}
        for point, value in zip(batch.points, fetched.values, strict=True):
            assert point not in read
            read[point] = value
    assert rig.start.items() <= read.items()


async def test_what_is_written_is_read_back(rig):
    await rig.bus.write("thing", {"limit": 77.0})
    assert await value_of(rig.bus, "limit") == 77.0
    await rig.bus.write("thing", {"limit": 12.0, "word": 9.0})
    assert (await value_of(rig.bus, "limit"), await value_of(rig.bus, "word")) == (12.0, 9.0)


async def test_bits_are_changed_and_the_others_kept(rig):
    word = int(rig.start["word"])
    await rig.bus.change_bits("thing", "word", set_bits=0b1000_0000, clear_bits=0b1)
    assert await value_of(rig.bus, "word") == word & ~1 | 0b1000_0000


async def test_a_device_joins_and_leaves_over_the_connection_that_stands(rig):
    assert await value_of(rig.bus, "state") == rig.start["state"]
    dialled = rig.bus.counters["dialled"]
    rig.bus.join(replace(rig.member, device=replace(rig.member.device, id="twin")))
    assert await value_of(rig.bus, "state", device="twin") == rig.start["state"]
    await rig.bus.write("twin", {"limit": 31.0})
    assert await value_of(rig.bus, "limit", device="twin") == 31.0
    rig.bus.leave("twin")
    with pytest.raises(KeyError):
        rig.bus.batches("twin")
    assert await value_of(rig.bus, "state") == rig.start["state"]
    assert rig.bus.counters["dialled"] == dialled


async def test_silence_is_a_timeout_and_the_bus_recovers_by_itself(rig):
    assert await value_of(rig.bus, "state") == rig.start["state"]
    rig.silence(True)
    with pytest.raises(BusTimeout):
        await value_of(rig.bus, "state")
    with pytest.raises(BusError):
        await rig.bus.write("thing", {"limit": 1.0})
    rig.silence(False)
    for _ in range(5):
        try:
            assert await value_of(rig.bus, "state") == rig.start["state"]
            break
        except BusError:
            await asyncio.sleep(0.1)
    else:
        pytest.fail("did not recover")


async def test_a_peer_that_is_not_there_is_bus_down_for_reads_and_writes(rig):
    with pytest.raises(BusDown):
        await rig.gone.read("thing", 0)
    with pytest.raises(BusDown):
        await rig.gone.write("thing", {"limit": 1.0})
    await rig.gone.close()


async def test_a_closed_bus_dials_again(rig):
    assert await value_of(rig.bus, "limit") == rig.start["limit"]
    await rig.bus.close()
    await rig.bus.close()
    assert await value_of(rig.bus, "limit") == rig.start["limit"]


async def test_a_cancelled_read_leaves_nothing_for_the_next_one(rig):
    assert await value_of(rig.bus, "limit") == rig.start["limit"]
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(value_of(rig.bus, "state"), name="cancelled")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
    assert reading.cancelled()
    assert await value_of(rig.bus, "limit") == rig.start["limit"]
    assert await value_of(rig.bus, "state") == rig.start["state"]
