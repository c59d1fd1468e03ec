"""What stands on both sides of a gateway under test: its meters, and the subscriber that counts what it publishes.

`python -m benchmarks.peers.world '{"meters": 50, "mqtt_port": …}'` prints the ports by name. Point k of a meter is
10 n + k in its registers (float32), where n counts how often the meter was asked for its first register: every value
is another one at every poll. Every line on the input is answered with what came since: `points`, `polls` (meter -> boot
times), `first_s` (boot time of the first value), and `late_s`: from a meter's answer to the message that holds it, for
the first point of each meter. With `first` the meters are numbered from there; without `mqtt_port` nothing is counted.
"""

import asyncio
import json
import struct
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

import uvloop

from benchmarks.devices import Notes, Plant
from benchmarks.peers.payloads import counted, firsts
from benchmarks.rawmqtt import connect
from benchmarks.rig import now_s
from emulators.modbus_device import TcpServer
from emulators.unit import Unit
from gateway.profiles.load import load_profile

KEPT = 512
"""Answers of a meter that are remembered for the latency."""
LIMITS_ASKED, LIMITS_TOLD = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
NO_LIMITS = json.dumps({"maxPayloadSize": 65536, "maxInflightMessages": 1000, "rateLimits": {}}).encode()
"""ThingsBoard's gateway sends nothing before its server has told its limits; here there are none."""


class Count:
    """What came since the last report."""

    def __init__(self, names: Iterable[str]) -> None:
        self.answered_s: dict[str, dict[int, float]] = {name: {} for name in names}
        self.polls: dict[str, list[float]] = {name: [] for name in self.answered_s}
        self._clear()

    def _clear(self) -> None:
        for times in self.polls.values():
            times.clear()
        self.points = 0
        self.first_s: float | None = None
        self.late_s: list[float] = []

    def on_message(self, topic: str, payload: bytes) -> None:
        """One message of whichever gateway."""
        found = counted(topic, payload)
        if not found:
            return
        now = now_s()
        self.points += found
        if self.first_s is None:
            self.first_s = now
        for device, turn in firsts(topic, payload):
            answered_s = self.answered_s.get(device, {}).get(turn)
            if answered_s is not None:
                self.late_s.append(now - answered_s)

    def report(self) -> str:
        """As JSON; begins anew."""
        found = {"polls": self.polls, "points": self.points, "first_s": self.first_s, "late_s": self.late_s}
        line = json.dumps(found)
        self._clear()
        return line


class Meter(asyncio.Protocol):
    """Answers every read with the values of the present turn; a read of its first register begins the next."""

    def __init__(self, count: Count, name: str) -> None:
        self._asked_s = count.polls[name]
        self._answered_s = count.answered_s[name]
        self._turn = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read requests, 12 bytes each."""
        self._buffer += data
        while len(self._buffer) >= 12:
            frame, self._buffer = self._buffer[:12], self._buffer[12:]
            unit, function, address, registers = struct.unpack(">BBHH", frame[6:])
            if address == 0:
                now = now_s()
                self._asked_s.append(now)
                self._turn += 1
                self._answered_s[self._turn] = now
                self._answered_s.pop(self._turn - KEPT, None)
            first = 10.0 * self._turn + address // 2
            floats = struct.pack(f">{registers // 2}f", *(first + at for at in range(registers // 2)))
            head = frame[:2] + struct.pack(">HHBBB", 0, 3 + 2 * registers, unit, function, 2 * registers)
            self._transport.write(head + floats)  # type: ignore[attr-defined]  # TCP's


def name_of(number: int) -> str:
    """The name of a meter."""
    return f"m{number:04d}"


async def serve(spec: dict[str, Any]) -> None:
    """Serve and count until killed."""
    loop = asyncio.get_running_loop()
    first = spec.get("first", 0)
    count, plant, ports = Count(map(name_of, range(first, first + spec["meters"]))), Plant(), {}
    for name in count.answered_s:
        server = await loop.create_server(partial(Meter, count, name), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    for name, profile in (("pcc", "meter/abb_b23"), ("battery", "battery/acme_200")):
        unit = Unit(name, load_profile(profile), plant, now_s)
        ports[name] = await TcpServer({1: unit}, ledger=Notes()).start()  # type: ignore[arg-type]  # a ledger in memory
    if "mqtt_port" in spec:
        await listen(spec["mqtt_port"], count)
    print(json.dumps({"ports": ports}), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(count.report(), flush=True)


async def listen(port: int, count: Count) -> None:
    """Count everything that is published, and be ThingsBoard's server as far as its gateway needs one."""
    client = await connect(port, "world", ["#"])

    def on_message(topic: str, payload: bytes) -> None:
        if topic.startswith(LIMITS_ASKED):
            client.publish(LIMITS_TOLD + topic.removeprefix(LIMITS_ASKED), NO_LIMITS)
        else:
            count.on_message(topic, payload)

    client.listen(on_message)


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1])))
