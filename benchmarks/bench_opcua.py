"""CPU per value of reading 100 doubles over OPC UA: our bus, to readings with quality, beside the library's own read.

Both read the same nodes of the same server (asyncua's, in another process) by turns; the library's is `read_attributes`,
which our bus used before and still falls back to. Each figure is the median of the rounds; both loops, uvloop is the
product's.
"""

import asyncio
import logging
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from statistics import median

import uvloop
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

from benchmarks.rig import figure
from emulators.broker import free_port
from gateway.clock import SystemClock
from gateway.field.bus import Member
from gateway.field.opcua import OpcUaBus
from gateway.model.point import Unit
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Every, Kind, PathStep, Pauses, Point, Profile, Protocol, ReadLimits

URI = "urn:bench"
VALUES, READS, ROUNDS = 100, 15, 31


def serve(pipe: Pipe) -> None:
    """The other process."""

    async def forever() -> None:
        server, address = Server(), f"opc.tcp://127.0.0.1:{free_port()}/"
        await server.init()
        server.set_endpoint(address)
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = await server.register_namespace(URI)
        for at in range(VALUES):
            await server.nodes.objects.add_variable(space, f"v{at}", float(at), ua.VariantType.Double)
        async with server:
            pipe.send(address)
            await asyncio.Event().wait()

    logging.disable(logging.CRITICAL)
    asyncio.run(forever())


def our_bus(address: str) -> OpcUaBus:
    """One device of so many points."""
    points = [
        Point(f"x.v{at}", Unit.NONE, Kind.F64, path=(PathStep(URI, f"v{at}"),), every=Every.FAST)
        for at in range(VALUES)
    ]
    profile = Profile(
        name="bench/opcua", id="bench.opcua", version="1.0.0", device_class="meter", vendor="Bench", models=("Wide",),
        confidence="A", evidence=("the server of the benchmark",), protocol=Protocol.OPCUA, params={}, controls={},
        points={point.name: point for point in points}, limits=ReadLimits(), pauses=Pauses(),
        poll_s={Every.FAST: 1.0, Every.NORMAL: 1.0, Every.SLOW: 1.0},
    )  # fmt: skip
    line = Connection("line", Transport.OPCUA, address, timeout_s=10.0)
    return OpcUaBus(line, [Member(Device("thing", "bench/opcua", "line"), profile)], clock=SystemClock())


async def cpu_us(read: Callable[[], Awaitable[object]]) -> float:
    """CPU microseconds of this process per value."""
    await read()
    before_s = time.process_time()
    for _ in range(READS):
        await read()
    return (time.process_time() - before_s) / READS / VALUES * 1e6


async def measured(address: str) -> tuple[float, float]:
    """Ours and the library's."""
    bus = our_bus(address)
    fetched = await bus.read("thing", 0)
    assert list(fetched.values) == [float(at) for at in range(VALUES)]
    client = bus._session.client  # noqa: SLF001 - the same connection for both
    assert client is not None
    nodes = list(bus._session.nodes.values())  # noqa: SLF001 - the same nodes for both
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(await cpu_us(lambda: bus.read("thing", 0)))
        theirs.append(await cpu_us(lambda: client.uaclient.read_attributes(nodes, AttributeIds.Value)))
    await bus.close()
    return median(ours), median(theirs)


def main() -> None:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    address = ours.recv()
    how = f"{VALUES} doubles in one request, {ROUNDS} rounds of {READS} reads; floor: the library's read_attributes"
    for name, loop in (("uvloop", uvloop.new_event_loop), ("asyncio", asyncio.new_event_loop)):
        with asyncio.Runner(loop_factory=loop) as runner:
            us, floor = runner.run(measured(address))
        figure("opcua_read_cpu_per_value", us, "us", floor=floor, target="<= 0.3 x asyncua", method=how, loop=name)
    server.kill()


if __name__ == "__main__":
    main()
