"""The emulated Modbus servers, asked by pymodbus and by hand."""

import asyncio
import csv
import struct
import time

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from emulators.ledger import Ledger
from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer, crc16
from emulators.scenario import LineSpec
from emulators.unit import Stored, Unit
from gateway.profiles.load import load_profile

METER, BATTERY = load_profile("meter/abb_b23"), load_profile("battery/acme_200")
FAN, SENSOR = load_profile("hvac/abb_acs580"), load_profile("sensor/xy_md02")
VALUES = {
    ("pcc", "power.active"): 683_400.0,
    ("battery", "battery.power"): 50_000.0,
    ("battery", "battery.soc"): 50.5,
    ("battery", "battery.power.setpoint"): 0.0,
    ("battery", "battery.enable"): 0.0,
    ("battery", "battery.power.setpoint.timeout"): 15.0,
    ("battery", "battery.power.fallback"): 0.0,
    ("ahu01", "fan.speed"): 80.0,
    ("ahu01", "fan.speed.setpoint"): 80.0,
    ("zone", "zone.temperature"): -3.5,
}


def line(**facts):
    return LineSpec(
        **{
            "poll_s": 1.0,
            "delay_s": (0.0, 0.0),
            "refresh_s": 0.0,
            "lost_share": 0.0,
            "refused_share": 0.0,
            "ignored_share": 0.0,
        }
        | facts
    )


class Bench:
    """Servers over values that stand still."""

    def __init__(self):
        self.values = Stored(VALUES)
        self.begin_s = time.monotonic()

    def now_s(self):
        return time.monotonic() - self.begin_s

    def unit(self, device, profile, **facts):
        return Unit(device, profile, self.values, self.now_s, line=line(**facts))


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
async def serve():
    """Start a TCP server with units; yields a function that gives a connected pymodbus client."""
    opened = []

    async def start(units, ledger=None):
        server = TcpServer(units, ledger=ledger)
        port = await server.start()
        client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.5, retries=0, reconnect_delay=0)
        assert await client.connect()
        opened.append((server, client))
        return client, port

    yield start
    for server, client in opened:
        client.close()
        await server.stop()


async def test_pymodbus_reads_what_the_plant_has(bench, serve):
    client, _ = await serve({1: bench.unit("pcc", METER), 2: bench.unit("battery", BATTERY)})
    power = await client.read_holding_registers(0x5B14, count=2, device_id=1)
    assert client.convert_from_registers(power.registers, client.DATATYPE.INT32) == 68_340_000
    battery = await client.read_holding_registers(100, count=3, device_id=2)
    assert battery.registers == [0xFFFF, 0x3CB0, 505]


async def test_an_unknown_unit_stays_silent_and_the_line_lives_on(bench, serve):
    client, port = await serve({1: bench.unit("pcc", METER)})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack(">HHHBBHH", 7, 0, 6, 9, 3, 0x5B14, 2) + struct.pack(">HHHBBHH", 8, 0, 6, 1, 3, 0x5B14, 2))
    assert (await reader.readexactly(9))[:2] == b"\x00\x08"
    writer.close()
    assert client.connected


async def test_pipelined_and_sliced_requests_are_answered_in_order(bench, serve):
    _, port = await serve({1: bench.unit("pcc", METER, delay_s=(0.0, 0.01))})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    frames = b"".join(struct.pack(">HHHBBHH", number, 0, 6, 1, 3, 0x5B14, 2) for number in range(20))
    for at in range(0, len(frames), 7):
        writer.write(frames[at : at + 7])
        await writer.drain()
        await asyncio.sleep(0)
    answers = [await reader.readexactly(13) for _ in range(20)]
    assert [int.from_bytes(answer[:2], "big") for answer in answers] == list(range(20))
    writer.close()


async def test_a_stream_that_is_not_modbus_is_cut(bench, serve):
    _, port = await serve({1: bench.unit("pcc", METER)})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 2.0)
    writer.close()


@pytest.mark.parametrize(
    ("registers", "at", "code"),
    [
        ([0x0000, 0xC350], 200, 0),
        ([0x7FFF, 0xFFFF], 200, 3),
        ([1], 202, 0),
        ([7], 202, 3),
        ([0], 100, 2),
        ([0], 200, 2),
    ],
)
async def test_writes_are_taken_or_refused_like_the_document_says(bench, serve, registers, at, code):
    client, _ = await serve({2: bench.unit("battery", BATTERY)})
    if len(registers) == 1:
        answer = await client.write_register(at, registers[0], device_id=2)
    else:
        answer = await client.write_registers(at, registers, device_id=2)
    assert answer.isError() == (code != 0)
    assert not code or answer.exception_code == code
    if at == 200 and not code:
        assert bench.values.values["battery", "battery.power.setpoint"] == -50_000.0
        back = await client.read_holding_registers(200, count=2, device_id=2)
        assert back.registers == registers


async def test_an_unknown_function_and_a_foreign_table_are_refused(bench, serve):
    client, _ = await serve({1: bench.unit("pcc", METER)})
    assert (await client.read_input_registers(0x5B14, count=2, device_id=1)).exception_code == 2
    assert (await client.mask_write_register(address=0, device_id=1)).exception_code == 1


