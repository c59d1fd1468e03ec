"""A QoS 1 round trip through mosquitto, from the link's `tell` to the subscriber: ours beside a minimal client.

The floor is a bare socket that writes the same PUBLISH with TCP_NODELAY and waits for the subscriber to have it; both
take turns. Also: how many samples a second the telemetry lane moves from the outbox to a subscriber with receipts.
"""

import asyncio
import json
import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import aiomqtt
import uvloop

from emulators.broker import mosquitto, mosquitto_program
from emulators.vpp_sink import Sink
from gateway.clock import SystemClock
from gateway.log import configure
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.model.request import Result, Verdict
from gateway.model.site import Link
from gateway.uplink.batch import Lot, Taken
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.outbox import Outbox

TRIPS, SAMPLES = 400, 100_000


class Bare:
    """MQTT 3.1.1 by hand: connect, and publish with QoS 1."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04bare")
        self._socket.recv(4)
        self._number = 0

    def publish(self, full_topic: bytes, payload: bytes) -> None:
        """Write; the acknowledgement is read away by the next call."""
        self._number = self._number % 65535 + 1
        body = len(full_topic).to_bytes(2, "big") + full_topic + self._number.to_bytes(2, "big") + payload
        assert len(body) < 128
        self._socket.sendall(bytes([0x32, len(body)]) + body)
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            pass
        self._socket.setblocking(True)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Subscriber:
    """Bare too, so that what is measured is the sender: sees PUBLISH packets as they come."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    async def run(self, port: int) -> None:
        """Subscribe to the acks with QoS 0 and set `came` at each."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04seer")
        await reader.readexactly(4)
        name = b"vpp/v1/tower/ack"
        body = b"\x00\x01" + len(name).to_bytes(2, "big") + name + b"\x00"
        writer.write(bytes([0x82, len(body)]) + body)
        await reader.readexactly(5)
        while await reader.read(4096):
            self.came.set()


async def round_trips(link: MqttLink, port: int) -> None:
    """The two senders take turns."""
    seen = Subscriber()
    watching = asyncio.create_task(seen.run(port))
    bare = Bare(port)
    await asyncio.sleep(0.2)
    ours_ms: list[float] = []
    floor_ms: list[float] = []
    for n in range(TRIPS):
        for times, send in (
            (ours_ms, lambda n=n: link.tell(Verdict(f"r-{n}", "vpp", Result.DONE, "", 1))),
            (floor_ms, lambda: bare.publish(b"vpp/v1/tower/ack", b'{"id":"r-1","result":"done","reason":"","at":1}')),
        ):
            seen.came.clear()
            began = time.perf_counter()
            send()
            await seen.came.wait()
            times.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(0.002)
    watching.cancel()
    bare.close()
    figure("mqtt_tell_to_subscriber_p50_ms", median(ours_ms), floor=median(floor_ms))
    figure("mqtt_tell_to_subscriber_p99_ms", quantiles(ours_ms, n=100)[98], floor=quantiles(floor_ms, n=100)[98])


async def throughput(outbox: Outbox, port: int) -> None:
    """A backlog drained to a sink with receipts."""
    sink, clock = Sink(), SystemClock()
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("vpp/v1/tower/telemetry", qos=1)
        for n in range(SAMPLES // 1000):
            now_s = clock.boot_s()
            rows = [Taken(PointId(f"d{k % 200}/p"), float(n + k), Quality.GOOD, now_s) for k in range(1000)]
            outbox.add(Lot.of(rows))
            await outbox.commit()
        began = time.perf_counter()
        async for message in client.messages:
            _, (box, epoch, seq) = sink.take(json.loads(message.payload))
            receipt = {"box": box, "epoch": epoch, "seq": seq}
            await client.publish("vpp/v1/tower/receipt", json.dumps(receipt))
            if sink.samples >= SAMPLES:
                break
    figure("mqtt_backlog_samples_per_s", SAMPLES / (time.perf_counter() - began))


def figure(name: str, value: float, *, floor: float | None = None) -> None:
    """One JSON line."""
    line = {"figure": name, "value": round(value, 4)}
    if floor is not None:
        line |= {"floor": round(floor, 4), "ratio": round(value / floor, 2)}
    print(json.dumps(line), flush=True)


async def main() -> None:
    """One broker, one link, both figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        async with mosquitto(0) as port:
            clock = SystemClock()
            outbox = Outbox(Path(name), clock, links=("vpp",), on_alarm=print)
            await outbox.open()
            link = MqttLink(
                Link("vpp", f"mqtt://127.0.0.1:{port}"), "tower", outbox, clock,
                on_arrival=print, on_refusal=print, on_alarm=print,
            )  # fmt: skip
            tasks = [asyncio.create_task(outbox.run()), asyncio.create_task(link.run())]
            while not link.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await round_trips(link, port)
            await throughput(outbox, port)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await outbox.close()


if __name__ == "__main__":
    configure(level="error")
    if mosquitto_program() is None:
        print("needs the program mosquitto: install the package mosquitto", file=sys.stderr)
    else:
        uvloop.run(main())
