"""Scripted Modbus peers on TCP and on pseudo-terminals: each register holds its own address, so that a value can prove
where it came from. Written from the standard and apart from the gateway's own framing."""

import asyncio
import os
import socket
import ssl
import struct
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

Reply = list[tuple[float, bytes]]
"""What to send back, each after so many seconds."""
Script = Callable[["Asked"], Reply]
FIN, RST = b"<fin>", b"<rst>"
"""In place of bytes: close, or reset, the connection (TCP)."""


@dataclass
class Asked:
    """One request as the peer saw it, and the good reply to it."""

    at_s: float
    number: int
    tid: int
    unit: int
    pdu: bytes
    good: bytes
    """The reply's PDU."""
    frame: Callable[..., bytes]
    connection: int = 0
    """frame(pdu, unit=…, tid=…): a whole frame."""

    def reply(self, **changed: int) -> bytes:
        return self.frame(self.good, **changed)

    @property
    def address(self) -> int:
        return int.from_bytes(self.pdu[1:3], "big")


@dataclass
class Registers:
    """Registers that hold their own address until written; coils on at multiples of three."""

    words: dict[int, int] = field(default_factory=dict)
    coils: dict[int, bool] = field(default_factory=dict)
    writes: list[tuple[float, int, tuple[int, ...]]] = field(default_factory=list)

    def answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if len(pdu) < 5:
            return bytes((function | 0x80, 1))
        address, count = struct.unpack_from(">HH", pdu, 1)
        if function in (3, 4):
            words = [self.words.get(at, at) for at in range(address, address + count)]
            return struct.pack(f">BB{count}H", function, 2 * count, *words)
        if function in (1, 2):
            bits = [self.coils.get(at, at % 3 == 0) for at in range(address, address + count)]
            packed = bytearray((count + 7) // 8)
            for at, bit in enumerate(bits):
                packed[at // 8] |= bit << (at % 8)
            return bytes((function, len(packed))) + packed
        if function == 5:
            self.coils[address] = count == 0xFF00
        elif function == 6:
            self.words[address] = count
        elif function == 15:
            for at in range(count):
                self.coils[address + at] = bool(pdu[6 + at // 8] >> (at % 8) & 1)
        elif function == 16:
            for at, word in enumerate(struct.unpack_from(f">{count}H", pdu, 6)):
                self.words[address + at] = word
        elif function == 22:
            keep, over = struct.unpack_from(">HH", pdu, 3)
            self.words[address] = self.words.get(address, address) & keep | over & ~keep
            self.writes.append((time.monotonic(), address, (self.words[address],)))
            return pdu
        elif function == 23:
            write_at, size = struct.unpack_from(">HH", pdu, 5)
            self.answer(struct.pack(">BHHB", 16, write_at, size, 2 * size) + pdu[10:])
            return bytes((23,)) + self.answer(struct.pack(">BHH", 3, address, count))[1:]
        else:
            return bytes((function | 0x80, 1))
        written = (
            (count,)
            if function in (5, 6)
            else struct.unpack(f">{len(pdu[6:]) // 2}H", pdu[6:])
            if function == 16
            else ()
        )
        self.writes.append((time.monotonic(), address, written))
        return pdu[:5]


def straight(asked: Asked) -> Reply:
    """An ordinary device."""
    return [(0.0, asked.reply())]


def slow_crc(data: bytes) -> bytes:
    """CRC-16/MODBUS bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 * (value & 1))
    return struct.pack("<H", value)


class Peer:
    """What TCP, RTU over TCP and RTU peers share: units, a script, a ledger."""

    def __init__(self, script: Script = straight, *, units: tuple[int, ...] = (1, 2, 3)) -> None:
        self.script = script
        self.units = {unit: Registers() for unit in units}
        self.ledger: list[Asked] = []
        self.connections = 0
        self.applies: Callable[[Asked], bool] = lambda _asked: True
        """Whether a request reaches the registers at all."""

    @property
    def device(self) -> Registers:
        return next(iter(self.units.values()))

    def respond(self, tid: int, unit: int, pdu: bytes, frame: Callable[..., bytes]) -> Reply:
        device = self.units.get(unit)
        if device is None:
            return []
        asked = Asked(time.monotonic(), len(self.ledger), tid, unit, pdu, b"", frame, self.connections)
        self.ledger.append(asked)
        asked.good = device.answer(pdu) if self.applies(asked) else pdu[:5]
        return self.script(asked)


class _Stream(asyncio.Protocol):
    def __init__(self, peer: "TcpPeer") -> None:
        self.peer, self.buffer = peer, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.peer.connections += 1
        self.peer.open.add(self.transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.peer.open.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while request := self.peer.cut(self):
            send(self.peer.respond(*request), self.write)

    def write(self, data: bytes) -> None:
        if data == RST:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif data == FIN:
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write(data)


def send(reply: Reply, write: Callable[[bytes], object]) -> None:
    loop = asyncio.get_running_loop()
    for delay_s, data in reply:
        if delay_s:
            loop.call_later(delay_s, write, data)
        else:
            write(data)


class TcpPeer(Peer):
    """Modbus TCP, or with `rtu` RTU frames over TCP."""

    rtu = False

    def __init__(
        self,
        script: Script = straight,
        *,
        units: tuple[int, ...] = (1, 2, 3),
        rtu: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(script, units=units)
        self.rtu, self.tls = rtu, tls
        self.open: set[asyncio.Transport] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    def cut(self, stream: _Stream) -> tuple[int, int, bytes, Callable[..., bytes]] | None:
        if self.rtu:
            return cut_rtu(stream)
        if len(stream.buffer) < 8:
            return None
        tid, _, length, unit = struct.unpack_from(">HHHB", stream.buffer)
        if len(stream.buffer) < 6 + length:
            return None
        pdu, stream.buffer = stream.buffer[7 : 6 + length], stream.buffer[6 + length :]

        def frame(
            pdu: bytes, *, tid: int = tid, unit: int = unit, protocol: int = 0, length: int | None = None
        ) -> bytes:
            size = len(pdu) + 1 if length is None else length
            return struct.pack(">HHHB", tid & 0xFFFF, protocol, size, unit) + pdu

        return tid, unit, pdu, frame

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Stream(self), "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for transport in list(self.open):
            transport.abort()
        await asyncio.sleep(0)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


def cut_rtu(stream) -> tuple[int, int, bytes, Callable[..., bytes]] | None:
    """The first whole request in the buffer; junk before it is skipped."""
    buffer = stream.buffer
    for at in range(len(buffer) - 7):
        size = 8 if buffer[at + 1] <= 6 else 9 + buffer[at + 6]
        frame = buffer[at : at + size]
        if len(frame) == size and frame[-2:] == slow_crc(frame[:-2]):
            stream.buffer = buffer[at + size :]

            def framed(pdu: bytes, *, unit: int = frame[0]) -> bytes:
                body = bytes((unit,)) + pdu
                return body + slow_crc(body)

            return 0, frame[0], frame[1:-2], framed
    return None


class PtyPeer(Peer):
    """Modbus RTU on the far side of a pseudo-terminal; `path` is what the gateway opens."""

    def __init__(self, script: Script = straight, *, units: tuple[int, ...] = (1, 2, 3)) -> None:
        super().__init__(script, units=units)
        self.buffer = b""
        self.fd, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self.fd, False)

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self.fd, self._readable)

    def stop(self) -> None:
        if self.fd >= 0:
            asyncio.get_running_loop().remove_reader(self.fd)
            os.close(self.fd)
            os.close(self._slave)
            self.fd = -1

    def write(self, data: bytes) -> None:
        if self.fd >= 0:
            os.write(self.fd, data)

    def _readable(self) -> None:
        self.buffer += os.read(self.fd, 4096)
        while request := cut_rtu(self):
            send(self.respond(*request), self.write)


@asynccontextmanager
async def tcp_peer(
    script: Script = straight, *, units: tuple[int, ...] = (1, 2, 3), rtu: bool = False
) -> AsyncIterator[TcpPeer]:
    peer = TcpPeer(script, units=units, rtu=rtu)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


@asynccontextmanager
async def pty_peer(script: Script = straight, *, units: tuple[int, ...] = (1, 2, 3)) -> AsyncIterator[PtyPeer]:
    peer = PtyPeer(script, units=units)
    peer.start()
    try:
        yield peer
    finally:
        peer.stop()
