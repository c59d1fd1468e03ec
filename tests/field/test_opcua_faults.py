"""Faults of an OPC UA line on a real, secured server: black holes while connecting, floods, lost publications, reconnects."""

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import ua

from emulators.faults import FaultProxy
from gateway.clock import SystemClock
from gateway.errors import BusError
from gateway.field import opcua
from gateway.field.opcua import OpcUaBus
from gateway.model.site import Connection, Device
from gateway.profiles.schema import Kind
from gateway.tasks import ended
from tests.field import things
from tests.field.conftest import Peer
from tests.field.test_opcua_security import named, trusting
from tests.footprint import assert_nothing_left, footprint
from tests.needs import program

ROOT = Path(__file__).parents[2]
TICK_S = 0.05


def machine():
    points = [things.node("power", "Power", Kind.F64), things.node("word", "Word", Kind.U16, writable=True)]
    return things.Member(Device("thing", "test/thing", "line", poll_s=0.1), things.profile(points))


async def values_of(bus: OpcUaBus) -> list[float | None]:
    return list((await bus.read("thing", 0)).values)


@asynccontextmanager
async def opened(given: Connection, folder: Path, peer: Peer) -> AsyncIterator[OpcUaBus]:
    bus = OpcUaBus(given, [machine()], clock=SystemClock(), papers=trusting(folder / "opcua", peer))
    try:
        yield bus
    finally:
        await bus.close()


async def back(bus: OpcUaBus) -> list[float | None]:
    """Read until there is a session again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await values_of(bus)
            except BusError:
                await asyncio.sleep(0.02)


@pytest.mark.tier_r
@pytest.mark.fault("F-041", "U6")
def test_no_attempt_to_connect_outlasts_its_deadline_whatever_step_of_it_the_black_hole_swallows(peer, tmp_path):
    """The hole opens before the socket, the channel, the session."""
    way, own = tmp_path / "way", trusting(tmp_path / "opcua", peer)
    near = [program("socat"), f"UNIX-LISTEN:{way},fork", f"TCP:127.0.0.1:{peer.port}"]
    with subprocess.Popen(near) as relay:
        try:
            while not way.exists():
                time.sleep(0.01)
            command = [sys.executable, "-m", "tests.field.opcua_blackhole", str(way), str(peer.papers), str(own)]
            program("ip")
            done = subprocess.run(
                [program("unshare"), "--map-root-user", "--net", *command],
                cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
        finally:
            relay.kill()
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen["took"]) == 6
    assert max(seen["took"]) <= seen["deadline"] + 1.0  # of 20 s compressed
    assert max(seen["back"]) <= seen["deadline"] + 1.0
    assert seen["tasks"] == 0
    assert abs(seen["descriptors"]) <= 2


class Losing:
    """Stands before a session's publications: every third with changes never comes; every second of those, though lost,
    counts as acknowledged, so that the server forgets it."""

    def __init__(self, session) -> None:
        self._straight = session.publish
        self._acks: list[ua.SubscriptionAcknowledgement] = []
        self.changes = 0
        self.lost = 0
        self.forgotten = 0
        self.on = True
        session.publish = self.publish

    async def publish(self, acks):
        while True:
            more, self._acks = self._acks, []
            response = await self._straight([*acks, *more])
            message = response.Parameters.NotificationMessage
            if not message.NotificationData:
                return response
            self.changes += 1
            if not self.on or self.changes % 3:
                return response
            acks, self.lost = [], self.lost + 1
            if self.lost % 2 == 0:
                self.forgotten += 1
                ack = ua.SubscriptionAcknowledgement(response.Parameters.SubscriptionId, message.SequenceNumber)
                self._acks = [ack]


@pytest.mark.fault("F-044", "U4")
async def test_a_flood_of_changes_with_publications_lost_on_the_way_costs_neither_memory_nor_ticks_and_every_gap_is_counted(
    peer: Peer, tmp_path, monkeypatch, soak
):
    """5,000 changes a second; what was lost is asked for again, what the server has forgotten is a gap on the record."""
    monkeypatch.setattr(opcua, "SETTLE_S", 0.3)
    late = deque[float]()
    loop = asyncio.get_running_loop()

    async def ticking() -> None:
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            late.append(loop.time() - due_s)

    async with opened(named(peer, subscribe=True, timeout_s=5.0), tmp_path, peer) as bus, asyncio.timeout(120):
        counted = bus.counters
        while not counted["nodes_watched"]:
            await values_of(bus)
        losing, before, bursts = Losing(bus._session.client.uaclient.session), footprint(), 0
        canary = asyncio.create_task(ticking())
        while bursts < (100 if soak else 5) or losing.forgotten < 2:
            bursts += 1
            peer.say("Power first 500")
            await asyncio.sleep(0.1)
            await values_of(bus)
        losing.on = False
        peer.say("Power 77")
        while (await values_of(bus))[0] != 77.0 or _gaps(bus) < losing.lost:  # noqa: ASYNC110 - each look is a read
            await asyncio.sleep(0.05)
        peer.say("Power 12.5")
        await ended(canary)
    assert counted["publications_lost"] == losing.forgotten  # gap records = real gaps
    assert counted["publications_repeated"] == losing.lost - losing.forgotten
    assert footprint().rss_mb - before.rss_mb <= 20.0
    assert sorted(late)[int(0.99 * (len(late) - 1))] <= 1.2 * 0.25


def _gaps(bus: OpcUaBus) -> int:
    return bus.counters["publications_lost"] + bus.counters["publications_repeated"]


@pytest.mark.fault("F-045", "U6")
async def test_reconnects_to_an_opcua_server_leave_nothing_behind(peer: Peer, tmp_path, soak):
    async with AsyncExitStack() as stack:
        proxy = FaultProxy(("127.0.0.1", peer.port))
        port = await proxy.start()
        stack.push_async_callback(proxy.stop)
        given = replace(named(peer, subscribe=True, server_name="127.0.0.1"), address=f"opc.tcp://127.0.0.1:{port}/")
        bus = await stack.enter_async_context(opened(given, tmp_path, peer))

        async def again() -> None:
            dialled = bus.counters["dialled"]
            async with asyncio.timeout(20):
                while not bus.counters["nodes_watched"] or bus._feed is None:
                    await back(bus)
            proxy.reset()
            while bus.counters["dialled"] == dialled:
                await back(bus)
                await asyncio.sleep(0.01)

        for _ in range(2):
            await again()
        before = footprint()
        for _ in range(100 if soak else 5):
            await again()
        assert_nothing_left(before, footprint())
