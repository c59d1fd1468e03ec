"""Faults of FAULTS.md on the bus alone, on real sockets: each register holds its address, so a wrong value shows."""

import asyncio
import random
import socket
import struct
import time

import pytest

from emulators.faults import FaultProxy
from gateway.clock import SystemClock
from gateway.errors import BusError, BusMismatch, BusRefused, BusTimeout
from gateway.field import pdu
from gateway.field.bus import Bus
from gateway.field.open import open_bus, open_line
from gateway.model.site import Connection, Transport
from tests.field import things
from tests.field.peers import FIN, RST, Asked, Reply, pty_peer, straight, tcp_peer
from tests.field.rig import polling, until

T_TO = 0.02
T_RTU = 0.05
"""Without a transaction id the margin between the latest answer and the next request is all there is."""


def bus_to(address: str, members, *, timeout_s: float = T_TO, transport: Transport = Transport.MODBUS_TCP) -> Bus:
    connection = Connection("line", transport, address, baud=115200, timeout_s=timeout_s, connect_timeout_s=0.5)
    return open_bus(connection, members, clock=SystemClock())


async def ask_many(bus: Bus, members, *, count: int, rng: random.Random) -> tuple[int, int]:
    """(right, failed) of so many reads of random blocks of random devices; a wrong value fails at once."""
    right = failed = 0
    for _ in range(count):
        member = rng.choice(members)
        batches = bus.batches(member.id)
        number = rng.randrange(len(batches))
        try:
            fetched = await bus.read(member.id, number)
        except BusError:
            failed += 1
            continue
        shown = [float(name.removeprefix("r")) for name in batches[number].points]
        assert list(fetched.values) == shown, "a value of another register"
        right += 1
    return right, failed


def late(rng: random.Random, share: float, *, at: tuple[float, float], timeout_s: float = T_TO):
    def script(asked: Asked) -> Reply:
        return [(rng.uniform(*at) * timeout_s if rng.random() < share else 0.0, asked.reply())]

    return script


@pytest.mark.fault("F-006")
@pytest.mark.parametrize("units", [1, 2])
async def test_late_replies_on_tcp_are_never_handed_to_the_next_request(units):
    rng = random.Random(units)
    members = [things.wide(f"unit{unit}", unit_id=unit, blocks=3) for unit in range(1, units + 1)]
    first = True

    def script(asked: Asked) -> Reply:
        nonlocal first
        factor, first = (1.3 if first else rng.uniform(0.5, 2.0)), False
        return [(factor * T_TO, asked.reply())]

    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, members)
        right, failed = await ask_many(bus, members, count=220, rng=rng)
        await bus.close()
    assert right + failed == 220
    assert right >= 20
    assert failed >= 20
    assert len(peer.ledger) >= 200
    if units == 2:
        assert bus.counters["reply_late"] > 0


@pytest.mark.fault("F-007")
@pytest.mark.parametrize("kind", ["pty", "tcp"])
async def test_late_replies_on_rtu_are_never_handed_to_the_next_request(kind):
    rng = random.Random(7)
    members = [things.wide(f"unit{unit}", unit_id=unit, blocks=3, count=10 * unit) for unit in (1, 2)]
    script = late(rng, 0.3, at=(1.1, 1.9), timeout_s=T_RTU)
    if kind == "pty":
        async with pty_peer(script) as peer:
            bus = bus_to(peer.path, members, timeout_s=T_RTU, transport=Transport.MODBUS_RTU)
            right, failed = await ask_many(bus, members, count=220, rng=rng)
            await bus.close()
    else:
        async with tcp_peer(script, rtu=True) as peer:
            bus = bus_to(peer.address, members, timeout_s=T_RTU, transport=Transport.MODBUS_RTU_TCP)
            right, failed = await ask_many(bus, members, count=220, rng=rng)
            await bus.close()
    assert right >= 110
    assert failed >= 40
    assert bus.counters["reply_late"] >= 40


@pytest.mark.fault("F-007")
async def test_two_late_replies_in_a_hundred_leave_an_rtu_line_seventy_percent_of_its_speed():
    members = [things.wide("unit1", unit_id=1, blocks=1, count=10)]

    async def rate(share: float) -> float:
        rng, number = random.Random(1), 0

        def script(asked: Asked) -> Reply:
            nonlocal number
            number += 1
            return [(0.065 if share and number % 50 == 0 else 0.01, asked.reply())]

        async with pty_peer(script) as peer:
            bus = bus_to(peer.path, members, timeout_s=0.05, transport=Transport.MODBUS_RTU)
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            right, failed = await ask_many(bus, members, count=100, rng=rng)
            took_s = loop.time() - began_s
            await bus.close()
        assert failed >= (2 if share else 0)  # a busy machine may add one of its own
        return right / took_s

    clean, noisy = await rate(0.0), await rate(0.02)
    assert noisy >= 0.7 * clean


