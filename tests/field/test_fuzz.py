"""Seeded fuzzing of the framings: whatever comes, nothing breaks, nothing grows, and a value has a whole valid frame behind it.

A seed that ever found something stays in `SEEDS`. `make soak` runs the full count of frames on every one of them.
"""

import random
import struct

import pytest

from gateway.field import pdu
from gateway.field.mbap import Mbap
from gateway.field.pdu import Query
from gateway.field.rtu import MAX_BUFFER, Rtu
from tests.field.peers import Registers, slow_crc

SEEDS = (20261122, 1, 9)
FRAMES, QUICK_FRAMES = 100_000, 2_000


def any_query(rng: random.Random) -> Query:
    unit, at = rng.randrange(1, 248), rng.randrange(0, 60000)
    made = (
        lambda: pdu.read(unit, rng.choice([1, 2, 3, 4]), at, rng.randrange(1, 20)),
        lambda: pdu.write_register(unit, at, rng.randrange(65536)),
        lambda: pdu.write_coil(unit, at, on=rng.random() < 0.5),
        lambda: pdu.write_registers(unit, at, [rng.randrange(65536) for _ in range(rng.randrange(1, 6))]),
        lambda: pdu.mask_write(unit, at, and_mask=rng.randrange(65536), or_mask=rng.randrange(65536)),
        lambda: pdu.read_write(unit, at, rng.randrange(1, 10), write_at=at, words=[rng.randrange(65536)]),
        lambda: pdu.identify(unit, access=rng.randrange(1, 4)),
    )
    return rng.choice(made)()


def good_reply(query: Query, rng: random.Random) -> bytes:
    if query.function == pdu.IDENTIFY:
        texts = [rng.randbytes(rng.randrange(0, 9)) for _ in range(rng.randrange(0, 4))]
        body = b"".join(bytes((number, len(text))) + text for number, text in enumerate(texts))
        return query.pdu[:3] + bytes((rng.choice([1, 2, 0x83]), rng.choice([0, 255]), 0, len(texts))) + body
    if query.function == pdu.READ_WRITE:
        return query.head + rng.randbytes(query.size - len(query.head))
    if query.function == pdu.MASK_WRITE:
        return query.pdu
    return Registers().answer(query.pdu)


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """One to three of: flip, cut, drop, insert, repeat, swap; sometimes nothing."""
    data = bytearray(frame)
    for _ in range(rng.randrange(0, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(7):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                del data[at : at + rng.randrange(1, 4)]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                data += data[: rng.randrange(1, 300)]
            case 5 if data:
                data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
            case _ if len(data) > 3:
                data[at : at + 2] = data[at : at + 2][::-1]
    return bytes(data)


def pieces(data: bytes, rng: random.Random):
    while data:
        size = rng.choice([1, 3, 7, len(data), len(data)])
        yield data[:size]
        data = data[size:]


def is_valid(query: Query, body: bytes) -> bool:
    """Whether a PDU answers the query, judged apart from the code under test."""
    function, asked = query.pdu[0], query.pdu
    count = int.from_bytes(asked[3:5], "big")
    if function in (1, 2):
        return body[:2] == bytes((function, (count + 7) // 8)) and len(body) == 2 + (count + 7) // 8
    if function in (3, 4, 23):
        return body[:2] == bytes((function, 2 * count)) and len(body) == 2 + 2 * count
    if function == 43:
        at = 7
        for _ in range(body[6] if len(body) > 6 else 0):
            at += 2 + body[at + 1] if len(body) > at + 1 else 10**6
        return body[:3] == asked[:3] and len(body) == at
    return body == (asked if function in (5, 6, 22) else asked[:5])


def head_of(query: Query) -> bytes:
    """What stands before the data in a good reply."""
    function = query.pdu[0]
    if function in (1, 2, 3, 4, 23):
        return bytes((function, query.size - 2))
    return query.pdu[:3] if function == 43 else query.pdu[:5] if function in (15, 16) else query.pdu


@pytest.fixture(params=SEEDS)
def rng(request) -> random.Random:
    return random.Random(request.param)


@pytest.mark.fault("A-009", "A-002", "A-003", "A-004", "A-005")
def test_no_stream_of_bytes_over_tcp_breaks_the_framing_or_passes_for_a_value(rng, soak):
    accepted = 0
    for _ in range(FRAMES if soak else QUICK_FRAMES // len(SEEDS)):
        query = any_query(rng)
        framing = Mbap(first_id=rng.randrange(65536))
        tid, _ = framing.begin(query)
        body = good_reply(query, rng)
        stream = mutated(struct.pack(">HHHB", tid, 0, len(body) + 1, query.unit) + body, rng)
        for piece in pieces(stream, rng):
            for key, outcome in framing.receive(piece, 0.0):
                assert key == tid
                if not isinstance(outcome, bytes):
                    continue
                accepted += 1
                reply = head_of(query) + outcome
                assert is_valid(query, reply)
                assert struct.pack(">HHHB", tid, 0, len(reply) + 1, query.unit) + reply in stream
            assert len(framing._buffer) <= 260
            if framing.spoiled:
                break
    assert accepted > 0


@pytest.mark.fault("A-009", "F-019")
def test_no_stream_of_bytes_on_a_serial_line_breaks_the_framing_or_passes_for_a_value(rng, soak):
    accepted = 0
    framing, now_s = Rtu(hold_off_s=1.0, quiet_s=0.004, silences=10**9), 0.0
    for _ in range(FRAMES if soak else QUICK_FRAMES // len(SEEDS)):
        query = any_query(rng)
        now_s = max(now_s + 2.0, framing.clear_s)
        key, _ = framing.begin(query)
        frame = bytes((query.unit,)) + good_reply(query, rng)
        stream = rng.randbytes(rng.choice([0, 0, 3])) + mutated(frame + slow_crc(frame), rng)
        settled = False
        for piece in pieces(stream, rng):
            now_s += 0.001
            for _, outcome in framing.receive(piece, now_s):
                settled = True
                if not isinstance(outcome, bytes):
                    continue
                accepted += 1
                reply = head_of(query) + outcome
                assert is_valid(query, reply)
                assert bytes((query.unit,)) + reply + slow_crc(bytes((query.unit,)) + reply) in stream
            assert len(framing._buffer) <= MAX_BUFFER
        if not settled:
            framing.give_up(key, now_s)
    assert accepted > 0
