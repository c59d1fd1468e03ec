"""Every fault on a switch, as a client of `gateway emulate … --fault` sees it: over a real socket, in one process."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emulators.bench import Bench, Manner
from emulators.fault_table import FAULTS, ON_MODBUS, FaultSpec, Timetable
from emulators.faulty import FaultyValues, absent_of
from emulators.lines import write_yaml
from emulators.profile_bench import wiring_of_profiles
from gateway.clock import SystemClock
from gateway.config import load_site, profiles_of
from gateway.errors import BusError
from gateway.field.bus import Member
from gateway.field.door import Doors
from gateway.field.open import open_bus

ROOT = Path(__file__).parents[2]
READ_POWER = struct.pack(">BHH", 3, 100, 2)
READ_SOC = struct.pack(">BHH", 3, 102, 1)
READ_SETPOINT = struct.pack(">BHH", 3, 200, 2)
OWN_PROCESS = {"one_client", "offline"}
"""What an endpoint does for all its devices; each is tried by itself."""
SWITCHES = sorted(set(FAULTS) - OWN_PROCESS)


def write_setpoint(watts):
    return struct.pack(">BHHBi", 16, 200, 2, 4, watts)  # the device's sign: + discharges


class Client:
    """A Modbus TCP client that takes what comes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=40.0)
        self.transaction = 100

    def ask(self, unit, pdu, *, wait_s=40.0):
        """(transaction id by which the answer differs, its unit id, its PDU); None when none came."""
        self.transaction += 1
        self.socket.settimeout(wait_s)
        self.socket.sendall(struct.pack(">HHHB", self.transaction, 0, len(pdu) + 1, unit) + pdu)
        try:
            data = self.socket.recv(512)
            while len(data) < 7 or len(data) < 6 + struct.unpack_from(">H", data, 4)[0]:
                data += self.socket.recv(512)
        except TimeoutError:
            return None
        transaction, _, _, answered = struct.unpack_from(">HHHB", data)
        return transaction - self.transaction, answered, data[7:]

    def close(self):
        self.socket.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """One process with a battery for each fault, all faults on from the beginning; port and unit id by fault."""
    out = tmp_path_factory.mktemp("bench")
    names = [f"battery{number:02}" for number in range(1, len(SWITCHES) + 1)]
    faults = [f"--fault=device={name},fault={fault}" for name, fault in zip(names, SWITCHES, strict=True)]
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "emulate", *["battery/acme_200"] * len(names), "--out", str(out), *faults],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        site = yaml.safe_load(Path(process.stdout.readline().strip()).read_text(encoding="utf-8"))
        port = int(site["connections"]["bench"]["modbus_tcp"].rpartition(":")[2])
        yield port, {fault: site["devices"][name]["unit_id"] for name, fault in zip(names, SWITCHES, strict=True)}
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.stdout.close()


@pytest.fixture
def client(bench):
    one = Client(bench[0])
    yield one
    one.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("wrong_tid", (1, 0, "030201f9")),
        ("wrong_unit", (0, 1, "030201f9")),
        ("wrong_function", (0, 0, "040201f9")),
        ("short", (0, 0, "0300")),
        ("busy", (0, 0, "8306")),
        ("sentinel", (0, 0, "0302ffff")),
        ("zero", (0, 0, "03020000")),
        ("late", (0, 0, "030201f9")),
        ("frozen", (0, 0, "030201f9")),
        ("reverts", (0, 0, "030201f9")),
    ],
)
def test_a_switched_fault_shows_in_the_answer(bench, client, fault, expected):
    unit = bench[1][fault]
    transaction, answered, pdu = client.ask(unit, READ_SOC)
    assert (transaction, answered - unit, pdu.hex()) == expected


@pytest.mark.parametrize("fault", ["hang", "half_frame"])
def test_a_silent_device_and_half_a_frame_leave_no_whole_answer(bench, client, fault):
    assert client.ask(bench[1][fault], READ_SOC, wait_s=0.5) is None


def test_half_a_frame_is_the_beginning_of_the_right_one(bench, client):
    client.socket.sendall(struct.pack(">HHHB", 9, 0, 6, bench[1]["half_frame"]) + READ_POWER)
    assert client.socket.recv(512) == struct.pack(">HHHB", 9, 0, 7, bench[1]["half_frame"])[:6]


def test_the_previous_answer_comes_with_the_previous_requests_id(bench, client):
    unit = bench[1]["previous"]
    client.ask(unit, READ_SOC, wait_s=0.3)  # there was none before
    transaction, _, pdu = client.ask(unit, READ_POWER)
    assert (transaction, pdu.hex()) == (-1, "030201f9")
    assert len(client.ask(unit, READ_SOC)[2]) == len(READ_POWER) + 1


