"""FaultProxy: one TCP link between a client and a server, whose faults are switched while it runs.

Each way has faults of its own: delay, drop, slice, throttle, corrupt, duplicate, reorder, inject. The link as a whole
can hang, be reset, be half-closed, or refuse connections. What one `recv` brings is one chunk; order is kept unless
`reorder` is on. Everything random comes from one seed.
"""

import asyncio
import random
import socket
import struct
from dataclasses import dataclass
from typing import cast

ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER that turns close into a reset."""


@dataclass
class Faults:
    """What happens to the chunks of one way."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    drop: bool = False
    drop_share: float = 0.0
    slice_bytes: int = 0
    slice_gap_s: float = 0.005
    bytes_per_s: float = 0.0
    corrupt_share: float = 0.0
    duplicate: bool = False
    reorder: bool = False


class _Way:
    """One direction of one connection."""

    def __init__(self, faults: Faults, rng: random.Random) -> None:
        self.faults = faults
        self.hung: list[bytes] | None = None
        self.to: asyncio.Transport | None = None
        self._rng = rng
        self._due_s = 0.0
        self._held = b""

    def take(self, data: bytes) -> None:
        """A chunk came in."""
        if self.hung is not None:
            self.hung.append(data)
            return
        faults, rng = self.faults, self._rng
        if faults.drop or (faults.drop_share and rng.random() < faults.drop_share):
            return
        if faults.corrupt_share and rng.random() < faults.corrupt_share:
            at = rng.randrange(len(data))
            data = data[:at] + bytes((data[at] ^ (1 << rng.randrange(8)),)) + data[at + 1 :]
        if faults.reorder and not self._held:
            self._held = data
            return
        held, self._held = self._held, b""
        for chunk in (data, data, held) if faults.duplicate else (data, held):
            self._send(chunk)

    def _send(self, data: bytes) -> None:
        faults, loop = self.faults, asyncio.get_running_loop()
        delay_s = faults.delay_s + self._rng.uniform(0.0, faults.jitter_s)
        self._due_s = max(self._due_s, loop.time() + delay_s)
        size = faults.slice_bytes or max(len(data), 1)
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            if faults.slice_bytes and at:
                self._due_s += faults.slice_gap_s
            if faults.bytes_per_s:
                self._due_s += len(piece) / faults.bytes_per_s
            if self._due_s <= loop.time():
                self.write(piece)
            else:
                loop.call_at(self._due_s, self.write, piece)

    def write(self, data: bytes) -> None:
        """Send as it is."""
        if self.to is not None and not self.to.is_closing():
            self.to.write(data)


class _End(asyncio.Protocol):
    """One socket of a connection: what comes in goes to the other way's end."""

    def __init__(self, link: "_Link", way: _Way) -> None:
        self._link, self._way = link, way
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link.made(self, self.transport)

    def data_received(self, data: bytes) -> None:
        self._way.take(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._link.close()


class _Link:
    """One client's connection and ours to the server."""

    def __init__(self, proxy: "FaultProxy") -> None:
        self._proxy = proxy
        self.up, self.down = _Way(proxy.up, proxy.rng), _Way(proxy.down, proxy.rng)
        self.client, self.server = _End(self, self.up), _End(self, self.down)
        self._early: list[bytes] = []
        self._dialling: asyncio.Task[None] | None = None

    def made(self, end: _End, transport: asyncio.Transport) -> None:
        if end is self.server:
            self.up.to = transport
            return
        self.down.to = transport
        self._proxy.links.append(self)
        transport.pause_reading()
        self._dialling = asyncio.get_running_loop().create_task(self._dial(transport), name="fault-proxy-dial")

    async def _dial(self, client: asyncio.Transport) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, *self._proxy.target)
        except OSError:
            client.abort()
        else:
            client.resume_reading()

    def hang(self, *, on: bool) -> None:
        for way in (self.up, self.down):
            if on and way.hung is None:
                way.hung = []
            elif not on and way.hung is not None:
                waiting, way.hung = way.hung, None
                for data in waiting:
                    way.take(data)

    def reset(self) -> None:
        if self.client.transport is not None:
            sock = self.client.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.close()

    def close(self) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.abort()
        if self in self._proxy.links:
            self._proxy.links.remove(self)


class FaultProxy:
    """Listens on 127.0.0.1 and passes on to `target`; `up` is towards the server, `down` towards the client."""

    def __init__(self, target: tuple[str, int], *, seed: int = 0) -> None:
        self.target = target
        self.up, self.down = Faults(), Faults()
        self.rng = random.Random(seed)
        self.links: list[_Link] = []
        self.accepted = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._hung = False

    async def start(self) -> int:
        """Listen, on the same port as before if there was one; the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Refuse new connections and cut the old ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in list(self.links):
            link.close()
        await asyncio.sleep(0)

    def hang(self, *, on: bool) -> None:
        """Pass nothing on, either way, on any connection; what came meanwhile follows when it ends."""
        self._hung = on
        for link in self.links:
            link.hang(on=on)

    def reset(self) -> None:
        """RST every connection."""
        for link in list(self.links):
            link.reset()

    def half_close(self) -> None:
        """FIN towards the client; its own bytes still pass."""
        for link in self.links:
            if link.down.to is not None and link.down.to.can_write_eof():
                link.down.to.write_eof()

    def inject(self, data: bytes, *, up: bool = False) -> None:
        """Send bytes of our own on every connection."""
        for link in self.links:
            (link.up if up else link.down).write(data)

    def _accept(self) -> asyncio.Protocol:
        self.accepted += 1
        link = _Link(self)
        link.hang(on=self._hung)
        return link.client
