"""OpcUaBus: a Bus over an OPC UA client session: nodes found by name at each session, read and written in batches.

Namespace indexes, node ids and types may change whenever the server restarts, so they are resolved from namespace URIs
and browse paths after every connect and forgotten with the session. Every call has an outer deadline; whatever goes wrong
with the session ends it, and the next call makes a new one. Bad status never carries a value; Uncertain keeps it and
says so. A value whose source time lies further behind the server's own time than the point may stand still
(`expect_change_s`) is UNCERTAIN (frozen); other points may rightly not change for days, so their age is that of the
request, or of the server's last word where changes are told (`subscribe`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.ua_client import UaClientState
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.clock import Clock
from gateway.errors import BusDown, BusError, BusMismatch, BusRefused, BusTimeout
from gateway.field.bus import Batch, Fetched, Member, Shortcut
from gateway.field.opcua_dial import client_for
from gateway.field.opcua_feed import Feed, Wish, deadband_of
from gateway.field.opcua_guard import FOREIGN, GuardedClient
from gateway.field.opcua_papers import Papers
from gateway.field.opcua_paths import relative_path
from gateway.field.opcua_trust import Untrusted
from gateway.field.opcua_values import BAD, reading_of, status_of, text_of, type_of, variant
from gateway.field.tap import Tap
from gateway.model.site import Connection
from gateway.profiles.codec import encode_value
from gateway.profiles.schema import Point

GOODBYE_S = 1.0
CHECK_S = 10.0
"""Nodes whose changes are told are read this often all the same: a subscription can die while its session lives."""
AGE_PERIODS = 2.0
"""A batch is read when the server has been silent for so many periods of its; after three it would be stale."""
SETTLE_S = 3.0
"""After a write a device is read: a change told now may be older than the write."""
SILENT_S = 15.0
AGAIN_S, AGAIN_CAP_S = 60.0, 3600.0
"""A subscription that fell silent while reads were answered is not made again before; twice as late each time."""
SILENT_AT_FIRST = "no answer while connecting; a server that does not trust our certificate may stay silent too"
SESSION_GONE = frozenset(
    {
        StatusCodes.BadSessionIdInvalid,
        StatusCodes.BadSessionClosed,
        StatusCodes.BadSessionNotActivated,
        StatusCodes.BadSecureChannelIdInvalid,
        StatusCodes.BadSecureChannelClosed,
        StatusCodes.BadConnectionClosed,
        StatusCodes.BadShutdown,
    }
)
Key = tuple[str, str]
"""Device and point."""
T = TypeVar("T")


class OpcUaBus:
    """The devices of one OPC UA server."""

    def __init__(
        self, connection: Connection, members: Sequence[Member], *, clock: Clock, papers: Path | None = None
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.depth = 1
        self.hangs_up = False
        self._connection = connection
        self._papers = None if papers is None else Papers(papers)
        self._members: dict[str, Member] = {}
        self._batches: dict[str, tuple[Batch, ...]] = {}
        self._unfound: list[Member] = []
        """Devices that joined a session that stands; their nodes are found before the next request."""
        self._clock = clock
        self._client: GuardedClient | None = None
        self._nodes: dict[Key, Any] = {}
        self._types: dict[Key, ua.VariantType] = {}
        self._untrusted = ""
        self._feed: Feed | None = None
        self._feed_from_s = -inf
        self._feed_again_s = AGAIN_S
        self._read_s: dict[tuple[str, int], float] = {}
        self._written_s: dict[str, float] = {}
        for member in members:
            self.join(member)

    def batches(self, device: str) -> Sequence[Batch]:
        """One batch a poll class."""
        return self._batches[device]

    async def read(self, device: str, batch: int) -> Fetched:
        """The nodes of one poll class of a device, as told by the server if it has just spoken, else in one request."""
        client = await self._ready()
        points = self._points_of(device, batch)
        found = [point for point in points if (device, point.name) in self._nodes]
        if (known := await self._told(device, batch, found, client)) is not None:
            return known
        nodes = [self._nodes[device, point.name] for point in found]
        started_s = self._clock.boot_s()
        values: list[Any] = []
        if nodes:
            values = await self._call(lambda: client.uaclient.read_attributes(nodes, AttributeIds.Value))
            if len(values) != len(nodes):
                await self._discard()
                raise BusMismatch(f"{len(values)} values for {len(nodes)} nodes")
        took_s = self._clock.boot_s() - started_s
        self._read_s[device, batch] = started_s
        silent = dict.fromkeys((point.name for point in found), 0.0)
        return self._fetched(device, batch, found, values, silent, started_s=started_s, took_s=took_s)

    def shortcut(self, device: str, batch: int) -> Shortcut | None:  # noqa: ARG002 - every read is a request of the library's
        """None: a read takes a session."""
        return None

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:  # noqa: ARG002 - a Modbus matter
        """Write nodes in one request, each with its exact type and no source time."""
        points = [self._members[device].profile.points[name] for name in values]
        raw = {point.name: encode_value(point, values[point.name]) for point in points}
        await self._write(device, points, raw)

    async def change_bits(self, device: str, point: str, *, set_bits: int, clear_bits: int) -> None:
        """Read a node's whole number, change bits, write it."""
        spec = self._members[device].profile.points[point]
        client = await self._ready()
        node = self._node(device, spec)
        value, *_ = await self._call(lambda: client.uaclient.read_attributes([node], AttributeIds.Value))
        if status_of(value) >> 31 or value.Value is None:
            raise BusRefused(f"{device}/{point}: {value.StatusCode}", status_of(value))
        await self._write(device, [spec], {point: int(value.Value.Value) & ~clear_bits | set_bits})

    def join(self, member: Member) -> None:
        """Serve one device more; its values are read, not told, until the next session."""
        self._members[member.id] = member
        self._batches[member.id] = batches_of(member)
        self._unfound.append(member)

    def leave(self, device: str) -> None:
        """Serve a device no more; of what is still told of it nothing is taken."""
        del self._members[device], self._batches[device]
        self._unfound = [member for member in self._unfound if member.id != device]
        for key in [key for key in self._nodes if key[0] == device]:
            del self._nodes[key]
            self._types.pop(key, None)

    def trouble(self) -> Mapping[str, str]:
        """A server that is not trusted: somebody has to look."""
        return {"untrusted": self._untrusted} if self._untrusted else {}

    def tap(self, tap: Tap | None) -> None:
        """The bytes of a session are its library's; there is nothing to show yet."""
        if tap is not None:
            tap.tell("an OPC UA session has no bytes to show")

    async def close(self) -> None:
        """End the session in good order, if the server still listens."""
        await self._discard()

    def _points_of(self, device: str, batch: int) -> list[Point]:
        """The numbers of a batch, then the words that are read with it."""
        points, chosen = self._members[device].profile.points, self._batches[device][batch]
        words = [point for point in points.values() if point.is_text and point.every is chosen.every]
        return [*(points[name] for name in chosen.points), *words]

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
        columns = [reading_of(p, read[p.name], silent_s=silent[p.name]) if p.name in read else BAD for p in points]
        texts = {point.name: text_of(read[point.name]) for point in found if point.is_text}
        for value in values:
            if value.StatusCode is not None and not value.StatusCode.is_good():
                self.counters[f"status_{value.StatusCode.name}"] += 1
        return Fetched(
            [c[0] for c in columns], [c[1] for c in columns], [c[2] for c in columns], started_s, took_s, texts
        )

    async def _told(self, device: str, batch: int, found: Sequence[Point], client: GuardedClient) -> Fetched | None:
        """A batch from what the server told by itself; None: read it."""
        now_s = self._clock.boot_s()
        if not self._connection.subscribe or client.state is not UaClientState.CONNECTED:
            return None
        if self._feed is None:
            await self._subscribe(client, now_s)
        feed = self._feed
        if feed is None:
            return None
        if feed.torn and not await self._call(feed.mend):
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
            Wish((member.id, name), self._nodes[member.id, name], period_s, self._deadband(member, name))
            for member in self._members.values()
            for batch in self._batches[member.id]
            if (period_s := member.period_s(batch.every)) < inf
            for name in batch.points
            if (member.id, name) in self._nodes
        ]
        if not wishes or now_s < self._feed_from_s:
            return
        feed = Feed(client.uaclient.session, clock=self._clock, counters=self.counters)
        try:
            await self._call(lambda: feed.start(wishes))
        except BusRefused:
            self._later(now_s)
            return
        self._feed = feed

    async def _unsubscribe(self, feed: Feed, now_s: float) -> None:
        """The subscription is dead while the session may live: reads go on."""
        self.counters["subscriptions_lost"] += 1
        self._feed = None
        self._later(now_s)
        try:
            await self._call(feed.stop)
        except BusRefused:
            return  # the server has forgotten it already

    def _later(self, now_s: float) -> None:
        self._feed_from_s = now_s + self._feed_again_s
        self._feed_again_s = min(2.0 * self._feed_again_s, AGAIN_CAP_S)

    def _deadband(self, member: Member, name: str) -> float:
        return deadband_of(member.profile.points[name], self._connection.deadband_pct)

    async def _write(self, device: str, points: Sequence[Point], raw: Mapping[str, float]) -> None:
        client = await self._ready()
        nodes = [self._node(device, point) for point in points]
        types = await self._types_of(device, points, client)
        values = [
            ua.DataValue(variant(point, raw[point.name], kind)) for point, kind in zip(points, types, strict=True)
        ]
        self._written_s[device] = self._clock.boot_s()
        try:
            results = await self._call(lambda: client.uaclient.write_attributes(nodes, values))
        except BusDown as exc:
            raise BusTimeout(f"written, but not answered: {exc}") from exc
        if len(results) != len(nodes):
            await self._discard()
            raise BusMismatch(f"{len(results)} results for {len(nodes)} writes")
        for point, status in zip(points, results, strict=True):
            if not status.is_good():
                raise BusRefused(f"{device}/{point.name}: {status.name}", status.value)

    async def _types_of(self, device: str, points: Sequence[Point], client: GuardedClient) -> list[ua.VariantType]:
        """The type each node takes, asked once a session."""
        new = [point for point in points if (device, point.name) not in self._types]
        if new:
            nodes = [self._nodes[device, point.name] for point in new]
            values = await self._call(lambda: client.uaclient.read_attributes(nodes, AttributeIds.Value))
            declared = await self._call(lambda: client.uaclient.read_attributes(nodes, AttributeIds.DataType))
            for point, value, kind in zip(new, values, declared, strict=False):
                self._types[device, point.name] = type_of(value, kind, point)
        return [self._types.get((device, point.name)) or type_of(None, None, point) for point in points]

    def _node(self, device: str, point: Point) -> Any:
        node = self._nodes.get((device, point.name))
        if node is None:
            raise BusRefused(f"{device}/{point.name}: the server has no such node", StatusCodes.BadNodeIdUnknown)
        return node

    async def _ready(self) -> GuardedClient:
        if self._client is not None:
            if self._unfound:
                await self._call(self._find_more)
            return self._client
        self.counters["dialled"] += 1
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what fails is told by the errors raised here
        try:
            client = await self._call(self._open, within_s=self._connection.connect_timeout_s)
        except Untrusted as exc:
            self._untrusted = str(exc)
            raise
        self._untrusted = ""
        return client

    async def _open(self) -> GuardedClient:
        now = datetime.fromtimestamp(self._clock.utc_ms() / 1000.0, UTC)
        self._client = client = await client_for(self._connection, self._papers, now=now)
        await client.connect()
        self._nodes, self.counters["nodes_missing"] = {}, 0
        await self._find(client, list(self._members.values()))
        return client

    async def _find_more(self) -> None:
        client = self._client
        if client is not None:
            await self._find(client, self._unfound)

    async def _find(self, client: GuardedClient, members: Sequence[Member]) -> None:
        """Find the nodes of these devices, by what the server calls things in this session."""
        if any(point.member for member in members for point in member.profile.points.values()):
            await client.load_data_type_definitions()  # else a structure comes as bytes
        uris = await client.get_namespace_array()
        wanted = [
            (member.id, point.name, relative_path(member, point, uris))
            for member in members
            for point in member.profile.points.values()
            if point.path
        ]
        known = [(device, name, path) for device, name, path in wanted if path is not None]
        start = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
        results = await client.translate_browsepaths(start, [path for *_, path in known])
        found = {
            (device, name): result.Targets[0].TargetId
            for (device, name, _), result in zip(known, results, strict=True)
            if result.StatusCode.is_good() and result.Targets
        }
        self._nodes |= found
        sought = {member.id for member in members}
        self._unfound = [member for member in self._unfound if member.id not in sought]
        self.counters["nodes_missing"] += len(wanted) - len(found)

    async def _call(self, ask: Callable[[], Awaitable[T]], *, within_s: float | None = None) -> T:
        """One request with an outer deadline; what leaves is a BusError, and the session ends unless it was refused."""
        try:
            async with asyncio.timeout(within_s or self._connection.timeout_s):
                return await ask()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            await self._discard()
            if task is not None and task.cancelling():
                raise
            raise BusDown("the session ended") from None  # the library cancels its waiters when the socket closes
        except BusDown:
            await self._discard()
            raise
        except FOREIGN as exc:
            error = bus_error(exc, connecting=within_s is not None)
            if not isinstance(error, BusRefused):
                self.counters["session_lost"] += 1
                await self._discard()
            raise error from exc

    async def _discard(self) -> None:
        client, self._client = self._client, None
        self._nodes, self._types, self._feed = {}, {}, None
        self._read_s.clear()
        if client is None:
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await client.disconnect()
        except FOREIGN:
            self.counters["goodbye_unanswered"] += 1
        finally:
            client.disconnect_socket()


def batches_of(member: Member) -> tuple[Batch, ...]:
    """The readable numbers of a device, one batch for each poll class; one that has only texts is read too."""
    points = [p for p in member.profile.points.values() if p.readable and p.path]
    grouped = groupby(sorted(points, key=lambda point: point.every), key=lambda point: point.every)
    classes = [(every, list(group)) for every, group in grouped]
    return tuple(
        Batch(every, tuple(point.name for point in group if not point.is_text), len(group)) for every, group in classes
    )


def bus_error(exc: Exception, *, connecting: bool) -> BusError:
    """What a failure of the library means to us."""
    if isinstance(exc, UaStatusCodeError) and not connecting:
        code = exc.code
        if code == StatusCodes.BadTimeout:
            return BusTimeout(str(exc))
        return BusDown(str(exc)) if code in SESSION_GONE else BusRefused(str(exc), code)
    if isinstance(exc, TimeoutError):
        return BusDown(SILENT_AT_FIRST) if connecting else BusTimeout("no answer in time")
    return BusDown(f"{type(exc).__name__}: {exc}")
