"""A recorded bus answers again: recorded by the gateway's tap over a real line, replayed by `gateway emulate --replay`."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer

from emulators.bench import Bench, Manner
from emulators.lines import Line, Wiring
from emulators.modbus_rtu import crc16
from emulators.profile_bench import wiring_of_profiles
from emulators.recording import Piece, read_recording, recording_of
from emulators.replay import ReplayUnit, units_of
from gateway.cli.emulate import emulate
from gateway.cli.lines import shown
from gateway.clock import SystemClock
from gateway.errors import ConfigError
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.field.tap import Tap
from gateway.model.site import Connection, Transport
from tests.test_profiles import profile_of

ROOT = Path(__file__).parents[2]


def lines_of(tap, *, as_json):
    frames = tap.since(0)
    if as_json:
        return "\n".join(json.dumps([one.number, one.at_ms, one.way, one.data.hex() or one.note]) for one in frames)
    return "\n".join(shown(one.at_ms, one.way, one.data.hex() or one.note) for one in frames)


async def read_all(bus, device):
    values = {}
    for number, batch in enumerate(bus.batches(device)):
        fetched = await bus.read(device, number)
        values |= dict(zip(batch.points, fetched.values, strict=True))
    return values


async def recorded(connection, devices, values_of):
    """What is read of each device at three instants, and the tap that saw it."""
    members = [Member(device, profile_of(device.profile)) for device in devices]
    bus, tap = open_bus(connection, members, clock=SystemClock()), Tap(SystemClock())
    bus.tap(tap)
    seen = []
    for round_number in range(3):
        values_of(round_number)
        seen.append({device.id: await read_all(bus, device.id) for device in devices})
    await bus.close()
    return seen, tap


@asynccontextmanager
async def replaying(path):
    """The command that serves this recording; what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "emulate", "--replay", str(path),
        cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            yield (await process.stdout.readline()).decode()
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("transport", "as_json"),
    [(Transport.MODBUS_TCP, True), pytest.param(Transport.MODBUS_RTU, False, marks=pytest.mark.tier_s)],
)
async def test_what_was_recorded_is_read_again_in_the_order_of_time(tmp_path, transport, as_json):
    wiring, values = wiring_of_profiles(["meter/abb_b23", "battery/acme_200"])
    (line,) = wiring.lines
    line = Line(Connection("bench", transport, "x", baud=115200, timeout_s=20.0), line.devices)
    bench = Bench(Wiring(wiring.data, (line,), wiring.profiles), values, lambda: 0.0, manner=Manner())
    await bench.start()

    def at(round_number):
        values.write_point("pcc", "power.active", 1000.0 * (round_number + 1))

    connection = Connection("bench", transport, bench.addresses["bench"], baud=115200, timeout_s=20.0)
    seen, tap = await recorded(connection, line.devices, at)
    await bench.stop()
    assert [one["pcc"]["power.active"] for one in seen] == [1000.0, 2000.0, 3000.0]

    path = tmp_path / "bus.jsonl"
    path.write_text(lines_of(tap, as_json=as_json), encoding="utf-8")
    async with replaying(path) as told:
        assert told.strip().endswith("units 1, 2"), told
        where = told.partition(", units")[0].partition(": ")[2].strip('" ')
        again = Connection("bench", transport, where, baud=115200, timeout_s=20.0)
        bus = open_bus(again, [Member(d, profile_of(d.profile)) for d in line.devices], clock=SystemClock())
        replayed = [{d.id: await read_all(bus, d.id) for d in line.devices} for _ in range(4)]
        await bus.close()
    assert replayed[:3] == seen
    assert replayed[3] == seen[0]  # and again from the beginning


def tcp(transaction, unit, pdu):
    data = bytes.fromhex(pdu)
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(data) + 1).to_bytes(2, "big") + bytes((unit,)) + data


def rtu(unit, pdu):
    data = bytes((unit,)) + bytes.fromhex(pdu)
    return data + crc16(data)


def test_replies_cut_anywhere_and_out_of_order_find_their_requests():
    first, second = tcp(1, 5, "0300000001"), tcp(2, 5, "0300010001")
    stream = tcp(2, 5, "030200bb") + tcp(1, 5, "030200aa")
    pieces = [Piece(0.0, True, first), Piece(0.1, True, second)]
    pieces += [Piece(0.5 + at / 100, False, bytes((byte,))) for at, byte in enumerate(stream)]
    recording = recording_of(pieces)
    assert [(one.request.hex(), one.reply.hex()) for one in recording.exchanges] == [
        ("0300000001", "030200aa"),
        ("0300010001", "030200bb"),
    ]
    assert recording.exchanges[1].delay_s == pytest.approx(0.5, abs=0.02)


def test_silence_and_noise_are_replayed_as_silence():
    request = rtu(7, "0400000001")
    good, noise = rtu(7, "04020009"), b"\xff\x00\x13"
    pieces = [Piece(0.0, True, request), Piece(1.0, True, request), Piece(1.1, False, noise)]
    pieces += [Piece(2.0, True, request), Piece(2.1, False, good[:3]), Piece(2.2, False, good[3:])]
    recording = recording_of(pieces)
    assert recording.serial
    unit = units_of(recording)[7]
    asked = bytes.fromhex("0400000001")
    assert [unit.answer(asked).pdu for _ in range(3)] == [None, None, bytes.fromhex("04020009")]


def unit_of(*exchanges):
    pieces = []
    for number, (request, reply) in enumerate(exchanges):
        pieces += [Piece(number, True, tcp(number, 1, request)), Piece(number + 0.1, False, tcp(number, 1, reply))]
    return ReplayUnit(1, recording_of(pieces).exchanges)


def test_a_read_cut_otherwise_is_pieced_together_from_what_was_shown():
    unit = unit_of(("0300100002", "0304000a000b"), ("0300120001", "0302000c"), ("0100000003", "010105"))
    assert unit.answer(bytes.fromhex("0300110002")).pdu.hex() == "0304000b000c"
    assert unit.answer(bytes.fromhex("0100020001")).pdu.hex() == "010101"
    assert unit.answer(bytes.fromhex("0300120002")).pdu.hex() == "8302"
    assert unit.answer(bytes.fromhex("0400100001")).pdu.hex() == "8402"


def test_a_write_is_answered_only_as_it_was_recorded():
    unit = unit_of(("060010002a", "060010002a"))
    assert unit.answer(bytes.fromhex("060010002a")).pdu.hex() == "060010002a"
    assert unit.answer(bytes.fromhex("060010002b")).pdu.hex() == "8602"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("hello", 1, "no line of a recording"),
        ('[1, 5, "out", "zz"]', 1, "no line of a recording"),
        ('[1, 5, "note", "connected"]\n[1, 5, "sideways", "00"]', 2, "no line of a recording"),
        ("12:00:00.000 > 01 02", 1, "neither Modbus TCP nor RTU"),
        ('[1, 5, "note", "connected"]', 1, "holds no request"),
        ("", 1, "holds no request"),
    ],
)
def test_what_is_no_recording_is_refused_at_its_line(tmp_path, text, line, message):
    path = tmp_path / "bus.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_recording(path)
    assert caught.value.problems[0].line == line


def test_a_recording_and_profiles_at_once_are_refused(tmp_path):
    with pytest.raises(typer.BadParameter):
        emulate(["meter/abb_b23"], replay=tmp_path / "x")
