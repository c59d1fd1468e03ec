"""Answers that belong to somebody else: of another master, of a connection before, of before anybody listened; a line without silence."""

import asyncio
import os
import struct
import threading
from dataclasses import replace

import pytest

from gateway.clock import SystemClock
from gateway.errors import BusDown, BusError, BusMismatch
from gateway.field import pdu
from gateway.field.open import open_bus, open_line
from gateway.field.rtu import Rtu
from gateway.model.site import Connection, Transport
from tests.field import things
from tests.field.peers import FIN, Asked, Reply, TcpPeer, pty_peer, slow_crc, tcp_peer

OURS = pdu.read(1, pdu.READ_HOLDING, 100, 2)


def framed(body: bytes) -> bytes:
    return body + slow_crc(body)


def answer(*words: int) -> bytes:
    return framed(struct.pack(f">BBB{len(words)}H", 1, 3, 2 * len(words), *words))


THEIR_REQUEST, THEIR_ANSWER, OUR_ANSWER = framed(struct.pack(">BBHH", 1, 3, 5000, 2)), answer(7, 8), answer(100, 101)


def given(pieces: list[bytes | None], rtu: Rtu) -> list[object]:
    """What we take from these bytes, ten milliseconds apart; None is our request, sent when the line is clear."""
    taken: list[object] = []
    for number, piece in enumerate(pieces):
        now_s = 10.0 + number / 100
        if piece is not None:
            taken += [outcome for _, outcome in rtu.receive(piece, now_s)]
        elif rtu.clear_s <= now_s:
            rtu.begin(OURS)
    return taken


@pytest.mark.fault("F-007", "F-019", "F-103")
@pytest.mark.parametrize(
    "pieces",
    [
        [THEIR_REQUEST, None, THEIR_ANSWER],
        [None, THEIR_REQUEST, THEIR_ANSWER],
        [None, THEIR_REQUEST + THEIR_ANSWER],
        [None, THEIR_REQUEST[:3], THEIR_REQUEST[3:] + THEIR_ANSWER[:4], THEIR_ANSWER[4:]],
        [None, OUR_ANSWER + THEIR_REQUEST, None, THEIR_ANSWER],
        [None, OUR_ANSWER + THEIR_REQUEST[:4], THEIR_REQUEST[4:], None, THEIR_ANSWER],
    ],
)
def test_what_another_master_asked_for_is_never_taken_for_our_answer(pieces):
    rtu = Rtu(hold_off_s=1.0, quiet_s=0.004)
    taken = given(pieces, rtu)
    assert struct.pack(">HH", 7, 8) not in taken
    assert all(isinstance(outcome, bytes | BusMismatch) for outcome in taken)
    assert rtu.counters["second_master"] == 1
    assert rtu.stranger_s > 0.0


def test_our_own_echo_is_no_second_master():
    rtu = Rtu(hold_off_s=1.0, quiet_s=0.004)
    _, request = rtu.begin(OURS)
    assert rtu.receive(request + OUR_ANSWER, 10.0) == [(0, struct.pack(">HH", 100, 101))]
    rtu.begin(OURS)
    rtu.give_up(0, 20.0)
    rtu.receive(request, 20.1)
    assert rtu.counters["second_master"] == 0


@pytest.mark.parametrize(
    ("unasked", "told"), [(THEIR_ANSWER, 1), (OUR_ANSWER, 0), (THEIR_ANSWER[:-1] + b"?", 0), (b"\x00\xff", 0)]
)
def test_answers_nobody_asked_for_tell_of_another_client_and_our_own_twice_does_not(unasked, told):
    rtu = Rtu(hold_off_s=1.0, quiet_s=0.004)
    rtu.begin(OURS)
    rtu.receive(OUR_ANSWER, 10.0)
    for number in range(3):
        assert rtu.counters["second_master"] == 0, "one may be very late"
        rtu.receive(unasked[:3], 11.0 + number)
        rtu.receive(unasked[3:], 11.001 + number)
        if not told:
            rtu.begin(OURS)
            rtu.receive(OUR_ANSWER, 11.5 + number)
    assert rtu.counters["second_master"] == told


async def test_another_master_on_the_line_is_told():
    async with pty_peer() as peer:
        given = Connection("line", Transport.MODBUS_RTU, peer.path, timeout_s=0.1, connect_timeout_s=0.5)
        line = open_line(given, units=1)
        await line.transact(OURS)
        assert line.trouble() == {}
        os.write(peer.fd, THEIR_REQUEST)
        await asyncio.sleep(0.05)
        assert line.trouble()["second_master"].startswith("another master asks on this line")
        await line.close()


