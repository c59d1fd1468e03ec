"""pymodbus as differential oracle: its server as our device, its client beside ours; both must tell the same."""

import asyncio
import random
import struct
from typing import cast

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from gateway.errors import BusRefused
from gateway.field import pdu
from gateway.field.line import Line, Wire
from gateway.field.mbap import Mbap
from gateway.field.rtu import Rtu
from gateway.field.tcp import dial_tcp
from tests.field.peers import tcp_peer

SIZE = 400


@pytest.fixture(params=[FramerType.SOCKET, FramerType.RTU])
def framer(request):
    return request.param


def our_line(port: int, framer: FramerType) -> Line:
    def wire() -> Wire:
        return Wire(Mbap() if framer is FramerType.SOCKET else Rtu(hold_off_s=1.0, quiet_s=0.0), timeout_s=1.0)

    return Line(lambda: dial_tcp("127.0.0.1", port, wire, timeout_s=1.0))


def their_client(port: int, framer: FramerType) -> AsyncModbusTcpClient:
    return AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer, timeout=1, retries=0, reconnect_delay=0)


def bits_of(data: bytes, count: int) -> list[bool]:
    return [bool(data[at // 8] >> (at % 8) & 1) for at in range(count)]


async def compare(line: Line, client: AsyncModbusTcpClient, *, seed: int, count: int) -> int:
    """So many random reads and writes by either, each read by both; how many were compared."""
    rng = random.Random(seed)
    compared = 0
    for _ in range(count):
        address, many = rng.randrange(SIZE - 130), rng.randint(1, 120)
        kind = rng.choice(("words", "inputs", "coils", "write", "their write", "coil", "writes", "bits"))
        if kind == "words":
            data = await line.transact(pdu.read(1, 3, address, many))
            theirs = await client.read_holding_registers(address, count=many, device_id=1)
            assert list(struct.unpack(f">{many}H", data)) == theirs.registers
            compared += 1
        elif kind == "inputs":
            data = await line.transact(pdu.read(1, 4, address, many))
            theirs = await client.read_input_registers(address, count=many, device_id=1)
            assert list(struct.unpack(f">{many}H", data)) == theirs.registers
            compared += 1
        elif kind == "coils":
            data = await line.transact(pdu.read(1, 1, address, many))
            their_bits = await client.read_coils(address, count=many, device_id=1)
            assert bits_of(data, many) == their_bits.bits[:many]
            compared += 1
        elif kind == "write":
            await line.transact(pdu.write_register(1, address, rng.randrange(65536)))
        elif kind == "writes":
            await line.transact(pdu.write_registers(1, address, [rng.randrange(65536) for _ in range(many)]))
        elif kind == "coil":
            await line.transact(pdu.write_coil(1, address, on=rng.random() < 0.5))
        elif kind == "bits":
            await line.transact(pdu.write_coils(1, address, [rng.random() < 0.5 for _ in range(many)]))
        else:
            await client.write_registers(address, [rng.randrange(65536) for _ in range(many)], device_id=1)
    return compared


async def test_against_its_server_both_clients_read_the_same(framer):
    device = SimDevice(
        id=1,
        simdata=(
            [SimData(0, values=[False] * SIZE, datatype=DataType.BITS)],
            [SimData(0, values=[True] * SIZE, datatype=DataType.BITS)],
            [SimData(0, values=list(range(SIZE)), datatype=DataType.REGISTERS)],
            [SimData(0, values=list(range(1000, 1000 + SIZE)), datatype=DataType.REGISTERS)],
        ),
    )
    server = ModbusTcpServer([device], framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = cast("asyncio.Server", server.transport).sockets[0].getsockname()[1]
    line, client = our_line(port, framer), their_client(port, framer)
    try:
        assert await client.connect()
        assert await compare(line, client, seed=1, count=150) >= 30
        with pytest.raises(BusRefused) as refused:
            await line.transact(pdu.read(1, 3, 60000, 2))
        theirs = await client.read_holding_registers(60000, count=2, device_id=1)
        assert refused.value.code == theirs.exception_code == 2
    finally:
        await line.close()
        client.close()
        await server.shutdown()
        await asyncio.sleep(0)


async def test_against_our_peer_both_clients_read_the_same(framer):
    async with tcp_peer(rtu=framer is FramerType.RTU) as peer:
        line, client = our_line(peer.port, framer), their_client(peer.port, framer)
        assert await client.connect()
        assert await compare(line, client, seed=2, count=150) >= 30
        await line.close()
        client.close()
        await asyncio.sleep(0)
