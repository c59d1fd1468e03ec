"""Ways to a device beside a plain socket: TLS with certificates on both sides, devices that dial in, several requests at once."""

import asyncio
import socket
import ssl
import struct
import threading
import warnings
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.modbus_device import TcpServer
from emulators.modbus_serialserver import SerialServer
from emulators.unit import Stored, Unit
from gateway.clock import SystemClock
from gateway.errors import BusDown
from gateway.field import names, pdu
from gateway.field.door import MOST_REGISTRATION, Caller, Door, Doors
from gateway.field.open import open_bus, open_line
from gateway.field.packets import Packets
from gateway.model.site import Connection, Transport
from tests.field import things
from tests.field.certificates import certificate, server_context
from tests.field.peers import Asked, TcpPeer, tcp_peer
from tests.field.rig import until

VALUES = {("thing", "power"): 100.0, ("thing", "state"): 1.0, ("thing", "energy"): 7.0}


def served():
    return {1: Unit("thing", things.thing().profile, Stored(VALUES), lambda: 0.0)}


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("papers")
    authority = certificate(folder, "authority")
    certificate(folder, "device", authority)
    certificate(folder, "gateway", authority)
    certificate(folder, "old", authority, days=-1)
    certificate(folder, "stranger")
    return folder


def tls(port: int, papers, *, ca="authority", own="gateway", **more) -> Connection:
    files = {"ca_file": papers / f"{ca}.crt"}
    if own is not None:
        files |= {"cert_file": papers / f"{own}.crt", "key_file": papers / f"{own}.key"}
    return Connection("line", Transport.MODBUS_TLS, f"127.0.0.1:{port}", timeout_s=2.0, **files, **more)


@asynccontextmanager
async def tls_device(papers, name="device"):
    server = TcpServer(served(), tls=server_context(papers, name, clients="authority"))
    try:
        yield await server.start()
    finally:
        await server.stop()


async def test_both_sides_show_certificates_and_values_come_over_tls(papers):
    async with tls_device(papers) as port:
        bus = open_bus(tls(port, papers), [things.thing()], clock=SystemClock())
        fetched = await bus.read("thing", 0)
        assert fetched.values[0] == 100.0
        await bus.close()


@pytest.mark.parametrize(
    ("device", "asked", "why"),
    [
        ("stranger", {}, "self.signed"),
        ("old", {}, "expired"),
        ("device", {"ca": "stranger"}, "self.signed"),
        ("device", {"server_name": "other.example"}, "Hostname mismatch"),
        ("device", {"own": "stranger"}, "does it not trust the one we showed"),
        ("device", {"own": None}, "does it want a certificate of ours"),
    ],
)
async def test_without_a_certificate_somebody_vouches_for_nothing_is_asked(papers, device, asked, why):
    async with tls_device(papers, device) as port:
        line = open_line(tls(port, papers, **asked), units=1)
        with pytest.raises(BusDown, match=why):
            await line.transact(pdu.read(1, 3, 100, 4))
        await line.close()


async def test_a_device_of_yesterday_and_one_without_tls_are_down_with_what_to_do(papers):
    old = server_context(papers, "device", clients="authority")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    for context, why in ((old, "version 1.2 or newer"), (None, "does the device speak plain Modbus TCP")):
        peer = TcpPeer(tls=context)
        await peer.start()
        line = open_line(tls(peer.port, papers, connect_timeout_s=0.5), units=1)
        with pytest.raises(BusDown, match=why):
            await line.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1))
        assert peer.ledger == []
        await peer.stop()


async def test_the_name_in_a_certificate_may_be_another_than_the_address(papers):
    async with tls_device(papers) as port:
        line = open_line(tls(port, papers, server_name="device"), units=1)
        assert len(await line.transact(pdu.read(1, 3, 100, 4))) == 8
        await line.close()


def calling(address: str = "127.0.0.1:0", **more) -> Connection:
    return Connection("line", Transport.MODBUS_RTU_TCP, address, timeout_s=0.5, dials_in=True, **more)


