"""Doors: listening sockets for devices that dial in themselves: serial servers on mobile networks, behind NAT.

Several connections may share one door. Who came in is told by the registration packet it sends first, or where the
connection names one, by its source address. Nobody is asked anything before he is known; who stays unknown is shown
out. The newest call of a device is the one that counts: a box that lost its network does not hang up.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from gateway.errors import BusDown
from gateway.field.line import Wire
from gateway.field.packets import Packets
from gateway.field.tcp import set_options, split_address
from gateway.log import get_logger
from gateway.texts import say
from gateway.texts.causes import cause

log = get_logger("field")

REGISTER_S = 10.0
"""How long a caller may take to say who he is."""
MOST_STRANGERS = 64
MOST_REGISTRATION = 256
MOST_TOLD, TOLD_WITHIN_S = 5, 60.0
"""Strangers told of in a minute."""


@dataclass(frozen=True, slots=True)
class Caller:
    """How one device is known: the packet it sends first, or the address it calls from."""

    registration: bytes = b""
    peer: str = ""
    heartbeat: bytes = b""
    """What it sends now and then to keep the way open; never part of a reply."""
    framed: bool = False
    """It speaks Modbus TCP, whose frames say how long they are."""


@dataclass(slots=True, eq=False)
class _Awaited:
    """One connection's place at a door."""

    caller: Caller
    transport: asyncio.Transport | None = None
    """A call that nobody has taken over yet."""
    early: bytes = b""
    wire: Wire | None = None
    """The call taken over last."""
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Doors:
    """Every listening address of the gateway, opened when the first of its connections wants it."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}

    def at(self, address: str) -> "Door":
        """The door at `host:port`."""
        return self._doors.setdefault(address, Door(address))

    def close(self) -> None:
        """Listen nowhere any more."""
        for door in self._doors.values():
            door.close()


class Door:
    """One listening socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = 0
        """Where it listens, once it does."""
        self.strangers: set[_Call] = set()
        self._awaited: list[_Awaited] = []
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._told_s: deque[float] = deque(maxlen=MOST_TOLD)
        """When strangers were told of last."""
        self._untold = 0

    def expect(self, caller: Caller) -> "Entrance":
        """A place for one device, in place of the one it had: its line was opened anew."""
        for former in [place for place in self._awaited if place.caller == caller]:
            self._awaited.remove(former)
            if former.transport is not None:
                former.transport.abort()
        place = _Awaited(caller)
        self._awaited.append(place)
        return Entrance(self, place)

    async def open(self) -> None:
        """Listen, if nobody does yet; BusDown when the address cannot be had."""
        async with self._opening:
            if self._server is not None:
                return
            host, port = split_address(self.address)
            loop = asyncio.get_running_loop()
            try:
                self._server = await loop.create_server(lambda: _Call(self), host or None, port)
            except OSError as exc:
                raise BusDown(say("bus.cannot_listen", address=self.address, why=cause(exc))) from exc
            self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for stranger in list(self.strangers):
            stranger.leave()

    def tell(self, peer: str, heard: bytes) -> None:
        """Somebody unknown was shown out; a door that stands open to the world is told of a few a minute, and how many more."""
        now_s = asyncio.get_running_loop().time()
        if len(self._told_s) == MOST_TOLD and now_s - self._told_s[0] < TOLD_WITHIN_S:
            self._untold += 1
            return
        self._told_s.append(now_s)
        more, self._untold = self._untold, 0
        log.warning("caller_unknown", door=self.address, peer=peer, said=heard[:32].hex(), more=more)

    def recognise(self, heard: bytes, peer: str) -> tuple[_Awaited, bytes] | None:
        """Whose call this is, and what he sent after his registration; None while that cannot be told."""
        for place in self._awaited:
            caller = place.caller
            if caller.registration:
                if heard.startswith(caller.registration) and caller.peer in ("", peer):
                    return place, heard[len(caller.registration) :]
            elif caller.peer == peer:
                return place, heard
        return None


class Entrance:
    """Where the line of one device waits for its calls; called like a dialler."""

    def __init__(self, door: Door, place: _Awaited) -> None:
        self.door = door
        self._place = place

    async def wait(self, wire: Callable[[], Wire], *, timeout_s: float) -> Wire:
        """The wire of the newest call, waiting at most so long for one; BusDown when none comes."""
        await self.door.open()
        place = self._place
        try:
            async with asyncio.timeout(timeout_s):
                while place.transport is None or place.transport.is_closing():
                    place.came.clear()
                    await place.came.wait()
        except TimeoutError as exc:
            raise BusDown(say("bus.not_dialled", address=self.door.address)) from exc
        transport, early = place.transport, place.early
        place.transport, place.early = None, b""
        made = place.wire = wire()
        known = _Known(made, place.caller)
        transport.set_protocol(known)
        made.connection_made(transport)
        transport.resume_reading()
        if early:
            known.data_received(early)
        return made


class _Known(asyncio.Protocol):
    """Between the transport of a caller and its wire: repeated registrations and heartbeats are not for the wire."""

    def __init__(self, wire: Wire, caller: Caller) -> None:
        self._wire = wire
        # RTU frames need no such care: what is before them is noise
        self._packets = Packets((caller.registration, caller.heartbeat) if caller.framed else ())

    def data_received(self, data: bytes) -> None:
        """Bytes for the wire."""
        if data := self._packets.without(data):
            self._wire.data_received(data)

    def eof_received(self) -> bool:
        """As the wire."""
        return self._wire.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self._wire.connection_lost(exc)


class _Call(asyncio.Protocol):
    """Somebody at the door, until it is known who; and afterwards, until his line takes the call."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._heard = b""
        self._peer = ""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A call comes in."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._door.strangers) >= MOST_STRANGERS:
            self._transport.abort()
            return
        set_options(cast("socket.socket", transport.get_extra_info("socket")))
        self._peer = str(transport.get_extra_info("peername")[0])
        self._door.strangers.add(self)
        self._timer = asyncio.get_running_loop().call_later(REGISTER_S, self.leave)
        self._look()

    def data_received(self, data: bytes) -> None:
        """What he says; more than a registration from a stranger is too much."""
        self._heard += data
        self._look()
        if self in self._door.strangers and len(self._heard) > MOST_REGISTRATION:
            self.leave()

    def connection_lost(self, _exc: Exception | None) -> None:
        """He hung up."""
        self._forget()

    def leave(self) -> None:
        """Show him out."""
        if self in self._door.strangers:
            self._door.tell(self._peer, self._heard)
        self._forget()
        self._transport.abort()

    def _look(self) -> None:
        found = self._door.recognise(self._heard, self._peer)
        if found is None:
            return
        place, early = found
        self._forget()
        self._transport.pause_reading()
        if place.transport is not None:
            place.transport.abort()
        if place.wire is not None:
            place.wire.close(say("bus.called_again"))
        place.transport, place.early = self._transport, early
        place.came.set()

    def _forget(self) -> None:
        self._door.strangers.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
