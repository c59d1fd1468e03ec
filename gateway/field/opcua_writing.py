"""OpcUaWriting: values to nodes of a session, each with the type the server wants; methods called where a profile says so.

A point with `calls` is set by a method of the device: by the one that stands for the value (no arguments), else by the
one that takes it. What was sent and not answered may have been done; only a read-back tells (BusTimeout).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.errors import BusDown, BusMismatch, BusRefused, BusTimeout
from gateway.field.bus import Member
from gateway.field.opcua_guard import GuardedClient
from gateway.field.opcua_paths import FORWARD, method_keys, value_key
from gateway.field.opcua_session import OpcUaSession
from gateway.field.opcua_values import declared_type, status_of, type_of, variant
from gateway.profiles.codec import encode_value
from gateway.profiles.schema import MethodCall, Point
from gateway.texts import say

T = TypeVar("T")


class OpcUaWriting:
    """Writes and method calls of one session."""

    def __init__(self, session: OpcUaSession) -> None:
        self._session = session

    async def write(self, member: Member, values: Mapping[str, float]) -> None:
        """Write nodes in one request, each with its exact type and no source time; then call methods one by one. BusError."""
        points = [member.profile.points[name] for name in values]
        raw = {point.name: encode_value(point, values[point.name]) for point in points}
        if plain := [point for point in points if not point.calls]:
            await self._write(member.id, plain, raw)
        for point in points:
            if point.calls:
                await self._call(member.id, point, raw[point.name])

    async def change_bits(self, member: Member, name: str, *, set_bits: int, clear_bits: int) -> None:
        """Read a node's whole number, change bits, write it."""
        point, session = member.profile.points[name], self._session
        client = await session.ready()
        node = session.node(value_key(member.id, point))
        value, *_ = await session.ask(lambda: client.uaclient.read_attributes([node], AttributeIds.Value))
        if status_of(value) >> 31 or value.Value is None:
            raise BusRefused(f"{member.id}/{name}: {value.StatusCode}", status_of(value))
        word = value.Value.Value
        if not isinstance(word, int):
            raise BusRefused(say("bus.no_whole_number", place=f"{member.id}/{name}"), StatusCodes.BadTypeMismatch)
        await self._write(member.id, [point], {name: word & ~clear_bits | set_bits})

    async def _write(self, device: str, points: Sequence[Point], raw: Mapping[str, float]) -> None:
        session = self._session
        client = await session.ready()
        nodes = [session.node(value_key(device, point)) for point in points]
        types = await self._types_of(device, points, client)
        values = [
            ua.DataValue(variant(point, raw[point.name], kind)) for point, kind in zip(points, types, strict=True)
        ]
        results = await self._sent(lambda: client.uaclient.write_attributes(nodes, values))
        if len(results) != len(nodes):
            await session.discard()
            raise BusMismatch(f"{len(results)} results for {len(nodes)} writes")
        for point, status in zip(points, results, strict=True):
            if not status.is_good():
                session.types.pop(value_key(device, point), None)  # the node may have another type by now
                raise BusRefused(f"{device}/{point.name}: {status.name}", status.value)

    async def _call(self, device: str, point: Point, raw: float) -> None:
        """Call the method that sets a point to this raw value."""
        session, call = self._session, chosen_call(point, raw)
        client = await session.ready()
        method, owner = (session.node(key) for key in method_keys(device, point, call))
        types = [] if call.when is not None else await self._arguments_of(device, point, call, client)
        request = ua.CallMethodRequest(
            ObjectId=owner, MethodId=method, InputArguments=[variant(point, raw, kind) for kind in types]
        )
        results = await self._sent(lambda: client.uaclient.call([request]))
        if len(results) != 1:
            await session.discard()
            raise BusMismatch(f"{len(results)} results for one call")
        status = results[0].StatusCode
        if not status.is_good():
            raise BusRefused(f"{device}/{point.name}: {call.name}: {status.name}", status.value)

    async def _sent(self, request: Callable[[], Awaitable[T]]) -> T:
        """A request that changes something: without an answer nobody knows whether it did."""
        try:
            return await self._session.ask(request)
        except BusDown as exc:
            raise BusTimeout(say("bus.written_unanswered", why=exc.said)) from exc

    async def _types_of(self, device: str, points: Sequence[Point], client: GuardedClient) -> list[ua.VariantType]:
        """The type each node takes, asked once a session."""
        session = self._session
        new = [point for point in points if value_key(device, point) not in session.types]
        if new:
            nodes = [session.node(value_key(device, point)) for point in new]
            values = await session.ask(lambda: client.uaclient.read_attributes(nodes, AttributeIds.Value))
            declared = await session.ask(lambda: client.uaclient.read_attributes(nodes, AttributeIds.DataType))
            for point, value, kind in zip(new, values, declared, strict=False):
                session.types[value_key(device, point)] = [type_of(value, kind, point)]
        known = [session.types.get(value_key(device, point)) for point in points]
        return [kinds[0] if kinds else type_of(None, None, point) for point, kinds in zip(points, known, strict=True)]

    async def _arguments_of(
        self, device: str, point: Point, call: MethodCall, client: GuardedClient
    ) -> list[ua.VariantType]:
        """The one argument a method takes, as the server declares it (OPC 10000-3, 5.7.3), asked once a session. BusRefused."""
        session, (key, _) = self._session, method_keys(device, point, call)
        if key not in session.types:
            path = ua.RelativePath(Elements=[ua.RelativePathElement(
                ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasProperty)),
                IsInverse=FORWARD, TargetName=ua.QualifiedName("InputArguments"),
            )])  # fmt: skip
            found = await session.ask(lambda: client.translate_browsepaths(session.node(key), [path]))
            declared: list[Any] = []
            if found and found[0].StatusCode.is_good() and found[0].Targets:
                node = found[0].Targets[0].TargetId
                value, *_ = await session.ask(lambda: client.uaclient.read_attributes([node], AttributeIds.Value))
                declared = (value.Value.Value if value.Value is not None else None) or []
            session.types[key] = [declared_type(one.DataType, point) for one in declared]
        types = session.types[key]
        if len(types) != 1:
            place = f"{device}/{point.name}"
            why = say("bus.not_one_argument", place=place, method=call.name, number=len(types))
            raise BusRefused(why, StatusCodes.BadArgumentsMissing)
        return types


def chosen_call(point: Point, raw: float) -> MethodCall:
    """The method that stands for a raw value, else the one that takes it. BusRefused: there is neither."""
    for call in point.calls:
        if call.when == raw:
            return call
    for call in point.calls:
        if call.when is None:
            return call
    raise BusRefused(say("bus.no_method", point=point.name, value=raw), StatusCodes.BadOutOfRange)
