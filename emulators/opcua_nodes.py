"""The nodes of an emulated OPC UA machine: objects along its profile's paths, its type, variables, structures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.structures104 import new_struct, new_struct_field
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from gateway.model.site import Device
from gateway.profiles.schema import Kind, PathStep, Point, Profile

VARIANTS: Mapping[Kind, ua.VariantType] = {
    Kind.U16: ua.VariantType.UInt16, Kind.I16: ua.VariantType.Int16, Kind.U32: ua.VariantType.UInt32,
    Kind.I32: ua.VariantType.Int32, Kind.U64: ua.VariantType.UInt64, Kind.I64: ua.VariantType.Int64,
    Kind.F32: ua.VariantType.Float, Kind.F64: ua.VariantType.Double, Kind.BOOL: ua.VariantType.Boolean,
    Kind.TEXT: ua.VariantType.String,
}  # fmt: skip

Raw = Callable[[str, Point], float]
"""(device, point) -> what its node holds, as a number."""
Set = Callable[[str, Point, float], bool]
"""(device, point, raw value) a method of it was called for -> whether the device takes it."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a machine: a value, or a structure whose members are points."""

    node: Node
    device: str
    points: tuple[Point, ...]
    structure: Any = None
    """The class of its structure; None: the value of its one point."""
    text: str | None = None

    @property
    def point(self) -> Point:
        """The first of them; of a value the only one."""
        return self.points[0]

    def shown(self, raw: Raw) -> Any:
        """What it holds now."""
        if self.text is not None:
            return self.text
        values = {point.member: typed(raw(self.device, point), point.kind) for point in self.points}
        return values[""] if self.structure is None else self.structure(**values)

    def variant(self, shown: Any) -> ua.Variant:
        """That as the type of the node."""
        return ua.Variant(shown) if self.structure is not None else ua.Variant(shown, VARIANTS[self.point.kind])


def typed(value: float, kind: Kind) -> Any:
    """A number as its type holds it."""
    if kind is Kind.BOOL:
        return bool(value)
    if not kind.is_integer:
        return value
    low, high = kind.bounds
    return min(max(round(value), low), high)


class NodeMaker:
    """Makes the nodes of machines on one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._spaces: dict[str, int] = {}
        self._by_id: set[ua.NodeId] = set()
        """Objects that were made because a path begins there."""

    async def machine(self, device: Device, profile: Profile, texts: Mapping[str, str], raw: Raw) -> list[Variable]:
        """Everything of one machine below Objects; points that have no node are left out."""
        params = {name: param.default for name, param in profile.params.items()} | dict(device.params)
        typed_as = next((trait.ua_type for trait in profile.identify if trait.ua_type), "")
        by_path: dict[tuple[PathStep, ...], list[Point]] = {}
        for point in profile.points.values():
            if point.path:
                path = tuple(_named(step, params) for step in point.path)
                by_path.setdefault(path, []).append(point)
        owner = min((_owner(point.path) for points in by_path.values() for point in points), default=0)
        made = []
        for path, points in by_path.items():
            node = self._server.nodes.objects
            for at, step in enumerate(path[:-1]):
                node = await self._child(node, step, typed_as if at == owner else "")
            made.append(await self._variable(node, path[-1], device.id, points, texts, raw))
        return made

    async def methods(self, device: Device, profile: Profile, set_: Set) -> None:
        """The methods that set points of a machine, below the objects they belong to."""
        params = {name: param.default for name, param in profile.params.items()} | dict(device.params)
        for point in profile.points.values():
            for call in point.calls:
                *path, last = (_named(step, params) for step in call.path)
                node = self._server.nodes.objects
                for step in path:
                    node = await self._child(node, step, "")
                arguments = [VARIANTS[point.kind]] if call.when is None else []
                called = partial(_called, set_, device.id, point, call.when)
                await node.add_method(await self._space(last.namespace), last.name, called, arguments, [])

    async def _variable(
        self, node: Node, last: PathStep, device: str, points: list[Point], texts: Mapping[str, str], raw: Raw
    ) -> Variable:
        space = await self._space(last.namespace)
        structure = await self._structure(space, last.name, points) if points[0].member else None
        text = texts.get(points[0].name, "") if points[0].kind is Kind.TEXT else None
        draft = Variable(node, device, tuple(points), structure, text)
        shown = draft.shown(raw)
        variant = draft.variant(shown)
        named = (_id_of(last, space), ua.QualifiedName(last.name, space)) if last.node else (space, last.name)
        variable = await node.add_variable(named[0], named[1], variant.Value, variant.VariantType)
        if any(point.writable for point in points):
            await variable.set_writable()
        return replace(draft, node=variable)

    async def _structure(self, space: int, name: str, points: list[Point]) -> Any:
        """A structure type with these members, as a class."""
        fields = [new_struct_field(point.member, VARIANTS[point.kind]) for point in points]
        await new_struct(self._server, space, f"{name}Members", fields)
        found = await self._server.load_data_type_definitions()
        return found.get(f"{name}Members") or getattr(ua, f"{name}Members")

    async def _child(self, node: Node, step: PathStep, typed_as: str) -> Node:
        space = await self._space(step.namespace)
        if step.node:
            there = self._server.get_node(_id_of(step, space))
            known = there.nodeid in self._by_id
            self._by_id.add(there.nodeid)
            return there if known else await node.add_object(there.nodeid, ua.QualifiedName(step.name, space))
        for child in await node.get_children():
            if await child.read_browse_name() == ua.QualifiedName(step.name, space):
                return child
        kind = await self._type(typed_as) if typed_as else None
        return await node.add_object(space, step.name, objecttype=kind)

    async def _type(self, wanted: str) -> ua.NodeId:
        """The object type `uri;Name`."""
        uri, _, name = wanted.rpartition(";")
        space = await self._space(uri)
        base = self._server.nodes.base_object_type
        for child in await base.get_children():
            if await child.read_browse_name() == ua.QualifiedName(name, space):
                return child.nodeid
        return (await base.add_object_type(space, name)).nodeid

    async def _space(self, uri: str) -> int:
        if uri not in self._spaces:
            self._spaces[uri] = await self._server.register_namespace(uri)
        return self._spaces[uri]


async def _called(
    set_: Set, device: str, point: Point, when: float | None, _parent: Any, *given: ua.Variant
) -> list[ua.Variant] | ua.StatusCode:
    raw = float(given[0].Value) if when is None else when
    return [] if set_(device, point, raw) else ua.StatusCode(ua.UInt32(StatusCodes.BadDeviceFailure))


def _named(step: PathStep, params: Mapping[str, Any]) -> PathStep:
    """A step with what the site's parameters say in it."""
    namespace = str(params[step.namespace]) if step.namespace_param else step.namespace
    return PathStep(namespace, str(params[step.name]) if step.param else step.name, node=step.node)


def _id_of(step: PathStep, space: int) -> ua.NodeId:
    return ua.NodeId.from_string(f"ns={space};{step.name}")


def _owner(path: tuple[PathStep, ...]) -> int:
    """Which step is the machine itself: the one that a parameter names, else the first."""
    return next((at for at, step in enumerate(path) if step.param), 0)