@asynccontextmanager
async def waiting(*connections):
    """Buses whose devices dial in, the door they share, and its port."""
    doors = Doors()
    buses = [open_bus(one, [things.thing()], clock=SystemClock(), doors=doors) for one in connections]
    door = doors.at(connections[0].address)
    await door.open()
    try:
        yield buses, door
    finally:
        for bus in buses:
            await bus.close()
        doors.close()
        await asyncio.sleep(0)


async def test_devices_that_dial_in_are_known_by_what_they_send_first():
    first, second = calling(registration=b"DTU-1"), calling(registration=b"\x00\xaa", heartbeat=b"beat")
    async with waiting(first, second) as ((one, two), door):
        near, far = SerialServer(served()), SerialServer({1: Unit("thing", things.thing().profile,
            Stored(VALUES | {("thing", "power"): 200.0}), lambda: 0.0)})  # fmt: skip
        far_call = await far.call(door.port, b"\x00\xaa")
        await near.call(door.port, b"DTU-1")
        assert (await one.read("thing", 0)).values[0] == 100.0
        far_call.say(b"beat")
        assert (await two.read("thing", 0)).values[0] == 200.0
        await near.stop()
        await far.stop()


BEAT, REGISTRATION = b"\xfe\x01", b"DTU-0017"


def reply(tid: int, *words: int) -> bytes:
    data = struct.pack(f">BBB{len(words)}H", 1, 3, 2 * len(words), *words)
    return struct.pack(">HHH", tid, 0, len(data)) + data


@pytest.mark.fault("F-110")
@given(
    parts=st.lists(
        st.sampled_from([BEAT, REGISTRATION, reply(7, 1), reply(0xFE01, 0xFE01, 5), reply(0x4454, 0x552D)]), max_size=8
    ),
    cuts=st.lists(st.integers(3, 40), max_size=8),
)
def test_heartbeats_are_taken_out_from_between_frames_and_never_out_of_one(parts, cuts):
    stream, packets, passed = b"".join(parts), Packets((BEAT, REGISTRATION)), b""
    at = 0
    for size in [*cuts, len(stream)]:
        passed += packets.without(stream[at : at + size])
        at += size
    frames = b"".join(part for part in parts if part not in (BEAT, REGISTRATION))
    assert passed == frames


def test_what_is_neither_frame_nor_packet_is_handed_on_so_that_the_connection_ends():
    assert Packets((BEAT,)).without(b"GET / HTTP/1.1") == b"GET / HTTP/1.1"


async def test_a_device_that_calls_again_is_asked_on_its_newest_call():
    async with waiting(calling(registration=b"DTU-1")) as ((bus,), door):
        device = SerialServer(served())
        await device.call(door.port, b"DTU-1")
        await bus.read("thing", 0)
        older = set(device.connections)
        await device.call(door.port, b"DTU-1")
        await until(lambda: device.connections.isdisjoint(older), within_s=2.0)
        assert (await bus.read("thing", 0)).values[0] == 100.0
        await device.stop()


async def test_a_device_may_be_known_by_where_it_calls_from():
    async with waiting(calling(peer="127.0.0.1")) as ((bus,), door):
        device = SerialServer(served())
        await device.call(door.port)
        assert (await bus.read("thing", 0)).values[0] == 100.0
        await device.stop()


async def test_a_device_that_has_not_dialled_in_is_down():
    async with waiting(calling(registration=b"DTU-1", connect_timeout_s=0.05)) as ((bus,), _door):
        with pytest.raises(BusDown, match="has not dialled in"):
            await bus.read("thing", 0)


@pytest.mark.parametrize("said", [b"DTU-2", b"DTU", b"x" * (MOST_REGISTRATION + 1)])
async def test_a_stranger_at_the_door_is_never_asked_anything(said):
    async with waiting(calling(registration=b"DTU-1", connect_timeout_s=0.05)) as ((bus,), door):
        stranger = SerialServer(served())
        await stranger.call(door.port, said)
        with pytest.raises(BusDown):
            await bus.read("thing", 0)
        door.close()
        await until(lambda: not stranger.connections, within_s=2.0)
        assert not door.strangers


