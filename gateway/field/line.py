"""Line: one Modbus connection that is dialled when needed; Wire: the connection while it lasts.

One transaction has one deadline, however its bytes trickle in; a connection has one sleeping timer for all of them.
Nothing is retried after a request was sent and nothing is cancelled inside a transaction: a caller that is cancelled
takes the connection with it, because its late reply would otherwise meet the next caller.

There are two ways to ask. `transact` is for a task: it dials, keeps pauses and waits. For the ordinary poll there is
a connection that is `free`: its `ask` sends at once and tells the outcome to a function, no future, no task.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import inf
from ssl import SSLError
from typing import Protocol, cast

from gateway.errors import BusDown, BusError, BusTimeout
from gateway.field.contention import Contention
from gateway.field.pdu import Answer, Query
from gateway.field.tap import Tap
from gateway.texts import say
from gateway.texts.causes import cause

LEAST_SLEEP_S = 0.001
STRANGER_S = 60.0
"""Somebody else asked on this line until so long ago: it is still told."""


class LinkLost(BusDown):
    """The connection ended after the request was sent and before it was answered."""


Settle = Callable[[bytes | BusError, float], None]
"""Told what became of a request (the data of its reply, BusTimeout, BusMismatch, BusRefused or LinkLost), and how long it took."""


class Framing(Protocol):
    """What `Mbap` and `Rtu` have in common."""

    spoiled: str
    clear_s: float
    hold_off_s: float
    """Nothing may be sent for so long after a request whose answer may still come, over another connection even."""
    stranger_s: float
    """When somebody else was last heard asking on this line."""
    counters: Counter[str]

    def begin(self, query: Query) -> tuple[int, bytes]:
        """Open a transaction: its key, and the bytes to send."""
        ...

    def receive(self, data: bytes, now_s: float) -> list[Answer]:
        """Take in bytes; the transactions they settle."""
        ...

    def give_up(self, key: int, now_s: float) -> None:
        """The deadline of a transaction has passed."""
        ...


class Wire(asyncio.Protocol):
    """One open connection; times are the event loop's."""

    def __init__(self, framing: Framing, *, timeout_s: float) -> None:
        self.framing = framing
        self.lost = ""
        """Why the connection is over; empty while it stands."""
        self.used = False
        """Whether anything was asked on it."""
        self.answered = False
        """Whether anything was ever answered on it."""
        self.free = False
        """Whether it may be asked without looking further."""
        self.lost_after_s = -1.0
        """How long it had been quiet when the other side ended it; negative when we did."""
        self.timeout_s = timeout_s
        self.hint = "bus.closed_by_device"
        """Why the other side may have ended it before it answered anything: the key of a text."""
        self.tap: Tap | None = None
        """Who looks at the bytes."""
        self.took_s = 0.0
        """How long the last answer took."""
        self.pauses = False
        """Whether requests must keep a gap."""
        self._heard_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[int, tuple[Settle, float]] = {}

    def ask(self, query: Query, settle: Settle) -> None:
        """Send a request and tell `settle`, once and never from in here, what became of it. BusDown: not sent."""
        transport = self._transport
        if transport is None:
            raise BusDown(self.lost or "not connected")
        loop = self._loop
        key, request = self.framing.begin(query)
        deadline_s = loop.time() + self.timeout_s
        self._waiting[key] = (settle, deadline_s)
        if self._timer is None:
            self._timer = loop.call_at(deadline_s, self._watch)
        self.used = True
        if self.tap is not None:
            self.tap.out(request)
        transport.write(request)

    def close(self, why: str) -> None:
        """End the connection now; who still waits gets LinkLost."""
        self.free = False
        if not self.lost:
            self.lost = why
            if self.tap is not None:
                self.tap.tell(why)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self.framing.hold_off_s:
            self.framing.clear_s = max(self.framing.clear_s, self._loop.time() + self.framing.hold_off_s)
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._settle_all(LinkLost(say("bus.lost", why=self.lost)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand what came to the framing and settle what it settles."""
        if self.tap is not None:
            self.tap.came(data)
        framing = self.framing
        now_s = self._heard_s = self._loop.time()
        outcomes = framing.receive(data, now_s)
        if framing.spoiled or not self.free:
            self.free = not (framing.spoiled or framing.clear_s or self.pauses)
        for key, outcome in outcomes:
            settle, deadline_s = self._waiting.pop(key)
            self.answered = True
            self.took_s = took_s = now_s - deadline_s + self.timeout_s
            settle(outcome, took_s)
        if framing.spoiled:
            self.close(framing.spoiled)

    def eof_received(self) -> bool:
        """A half-closed device will not answer any more: let the transport close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Reset, closed or unplugged."""
        if not self.lost:
            self.lost_after_s = self._loop.time() - self._heard_s
        hint = say("bus.closed_by_device" if self.answered else self.hint)
        if isinstance(exc, OSError) and not isinstance(exc, SSLError):
            self.close(cause(exc) or hint)
        else:
            self.close(hint)

    def _watch(self) -> None:
        self._timer = None
        now_s = self._loop.time()
        for key, (settle, deadline_s) in list(self._waiting.items()):
            if deadline_s > now_s:
                self._timer = self._loop.call_at(max(deadline_s, now_s + LEAST_SLEEP_S), self._watch)
                break
            del self._waiting[key]
            self.framing.give_up(key, now_s)
            late = say("bus.no_answer" if self.answered else "bus.never_answered", within=self.timeout_s)
            settle(BusTimeout(late), self.timeout_s)
        if self.framing.spoiled:
            self.close(self.framing.spoiled)

    def _settle_all(self, error: BusError) -> None:
        waiting, self._waiting = self._waiting, {}
        for settle, _ in waiting.values():
            settle(error, 0.0)


def _tell(future: "asyncio.Future[bytes | BusError]", outcome: bytes | BusError, _took_s: float) -> None:
    if not future.done():
        future.set_result(outcome)


class Line:
    """A connection with an address: dials when there is none, keeps the pauses the device asks for."""

    def __init__(
        self,
        dial: Callable[[], Awaitable[Wire]],
        *,
        connect_delay_s: float = 0.0,
        min_gap_s: float = 0.0,
        depth: int = 1,
        contention: Contention | None = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        """What went wrong on all its connections so far."""
        self.depth = depth
        """How many transactions may be open at a time."""
        self._dial = dial
        self._dialling = asyncio.Lock()
        self._contention = contention or Contention()
        self._connect_delay_s = connect_delay_s
        self._min_gap_s = min_gap_s
        self.wire: Wire | None = None
        """The connection that stands, or stood."""
        self._tap: Tap | None = None
        self._clear_s = 0.0
        self._stranger_s = -inf

    async def transact(self, query: Query, *, again: bool = False) -> bytes:
        """The data of the reply. `again`: a connection that died before answering is dialled and asked once more."""
        wire = self.wire
        if wire is None or wire.lost or self._min_gap_s or self._clear_s or wire.framing.clear_s:
            wire = await self._ready()
        used = wire.used
        future: asyncio.Future[bytes | BusError] = asyncio.get_running_loop().create_future()
        try:
            wire.ask(query, partial(_tell, future))
            outcome = await future
        except asyncio.CancelledError:
            wire.close(say("bus.cancelled"))
            self._drop(wire, wire.lost)
            raise
        if self._min_gap_s:
            self._clear_s = asyncio.get_running_loop().time() + self._min_gap_s
        if isinstance(outcome, bytes):
            return outcome
        return await self._failed(query, outcome, wire, again=again and used)

    async def resume(self, query: Query, outcome: BusError) -> bytes:
        """End what a free connection was asked in vain: a connection that died before answering is dialled and asked once more."""
        return await self._failed(query, outcome, self.wire, again=True)

    async def _failed(self, query: Query, outcome: BusError, wire: Wire | None, *, again: bool) -> bytes:
        spoiled = wire is not None and bool(wire.framing.spoiled)
        if wire is not None and wire.lost:
            self._drop(wire, wire.lost)
        if isinstance(outcome, LinkLost) and again and not spoiled:
            return await self.transact(query)
        raise outcome

    async def close(self) -> None:
        """Hang up; the next transaction dials again."""
        if self.wire is not None:
            self._drop(self.wire, say("bus.closed_by_us"))

    @property
    def took_s(self) -> float:
        """How long the last answer took, pauses and dialling left out."""
        return 0.0 if self.wire is None else self.wire.took_s

    def tap(self, tap: Tap | None) -> None:
        """Show every byte from now on to `tap`; None: to nobody."""
        self._tap = tap
        if self.wire is not None:
            self.wire.tap = tap

    def trouble(self) -> Mapping[str, str]:
        """What is wrong with the connection for longer, by the name of its alarm, and what to do about it."""
        now_s = asyncio.get_running_loop().time()
        found = {"contention": say("alarm.contention")} if self._contention.contended(now_s) else {}
        if self.wire is not None:
            self._stranger_s = max(self._stranger_s, self.wire.framing.stranger_s)
        if now_s - self._stranger_s < STRANGER_S:
            found["second_master"] = say("alarm.second_master")
        return found

    async def _ready(self) -> Wire:
        async with self._dialling:
            wire = self.wire
            if wire is None or wire.lost:
                if wire is not None:
                    self._drop(wire, wire.lost)
                wire = await self._dialled()
        await self._silence(wire)
        if wire.lost:
            raise BusDown(say("bus.lost", why=wire.lost))
        return wire

    async def _dialled(self) -> Wire:
        loop = asyncio.get_running_loop()
        if (wait_s := self._contention.dial_s(loop.time()) - loop.time()) > 0.0:
            await asyncio.sleep(wait_s)
        self._contention.dialled(loop.time())
        self.counters["dialled"] += 1
        wire = self.wire = await self._dial()
        wire.pauses = self._min_gap_s > 0.0
        self.tap(self._tap)
        if self._connect_delay_s:
            self._clear_s = loop.time() + self._connect_delay_s
        return wire

    async def _silence(self, wire: Wire) -> None:
        """Wait until nothing forbids sending; what arrives meanwhile may extend it, a deadline's length at most."""
        loop = asyncio.get_running_loop()
        wait_s = max(self._clear_s, wire.framing.clear_s) - loop.time()
        last_s = loop.time() + max(wait_s, 0.0) + wire.framing.hold_off_s + wire.timeout_s
        while wait_s > 0.0:
            if loop.time() > last_s:
                raise BusDown(say("bus.never_silent"))
            await asyncio.sleep(max(wait_s, LEAST_SLEEP_S))
            wait_s = max(self._clear_s, wire.framing.clear_s) - loop.time()
        self._clear_s = 0.0

    def _drop(self, wire: Wire, why: str) -> None:
        wire.close(why)
        if wire is self.wire:
            self.counters.update(wire.framing.counters)
            if wire.answered and wire.lost_after_s >= 0.0:
                self._contention.lost(asyncio.get_running_loop().time(), quiet_s=wire.lost_after_s)
                self.counters["kicked"] = self._contention.kicks
            self._clear_s = max(self._clear_s, wire.framing.clear_s)
            self.wire = None
