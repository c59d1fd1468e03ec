"""The least that does the job: requests in a loop, one Struct for the answer, one message a meter, nothing checked.

No time-outs, no quality, no store, no control: what it costs is what the kernel, the loop and JSON cost.
"""

import asyncio
import json
import struct
import sys
from functools import partial
from typing import Any

import uvloop

from benchmarks.peers.payloads import PLAIN
from benchmarks.rawmqtt import RawMqtt, connect
from benchmarks.rig import now_s

GROUPS_PER_S = 5


class Meter(asyncio.Protocol):
    """One meter: an answer is published as it comes."""

    def __init__(self, name: str, points: int, broker: RawMqtt) -> None:
        self._name = name
        self._values = struct.Struct(f">9x{points}f")
        self._broker = broker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """An answer, taken to be whole."""
        text = json.dumps({"device": self._name, "values": self._values.unpack(data)}, separators=(",", ":"))
        self._broker.publish(PLAIN + self._name, text.encode())


async def main(spec: dict[str, Any]) -> None:
    """Each meter once a period, in groups at the same instants, until killed."""
    loop = asyncio.get_running_loop()
    broker = await connect(spec["mqtt_port"], "floor", [])
    meters = []
    for name, port in spec["ports"].items():
        _, meter = await loop.create_connection(partial(Meter, name, spec["points"], broker), "127.0.0.1", port)
        meters.append(meter)
    request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 2 * spec["points"])
    slots = max(1, round(spec["poll_s"] * GROUPS_PER_S))
    due_s = now_s()
    while True:
        for at in range(slots):
            for meter in meters[at::slots]:
                meter.transport.write(request)  # type: ignore[attr-defined]  # TCP's
            due_s += spec["poll_s"] / slots
            await asyncio.sleep(max(0.0, due_s - now_s()))


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