async def test_registers_are_written_and_read_again_in_one_request(bench, serve):
    client, _ = await serve({2: bench.unit("battery", BATTERY)})

    async def exchange(words):
        return await client.readwrite_registers(
            read_address=200, read_count=2, address=200, values=words, device_id=2
        )  # fmt: skip

    assert (await exchange([0x0000, 0xC350])).registers == [0x0000, 0xC350]
    assert bench.values.values["battery", "battery.power.setpoint"] == -50_000.0
    assert (await exchange([0x7FFF, 0xFFFF])).exception_code == 3
    assert (await exchange([0])).exception_code == 2


async def test_refused_and_ignored_writes_change_nothing(bench, serve):
    client, _ = await serve(
        {1: bench.unit("battery", BATTERY, refused_share=1.0), 2: bench.unit("battery", BATTERY, ignored_share=1.0)}
    )
    assert (await client.write_registers(200, [0, 5], device_id=1)).exception_code == 4
    assert not (await client.write_registers(200, [0, 5], device_id=2)).isError()
    assert bench.values.values["battery", "battery.power.setpoint"] == 0.0


async def test_lost_polls_are_lost_in_the_stated_share(bench):
    unit = bench.unit("pcc", METER, lost_share=0.1)
    request = struct.pack(">BHH", 3, 0x5B14, 2)
    lost = sum(unit.answer(request).pdu is None for _ in range(3000))
    assert 230 <= lost <= 370
    write = bench.unit("battery", BATTERY, lost_share=1.0).answer(struct.pack(">BHH", 6, 202, 1))
    assert write.pdu is not None, "only polls go unanswered"


async def test_an_answer_takes_its_line_s_delay(bench, serve):
    client, _ = await serve({1: bench.unit("pcc", METER, delay_s=(0.1, 0.15))})
    begin_s = time.monotonic()
    await client.read_holding_registers(0x5B14, count=2, device_id=1)
    assert 0.1 <= time.monotonic() - begin_s < 0.45


@pytest.mark.parametrize(("now_s", "wait_s"), [(10.0, 0.0), (10.4, 0.0), (10.7, 0.3), (10.999, 0.001)])
def test_the_meter_answers_only_with_a_value_young_enough(now_s, wait_s):
    unit = Unit("pcc", METER, Stored(VALUES), lambda: now_s, age_s=0.5)
    assert unit.wait_s() == pytest.approx(wait_s)


async def test_a_waiting_meter_still_answers(bench, serve):
    unit = Unit(
        "pcc",
        METER,
        bench.values,
        lambda: bench.now_s() % 1.0 * 0.0 + (0.9 if bench.now_s() < 0.05 else 1.0),
        age_s=0.5,
    )
    client, _ = await serve({1: unit})
    answers = [await client.read_holding_registers(0x5B14, count=2, device_id=1) for _ in range(3)]
    assert all(not answer.isError() for answer in answers)


def test_values_stand_still_for_the_refresh_time_but_what_was_written_is_read_back():
    now = [0.0]
    values = Stored(VALUES)
    unit = Unit("ahu01", FAN, values, lambda: now[0], line=line(refresh_s=0.9))
    request = struct.pack(">BHH", 3, 1, 4)
    unit.renew()
    values.values["ahu01", "fan.speed"] = 70.0
    values.values["ahu01", "fan.speed.setpoint"] = 60.0
    now[0] = 0.5
    words = struct.unpack(">4H", unit.answer(request).pdu[2:])
    assert (words[0], words[3]) == (12_000, 16_000)
    now[0] = 1.0
    unit.renew()
    assert struct.unpack(">4H", unit.answer(request).pdu[2:])[3] == 14_000


async def test_the_ledger_tells_what_was_asked_answered_and_done(bench, serve, tmp_path):
    ledger = Ledger(tmp_path / "devices.csv", bench.now_s)
    client, _ = await serve({2: bench.unit("battery", BATTERY)}, ledger)
    await client.read_holding_registers(102, count=1, device_id=2)
    await client.write_registers(200, [0, 100], device_id=2)
    ledger.close()
    with (tmp_path / "devices.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["read", "applied battery.power.setpoint=-100"]
    assert rows[0]["request"] == "0300660001"
    assert rows[0]["reply"] == "030201f9"


async def test_two_units_share_a_serial_line(bench):
    server = RtuServer({1: bench.unit("ahu01", FAN), 11: bench.unit("zone", SENSOR)}, baud=115_200)
    client = AsyncModbusSerialClient(
        await server.start(), framer=FramerType.RTU, baudrate=115_200, timeout=0.5, retries=0
    )
    assert await client.connect()
    zone = await client.read_input_registers(1, count=1, device_id=11)
    assert zone.registers == [0xFFDD]
    fan = await client.read_holding_registers(4, count=1, device_id=1)
    assert fan.registers == [16_000]
    assert not (await client.write_register(1, 12_000, device_id=1)).isError()
    assert bench.values.values["ahu01", "fan.speed.setpoint"] == 60.0
    client.close()
    await server.stop()


def test_the_check_of_a_frame_is_that_of_the_standard():
    assert crc16(bytes.fromhex("010300000001")).hex() == "840a"


async def test_noise_on_the_serial_line_is_outlived(bench):
    import os

    server = RtuServer({1: bench.unit("ahu01", FAN)}, baud=115_200)
    path = await server.start()
    line_fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    frame = bytes((1,)) + struct.pack(">BHH", 3, 4, 1)
    os.write(line_fd, b"\xffgarbage")
    await asyncio.sleep(0.1)
    os.write(line_fd, frame + crc16(frame))
    await asyncio.sleep(0.1)
    os.set_blocking(line_fd, False)
    assert os.read(line_fd, 100)[:3] == b"\x01\x03\x02"
    os.close(line_fd)
    await server.stop()
