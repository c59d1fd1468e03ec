"""A gateway's uplink in a test: outbox and link running, what arrived kept; and a peer that behaves like a head-end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from emulators.vpp_sink import Sink
from gateway.clock import Clock, SystemClock
from gateway.model.command import Alarm
from gateway.model.request import Arrival
from gateway.model.site import Link
from gateway.tasks import ended
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.mqtt_session import Times
from gateway.uplink.outbox import CAP_BYTES, Outbox
from gateway.wire.command import Refusal
from tests.uplink.parts import make_outbox

QUICK = Times(keepalive_s=2, answer_s=2.0, receipt_s=1.5, first_s=0.1, cap_s=0.6, look_s=0.05)
"""All times of a link compressed by about one factor."""


@dataclass
class Side:
    """One running uplink."""

    outbox: Outbox
    link: MqttLink
    arrivals: list[Arrival] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)


@asynccontextmanager
async def uplink(
    folder: Path, port: int, *, times: Times = QUICK, clock: Clock | None = None, cap_bytes: int = CAP_BYTES, **how: Any
) -> AsyncIterator[Side]:
    """Outbox and link as tasks; both end with the block."""
    clock = clock or SystemClock()
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    alarms: list[Alarm] = []
    outbox = make_outbox(folder, clock, cap_bytes=cap_bytes)
    await outbox.open()
    config = Link(**{"id": "vpp", "url": f"mqtt://127.0.0.1:{port}", **how})
    link = MqttLink(
        config,
        "tower",
        outbox,
        clock,
        on_arrival=arrivals.append,
        on_refusal=refusals.append,
        on_alarm=alarms.append,
        times=times,
    )
    tasks = [asyncio.create_task(outbox.run(), name="outbox"), asyncio.create_task(link.run(), name="link")]
    try:
        yield Side(outbox, link, arrivals, refusals, alarms)
    finally:
        await ended(*tasks)
        await outbox.close()


class Peer:
    """A head-end: keeps telemetry, sends receipts, remembers every message it saw."""

    def __init__(self, port: int, *, receipts: bool = True) -> None:
        self._port = port
        self._receipts = receipts
        self.sink = Sink()
        self.seen: list[tuple[str, Any, bool]] = []
        self.client: aiomqtt.Client | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        """Come back whenever the broker does."""
        task = asyncio.create_task(self._run(), name="peer")
        try:
            async with asyncio.timeout(10):
                while self.client is None:  # noqa: ASYNC110  # the library has no event for it
                    await asyncio.sleep(0.01)
            yield self
        finally:
            await ended(task)

    def of(self, name: str) -> list[Any]:
        """The messages of one topic."""
        return [tree for topic, tree, _ in self.seen if topic == name]

    async def command(self, tree: Any, *, retain: bool = False, site: str = "tower") -> None:
        """Publish one command."""
        assert self.client is not None
        payload = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        await self.client.publish(f"vpp/v1/{site}/command", payload, qos=1, retain=retain)

    async def _run(self) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", self._port, timeout=5) as client:
                    for name in ("telemetry", "status", "ack", "plan", "alarm"):
                        await client.subscribe(f"vpp/v1/tower/{name}", qos=1)
                    self.client = client
                    async for message in client.messages:
                        await self._take(client, message)
            await asyncio.sleep(0.05)

    async def _take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        tree = json.loads(message.payload)
        name = message.topic.value.rpartition("/")[2]
        self.seen.append((name, tree, message.retain))
        if name == "telemetry":
            _, (box, epoch, seq) = self.sink.take(tree)
            if self._receipts:
                receipt = json.dumps({"box": box, "epoch": epoch, "seq": seq})
                await client.publish("vpp/v1/tower/receipt", receipt, qos=1)
