"""An emulated serial server: Modbus RTU frames over TCP, waiting for the gateway or dialling in to it as mobile boxes do."""

import asyncio
from collections.abc import Mapping
from typing import cast

from emulators.dialling import dial
from emulators.ledger import Ledger
from emulators.modbus_rtu import crc16, whole
from emulators.unit import Served

MOST = 512


class SerialServer:
    """The units of one serial line, reached over TCP."""

    def __init__(self, units: Mapping[int, Served], *, ledger: Ledger | None = None) -> None:
        self.units = units
        self.ledger = ledger
        self.connections: set[SerialConnection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen; the port. OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SerialConnection(self), "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def call(self, port: int, registration: bytes = b"") -> "SerialConnection":
        """Dial in to a gateway and say who we are; OSError when nobody listens."""
        connection = await dial(lambda: SerialConnection(self), port)
        connection.say(registration)
        return connection

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)


class SerialConnection(asyncio.Protocol):
    """One connection: whole frames in, answers out."""

    def __init__(self, server: SerialServer) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It is over."""
        self._server.connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Requests; what is none is forgotten."""
        self._buffer = (self._buffer + data)[-MOST:]
        if frame := whole(self._buffer):
            self._buffer = b""
            self._request(frame)

    def say(self, data: bytes) -> None:
        """Send something unasked."""
        if self._transport is not None and data:
            self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def _request(self, frame: bytes) -> None:
        unit = self._server.units.get(frame[0])
        if unit is None:
            return
        answer = unit.answer(frame[1:-2])
        if self._server.ledger is not None:
            self._server.ledger.request(unit.device, frame[1:-2], answer)
        if answer.pdu is not None:
            body = bytes(((frame[0] + answer.unit_by) % 256,)) + answer.pdu
            asyncio.get_running_loop().call_later(answer.delay_s, self.say, answer.cut(body + crc16(body)))
