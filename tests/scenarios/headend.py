"""A scripted VPP on a real broker: stores telemetry, sends receipts, heartbeats and commands, remembers all it was told."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from emulators.vpp_sink import Sink
from gateway.tasks import ended
from tests.scenarios.house import boot_s

ROOT = "vpp/v1/tower"


def utc_ms() -> int:
    """The VPP's wall clock, which is right."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of the gateway."""

    at_s: float
    name: str
    tree: Any
    retained: bool


@dataclass
class HeadEnd:
    """One issuer, `vpp`."""

    port: int
    sink: Sink = field(default_factory=Sink)
    heard: list[Heard] = field(default_factory=list)
    samples: list[list[Any]] = field(default_factory=list)
    heartbeat_s: float | None = 0.5
    receipts: bool = True
    offset_ms: int = 0
    """How far this VPP's clock is ahead."""
    client: aiomqtt.Client | None = None
    _seq: Any = field(default_factory=lambda: itertools.count(1))

    def of(self, name: str) -> list[Any]:
        """The messages of one topic."""
        return [one.tree for one in self.heard if one.name == name]

    def answers(self, id_: str) -> list[tuple[str, str]]:
        """(result, reason) of every answer to one command."""
        return [(tree["result"], tree["reason"]) for tree in self.of("ack") if tree["id"] == id_]

    def alarms(self, key: str) -> list[bool]:
        """Raised and cleared, in order."""
        return [tree["raised"] for tree in self.of("alarm") if tree["key"] == key]

    def mode(self) -> str | None:
        """The newest mode told."""
        modes = [tree["mode"] for tree in self.of("status")]
        return modes[-1] if modes else None

    def make(self, id_: str, *, for_s: float | None = 60.0, in_s: float = 0.0, **given: Any) -> dict[str, Any]:
        """A whole command; `for_s` None leaves the end away."""
        now_ms = utc_ms() + self.offset_ms
        begin_ms = now_ms + round(in_s * 1000)
        tree = {
            "id": id_, "issuer": "vpp", "seq": next(self._seq), "service": "dr", "kind": "setpoint",
            "target": "site", "issued_at": now_ms, "not_before": begin_ms,
        }  # fmt: skip
        if for_s is not None:
            tree["valid_until"] = begin_ms + round(for_s * 1000)
        return tree | given

    async def say(self, tree: Any, *, retain: bool = False, topic: str = f"{ROOT}/command") -> None:
        """Publish one command, or any bytes."""
        assert self.client is not None
        payload = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        await self.client.publish(topic, payload, qos=1, retain=retain)

    async def ask(self, id_: str, **given: Any) -> dict[str, Any]:
        """Send a command made of its parts."""
        tree = self.make(id_, **given)
        await self.say(tree)
        return tree

    async def answered(self, id_: str, *, count: int = 1, within_s: float = 5.0) -> list[tuple[str, str]]:
        """Wait for so many answers; what there is when time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.answers(id_)) < count:  # noqa: ASYNC110 - messages come from another task
                    await asyncio.sleep(0.01)
        return self.answers(id_)

    async def run(self) -> None:
        """Come back whenever the broker does."""
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", self.port, timeout=5) as client:
                    for name in ("telemetry", "status", "ack", "plan", "alarm"):
                        await client.subscribe(f"{ROOT}/{name}", qos=1)
                    self.client = client
                    async with asyncio.TaskGroup() as group:
                        beat = group.create_task(self._beat(client), name="head-end-heartbeat")
                        async for message in client.messages:
                            await self._take(client, message)
                        beat.cancel()
            await asyncio.sleep(0.05)

    async def _beat(self, client: aiomqtt.Client) -> None:
        while True:
            if self.heartbeat_s is not None:
                beat = json.dumps({"issuer": "vpp", "t": utc_ms() + self.offset_ms})
                with suppress(aiomqtt.MqttError):
                    await client.publish(f"{ROOT}/heartbeat", beat, qos=0)
            await asyncio.sleep(self.heartbeat_s or 0.1)

    async def _take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        tree = json.loads(message.payload)
        name = message.topic.value.rpartition("/")[2]
        self.heard.append(Heard(boot_s(), name, tree, message.retain))
        if name == "telemetry":
            fresh, (box, epoch, seq) = self.sink.take(tree)
            self.samples += [[tree["epoch"], *sample] for sample in fresh]
            if self.receipts:
                receipt = json.dumps({"box": box, "epoch": epoch, "seq": seq})
                await client.publish(f"{ROOT}/receipt", receipt, qos=1)


@asynccontextmanager
async def head_end(port: int) -> AsyncIterator[HeadEnd]:
    """A head-end that is connected."""
    vpp = HeadEnd(port)
    task = asyncio.create_task(vpp.run(), name="head-end")
    try:
        async with asyncio.timeout(10):
            while vpp.client is None:  # noqa: ASYNC110 - the library has no event for it
                await asyncio.sleep(0.01)
        yield vpp
    finally:
        await ended(task)