@pytest.mark.fault("F-008")
@pytest.mark.parametrize("shift", [1, -1, 12345])
async def test_replies_with_another_id_give_no_value_and_the_bus_is_in_step_again_within_two_polls(shift):
    wrong = True
    members = [things.wide()]
    async with tcp_peer(lambda asked: [(0.0, asked.reply(tid=asked.tid + shift) if wrong else asked.reply())]) as peer:
        bus = bus_to(peer.address, members)
        for _ in range(3):
            with pytest.raises(BusTimeout):
                await bus.read("wide", 0)
        assert peer.connections == 3
        wrong = False
        assert (await bus.read("wide", 1)).values[0] == 200.0
        await bus.close()


@pytest.mark.fault("F-009")
@pytest.mark.parametrize(
    "changed",
    [
        lambda pdu: bytes((4,)) + pdu[1:],
        lambda pdu: bytes((3, pdu[1] - 2)) + pdu[2:-2],
        lambda pdu: bytes((3, pdu[1] + 2)) + pdu[2:] + b"\0\0",
        lambda pdu: pdu[:-1],
        lambda pdu: pdu[:1],
    ],
)
async def test_a_reply_that_does_not_match_gives_no_value_and_two_close_the_socket(changed):
    members = [things.wide()]
    async with tcp_peer(lambda asked: [(0.0, asked.frame(changed(asked.good)))]) as peer:
        bus = bus_to(peer.address, members)
        for _ in range(2):
            with pytest.raises(BusMismatch):
                await bus.read("wide", 0)
            assert peer.connections == 1
        assert bus.counters["reply_mismatch"] == 2
        with pytest.raises(BusMismatch):
            await bus.read("wide", 0)
        assert peer.connections == 2
        await bus.close()


@pytest.mark.fault("F-009")
async def test_a_write_is_taken_for_written_only_by_its_own_echo():
    def script(asked: Asked) -> Reply:
        return [(0.0, asked.frame(asked.good[:-1] + b"\x99"))]

    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, [things.thing()])
        with pytest.raises(BusMismatch):
            await bus.write("thing", {"limit": 5.0})
        await bus.close()


@pytest.mark.fault("F-005")
async def test_a_device_that_closes_after_each_reply_loses_no_poll():
    members = [things.wide()]
    async with tcp_peer(lambda asked: [(0.0, asked.reply()), (0.0, FIN)]) as peer:
        bus = bus_to(peer.address, members, timeout_s=0.2)
        right, failed = await ask_many(bus, members, count=100, rng=random.Random(1))
        await bus.close()
    assert failed == 0
    assert right == 100


@pytest.mark.fault("F-005")
async def test_a_reset_in_the_middle_of_a_reply_gives_no_value_and_the_next_read_works():
    members = [things.wide()]
    break_it = True

    def script(asked: Asked) -> Reply:
        return [(0.0, asked.reply()[:20]), (0.001, RST)] if break_it else straight(asked)

    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, members, timeout_s=0.2)
        with pytest.raises(BusError):
            await bus.read("wide", 0)
        break_it = False
        assert (await bus.read("wide", 0)).values[:3] == [0.0, 1.0, 2.0]
        await bus.close()


@pytest.mark.fault("F-010")
async def test_duplicated_merged_and_swapped_frames_give_no_wrong_value_and_no_reconnects():
    members = [things.wide()]
    async with tcp_peer() as peer:
        proxy = FaultProxy(("127.0.0.1", peer.port))
        await proxy.start()
        proxy.down.duplicate = True
        bus = bus_to(f"127.0.0.1:{proxy.port}", members, timeout_s=0.5)
        right, failed = await ask_many(bus, members, count=120, rng=random.Random(2))
        assert (right, failed, proxy.accepted) == (120, 0, 1)
        proxy.down.duplicate, proxy.down.reorder = False, True
        await ask_many(bus, members, count=3, rng=random.Random(3))
        await bus.close()
        await proxy.stop()


@pytest.mark.fault("F-011")
async def test_replies_sliced_byte_by_byte_are_all_good():
    members = [things.wide(count=10)]
    async with tcp_peer() as peer:
        proxy = FaultProxy(("127.0.0.1", peer.port))
        await proxy.start()
        proxy.down.slice_bytes, proxy.down.slice_gap_s = 1, 0.002
        bus = bus_to(f"127.0.0.1:{proxy.port}", members, timeout_s=1.0)
        assert await ask_many(bus, members, count=10, rng=random.Random(2)) == (10, 0)
        await bus.close()
        await proxy.stop()


@pytest.mark.fault("A-007")
async def test_a_trickle_does_not_extend_the_deadline():
    def script(asked: Asked) -> Reply:
        return [(0.02 * at, bytes((byte,))) for at, byte in enumerate(asked.reply())]

    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, [things.wide()], timeout_s=0.1)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(BusTimeout):
            await bus.read("wide", 0)
        assert loop.time() - began_s < 0.2
        await asyncio.sleep(0.05)
        assert not peer.open, "the socket is closed"
        await bus.close()