def test_swapped_words_are_the_right_words_the_other_way_round(bench, client):
    right = client.ask(bench[1]["own_timer"], READ_POWER)[2]
    swapped = client.ask(bench[1]["swapped_words"], READ_POWER)[2]
    assert swapped[2:] == right[4:] + right[2:4] != right[2:]
    assert client.ask(bench[1]["swapped_words"], READ_SOC)[2].hex() == "030201f9"


def test_ignored_writes_are_acknowledged_and_read_back_as_before(bench, client):
    unit = bench[1]["ignore_writes"]
    before = client.ask(unit, READ_SETPOINT)[2]
    assert client.ask(unit, write_setpoint(12_345))[2] == struct.pack(">BHH", 16, 200, 2)
    assert client.ask(unit, READ_SETPOINT)[2] == before


def test_an_address_that_wears_takes_a_hundred_writes_and_no_more(bench, client):
    unit = bench[1]["wears"]
    answers = [client.ask(unit, write_setpoint(1000 + number))[2] for number in range(101)]
    assert {answer[0] for answer in answers[:100]} == {16}
    assert answers[100] == bytes((16 | 0x80, 4))
    assert struct.unpack(">i", client.ask(unit, READ_SETPOINT)[2][2:])[0] == 1099


async def run(*faults, clock):
    """A battery with these faults behind a real socket; its bench and the values."""
    wiring, values = wiring_of_profiles(["meter/abb_b23", "battery/acme_200"])
    timetable = Timetable([FaultSpec("battery", fault, 0.0, None) for fault in faults])
    absent = {device: absent_of(profile) for device, profile in wiring.profiles.items()}
    made = Bench(wiring, FaultyValues(values, timetable, absent), lambda: clock[0], manner=Manner(faults=timetable))
    await made.start()
    return made, int(made.addresses["bench"].rpartition(":")[2])


async def test_a_second_connection_is_closed_at_once_and_the_first_lives_on():
    made, port = await run("one_client", clock=[0.0])
    try:
        first, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(struct.pack(">HHHB", 1, 0, 6, 2) + READ_SOC)
        async with asyncio.timeout(40.0):
            assert len(await first.readexactly(11)) == 11
            second, other = await asyncio.open_connection("127.0.0.1", port)
            assert await second.read(1) == b""
            other.close()
            writer.write(struct.pack(">HHHB", 2, 0, 6, 2) + READ_SOC)
            assert len(await first.readexactly(11)) == 11
        writer.close()
    finally:
        await made.stop()


async def test_a_device_with_a_timer_of_its_own_goes_back_ten_seconds_after_the_last_write():
    clock = [0.0]
    made, port = await run("own_timer", clock=clock)
    try:
        client = await asyncio.to_thread(Client, port)

        async def at(now_s, pdu):
            clock[0] = now_s
            return (await asyncio.to_thread(client.ask, 2, pdu))[2]

        async def setpoint_w(now_s):
            return struct.unpack(">i", (await at(now_s, READ_SETPOINT))[2:])[0]

        await at(1.0, write_setpoint(50_000))
        await at(8.0, write_setpoint(60_000))
        assert await setpoint_w(17.9) == 60_000
        assert await setpoint_w(18.1) == 0
        client.close()
    finally:
        await made.stop()


async def test_devices_that_dial_in_call_the_gateway_and_call_again_when_the_line_is_lost(tmp_path):
    wiring, values = wiring_of_profiles(["meter/abb_b23"], dials_in=True)
    made = Bench(wiring, values, lambda: 0.0, manner=Manner())
    await made.start()
    write_yaml(tmp_path / "bench.site.yaml", wiring.moved(made.addresses))
    site = load_site(tmp_path / "bench.site.yaml")
    (line,) = site.connections.values()
    profiles = profiles_of(site)
    try:
        for _ in range(2):  # the gateway listens, hangs up, listens again
            members = [Member(device, profiles[device.profile]) for device in site.devices.values()]
            doors = Doors()
            bus = open_bus(line, members, clock=SystemClock(), doors=doors)
            power = await called(bus)
            assert power == values.read("pcc", "power.active")
            await bus.close()
            doors.close()
    finally:
        await made.stop()


async def called(bus):
    """The meter's power, once the meter has called."""
    number, batch = next((n, b) for n, b in enumerate(bus.batches("pcc")) if "power.active" in b.points)
    async with asyncio.timeout(60):
        while True:
            try:
                fetched = await bus.read("pcc", number)
            except BusError:
                await asyncio.sleep(0.05)
            else:
                return fetched.values[batch.points.index("power.active")]


def test_every_switch_is_told_in_the_documentation():
    text = (ROOT / "docs" / "emulators.md").read_text(encoding="utf-8")
    assert [name for name in FAULTS if f"| `{name}` |" not in text] == []
    assert set(FAULTS) >= ON_MODBUS
