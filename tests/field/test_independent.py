"""Strangers' implementations: mbpoll reads and writes our emulated devices, our client works with a libmodbus server."""

import asyncio
import re
import struct
import subprocess
from pathlib import Path

import pytest

from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer
from emulators.unit import Stored, Unit
from gateway.errors import BusRefused
from gateway.field import pdu
from gateway.field.open import open_line
from tests.field import things
from tests.needs import program

VALUES = {("thing", "power"): 4711.0, ("thing", "state"): 3.0, ("thing", "limit"): 60.0}


def units():
    return {7: Unit("thing", things.thing().profile, Stored(dict(VALUES)), lambda: 0.0)}


async def mbpoll(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        program("mbpoll"), *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode()


def values(said: str) -> dict[int, int]:
    return {int(at): int(value) for at, value in re.findall(r"^\[(\d+)\]:\s+(-?\d+)", said, re.MULTILINE)}


async def test_mbpoll_reads_and_writes_an_emulated_tcp_device():
    program("mbpoll")
    server = TcpServer(units())
    where = ("-m", "tcp", "-p", str(await server.start()), "-a", "7", "-0", "-t", "4", "-1", "127.0.0.1")
    try:
        assert values(await mbpoll("-r", "100", "-c", "2", *where)) == {100: 4711, 101: 3}
        assert "Written 1 references" in await mbpoll("-r", "110", *where, "75")
        assert values(await mbpoll("-r", "110", "-c", "1", *where)) == {110: 75}
        assert "Illegal data address" in await mbpoll("-r", "9000", "-c", "1", *where)
    finally:
        await server.stop()


async def test_mbpoll_reads_an_emulated_serial_device():
    program("mbpoll")
    server = RtuServer(units(), baud=19200)
    where = ("-m", "rtu", "-b", "19200", "-P", "none", "-a", "7", "-0", "-t", "4", "-1", await server.start())
    try:
        assert values(await mbpoll("-r", "100", "-c", "2", *where)) == {100: 4711, 101: 3}
    finally:
        await server.stop()


@pytest.fixture(scope="module")
def libmodbus(tmp_path_factory):
    """The port of a libmodbus server."""
    compiler = program("gcc")
    made = tmp_path_factory.mktemp("libmodbus") / "server"
    source = Path(__file__).with_name("libmodbus_server.c")
    done = subprocess.run([compiler, str(source), "-o", str(made), "-lmodbus"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs libmodbus to compile a server: install the package libmodbus-dev")
    with subprocess.Popen([str(made)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


async def test_our_client_works_with_a_libmodbus_server(libmodbus):
    line = open_line(things.tcp(f"127.0.0.1:{libmodbus}", timeout_s=2.0), units=1)
    words = struct.Struct(">4H").unpack
    try:
        assert words(await line.transact(pdu.read(1, 3, 100, 4))) == (100, 101, 102, 103)
        assert words(await line.transact(pdu.read(1, 4, 10, 4))) == (1010, 1011, 1012, 1013)
        assert await line.transact(pdu.read(1, 1, 0, 10)) == b"\x49\x02"
        assert await line.transact(pdu.read(1, 2, 0, 10)) == b"\x49\x02"
        await line.transact(pdu.write_register(1, 20, 777))
        await line.transact(pdu.write_registers(1, 21, [1, 2, 3]))
        assert words(await line.transact(pdu.read(1, 3, 20, 4))) == (777, 1, 2, 3)
        await line.transact(pdu.write_coil(1, 1, on=True))
        await line.transact(pdu.write_coils(1, 2, [True, False]))
        assert await line.transact(pdu.read(1, 1, 0, 4)) == b"\x07"
        await line.transact(pdu.mask_write(1, 20, and_mask=0xFF00, or_mask=0x0025))
        assert await line.transact(pdu.read(1, 3, 20, 1)) == struct.pack(">H", 777 & 0xFF00 | 0x25)
        exchanged = await line.transact(pdu.read_write(1, 30, 2, write_at=30, words=[9, 8]))
        assert exchanged == struct.pack(">2H", 9, 8)
        with pytest.raises(BusRefused, match="illegal data address"):
            await line.transact(pdu.read(1, 3, 199, 4))
    finally:
        await line.close()
