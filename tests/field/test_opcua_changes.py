"""OPC UA servers that change while a session stands: nodes that go and come elsewhere, come late, or turn into something else."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.clock import SystemClock, VirtualClock
from gateway.field import opcua_session
from gateway.field.bus import Member
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_guard import GuardedClient
from gateway.field.opcua_values import reading_of
from gateway.field.tap import Tap
from gateway.model.reading import Cause, Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.field import things
from tests.field.conftest import Peer
from tests.field.rig import polling
from tests.field.rig import until as happens
from tests.field.test_opcua_feed import until
from tests.field.test_opcua_security import named, trusting

SMALL = things.node("small", "Small", Kind.U16, writable=True)


def box(name: str, *points) -> Member:
    return Member(Device(name, "test/thing", "line", poll_s=0.1), things.profile(list(points)))


async def value_of(bus: OpcUaBus, device: str):
    return (await bus.read(device, 0)).values[0]


@pytest.mark.fault("F-043", "F-105")
@pytest.mark.parametrize("subscribe", [False, True], ids=["read", "told"])
async def test_a_program_loaded_while_the_session_stands_is_found_again_its_new_types_too(
    peer: Peer, tmp_path, monkeypatch, subscribe
):
    monkeypatch.setattr(opcua_session, "SEEK_S", 0.2)
    late = box("late", things.node("power", "NoSuchNode", Kind.F64))
    given = named(peer, subscribe=subscribe, timeout_s=2.0)
    papers = trusting(tmp_path / "opcua", peer)
    bus = OpcUaBus(given, [box("thing", SMALL), late], clock=SystemClock(), papers=papers)
    try:
        assert await value_of(bus, "thing") == 5.0
        assert await value_of(bus, "late") is None
        said = bus.trouble()["nodes_missing"]
        assert said.startswith("late: the server has none of its nodes, not even Objects/Thing/NoSuchNode")
        await bus.write("thing", {"small": 6.0})
        peer.say("Small gone")
        await until(lambda: value_of(bus, "thing"), lambda value: value is None)
        peer.say("Small anew Double")
        await until(lambda: value_of(bus, "thing"), lambda value: value == 5.0)
        await bus.write("thing", {"small": 7.0})
        assert peer.lines("WROTE Double")[-1].startswith("WROTE Double")
        await until(lambda: value_of(bus, "thing"), lambda value: value == 7.0)
        peer.say("Small gone")
        peer.say("Small anew Boolean")
        await until(lambda: bus.read("thing", 0), lambda fetched: fetched.causes == [Cause.MISMATCH])
        assert bus.counters["dialled"] == 1
    finally:
        await bus.close()
        peer.say("Small gone")
        peer.say("Small anew")
        await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([1.0, 2.0], ua.VariantType.Double),
        (b"12", ua.VariantType.ByteString),
        (ua.NodeId(5, 0), ua.VariantType.NodeId),
        (ua.LocalizedText("12"), ua.VariantType.LocalizedText),
        (True, ua.VariantType.Boolean),
    ],
)
@pytest.mark.fault("F-042", "F-106")
def test_a_node_that_turned_into_what_is_no_quantity_is_invalid_and_nothing_else(given, kind):
    point = things.node("power", "Power", Kind.F64)
    assert reading_of(point, ua.DataValue(ua.Variant(given, kind))) == (None, Quality.INVALID, Cause.MISMATCH)


class Atlas:
    """A server's answers to who asks where nodes are: those in `there`, and how many were asked for at a time."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.asked: list[int] = []
        self.uaclient = self

    async def get_namespace_array(self) -> list[str]:
        return ["http://opcfoundation.org/UA/", things.URI]

    async def translate_browsepaths_to_nodeids(self, places):
        self.asked.append(len(places))
        names = [one.RelativePath.Elements[-1].TargetName.Name for one in places]
        good, bad = ua.StatusCode(ua.UInt32(0)), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNoMatch))
        return [
            ua.BrowsePathResult(good, [ua.BrowsePathTarget(ua.NodeId(name, 1))])
            if name in self.there
            else ua.BrowsePathResult(bad, [])
            for name in names
        ]

    async def connect(self) -> None:
        """There."""

    async def disconnect(self) -> None:
        """Gone."""

    def disconnect_socket(self) -> None:
        """Gone."""

    def show(self, _tap) -> None:
        """To nobody."""


async def test_nodes_are_sought_a_few_at_a_time_and_missing_ones_again_ever_later(monkeypatch):
    atlas, clock = Atlas(), VirtualClock()

    async def client_for(*_given, **_more):
        return atlas

    monkeypatch.setattr(opcua_session, "client_for", client_for)
    points = [things.node(f"p{at}", f"P{at}", Kind.F64) for at in range(600)]
    bus = OpcUaBus(
        Connection("line", Transport.OPCUA, "opc.tcp://127.0.0.1:4840/"), [box("thing", *points)], clock=clock
    )
    session = bus._session
    await session.ready()
    assert atlas.asked == [250, 250, 100]
    sought_s = []
    for _ in range(700):
        clock.now_s += 1.0
        before = len(atlas.asked)
        await session.ready()
        sought_s += [clock.now_s] * (len(atlas.asked) > before)
    assert sought_s == [10.0, 30.0, 70.0, 150.0, 310.0, 610.0]
    atlas.there = {f"P{at}" for at in range(600)}
    clock.now_s += 300.0
    await session.ready()
    assert (len(session.nodes), bus.counters["nodes_missing"], bus.trouble()) == (600, 0, {})
    asked = len(atlas.asked)
    clock.now_s += 3000.0
    await session.ready()
    assert len(atlas.asked) == asked


