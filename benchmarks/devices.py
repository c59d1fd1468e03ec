"""The emulated devices of a benchmark as a process: many plain meters, a site meter, a battery; ledgers in memory.

`python -m benchmarks.devices '{"meters": 50, "points": 20}'` prints the ports by name; every line on its input is
answered with what came since: `polls` (device -> times) and `writes` ([time, registers' hex] of the battery).
"""

import asyncio
import json
import struct
import sys
from collections import defaultdict, deque
from functools import partial

from benchmarks.rig import now_s
from emulators.modbus_device import TcpServer
from emulators.unit import Answer, Unit
from gateway.profiles.load import load_profile

LOAD_W = 300_000.0
"""What the site draws besides its battery."""
METER_AGE_S = 0.25


class Meter(asyncio.Protocol):
    """Answers every read with the same floats; notes when it was asked."""

    def __init__(self, times: list[float]) -> None:
        self._times = times
        self._replies: dict[bytes, bytes] = {}
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read requests, 12 bytes each."""
        self._buffer += data
        while len(self._buffer) >= 12:
            frame, self._buffer = self._buffer[:12], self._buffer[12:]
            self._times.append(now_s())
            self._transport.write(frame[:2] + self._reply(frame[2:]))  # type: ignore[attr-defined]  # TCP's

    def _reply(self, asked: bytes) -> bytes:
        if asked not in self._replies:
            unit, function, _, count = struct.unpack(">BBHH", asked[4:])
            floats = struct.pack(f">{count // 2}f", *(100.0 + at for at in range(count // 2)))
            self._replies[asked] = struct.pack(">HHBBB", 0, 3 + 2 * count, unit, function, 2 * count) + floats
        return self._replies[asked]


class Plant:
    """A battery that does at once what it is told, and a site meter that shows load and battery of METER_AGE_S ago."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._past: deque[tuple[float, float]] = deque([(0.0, 0.0)], maxlen=100)
        self._values = {
            "battery.power.setpoint": 0.0,
            "battery.enable": 0.0,
            "battery.power.setpoint.timeout": 15.0,
            "battery.power.fallback": 0.0,
            "battery.soc": 50.0,
            "battery.state": 2.0,
            "battery.alarms": 0.0,
            "battery.temperature": 25.0,
            "frequency": 50.0,
            "voltage.l1-n": 230.0,
            "voltage.l2-n": 230.0,
            "voltage.l3-n": 230.0,
        }

    def advance(self, t_s: float) -> None:
        """Nothing moves by itself."""
        self.now_s = t_s

    def read(self, _device: str, quantity: str) -> float | None:
        """The value of a quantity."""
        if quantity == "power.active":
            return LOAD_W + next(
                w for t, w in reversed(self._past) if t <= self.now_s - METER_AGE_S or t == self._past[0][0]
            )
        if quantity == "battery.power":
            return self._values["battery.power.setpoint"]
        return self._values.get(quantity)

    def takes(self, device: str, quantity: str) -> bool:
        """Only the battery is written."""
        return device == "battery" and quantity in self._values

    def write_point(self, _device: str, quantity: str, value: float) -> bool:
        """Take a value."""
        self._values[quantity] = value
        if quantity == "battery.power.setpoint":
            self._past.append((self.now_s, value))
        return True


class Notes:
    """What came since the last report."""

    def __init__(self) -> None:
        self.polls: dict[str, list[float]] = defaultdict(list)
        self.writes: list[tuple[float, str]] = []

    def request(self, _device: str, pdu: bytes, _answer: Answer) -> None:
        """One request to the site meter or the battery."""
        if pdu[0] in (5, 6, 15, 16):
            self.writes.append((now_s(), pdu.hex()))

    def report(self) -> str:
        """As JSON; begins anew."""
        line = json.dumps({"polls": self.polls, "writes": self.writes})
        for times in self.polls.values():
            times.clear()
        self.writes = []
        return line


async def serve(meters: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    notes, plant, ports = Notes(), Plant(), {}
    for number in range(meters):
        name = f"m{number:03d}"
        server = await loop.create_server(partial(Meter, notes.polls[name]), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    for name, profile in (("pcc", "meter/abb_b23"), ("battery", "battery/acme_200")):
        unit = Unit(name, load_profile(profile), plant, now_s)
        ports[name] = await TcpServer({1: unit}, ledger=notes).start()  # type: ignore[arg-type]  # a ledger in memory
    print(json.dumps({"ports": ports}), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(notes.report(), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])["meters"]))
