"""The door: how many connections there may be, how long a request's head may take (A-033).

Every TCP connection is a Door that hands what arrives to aiohttp's own protocol. A connection too many is closed at
once; a head or body that is not complete in time is cut. Between requests aiohttp's keep-alive time holds.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

MOST = 64
MOST_EACH = 8
HEAD_S = 10.0
UNREAD_MS = 20_000
"""After so long without an acknowledgement a peer that reads nothing is dropped by the kernel."""
SEND_BYTES = 128 * 1024


class Doorkeeper:
    """Counts connections, all and per address."""

    def __init__(self, *, most: int = MOST, each: int = MOST_EACH, head_s: float = HEAD_S) -> None:
        self.most, self.each, self.head_s = most, each, head_s
        self.by_address: Counter[str] = Counter()
        self.refused = 0

    def enter(self, address: str) -> bool:
        """Whether one more may come in."""
        if self.by_address.total() >= self.most or self.by_address[address] >= self.each:
            self.refused += 1
            return False
        self.by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One has gone."""
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]


class Door(asyncio.Protocol):
    """One connection."""

    def __init__(self, keeper: Doorkeeper, make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._keeper = keeper
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._address = ""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in or close it."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if isinstance(peer, tuple) else "local"
        if not self._keeper.enter(self._address):
            self._transport.abort()
            return
        bound(transport.get_extra_info("socket"))
        self._inner = cast("asyncio.Protocol", self._make())
        self._inner.connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Hand it on; a head's first byte starts its time, its end stops it."""
        if self._inner is None:
            return
        seen = self._tail + data
        if b"\r\n\r\n" in seen:
            self.head_is_there()
            self._tail = b""
        else:
            self._tail = seen[-3:]
            self._wait_for_head()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The peer sends no more."""
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self.head_is_there()
        if self._inner is not None:
            self._keeper.leave(self._address)
            self._inner.connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._timer is None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(self._keeper.head_s, self._transport.abort)

    def head_is_there(self) -> None:
        """Nothing more is waited for: the head is complete, or its body was read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def bound(sock: Any) -> None:
    """Let the kernel keep little for a peer, and drop one that reads nothing."""
    if sock is None:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    except OSError:  # gone already; its connection_lost follows
        return
