"""OpcUaBus: a Bus over an OPC UA client session: nodes found by name at each session, read and written in batches.

Bad status never carries a value; Uncertain keeps it and says so. A value whose source time lies further behind the
server's own time than the point may stand still (`expect_change_s`) is UNCERTAIN (frozen); other points may rightly not
change for days, so their age is that of the request, or of the server's last word where changes are told (`subscribe`). A source whose time moves lives, however many hours its clock is off.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any

from asyncua.client.ua_client import UaClientState

from gateway.clock import Clock
from gateway.errors import BusMismatch, BusRefused
from gateway.field.bus import Batch, Fetched, Member, Shortcut
from gateway.field.opcua_feed import Feed, Wish, deadband_of
from gateway.field.opcua_guard import GuardedClient
from gateway.field.opcua_layout import Numbers
from gateway.field.opcua_papers import Papers
from gateway.field.opcua_reading import Reading
from gateway.field.opcua_session import NO_NODE, OpcUaSession
from gateway.field.opcua_values import BAD, reading_of, text_of
from gateway.field.opcua_writing import OpcUaWriting
from gateway.field.tap import Tap
from gateway.model.site import Connection
from gateway.profiles.schema import Point
from gateway.texts import say

CHECK_S = 10.0
"""Nodes whose changes are told are read this often all the same: a subscription can die while its session lives."""
AGE_PERIODS = 2.0
"""A batch is read when the server has been silent for so many periods of its; after three it would be stale."""
SETTLE_S = 3.0
"""After a write a device is read: a change told now may be older than the write."""
SILENT_S = 15.0
AGAIN_S, AGAIN_CAP_S = 60.0, 3600.0
"""A subscription that fell silent while reads were answered is not made again before; twice as late each time."""


class OpcUaBus:
    """The devices of one OPC UA server."""

    def __init__(
        self, connection: Connection, members: Sequence[Member], *, clock: Clock, papers: Path | None = None
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.depth = 1
        self.hangs_up = False
        self._connection = connection
        self._members: dict[str, Member] = {}
        self._batches: dict[str, tuple[Batch, ...]] = {}
        self._clock = clock
        self._session = OpcUaSession(
            connection,
            self._members,
            clock=clock,
            papers=None if papers is None else Papers(papers),
            counters=self.counters,
            on_end=self._ended,
        )
        self._writing = OpcUaWriting(self._session)
        self._feed: Feed | None = None
        self._feed_of = 0
        """What the session had found when its changes began to be told."""
        self._feed_from_s = -inf
        self._feed_again_s = AGAIN_S
        self._read_s: dict[tuple[str, int], float] = {}
        self._readings: dict[tuple[str, int], Reading] = {}
        self._readings_of = 0
        self._written_s: dict[str, float] = {}
        self._sources: dict[tuple[str, str], tuple[Any, float]] = {}
        """By point that must move, its source's time and when that moved last."""
        for member in members:
            self.join(member)

    def batches(self, device: str) -> Sequence[Batch]:
        """One batch a poll class."""
        return self._batches[device]

    async def read(self, device: str, batch: int) -> Fetched:
        """The nodes of one poll class of a device, as told by the server if it has just spoken, else in one request."""
        client = await self._session.ready()
        reading = self._reading(device, batch)
        if (known := await self._told(device, batch, reading.points, client)) is not None:
            return known
        started_s = self._clock.boot_s()
        answer = await self._session.ask(partial(reading.ask, client)) if reading.nodes else []
        took_s = self._clock.boot_s() - started_s
        self._read_s[device, batch] = started_s
        whole = len(reading.points) == len(self._batches[device][batch].points)
        if whole and (columns := reading.columns(answer)) is not None:
            return Fetched(*columns, started_s, took_s)
        values = answer.told() if isinstance(answer, Numbers) else answer
        if len(values) != len(reading.nodes):
            await self._session.discard()
            raise BusMismatch(f"{len(values)} values for {len(reading.nodes)} nodes")
        silent = dict.fromkeys((point.name for point in reading.points), 0.0)
        return self._fetched(device, batch, reading.points, values, silent, started_s=started_s, took_s=took_s)

    def shortcut(self, device: str, batch: int) -> Shortcut | None:  # noqa: ARG002 - every read is a request of the library's
        """None: a read takes a session."""
        return None

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:  # noqa: ARG002 - a Modbus matter
        """Write nodes, each with its exact type; call the methods of those that are set by one."""
        self._written_s[device] = self._clock.boot_s()
        await self._writing.write(self._members[device], values)

    async def change_bits(
        self,
        device: str,
        point: str,
        *,
        set_bits: int,
        clear_bits: int,
        function: str = "any",  # noqa: ARG002 - a Modbus matter
    ) -> None:
        """Read a node's whole number, change bits, write it."""
        self._written_s[device] = self._clock.boot_s()
        await self._writing.change_bits(self._members[device], point, set_bits=set_bits, clear_bits=clear_bits)

    def join(self, member: Member) -> None:
        """Serve one device more."""
        self._members[member.id] = member
        self._batches[member.id] = batches_of(member)
        self._session.join(member)

    def leave(self, device: str) -> None:
        """Serve a device no more; of what is still told of it nothing is taken."""
        for batch in range(len(self._batches[device])):
            self._readings.pop((device, batch), None)
        del self._members[device], self._batches[device]
        self._session.leave(device)

    def trouble(self) -> Mapping[str, str]:
        """A server that is not trusted, or has none of a device's nodes: somebody has to look."""
        session = self._session
        found = {"untrusted": session.untrusted} if session.untrusted else {}
        for device, path in session.lacking.items():
            found.setdefault("nodes_missing", say("alarm.nodes_missing", device=device, path=path))
        return found

    def tap(self, tap: Tap | None) -> None:
        """Show how each frame of the session begins; what it says is sealed where the connection is secured."""
        self._session.show(tap)

    async def close(self) -> None:
        """End the session in good order, if the server still listens."""
        await self._session.discard()

    def _reading(self, device: str, batch: int) -> Reading:
        """How a batch is read in this session: the numbers whose nodes the server has, then the words read with them."""
        if self._readings_of != self._session.moved:  # nodes were found elsewhere since
            self._readings_of = self._session.moved
            self._readings.clear()
        reading = self._readings.get((device, batch))
        if reading is None:
            points, chosen = self._members[device].profile.points, self._batches[device][batch]
            words = [point for point in points.values() if point.is_text and point.every is chosen.every]
            nodes = self._session.nodes
            found = [p for p in (*(points[name] for name in chosen.points), *words) if (device, p.name) in nodes]
            reading = Reading(found, [nodes[device, point.name] for point in found])
            self._readings[device, batch] = reading
        return reading

    def _fetched(
        self,
        device: str,
        batch: int,
        found: Sequence[Point],
        values: Sequence[Any],
        silent: Mapping[str, float],
        *,
        started_s: float,
        took_s: float = 0.0,
    ) -> Fetched:
        read = dict(zip((point.name for point in found), values, strict=True))
        points = [self._members[device].profile.points[name] for name in self._batches[device][batch].points]
        columns = [
            reading_of(p, read[p.name], silent_s=silent[p.name], moves=self._moves(device, p, read[p.name]))
            if p.name in read
            else BAD
            for p in points
        ]
        texts = {point.name: text_of(read[point.name]) for point in found if point.is_text}
        for value in values:
            if value.StatusCode is not None and not value.StatusCode.is_good():
                self.counters[f"status_{value.StatusCode.name}"] += 1
                if value.StatusCode.value in NO_NODE:
                    self._session.miss(device)
        return Fetched(
            [c[0] for c in columns], [c[1] for c in columns], [c[2] for c in columns], started_s, took_s, texts
        )

    def _moves(self, device: str, point: Point, value: Any) -> bool:
        """Whether the source's time moved lately: it lives, however wrong its clock is."""
        if point.expect_change_s is None:
            return False
        now_s, source = self._clock.boot_s(), value.SourceTimestamp
        last, moved_s = self._sources.get((device, point.name), (source, -inf))
        if source != last:
            moved_s = now_s
        self._sources[device, point.name] = source, moved_s
        return now_s - moved_s < point.expect_change_s

    async def _told(self, device: str, batch: int, found: Sequence[Point], client: GuardedClient) -> Fetched | None:
        """A batch from what the server told by itself; None: read it."""
        now_s = self._clock.boot_s()
        if not self._connection.subscribe or client.state is not UaClientState.CONNECTED:
            return None
        if self._feed is not None and self._feed_of != self._session.moved:  # it tells of nodes that are no more
            former, self._feed = self._feed, None
            await self._session.ask(former.stop)
        if self._feed is None:
            await self._subscribe(client, now_s)
        feed = self._feed
        if feed is None:
            return None
        if feed.torn and not await self._session.ask(feed.mend):
            self._read_s.clear()
        if feed.lost or now_s - feed.spoken_s > max(3.0 * feed.interval_s, SILENT_S):
            await self._unsubscribe(feed, now_s)
            return None
        if now_s - self._read_s.get((device, batch), -inf) > CHECK_S:
            return None
        if now_s - self._written_s.get(device, -inf) < SETTLE_S:
            return None
        within_s = AGE_PERIODS * self._members[device].period_s(self._batches[device][batch].every)
        told = feed.told([(device, point.name) for point in found], within_s=within_s, now_s=now_s)
        if told is None:
            self.counters["fallback_reads"] += 1
            return None
        silent = {point.name: now_s - one.at_s for point, one in zip(found, told, strict=True)}
        return self._fetched(device, batch, found, [one.value for one in told], silent, started_s=feed.spoken_s)

    async def _subscribe(self, client: GuardedClient, now_s: float) -> None:
        wishes = [
            Wish((member.id, name), self._session.nodes[member.id, name], period_s, self._deadband(member, name))
            for member in self._members.values()
            for batch in self._batches[member.id]
            if (period_s := member.period_s(batch.every)) < inf
            for name in batch.points
            if (member.id, name) in self._session.nodes
        ]
        if not wishes or now_s < self._feed_from_s:
            return
        feed = Feed(client.uaclient.session, clock=self._clock, counters=self.counters)
        try:
            await self._session.ask(lambda: feed.start(wishes))
        except BusRefused:
            self._later(now_s)
            return
        self._feed, self._feed_of = feed, self._session.moved

    async def _unsubscribe(self, feed: Feed, now_s: float) -> None:
        """The subscription is dead while the session may live: reads go on."""
        self.counters["subscriptions_lost"] += 1
        self._feed = None
        self._later(now_s)
        try:
            await self._session.ask(feed.stop)
        except BusRefused:
            return  # the server has forgotten it already

    def _later(self, now_s: float) -> None:
        self._feed_from_s = now_s + self._feed_again_s
        self._feed_again_s = min(2.0 * self._feed_again_s, AGAIN_CAP_S)

    def _deadband(self, member: Member, name: str) -> float:
        return deadband_of(member.profile.points[name], self._connection.deadband_pct)

    def _ended(self) -> None:
        self._feed = None
        self._read_s.clear()
        self._readings.clear()


def batches_of(member: Member) -> tuple[Batch, ...]:
    """The readable numbers of a device, one batch for each poll class; one that has only texts is read too."""
    points = [p for p in member.profile.points.values() if p.readable and p.path]
    grouped = groupby(sorted(points, key=lambda point: point.every), key=lambda point: point.every)
    classes = [(every, list(group)) for every, group in grouped]
    return tuple(
        Batch(every, tuple(point.name for point in group if not point.is_text), len(group)) for every, group in classes
    )