@pytest.mark.fault("A-001", "A-002", "A-003")
@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">HHHB", 1, 0, 250, 1) + b"\x03\x02",
        struct.pack(">HHHB", 1, 0, 0, 1),
        struct.pack(">HHHB", 1, 0, 65535, 1) + bytes(300),
        struct.pack(">HHHB", 1, 1, 5, 1) + b"\x03\x02\0\0",
    ],
)
async def test_a_malformed_frame_ends_the_request_and_the_socket_within_the_deadline(frame):
    async with tcp_peer(lambda _asked: [(0.0, frame)]) as peer:
        bus = bus_to(peer.address, [things.wide()], timeout_s=0.1)
        with pytest.raises(BusError):
            await bus.read("wide", 0)
        await asyncio.sleep(0.02)
        assert not peer.open
        await bus.close()


@pytest.mark.fault("F-014")
async def test_a_busy_device_is_asked_again_after_a_pause_and_busy_is_never_a_value():
    rng = random.Random(3)
    share = 0.3

    def script(asked: Asked) -> Reply:
        return [(0.0, asked.frame(b"\x83\x06") if rng.random() < share else asked.reply())]

    members = [things.wide()]
    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, members)
        right, _ = await ask_many(bus, members, count=20, rng=random.Random(4))
        assert right >= 14
        share = 1.0
        with pytest.raises(BusRefused) as refused:
            await bus.read("wide", 0)
        assert refused.value.code == 6
        times = [asked.at_s for asked in peer.ledger[-2:]]
        assert times[1] - times[0] >= 0.1
        await bus.close()


@pytest.mark.fault("F-018")
async def test_connect_delay_and_minimum_gap_are_honoured():
    async with tcp_peer() as peer:
        connection = things.tcp(peer.address, connect_delay_s=0.1, min_gap_s=0.03)
        bus = open_bus(connection, [things.wide()], clock=SystemClock())
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for _ in range(3):
            await bus.read("wide", 0)
        first, second, third = (asked.at_s for asked in peer.ledger)
        assert first - began_s >= 0.1
        assert min(second - first, third - second) >= 0.029
        await bus.close()


@pytest.mark.fault("F-019")
async def test_noise_on_an_rtu_line_gives_no_wrong_value():
    rng = random.Random(5)

    def script(asked: Asked) -> Reply:
        frame = bytes(rng.randrange(256) if rng.random() < 1e-3 else byte for byte in asked.reply())
        before = bytes(rng.randrange(256) for _ in range(rng.choice((0, 0, 0, 1, 3))))
        return [(0.0, before + frame)]

    members = [things.wide(count=30)]
    async with pty_peer(script) as peer:
        bus = bus_to(peer.path, members, transport=Transport.MODBUS_RTU, timeout_s=T_RTU)
        right, _ = await ask_many(bus, members, count=250, rng=random.Random(6))
        await bus.close()
    assert right >= 0.9 * 250


@pytest.mark.fault("F-020")
async def test_a_serial_adapter_that_is_unplugged_is_found_again_by_its_name(tmp_path):
    members = [things.wide()]
    link = tmp_path / "usb-meter"
    async with pty_peer() as peer:
        link.symlink_to(peer.path)
        bus = bus_to(str(link), members, timeout_s=0.1, transport=Transport.MODBUS_RTU)
        assert (await bus.read("wide", 0)).values[1] == 1.0
    link.unlink()
    for _ in range(2):
        with pytest.raises(BusError):
            await bus.read("wide", 0)
    async with pty_peer() as peer:
        link.symlink_to(peer.path)
        assert (await bus.read("wide", 1)).values[1] == 201.0
        await bus.close()


@pytest.mark.fault("F-020")
async def test_a_serial_adapter_that_is_away_costs_hardly_any_processor_time(tmp_path):
    given = Connection("line", Transport.MODBUS_RTU, str(tmp_path / "usb-meter"), timeout_s=1.0, connect_timeout_s=1.0)
    async with polling((given, [things.thing(poll_s=0.1)]), factor=1.0) as rig:
        await until(lambda: bool(rig.alarms), within_s=5.0)
        assert "No such file" in rig.alarms[0].detail
        began_s = time.process_time()
        await asyncio.sleep(1.0)
        assert time.process_time() - began_s <= 0.05


@pytest.mark.fault("F-003")
async def test_every_socket_has_the_same_options_the_redialled_one_too():
    async with tcp_peer(lambda asked: [(0.0, asked.reply()), (0.0, FIN)]) as peer:
        line = open_line(things.tcp(peer.address, timeout_s=0.2), units=1)
        options = []
        for _ in range(2):
            ready = await line._ready()
            assert ready._transport is not None
            sock = ready._transport.get_extra_info("socket")
            options.append(
                [
                    sock.getsockopt(level, name)
                    for level, name in (
                        (socket.IPPROTO_TCP, socket.TCP_NODELAY),
                        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                    )
                ]
            )
            await line.transact(pdu.read(1, pdu.READ_HOLDING, 0, 60))
            await asyncio.sleep(0.01)
        assert peer.connections == 2
        assert options[0] == options[1]
        assert options[0][0] == options[0][1] == 1
        assert options[0][2] > 0
        await line.close()
