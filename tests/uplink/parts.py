"""What the uplink's tests share: samples, an outbox under a hand-moved clock, a sink, a scripted broker."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.vpp_sink import Sink
from gateway.clock import EARLIEST_UTC_MS, Clock, VirtualClock
from gateway.model.command import Alarm
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Taken
from gateway.uplink.outbox import Outbox
from gateway.wire.telemetry import batch_payload

NOW_MS = EARLIEST_UTC_MS + 86_400_000
POWER = PointId("pcc/power.active")


def clock_at(boot_s: float = 1000.0, utc_ms: int = NOW_MS) -> VirtualClock:
    """A clock with a plausible wall time."""
    return VirtualClock(boot_s, utc_ms)


def taken(count: int, *, at_s: float = 1000.0, point: PointId = POWER, first: float = 0.0) -> Lot:
    """Samples with values counting up."""
    return Lot.of(Taken(point, first + n, Quality.GOOD, at_s) for n in range(count))


def make_outbox(folder: Path, clock: Clock | None = None, **how: Any) -> Outbox:
    """An outbox with one link `vpp`; alarms are not kept unless asked for."""
    how = {"links": ("vpp",), "on_alarm": ignore, "boot_id": "boot-1", "commit_s": 0.02, **how}
    return Outbox(folder, clock or clock_at(), **how)


def ignore(_alarm: Alarm) -> None:
    """Nobody listens."""


@asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None, **how: Any) -> AsyncIterator[Outbox]:
    """An outbox that is open, and closed cleanly."""
    outbox = make_outbox(folder, clock, **how)
    await outbox.open()
    try:
        yield outbox
    finally:
        await outbox.close()


async def stored(outbox: Outbox, link: str = "vpp") -> list[Batch]:
    """Every batch the link lacks."""
    spans = await outbox.pending(link, limit=100_000)
    batches = [await outbox.read(span) for span in spans]
    return [batch for batch in batches if batch is not None]


async def sunk(outbox: Outbox) -> Sink:
    """A head-end's store after it got everything that is pending, as the wire carries it."""
    sink = Sink()
    for batch in await stored(outbox):
        samples = batch.samples(outbox.now(), historical=True)
        sink.take(json.loads(batch_payload(outbox.box, batch.span.epoch, samples)))
    return sink


async def crash(outbox: Outbox) -> None:
    """Drop an outbox as a kill would: nothing is closed cleanly, the thread ends."""
    file = outbox._file  # there is no lawful way to crash
    if file is not None:
        await outbox._work(file._close)
    outbox._thread.shutdown()


async def until(true: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Wait for something to become true; TimeoutError names nothing, the test's line does."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110  # what is waited for is of another task, process or thread
            await asyncio.sleep(0.005)


def rows(batches: Iterable[Batch]) -> list[tuple[int, int, PointId, float | None]]:
    """(epoch, seq, point, value) of everything in the batches."""
    return [
        (batch.span.epoch, seq, one.point, one.value)
        for batch in batches
        for seq, one in enumerate(batch.taken.rows(), batch.span.first)
    ]


@dataclass
class ScriptedBroker:
    """A broker of MQTT 3.1.1 that follows orders: whether it answers PUBLISH, and when it cuts the line."""

    puback: Callable[[int], bool] = lambda _n: True
    cut: Callable[[int], bool] = lambda _n: False
    greet: Callable[[int], bool] = lambda _n: True
    port: int = 0
    connects: list[float] = field(default_factory=list)
    published: list[tuple[str, bytes]] = field(default_factory=list)
    most_unanswered: int = 0
    open_now: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedBroker"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.close()
            await asyncio.sleep(0.02)

    async def send(self, full_topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish to the newest client, QoS 0."""
        name = full_topic.encode()
        body = len(name).to_bytes(2, "big") + name + payload
        self.writers[-1].write(bytes([0x31 if retain else 0x30]) + _length(len(body)) + body)
        await self.writers[-1].drain()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects.append(asyncio.get_running_loop().time())
        self.writers.append(writer)
        self.open_now += 1
        unanswered = 0
        try:
            while True:
                head, body = await _packet(reader)
                match head >> 4:
                    case 1 if body[6] != 4:
                        writer.write(b"\x20\x02\x00\x01")  # unacceptable protocol version
                    case 1 if self.greet(len(self.connects)):
                        writer.write(b"\x20\x02\x00\x00")
                    case 8:
                        writer.write(b"\x90\x05" + body[:2] + b"\x01\x01\x00")
                    case 12:
                        writer.write(b"\xd0\x00")
                    case 3:
                        size = int.from_bytes(body[:2], "big")
                        self.published.append((body[2 : 2 + size].decode(), body[4 + size :]))
                        number = len(self.published)
                        if self.cut(number):
                            return
                        if self.puback(number):
                            writer.write(b"\x40\x02" + body[2 + size : 4 + size])
                        else:
                            unanswered += 1
                            self.most_unanswered = max(self.most_unanswered, unanswered)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open_now -= 1
            writer.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return head, await reader.readexactly(size)


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)
