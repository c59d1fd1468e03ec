"""OpcUaBus: a Bus over an OPC UA client session: nodes found by name at each session, read and written in batches.

Namespace indexes and node ids may change whenever the server restarts, so they are resolved from namespace URIs and
browse paths after every connect and forgotten with the session. Every call has an outer deadline; whatever goes wrong
with the session ends it, and the next call makes a new one. Bad status never carries a value; Uncertain keeps it and
says so. A value whose source time lies further behind the server's own time than the point may stand still
(`expect_change_s`) is UNCERTAIN (frozen); other points may rightly not change for days, so their age is that of the
request.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from gateway.clock import Clock
from gateway.errors import BusDown, BusError, BusRefused, BusTimeout
from gateway.field.bus import Batch, Fetched, Member
from gateway.field.tap import Tap
from gateway.model.reading import Cause, Quality
from gateway.model.site import Connection
from gateway.profiles.codec import Decoded, decode_value, encode_value
from gateway.profiles.schema import Kind, PathStep, Point

HEALTH_CHECK_S = 10.0
GOODBYE_S = 1.0
VARIANTS = {
    Kind.U16: ua.VariantType.UInt16,
    Kind.I16: ua.VariantType.Int16,
    Kind.U32: ua.VariantType.UInt32,
    Kind.I32: ua.VariantType.Int32,
    Kind.U64: ua.VariantType.UInt64,
    Kind.I64: ua.VariantType.Int64,
    Kind.F32: ua.VariantType.Float,
    Kind.F64: ua.VariantType.Double,
    Kind.BOOL: ua.VariantType.Boolean,
}
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
BAD: Decoded = (None, Quality.INVALID, Cause.SOURCE)
FORWARD: Any = False
Key = tuple[str, str]
"""Device and point."""
T = TypeVar("T")


class OpcUaBus:
    """The devices of one OPC UA server."""

    def __init__(self, connection: Connection, members: Sequence[Member], *, clock: Clock) -> None:
        self.counters: Counter[str] = Counter()
        self.depth = 1
        self.hangs_up = False
        self._connection = connection
        self._members = {member.id: member for member in members}
        self._batches = {member.id: batches_of(member) for member in members}
        self._clock = clock
        self._client: Any = None
        self._nodes: dict[Key, Any] = {}

    def batches(self, device: str) -> Sequence[Batch]:
        """One batch a poll class."""
        return self._batches[device]

    async def read(self, device: str, batch: int) -> Fetched:
        """Read the nodes of one poll class of a device in one request."""
        points = [self._members[device].profile.points[name] for name in self._batches[device][batch].points]
        client = await self._ready()
        started_s = self._clock.boot_s()
        points_read = [*points, *self._texts_of(device, batch)]
        found = [point for point in points_read if (device, point.name) in self._nodes]
        nodes = [self._nodes[device, point.name] for point in found]
        values: list[Any] = []
        if nodes:
            values = await self._call(lambda: client.uaclient.read_attributes(nodes, AttributeIds.Value))
        took_s = self._clock.boot_s() - started_s
        read = dict(zip((point.name for point in found), values, strict=True))
        columns = [reading_of(point, read[point.name]) if point.name in read else BAD for point in points]
        texts = {point.name: text_of(read[point.name]) for point in found if point.is_text}
        return Fetched(
            [c[0] for c in columns], [c[1] for c in columns], [c[2] for c in columns], started_s, took_s, texts
        )

    def _texts_of(self, device: str, batch: int) -> list[Point]:
        """The points of words that are read with a batch."""
        every = self._batches[device][batch].every
        return [p for p in self._members[device].profile.points.values() if p.is_text and p.every is every]

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
        (value,) = await self._call(lambda: client.uaclient.read_attributes([node], AttributeIds.Value))
        if value.StatusCode.is_bad() or value.Value is None:
            raise BusRefused(f"{device}/{point}: {value.StatusCode.name}", value.StatusCode.value)
        await self._write(device, [spec], {point: int(value.Value.Value) & ~clear_bits | set_bits})

    def trouble(self) -> Mapping[str, str]:
        """Nothing is known of here that lasts."""
        return {}

    def tap(self, tap: Tap | None) -> None:
        """The bytes of a session are its library's; there is nothing to show yet."""
        if tap is not None:
            tap.tell("an OPC UA session has no bytes to show")

    async def close(self) -> None:
        """End the session in good order, if the server still listens."""
        await self._discard()

    async def _write(self, device: str, points: Sequence[Point], raw: Mapping[str, float]) -> None:
        client = await self._ready()
        nodes = [self._node(device, point) for point in points]
        values = [ua.DataValue(ua.Variant(typed(point, raw[point.name]), VARIANTS[point.kind])) for point in points]
        try:
            results = await self._call(lambda: client.uaclient.write_attributes(nodes, values))
        except BusDown as exc:
            raise BusTimeout(f"written, but not answered: {exc}") from exc
        for point, status in zip(points, results, strict=True):
            if not status.is_good():
                raise BusRefused(f"{device}/{point.name}: {status.name}", status.value)

    def _node(self, device: str, point: Point) -> Any:
        node = self._nodes.get((device, point.name))
        if node is None:
            raise BusRefused(f"{device}/{point.name}: the server has no such node", StatusCodes.BadNodeIdUnknown)
        return node

    async def _ready(self) -> Any:
        if self._client is not None:
            return self._client
        self.counters["dialled"] += 1
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what fails is told by the errors raised here
        given = self._connection
        client = Client(given.address, timeout=given.timeout_s, watchdog_intervall=HEALTH_CHECK_S)
        self._client = client
        await self._call(lambda: self._open(client), within_s=given.connect_timeout_s)
        return client

    async def _open(self, client: Any) -> None:
        await client.connect()
        if any(point.member for member in self._members.values() for point in member.profile.points.values()):
            await client.load_data_type_definitions()  # else a structure comes as bytes
        uris = await client.get_namespace_array()
        wanted = [
            (member.id, point.name, relative_path(member, point, uris))
            for member in self._members.values()
            for point in member.profile.points.values()
            if point.path
        ]
        known = [(device, name, path) for device, name, path in wanted if path is not None]
        start = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
        results = await client.translate_browsepaths(start, [path for *_, path in known])
        self._nodes = {
            (device, name): result.Targets[0].TargetId
            for (device, name, _), result in zip(known, results, strict=True)
            if result.StatusCode.is_good() and result.Targets
        }
        self.counters["nodes_missing"] = len(wanted) - len(self._nodes)

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
        except (TimeoutError, OSError, UaError) as exc:
            error = bus_error(exc, connecting=within_s is not None)
            if not isinstance(error, BusRefused):
                self.counters["session_lost"] += 1
                await self._discard()
            raise error from exc

    async def _discard(self) -> None:
        client, self._client = self._client, None
        self._nodes = {}
        if client is None:
            return
        try:
            async with asyncio.timeout(GOODBYE_S):
                await client.disconnect()
        except (TimeoutError, OSError, UaError):
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