@pytest.mark.parametrize(("granted_ms", "checked_s"), [(60_000, 10.0), (1_000, 0.5), (0, 0.25), (3_600_000, 10.0)])
async def test_a_server_that_forgets_sessions_soon_is_spoken_to_before(monkeypatch, granted_ms, checked_s):
    async def create_session(client):
        client.session_timeout = granted_ms

    async def open_secure_channel(client, _renew):
        client.secure_channel_timeout = granted_ms

    monkeypatch.setattr(Client, "create_session", create_session)
    monkeypatch.setattr(Client, "open_secure_channel", open_secure_channel)
    client = GuardedClient("opc.tcp://127.0.0.1:4840/", timeout_s=1.0)
    await client.open_secure_channel()
    await client.create_session()
    assert client._watchdog_intervall == checked_s
    assert client.secure_channel_timeout >= 1_000, "never renewed without a pause"


async def test_the_frames_of_a_session_are_shown_from_when_somebody_looks_into_the_next_session_too(peer, tmp_path):
    bus = OpcUaBus(named(peer), [box("thing", SMALL)], clock=SystemClock(), papers=trusting(tmp_path / "opcua", peer))
    try:
        await value_of(bus, "thing")
        tap = Tap(SystemClock())
        bus.tap(tap)
        await value_of(bus, "thing")
        asked, answered = tap.since(0)
        assert (asked.way, asked.data[:4], answered.way, answered.data[:4]) == ("out", b"MSGF", "in", b"MSGF")
        await bus.close()
        await value_of(bus, "thing")
        ways = [(frame.way, frame.data[:3].decode() or frame.note) for frame in tap.since(answered.number)]
        assert ("note", "the session ended") in ways
        assert [kind for way, kind in ways if way == "out" and kind in ("HEL", "OPN")] == ["HEL", "OPN"]
        assert all(len(frame.data) <= 256 for frame in tap.since(0))
        bus.tap(None)
        seen = tap.since(0)[-1].number
        await value_of(bus, "thing")
        assert tap.since(seen) == []
    finally:
        await bus.close()


@pytest.mark.fault("F-033")
async def test_a_source_whose_clock_is_hours_off_is_frozen_only_when_it_stands_still(monkeypatch):
    clock = VirtualClock()
    bus = OpcUaBus(Connection("line", Transport.OPCUA, "opc.tcp://127.0.0.1:4840/"), [], clock=clock)
    bus.join(box("thing", things.node("power", "Power", Kind.F64, expect_change_s=60.0)))
    node = ua.NodeId("Power", 1)
    server = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    said: dict[str, datetime] = {}

    class Client:
        state = None
        uaclient = protocol = None

    async def ready() -> Client:
        bus._session.nodes = {("thing", "power"): node}
        return Client()

    async def ask(_request):
        good = ua.StatusCode(ua.UInt32(0))
        return [ua.DataValue(ua.Variant(5.0), good, SourceTimestamp=said["source"], ServerTimestamp=server)]

    monkeypatch.setattr(bus._session, "ready", ready)
    monkeypatch.setattr(bus._session, "ask", ask)
    causes = []
    for number in range(200):  # one a second; from 100 on its time stands still
        said["source"] = server - timedelta(hours=8) + timedelta(seconds=min(number, 100) // 10 * 10)
        causes.append((await bus.read("thing", 0)).causes[0])
        clock.now_s += 1.0
    assert causes[:10] == [Cause.FROZEN] * 10, "not known yet whether it lives"
    assert set(causes[10:160]) == {Cause.NONE}
    assert set(causes[160:]) == {Cause.FROZEN}


@pytest.mark.fault("F-040", "U7")
@pytest.mark.parametrize("subscribe", [False, True], ids=["read", "told"])
async def test_a_server_that_hangs_is_offline_soon_and_back_soon(peer: Peer, tmp_path, monkeypatch, subscribe):
    """Both within 15 s, divided by five; every session begins by a goodbye that nobody hears."""
    monkeypatch.setattr(opcua_session, "GOODBYE_S", 0.2)
    factor = 5.0
    given = named(peer, subscribe=subscribe, timeout_s=0.5, connect_timeout_s=2.0)
    bus = OpcUaBus(given, [box("thing", SMALL)], clock=SystemClock(), papers=trusting(tmp_path / "opcua", peer))
    async with polling((bus, [box("thing", SMALL)]), factor=factor) as rig:
        await happens(lambda: rig.reading("thing", "small").usable == 5.0, within_s=20.0)
        os.kill(peer.process.pid, signal.SIGSTOP)
        try:
            took_s = await happens(lambda: rig.reading("thing", "small").cause is Cause.OFFLINE, within_s=20.0)
            assert rig.reading("thing", "small").value is None
        finally:
            os.kill(peer.process.pid, signal.SIGCONT)
        assert took_s <= 15.0 / factor + 1.5
        took_s = await happens(lambda: rig.reading("thing", "small").usable == 5.0, within_s=30.0)
        assert took_s <= 15.0 / factor + 3.0
        keys = [(alarm.key.partition(":")[0], alarm.raised) for alarm in rig.alarms]
        assert len([raised for _, raised in keys if raised]) <= 2
        assert any(alarm.detail for alarm in rig.alarms)