async def test_two_doors_cannot_be_opened_at_one_address():
    first = Door("127.0.0.1:0")
    await first.open()
    second = Door(f"127.0.0.1:{first.port}").expect(Caller(peer="127.0.0.1"))
    with pytest.raises(BusDown, match="cannot listen"):
        await second.wait(lambda: pytest.fail("nobody"), timeout_s=0.1)
    first.close()


async def test_a_line_that_is_opened_anew_takes_the_next_call_of_its_device():
    async with waiting(calling(registration=b"DTU-1")) as ((former,), door):
        await former.close()
        anew = open_line(calling(registration=b"DTU-1"), units=1, doors=_same(door))
        call = await SerialServer(served()).call(door.port, b"DTU-1")
        assert len(await anew.transact(pdu.read(1, 3, 100, 4))) == 8
        await anew.close()
        call.close()


def _same(door: Door) -> Doors:
    """Doors of which every one is this."""
    doors = Doors()
    doors._doors[door.address] = door
    return doors


async def test_requests_are_pipelined_where_the_device_allows_it_and_each_gets_its_own_answer():
    def script(asked: Asked):
        """Answers in pairs, the later request first."""
        if asked.number % 2 == 0:
            held.append(asked)
            return []
        return [(0.0, asked.reply()), (0.0, held.pop().reply())]

    held: list[Asked] = []
    async with tcp_peer(script) as peer:
        line = open_line(things.tcp(peer.address, timeout_s=2.0, pipeline=2), units=1)
        for at in range(0, 200, 2):
            answers = await asyncio.gather(*(line.transact(pdu.read(1, 3, at + one, 1)) for one in (0, 1)))
            assert [int.from_bytes(answer, "big") for answer in answers] == [at, at + 1]
        assert peer.connections == 1
        await line.close()


async def test_a_host_with_several_addresses_is_dialled_at_the_one_that_answers(monkeypatch):
    async with tcp_peer() as peer:

        def getaddrinfo(_host, port, **_more):
            return [(socket.AF_INET, 1, 6, "", (where, port)) for where in ("127.0.0.9", "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        line = open_line(things.tcp(f"plc.example:{peer.port}"), units=1)
        assert await line.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1)) == b"\0d"
        await line.close()


@pytest.mark.fault("F-052")
async def test_while_the_resolver_is_silent_the_last_address_is_used_and_one_question_is_under_way(monkeypatch):
    monkeypatch.setattr(names, "PATIENCE_S", 0.05)
    silent, asked, over = False, [], threading.Event()

    def getaddrinfo(host, port, **_more):
        asked.append(host)
        if silent:
            over.wait(10.0)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with tcp_peer() as peer:
        line = open_line(things.tcp(f"plc.example:{peer.port}"), units=1)
        await line.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1))
        silent = True
        for _ in range(5):
            await line.close()
            assert await line.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1)) == b"\0d"
        assert asked == ["plc.example"] * 2
        stranger = open_line(things.tcp(f"new.example:{peer.port}"), units=1)
        with pytest.raises(BusDown, match="resolver does not answer"):
            await stranger.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1))
        await line.close()
        over.set()


async def test_a_name_that_cannot_be_one_is_down_and_not_the_end_of_the_line():
    line = open_line(things.tcp("plc..example:502"), units=1)
    with pytest.raises(BusDown, match="not known"):
        await line.transact(pdu.read(1, pdu.READ_HOLDING, 100, 1))


@pytest.mark.fault("U7", "A-052")
async def test_a_flood_of_strangers_is_told_by_a_few_lines(capsys):
    async with waiting(calling(registration=b"DTU-1")) as (_buses, door):
        for _ in range(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(b"x" * (MOST_REGISTRATION + 1))
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
        await until(lambda: not door.strangers, within_s=5.0)
    said = capsys.readouterr()
    assert 1 <= (said.out + said.err).count("caller_unknown") <= 5
