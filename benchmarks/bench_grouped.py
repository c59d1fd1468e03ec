"""CPU per poll of 100 devices at 10 Hz, 125 registers each, by the gateway's own pollers: beside a raw protocol and pymodbus.

Everything starts its polls at the same instants; devices are in another process. `raw` has a protocol with a future a
request and unpacks the registers by one struct, no checks, all devices gathered; `counted` does not even do that: it
writes the requests and counts the answers. `ours` is wheel, poller, bus, deadline, matching, decoding of 125 scaled points
with quality, and the image; `pymodbus` reads all devices by one gather a period. Variants take turns; each figure is the
median of the rounds.

The same once more with one lever given up at a time: `spread` starts the polls of each line at an instant of its own,
`timers` groups them but gives each line a timer of its own, `tasks` reads each poll by the line's task.
"""

import asyncio
import gc
import multiprocessing
import random
import struct
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any, cast

import uvloop
from pymodbus.client import AsyncModbusTcpClient

from benchmarks.bench_modbus import Raw, serve, wide_member
from benchmarks.rig import figure
from gateway.clock import SystemClock
from gateway.field.derived import DerivedBus
from gateway.field.open import open_bus
from gateway.field.points import specs_of
from gateway.field.poller import Poller
from gateway.field.wheel import Wheel
from gateway.field.writer import Writer
from gateway.model.image import Image
from gateway.model.site import Connection, Limits, Services, Site, Transport

DEVICES, PERIOD_S, SPAN_S, ROUNDS = 100, 0.1, 1.2, 9
LEVERS = {"spread": "groups", "timers": "wheel", "tasks": "express"}
Variant = Callable[[int], Coroutine[Any, Any, tuple[float, int]]]


class Counting(asyncio.Protocol):
    """A connection that counts answers."""

    answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what writes."""
        self.write = cast("asyncio.WriteTransport", transport).write

    def data_received(self, _data: bytes) -> None:
        """An answer."""
        self.answers += 1


async def raw(port: int) -> tuple[float, int]:
    """CPU seconds and reads of a bare protocol."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Raw, "127.0.0.1", port) for _ in range(DEVICES)]
    reads = await timed([protocol.read for _, protocol in made])
    for transport, _ in made:
        transport.close()
    return reads


async def timed(devices: list[Callable[[], Coroutine[Any, Any, object]]]) -> tuple[float, int]:
    """CPU seconds and reads when all devices are read together once a period."""
    loop = asyncio.get_running_loop()
    begin_s, due_s, reads = time.process_time(), loop.time(), 0
    end_s = due_s + SPAN_S
    while due_s < end_s:
        reads += len(await asyncio.gather(*(read() for read in devices)))
        due_s += PERIOD_S
        await asyncio.sleep(due_s - loop.time())
    return time.process_time() - begin_s, reads


async def counted(port: int) -> tuple[float, int]:
    """CPU seconds and answers of who only sends and counts."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(Counting, "127.0.0.1", port) for _ in range(DEVICES)]
    devices = [protocol for _, protocol in made]
    begin_s, due_s = time.process_time(), loop.time()
    end_s = due_s + SPAN_S
    tid = 0
    while due_s < end_s:
        tid = tid + 1 & 0xFFFF
        for device in devices:
            device.write(struct.pack(">HHHBBHH", tid, 0, 6, 1, 3, 0, 125))
        due_s += PERIOD_S
        await asyncio.sleep(due_s - loop.time())
    used_s = time.process_time() - begin_s
    for transport, _ in made:
        transport.close()
    return used_s, sum(device.answers for device in devices)


class Shifted(SystemClock):
    """A clock some milliseconds beside the others', so that its raster is."""

    def __init__(self, by_s: float) -> None:
        self._by_s = by_s

    def boot_s(self) -> float:
        """Beside the others'."""
        return super().boot_s() + self._by_s


class ByTask(DerivedBus):
    """A bus that needs its owner's task for every read."""

    def shortcut(self, device: str, batch: int) -> None:
        """There is none."""


