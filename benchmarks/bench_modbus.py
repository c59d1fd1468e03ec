"""CPU per read of 125 registers over Modbus TCP, one at a time: ours beside a raw protocol and pymodbus.

Everything is measured in one run, the variants taking turns, against a server in another process; each figure is the
median of the rounds. `raw` is an asyncio Protocol with struct and a Future and no checks at all: the floor.
`read` is our transaction (matching, deadline, exceptions) for a task that waits for it; `bus` adds the decoding of 125
points with their quality. `ask` and `poll` are the same two as the poller uses them, told to a function instead of a task.
"""

import asyncio
import json
import multiprocessing
import struct
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from statistics import median
from typing import cast

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from gateway.clock import SystemClock
from gateway.field import pdu
from gateway.field.bus import Columns, Member
from gateway.field.line import Line, Wire
from gateway.field.mbap import Mbap
from gateway.field.modbus import ModbusBus
from gateway.field.tcp import dial_tcp
from gateway.model.point import Unit
from gateway.model.site import Device
from gateway.profiles.schema import Every, Kind, Pauses, Point, Profile, Protocol, ReadLimits, Table

READS, ROUNDS = 1500, 7
Loop = Callable[[], asyncio.AbstractEventLoop]
Read = Callable[[], Awaitable[object]]
Series = Callable[[int], Awaitable[None]]
"""So many reads, one after the other."""
Variant = Callable[[int], Awaitable[Read]]


class _Server(asyncio.Protocol):
    """Answers any request with the same 125 registers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._data = struct.pack(">HBBB125H", 253, 1, 3, 250, *range(125))

    def data_received(self, data: bytes) -> None:
        self._transport.write(data[:4] + self._data)


def serve(pipe: Pipe) -> None:
    """The other process."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(forever())


class Raw(asyncio.Protocol):
    """The floor: no checks, no deadline; the registers by one struct."""

    unpack = struct.Struct(">9x125H").unpack

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._tid = 0

    def data_received(self, data: bytes) -> None:
        """An answer, taken to be whole."""
        self._future.set_result(self.unpack(data))

    async def read(self) -> tuple[int, ...]:
        """Ask and wait."""
        self._tid = self._tid + 1 & 0xFFFF
        self._future: asyncio.Future[tuple[int, ...]] = self._loop.create_future()
        self._transport.write(struct.pack(">HHHBBHH", self._tid, 0, 6, 1, 3, 0, 125))
        return await self._future


async def raw(port: int) -> Read:
    """The floor."""
    _, protocol = await asyncio.get_running_loop().create_connection(Raw, "127.0.0.1", port)
    return protocol.read


def our_line(port: int) -> Line:
    """A line as the gateway makes it."""
    return Line(lambda: dial_tcp("127.0.0.1", port, lambda: Wire(Mbap(), timeout_s=1.0), timeout_s=3.0))


async def read(port: int) -> Read:
    """Our transaction."""
    line, query = our_line(port), pdu.read(1, 3, 0, 125)
    return lambda: line.transact(query, again=True)


def wide_member(name: str, *, line: str = "line", poll_s: float = 1.0) -> Member:
    """A device of 125 scaled registers in one block."""
    points = [Point(f"r{at}", Unit.WATT, Kind.U16, Table.HOLDING, at, factor=0.1) for at in range(125)]
    profile = Profile(
        name="bench/wide", id="bench.wide", version="1.0.0", device_class="bench", vendor="", models=(), confidence="A",
        evidence=(), protocol=Protocol.MODBUS, points={point.name: point for point in points}, controls={}, params={},
        limits=ReadLimits(), pauses=Pauses(), poll_s={Every.FAST: 1.0},
    )  # fmt: skip
    return Member(Device(name, "bench/wide", line, poll_s=poll_s), profile)


async def bus(port: int) -> Read:
    """Our bus, values decoded."""
    made = ModbusBus(our_line(port), [wide_member("wide")], clock=SystemClock())
    return lambda: made.read("wide", 0)


async def poll(port: int) -> Series:
    """Our bus as the poller uses it."""
    made, clock = ModbusBus(our_line(port), [wide_member("wide")], clock=SystemClock()), SystemClock()
    await made.read("wide", 0)
    short = made.shortcut("wide", 0)
    assert short is not None

    def begin(again: Callable[[object], None]) -> None:
        def done(columns: Columns | None, _started_s: float, _took_s: float) -> None:
            again(columns)

        short.begin(done, clock.boot_s())

    return told(begin)


async def ask(port: int) -> Series:
    """Our transaction as the poller uses it."""
    line, query = our_line(port), pdu.read(1, 3, 0, 125)
    await line.transact(query)
    wire = line.wire
    assert wire is not None

    def begin(again: Callable[[object], None]) -> None:
        wire.ask(query, lambda outcome, _took_s: again(outcome))

    return told(begin)


def told(begin: Callable[[Callable[[object], None]], None]) -> Series:
    """Reads that follow one another from function to function."""

    async def series(count: int) -> None:
        ended = asyncio.get_running_loop().create_future()
        left = count

        def again(outcome: object) -> None:
            nonlocal left
            assert not isinstance(outcome, Exception | None)
            left -= 1
            if left:
                begin(again)
            else:
                ended.set_result(None)

        begin(again)
        await ended

    return series


async def pymodbus(port: int) -> Read:
    """Pymodbus's own client."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0, reconnect_delay=0)
    await client.connect()
    return lambda: client.read_holding_registers(0, count=125, device_id=1)


def waited(variant: Variant) -> Callable[[int], Awaitable[Series]]:
    """Reads that a task waits for, one after the other."""

    async def made(port: int) -> Series:
        one = await variant(port)

        async def series(count: int) -> None:
            for _ in range(count):
                await one()

        return series

    return made


async def cpu_us(variant: Callable[[int], Awaitable[Series]], port: int) -> float:
    """CPU microseconds of this process per read."""
    series = await variant(port)
    await series(100)
    before_s = time.process_time()
    await series(READS)
    return (time.process_time() - before_s) / READS * 1e6


def main() -> None:
    """Measure and print one line a figure."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    loops: dict[str, Loop] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    variants = {name: waited(one) for name, one in {"raw": raw, "read": read, "bus": bus, "pymodbus": pymodbus}.items()}
    variants |= {"ask": ask, "poll": poll}
    taken: dict[tuple[str, str], list[float]] = {(name, loop): [] for loop in loops for name in variants}
    for _ in range(ROUNDS):
        for (name, loop), figures in taken.items():
            with asyncio.Runner(loop_factory=loops[loop]) as runner:
                figures.append(runner.run(cpu_us(variants[name], port)))
    server.kill()
    us = {key: median(figures) for key, figures in taken.items()}
    for (name, loop), figure in us.items():
        print(json.dumps({
            "figure": f"modbus_{name}_{loop}", "cpu_us_per_read": round(figure, 1),
            "times_raw": round(figure / us["raw", loop], 3), "times_pymodbus": round(figure / us["pymodbus", "asyncio"], 3),
        }))  # fmt: skip


if __name__ == "__main__":
    main()