def text_of(value: Any) -> str:
    """A DataValue in words; '' when it has none."""
    status = value.StatusCode
    if (status is not None and status.is_bad()) or value.Value is None or value.Value.Value is None:
        return ""
    said = value.Value.Value
    return str(getattr(said, "Text", said) or "")  # a LocalizedText carries its language too


def reading_of(point: Point, value: Any) -> Decoded:
    """A DataValue as value, quality and cause."""
    status = value.StatusCode
    if status is not None and status.is_bad():
        return BAD
    raw = None if value.Value is None else value.Value.Value
    number, quality, cause = decode_value(point, getattr(raw, point.member, None) if point.member else raw)
    if quality is not Quality.GOOD:
        return number, quality, cause
    if status is not None and not status.is_good():
        return number, Quality.UNCERTAIN, Cause.SOURCE
    if stands_still(point, value.SourceTimestamp, value.ServerTimestamp):
        return number, Quality.UNCERTAIN, Cause.FROZEN
    return number, quality, cause


def stands_still(point: Point, source: datetime | None, server: datetime | None) -> bool:
    """Whether the source's time lies further back than the point may stand still; both clocks are the server's."""
    if point.expect_change_s is None or source is None or server is None:
        return False
    return (server - source).total_seconds() > point.expect_change_s


def relative_path(member: Member, point: Point, uris: Sequence[str]) -> Any:
    """The browse path from Objects with today's namespace indexes; None when the server lacks a namespace."""
    if any(step.namespace not in uris for step in point.path):
        return None
    path = ua.RelativePath()
    path.Elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IsInverse=FORWARD,
            TargetName=ua.QualifiedName(name_of(member, step), uris.index(step.namespace)),
        )
        for step in point.path
    ]
    return path


def name_of(member: Member, step: PathStep) -> str:
    """The browse name of a step: itself, or what the device's parameter of that name says."""
    if not step.param:
        return step.name
    return str(member.device.params.get(step.name, member.profile.params[step.name].default))


def typed(point: Point, raw: float) -> bool | int | float:
    """A raw number as the type of its node."""
    if point.kind is Kind.BOOL:
        return bool(raw)
    return float(raw) if point.kind.is_float else int(raw)


def bus_error(exc: Exception, *, connecting: bool) -> BusError:
    """What a failure of the library means to us."""
    if isinstance(exc, UaStatusCodeError) and not connecting:
        code = exc.code
        if code == StatusCodes.BadTimeout:
            return BusTimeout(str(exc))
        return BusDown(str(exc)) if code in SESSION_GONE else BusRefused(str(exc), code)
    if isinstance(exc, TimeoutError) and not connecting:
        return BusTimeout("no answer in time")
    return BusDown(f"{type(exc).__name__}: {exc}")