async def ours(port: int, *, without: str = "") -> tuple[float, int]:
    """CPU seconds and polls of the gateway's own pollers, perhaps without one of the levers."""
    clock = SystemClock()
    members = [wide_member(f"wide{at}", line=f"line{at}", poll_s=PERIOD_S) for at in range(DEVICES)]
    members = [replace(member, profile=members[0].profile) for member in members]
    lines = [Connection(f"line{at}", Transport.MODBUS_TCP, f"127.0.0.1:{port}") for at in range(DEVICES)]
    profile = members[0].profile
    site = Site(
        id="bench", timezone="UTC", meter="wide0", connections={line.id: line for line in lines},
        devices={member.id: member.device for member in members}, assets={}, limits=Limits(), services=Services(), links={},
    )  # fmt: skip
    image = Image(specs_of(site, {profile.name: profile}))
    writer, shared = Writer(members, tell=lambda _outcome: None), Wheel(clock)
    pollers = []
    for number, (line, member) in enumerate(zip(lines, members, strict=True)):
        own = Shifted(number * PERIOD_S / DEVICES) if without == "groups" else clock
        bus = open_bus(line, [member], clock=own)
        pollers.append(
            Poller(
                ByTask(bus, [member]) if without == "express" else bus, [member], line=line.id, writer=writer, image=image,
                clock=own, on_alarm=lambda _alarm: None, rng=random.Random(1), wheel=Wheel(own) if without in ("groups", "wheel") else shared,
            )
        )  # fmt: skip
    gc.collect()  # as `gateway run` sets it: what was built lives for ever, the collector need not look
    gc.freeze()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(poller.run(), name=f"line {at}") for at, poller in enumerate(pollers)]
        await asyncio.sleep(0.5)
        before = sum(poller.counters["polls"] for poller in pollers)
        begin_s = time.process_time()
        await asyncio.sleep(SPAN_S)
        used_s = time.process_time() - begin_s
        polls = sum(poller.counters["polls"] for poller in pollers) - before
        for task in tasks:
            task.cancel()
    gc.unfreeze()
    return used_s, polls


async def pymodbus(port: int) -> tuple[float, int]:
    """CPU seconds and reads of pymodbus's clients."""
    clients = [
        AsyncModbusTcpClient("127.0.0.1", port=port, timeout=1, retries=0, reconnect_delay=0) for _ in range(DEVICES)
    ]
    await asyncio.gather(*(client.connect() for client in clients))
    taken = await timed([partial(registers, client) for client in clients])
    for client in clients:
        client.close()
    return taken


async def registers(client: AsyncModbusTcpClient) -> object:
    """One read."""
    return await client.read_holding_registers(0, count=125)


def main() -> None:
    """Measure and print."""
    near, far = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(far,), daemon=True)
    server.start()
    gc.set_threshold(10_000, 20, 100)
    port = near.recv()
    variants: dict[str, Variant] = {"raw": raw, "ours": ours, "counted": counted, "pymodbus": pymodbus}
    variants |= {name: partial(ours, without=lever) for name, lever in LEVERS.items()}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, variant in variants.items():
            with asyncio.Runner(
                loop_factory=asyncio.new_event_loop if name == "pymodbus" else uvloop.new_event_loop
            ) as runner:
                used_s, polls = runner.run(variant(port))
                taken[name].append(used_s / max(1, polls) * 1e6)
    server.kill()
    us = {name: median(figures) for name, figures in taken.items()}
    how = f"{DEVICES} devices x 125 registers at {1 / PERIOD_S:g} Hz, started together; ours and raw on uvloop"
    figure(
        "grouped_poll", us["ours"], "us/poll", floor=us["raw"], target="<= 1.6 x raw, <= 0.30 x pymodbus", method=how,
        pymodbus=round(us["pymodbus"], 1), ratio_pymodbus=round(us["ours"] / us["pymodbus"], 3),
        counted=round(us["counted"], 1), ratio_counted=round(us["ours"] / us["counted"], 3),
    )  # fmt: skip
    for name, lever in LEVERS.items():
        figure(
            f"grouped_poll_{name}",
            us[name],
            "us/poll",
            floor=us["ours"],
            method=f"the same without {lever}; floor: with it",
        )


if __name__ == "__main__":
    main()
