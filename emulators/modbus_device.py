"""Emulated Modbus servers: TCP with several units behind one endpoint; unknown units stay silent. RTU is in `modbus_rtu`.

A small protocol of our own instead of pymodbus's server: it is several times cheaper, answers pipelined requests, and
keeps silent for units it does not have. pymodbus's client is the differential peer in the tests.
"""

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from emulators.dialling import dial
from emulators.ledger import Ledger
from emulators.unit import Served

HEADER = struct.Struct(">HHHB")
MAX_LENGTH = 254


class TcpServer:
    """Modbus TCP on 127.0.0.1: `units` by unit id."""

    def __init__(
        self, units: Mapping[int, Served], *, ledger: Ledger | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.units = units
        self.ledger = ledger
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.connections: set[TcpConnection] = set()
        self.one_client: Callable[[], bool] = lambda: False
        """Whether a second connection is refused now."""

    async def start(self, port: int = 0) -> int:
        """Listen; the port. OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: TcpConnection(self), "127.0.0.1", port, ssl=self._tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def call(self, port: int, registration: bytes = b"") -> "TcpConnection":
        """Dial in to a gateway and say who we are; OSError when nobody listens."""
        connection = await dial(lambda: TcpConnection(self), port)
        connection.say(registration)
        return connection

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None


class TcpConnection(asyncio.Protocol):
    """One client; requests are answered one after the other, in their order."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._buffer = b""
        self._waiting: deque[tuple[int, int, bytes]] = deque()
        self._busy = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)
        if self._server.connections and self._server.one_client():
            self.close()
            return
        self._server.connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """A client went."""
        self._server.connections.discard(self)
        self._transport = None

    def say(self, data: bytes) -> None:
        """Send something unasked."""
        self._write(data)

    def close(self) -> None:
        """Throw the client out."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut frames out of the stream."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            transaction, protocol, length, unit_id = HEADER.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= MAX_LENGTH:
                self.close()
                return
            if len(self._buffer) < 6 + length:
                return
            self._waiting.append((transaction, unit_id, self._buffer[HEADER.size : 6 + length]))
            self._buffer = self._buffer[6 + length :]
        if not self._busy:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            transaction, unit_id, pdu = self._waiting.popleft()
            unit = self._server.units.get(unit_id)
            if unit is None:
                continue
            if wait_s := unit.wait_s():
                self._busy = True
                self._loop.call_later(wait_s, self._handle, unit, transaction, unit_id, pdu)
                return
            if self._handle(unit, transaction, unit_id, pdu):
                return
        self._busy = False

    def _handle(self, unit: Served, transaction: int, unit_id: int, pdu: bytes) -> bool:
        """Carry out a request; True when its answer, or the next request, follows later."""
        resumed = self._busy
        answer = unit.answer(pdu)
        if self._server.ledger is not None:
            self._server.ledger.request(unit.device, pdu, answer)
        frame = b""
        if answer.pdu is not None:
            transaction = (transaction + answer.transaction_by) % 65536
            header = HEADER.pack(transaction, 0, len(answer.pdu) + 1, (unit_id + answer.unit_by) % 256)
            frame = answer.cut(header + answer.pdu)
        if answer.delay_s > 0.0:
            self._busy = True
            self._loop.call_later(answer.delay_s, self._send, frame)
            return True
        if resumed:
            self._send(frame)
            return True
        self._write(frame)
        return False

    def _send(self, frame: bytes) -> None:
        self._write(frame)
        self._busy = False
        self._next()

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and frame:
            self._transport.write(frame)
