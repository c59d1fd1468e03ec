"""A recorded bus answers again: each request with the replies it had, in the order of time, then from the beginning.

A read that was never asked so is answered from the registers that other replies showed last; what was never shown is
exception 2, and so is a write that was not recorded: a recording knows nothing of what a write would have changed.
"""

import asyncio
import struct
from collections.abc import Iterable

from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer
from emulators.recording import Exchange, Recording
from emulators.registers import ILLEGAL_ADDRESS
from emulators.unit import Answer

MOST_DELAY_S = 10.0
READS = (1, 2, 3, 4)
BITS = (1, 2)
BAUD = 4_000_000
"""The recorded delay holds the time of the bytes already."""


class ReplayUnit:
    """One unit of the recording."""

    def __init__(self, unit: int, exchanges: Iterable[Exchange]) -> None:
        self.device = f"unit{unit}"
        self._replies: dict[bytes, list[Exchange]] = {}
        self._next: dict[bytes, int] = {}
        self._shown: dict[tuple[int, int], int] = {}
        """(function, address) -> the value it showed last; before anything was asked, first."""
        for one in exchanges:
            self._replies.setdefault(one.request, []).append(one)
        for one in reversed([one for row in self._replies.values() for one in row]):
            self._show(one.request, one.reply)

    def wait_s(self) -> float:
        """The delay is part of the answer."""
        return 0.0

    def answer(self, pdu: bytes) -> Answer:
        """The next recorded reply to this request."""
        row = self._replies.get(pdu)
        if row is None:
            return Answer(self._pieced(pdu), 0.0, "pieced together")
        at = self._next.get(pdu, 0)
        self._next[pdu] = (at + 1) % len(row)
        one = row[at]
        if not one.reply:
            return Answer(None, 0.0, "silent")
        self._show(pdu, one.reply)
        return Answer(one.reply, min(one.delay_s, MOST_DELAY_S), f"reply {at + 1} of {len(row)}")

    def _show(self, request: bytes, reply: bytes) -> None:
        """Remember the registers or bits of a read's reply."""
        if len(request) != 5 or request[0] not in READS or reply[:1] != request[:1] or len(reply) < 3:
            return
        function, address, count = struct.unpack(">BHH", request)
        data = reply[2:]
        if function in BITS:
            count = min(count, 8 * len(data))
            values = [data[at // 8] >> at % 8 & 1 for at in range(count)]
        else:
            values = [word for (word,) in struct.iter_unpack(">H", data[: 2 * min(count, len(data) // 2)])]
        self._shown.update({(function, address + at): value for at, value in enumerate(values)})

    def _pieced(self, pdu: bytes) -> bytes:
        """An answer from what other replies showed; exception 2 where that is not all of it."""
        refused = bytes(((pdu[0] if pdu else 0) | 0x80, ILLEGAL_ADDRESS))
        if len(pdu) != 5 or pdu[0] not in READS:
            return refused
        function, address, count = struct.unpack(">BHH", pdu)
        values = [self._shown.get((function, address + at)) for at in range(count)]
        known = [value for value in values if value is not None]
        if not values or len(known) != count:
            return refused
        if function in BITS:
            data = bytearray((count + 7) // 8)
            for at, value in enumerate(known):
                data[at // 8] |= value << at % 8
        else:
            data = bytearray(struct.pack(f">{count}H", *known))
        return bytes((function, len(data))) + data


def units_of(recording: Recording) -> dict[int, ReplayUnit]:
    """The recording's units by unit id."""
    found: dict[int, list[Exchange]] = {}
    for one in recording.exchanges:
        found.setdefault(one.unit, []).append(one)
    return {unit: ReplayUnit(unit, exchanges) for unit, exchanges in sorted(found.items())}


async def replay(recording: Recording, stopped: asyncio.Event, *, port: int = 0) -> None:
    """Serve a recording as it was recorded, over TCP or on a pty; prints the connection and the units, until stopped."""
    units = units_of(recording)
    server = RtuServer(units, baud=BAUD) if recording.serial else TcpServer(units)
    if isinstance(server, RtuServer):
        where = f"modbus_rtu: {await server.start()}"
    else:
        where = f'modbus_tcp: "127.0.0.1:{await server.start(port)}"'
    try:
        print(f"{where}, units {', '.join(map(str, units))}", flush=True)
        await stopped.wait()
    finally:
        await server.stop()
