"""The floor as a process: only the input and output of a gateway, written by hand, nothing checked, nothing decoded.

`python -m benchmarks.floor SPEC` with SPEC `{ports, points, poll_s, tick_s?, mqtt_port?, loop?}` polls every meter in five
groups a second, ticks by asyncio.sleep, and writes each setpoint that comes over MQTT to the battery at once. Every
line on its input is answered with `late` (of the ticks, s), `polls` (answers) and `first_s` (of the first answer).
"""

import asyncio
import json
import struct
import sys
from typing import Any

import uvloop

from benchmarks.rawmqtt import connect
from benchmarks.rig import now_s

GROUPS_PER_S = 5


class Device(asyncio.Protocol):
    """A connection that counts answers."""

    def __init__(self, notes: dict[str, Any]) -> None:
        self._notes = notes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """An answer."""
        self._notes["polls"] += 1
        self.last = data


async def main(spec: dict[str, Any]) -> None:
    """Run until killed."""
    loop = asyncio.get_running_loop()
    notes: dict[str, Any] = {"polls": 0, "late": []}
    devices = {}
    for name, port in spec["ports"].items():
        _, devices[name] = await loop.create_connection(lambda: Device(notes), "127.0.0.1", port)
    meters = [device for name, device in devices.items() if name not in ("pcc", "battery")]
    tasks = [asyncio.create_task(poll(meters, spec))]
    if "tick_s" in spec:
        tasks.append(asyncio.create_task(tick(spec["tick_s"], notes)))
    if spec.get("mqtt_port"):
        await listen(spec["mqtt_port"], devices["battery"])
    print(json.dumps({"ready": True}), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(json.dumps(notes), flush=True)
        notes["late"] = []


async def poll(meters: list[Device], spec: dict[str, Any]) -> None:
    """Each meter once a period, in groups at the same instants."""
    request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 2 * spec["points"])
    slots = max(1, round(spec["poll_s"] * GROUPS_PER_S))
    groups = [meters[at::slots] for at in range(slots)]
    due_s = now_s()
    while True:
        for group in groups:
            for meter in group:
                meter.transport.write(request)  # type: ignore[attr-defined]  # TCP's
            due_s += spec["poll_s"] / slots
            await asyncio.sleep(max(0.0, due_s - now_s()))


async def tick(period_s: float, notes: dict[str, Any]) -> None:
    """A raster by asyncio.sleep."""
    due_s = now_s()
    while True:
        due_s += period_s
        await asyncio.sleep(due_s - now_s())
        notes["late"].append(now_s() - due_s)


async def listen(port: int, battery: Device) -> None:
    """Setpoints from the broker straight to the battery; an ack at once."""

    def on_message(_topic: str, payload: bytes) -> None:
        command = json.loads(payload)
        watts = round(command["power_w"]) - 300_000
        words = struct.pack(">i", -watts)
        battery.transport.write(struct.pack(">HHHBBHHB", 1, 0, 11, 1, 16, 200, 2, 4) + words)  # type: ignore[attr-defined]
        client.publish("vpp/v1/bench/ack", json.dumps({"id": command["id"], "result": "accepted"}).encode())

    client = await connect(port, "floor", ["vpp/v1/bench/command"], on_message)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.Runner(loop_factory=uvloop.new_event_loop if given.get("loop") != "asyncio" else None).run(main(given))