@pytest.mark.fault("F-019", "F-104")
async def test_a_line_that_is_never_silent_is_down_and_says_so():
    """A device that keeps sending, or a line without bias, must not hold its task for ever."""
    async with pty_peer() as peer:
        over = threading.Event()

        def babble() -> None:
            while not over.wait(0.0002):
                try:
                    os.write(peer.fd, os.urandom(40))
                except BlockingIOError:
                    continue

        thread = threading.Thread(target=babble)
        given = Connection("line", Transport.MODBUS_RTU, peer.path, baud=300, timeout_s=0.1, connect_timeout_s=0.5)
        line = open_line(given, units=1)
        await line.transact(OURS)
        thread.start()
        try:
            await asyncio.sleep(0.05)
            with pytest.raises(BusDown, match="never silent"):
                async with asyncio.timeout(10.0):
                    await line.transact(OURS)
        finally:
            over.set()
            thread.join()
            await line.close()


async def wrong_values(given: Connection, *, reads: int) -> int:
    """How many of these reads of four alike blocks gave a value that is not its register's address."""
    member = things.wide(count=10, blocks=4)
    bus = open_bus(given, [replace(member, device=replace(member.device, poll_s=0.1))], clock=SystemClock())
    wrong = 0
    try:
        for number in range(reads):
            batch = number % 4
            try:
                values = (await bus.read("wide", batch)).values
            except BusError:
                continue
            names = bus.batches("wide")[batch].points
            wrong += [f"r{value:.0f}" for value in values] != list(names)
    finally:
        await bus.close()
    return wrong


def later(peer: TcpPeer, asked: Asked, *, after_s: float) -> None:
    """Answer over whatever connection stands then, as serial servers do."""

    def send() -> None:
        for transport in peer.open:
            transport.write(asked.reply())

    asyncio.get_running_loop().call_later(after_s, send)


@pytest.mark.fault("F-005", "F-007", "F-103")
async def test_a_serial_server_that_answers_over_the_next_connection_is_not_one_behind():
    async with tcp_peer(rtu=True) as peer:

        def script(asked: Asked) -> Reply:
            if asked.number % 5 != 3:
                return [(0.02, asked.reply())]
            later(peer, asked, after_s=0.035)
            return [(0.0, FIN)]

        peer.script = script
        given = Connection("line", Transport.MODBUS_RTU_TCP, peer.address, timeout_s=0.1, connect_timeout_s=0.5)
        assert await wrong_values(given, reads=16) == 0
        assert peer.connections >= 3


@pytest.mark.fault("F-006")
async def test_an_answer_that_comes_over_the_next_connection_is_known_by_its_id():
    async with tcp_peer() as peer:

        def script(asked: Asked) -> Reply:
            later(peer, asked, after_s=0.06)
            return []

        peer.script = script
        assert await wrong_values(things.tcp(peer.address, timeout_s=0.05), reads=12) == 0
        assert peer.connections >= 5


@pytest.mark.fault("F-007", "F-103")
async def test_what_a_serial_server_kept_from_before_is_not_taken_for_an_answer():
    async with tcp_peer(rtu=True) as peer:

        async def keep_sending() -> None:
            """Every new connection first gets answers of the shape that is asked for."""
            known: set[asyncio.Transport] = set()
            while True:
                for transport in peer.open - known:
                    known.add(transport)
                    transport.write(framed(struct.pack(">BBB10H", 1, 3, 20, *range(7000, 7010))))
                await asyncio.sleep(0)

        sender = asyncio.create_task(keep_sending())
        given = Connection("line", Transport.MODBUS_RTU_TCP, peer.address, timeout_s=0.2, connect_timeout_s=0.5)
        try:
            for _ in range(5):
                assert await wrong_values(given, reads=1) == 0
        finally:
            sender.cancel()


@pytest.mark.fault("F-007", "F-080", "F-103")
async def test_an_answer_to_the_line_before_this_one_is_not_taken_after_a_reload():
    async with tcp_peer(rtu=True) as peer:

        def script(asked: Asked) -> Reply:
            later(peer, asked, after_s=0.09)
            return []

        peer.script = script
        given = Connection("line", Transport.MODBUS_RTU_TCP, peer.address, timeout_s=0.1, connect_timeout_s=0.5)
        former = open_line(given, units=1)
        asking = asyncio.create_task(former.transact(pdu.read(1, pdu.READ_HOLDING, 900, 10)))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.wait([asking])
        assert await wrong_values(given, reads=1) == 0
        assert peer.ledger[-1].at_s - peer.ledger[0].at_s >= 0.09
