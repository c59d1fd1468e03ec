"""OPC UA: servers that lie about sizes, never finish, nest without end, or send nonsense; nothing escapes but BusError."""

import asyncio
import random
import resource
import struct
import time

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from gateway.clock import SystemClock
from gateway.errors import BusDown, BusError
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_guard import FRAME_BYTES, MESSAGE_BYTES, MESSAGE_CHUNKS, Frames, Unsound
from gateway.field.opcua_values import reading_of
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.field import things

POWER = things.node("power", "Power", Kind.F64)
QUICK, WHOLE = 2_000, 100_000


def bus_to(port: int) -> OpcUaBus:
    given = Connection("line", Transport.OPCUA, f"opc.tcp://127.0.0.1:{port}/", timeout_s=0.5, connect_timeout_s=1.0)
    member = things.Member(Device("thing", "test/thing", "line"), things.profile([POWER]))
    return OpcUaBus(given, [member], clock=SystemClock())


def frame(kind: bytes, mark: bytes, size: int, body: bytes = b"") -> bytes:
    return kind + mark + struct.pack("<I", size) + body


ACK = frame(b"ACK", b"F", 28, struct.pack("<5I", 0, FRAME_BYTES, FRAME_BYTES, 0, 0))
PART = frame(b"MSG", b"C", 8192, bytes(8184))


@pytest.mark.fault("A-010")
@pytest.mark.parametrize(
    ("said", "floods"),
    [
        (frame(b"ACK", b"F", 0), False),
        (frame(b"ACK", b"F", 8), False),
        (frame(b"ACK", b"F", 2**31), True),
        (frame(b"MSG", b"C", 2**31 - 1), True),
        (ACK + PART, True),
        (ACK + frame(b"OPN", b"C", 64, bytes(56)), True),
        (ACK + frame(b"ERR", b"F", 9, b"\0"), False),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (ACK * 3, False),
        (ACK[:5], False),
        (b"", False),
    ],
)
async def test_a_server_that_lies_about_sizes_is_hung_up_on(said, floods):
    gone = asyncio.Event()

    async def serve(reader, writer):
        writer.write(said)
        try:
            while floods:
                writer.write(PART)
                await writer.drain()
            while await reader.read(4096):
                pass
        except OSError:
            pass
        finally:
            gone.set()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    bus = bus_to(server.sockets[0].getsockname()[1])
    before_kb, began_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(BusDown):
        await bus.read("thing", 0)
    assert time.process_time() - began_s < 2.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 10_240
    async with asyncio.timeout(10):
        await gone.wait()
    server.close()
    await bus.close()


@pytest.mark.fault("A-010")
@pytest.mark.parametrize("size", [8192, FRAME_BYTES, 12])
def test_chunks_without_a_final_one_are_bounded_in_number_and_bytes(size):
    frames, part, taken = Frames(), frame(b"MSG", b"C", size, bytes(size - 8)), []

    def flood() -> None:
        for _ in range(MESSAGE_CHUNKS + 1):
            taken.extend(len(one) for one in frames.feed(part))

    with pytest.raises(Unsound):
        flood()
    assert sum(taken) <= MESSAGE_BYTES
    assert frames.kept <= size


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_frames_come_out_whole_however_they_arrive(step):
    stream = ACK + PART + frame(b"MSG", b"F", 12, b"abcd") + frame(b"MSG", b"A", 9, b"x")
    frames = Frames()
    found = [one for at in range(0, len(stream), step) for one in frames.feed(stream[at : at + step])]
    assert b"".join(found) == stream
    assert len(found) == 4


HEAD = struct.pack("<BBH", 1, 0, 634) + struct.pack("<QII", 0, 1, 0) + b"\0" + struct.pack("<i", 0) + b"\0\0\0"
"""Of a ReadResponse: the id of its type, time, handle, good, no diagnostics, no strings, no further header."""


def response(*values: bytes) -> bytes:
    """A ReadResponse with these encoded DataValues."""
    return HEAD + struct.pack("<i", len(values)) + b"".join(values) + struct.pack("<i", 0)


NESTED = bytes([ua.VariantType.Variant.value]) * 10_000
DIAGNOSTICS = bytes([ua.VariantType.DiagnosticInfo.value]) + b"\x40" * 10_000


@pytest.mark.fault("A-011")
@pytest.mark.parametrize(
    "variant",
    [
        NESTED,
        DIAGNOSTICS,
        *(bytes([0x80 | kind]) + struct.pack("<i", length) for kind in range(26) for length in (-1, -2, 2**31 - 1)),
        bytes([0xC0 | 11]) + struct.pack("<idi2i", 1, 1.0, 2, 2**31 - 1, 2**31 - 1),
        bytes([63]),
        b"",
    ],
)
async def test_values_nested_or_counted_without_end_drop_the_session_and_nothing_else(variant):
    bus = bus_to(1)
    data = response(b"\x01" + variant)

    async def asked():
        return [reading_of(POWER, one) for one in struct_from_binary(ua.ReadResponse, Buffer(data)).Results]

    try:
        found = await bus._session.ask(asked)
    except BusError:
        return
    assert all(value is None for value, _, _ in found)


def mutated(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(made))
        match rng.randrange(4):
            case 0:
                made[at] = rng.randrange(256)
            case 1:
                made[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0"])
            case 2:
                del made[at : at + rng.randint(1, 9)]
                made += b"\0"
            case _:
                made[at:at] = rng.randbytes(rng.randint(1, 9))
    return bytes(made)


async def fuzz(count: int, seed: int) -> None:
    rng, bus = random.Random(seed), bus_to(1)
    told = ua.DataValue(ua.Variant(12.5, ua.VariantType.Double), SourceTimestamp=ua.DateTime(2026, 1, 1))
    words = ua.DataValue(ua.Variant(["a", "b"], ua.VariantType.String))
    valid = response(*(struct_to_binary(one) for one in (told, words, told)))
    assert len(struct_from_binary(ua.ReadResponse, Buffer(valid)).Results) == 3
    for number in range(count):
        data = mutated(valid, rng)
        stream = frame(b"MSG", b"F", len(data) + 8, data)
        if number % 3 == 0:
            stream = mutated(stream, rng)

        async def asked(stream=stream):
            frames = Frames()
            found = []
            for one in frames.feed(stream):
                results = struct_from_binary(ua.ReadResponse, Buffer(one[8:])).Results
                found += [reading_of(POWER, value) for value in results or ()]
            assert frames.kept <= FRAME_BYTES
            return found

        try:
            await bus._session.ask(asked)
        except BusError:
            continue


@pytest.mark.fault("A-011")
async def test_no_mutated_answer_lets_anything_but_a_bus_error_escape():
    await fuzz(QUICK, seed=4)


@pytest.mark.tier_s
@pytest.mark.fault("A-011")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_hundred_thousand_mutated_answers_let_nothing_escape(seed):
    await fuzz(WHOLE // 2, seed=seed)
