"""The browse paths of points and of the methods that set them, with the namespace indexes a server has today."""

from collections.abc import Iterator, Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from gateway.field.bus import Member
from gateway.profiles.schema import MethodCall, PathStep, Point
from gateway.texts import say

FORWARD: Any = False
OBJECTS = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
Key = tuple[str, ...]
"""A node: (device, point) its value, (device, point, method) a method, (device, point, method, "of") what it is called on."""


def value_key(device: str, point: Point) -> Key:
    """The node that holds a point's value."""
    return device, point.name


def method_keys(device: str, point: Point, call: MethodCall) -> tuple[Key, Key]:
    """A method, and the object it is called on."""
    key = device, point.name, call.name
    return key, (*key, "of")


def wanted_nodes(member: Member, uris: Sequence[str]) -> Iterator[tuple[Key, Any]]:
    """Every node of a device with where it is sought; None when the server lacks a namespace."""
    for point in member.profile.points.values():
        if point.path:
            yield value_key(member.id, point), place(member, point.path, uris)
        for call in point.calls:
            method, owner = method_keys(member.id, point, call)
            yield method, place(member, call.path, uris)
            yield owner, place(member, call.path[:-1], uris)


def first_path(member: Member, uris: Sequence[str]) -> str:
    """What is sought first of a device, for people: its browse path from Objects, and the namespace the server lacks."""
    steps = next((p.path or p.calls[0].path for p in member.profile.points.values() if p.path or p.calls), ())
    named = [name_of(member, step) for step in steps]
    path = "/".join(named if steps and steps[0].node else ["Objects", *named])
    strange = next((step.namespace for step in steps if step.namespace not in uris), None)
    return path if strange is None else say("bus.no_namespace", path=path, namespace=strange)


def place(member: Member, steps: Sequence[PathStep], uris: Sequence[str]) -> Any:
    """Where a node is sought: from Objects, or from the node the path begins with, without further names perhaps."""
    start, named = OBJECTS, steps
    if steps and steps[0].node:
        first, named = steps[0], steps[1:]
        if first.namespace not in uris:
            return None
        start = ua.NodeId.from_string(f"ns={uris.index(first.namespace)};{name_of(member, first)}")
    path = relative_path(member, named, uris)
    return None if path is None else ua.BrowsePath(start, path)


def relative_path(member: Member, steps: Sequence[PathStep], uris: Sequence[str]) -> Any:
    """Browse names with today's namespace indexes; None when the server lacks a namespace, or a step is no name."""
    if any(step.namespace not in uris or step.node for step in steps):
        return None
    path = ua.RelativePath()
    path.Elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
            IsInverse=FORWARD,
            TargetName=ua.QualifiedName(name_of(member, step), uris.index(step.namespace)),
        )
        for step in steps
    ]
    return path


def name_of(member: Member, step: PathStep) -> str:
    """The browse name of a step: itself, or what the device's parameter of that name says."""
    if not step.param:
        return step.name
    return str(member.device.params.get(step.name, member.profile.params[step.name].default))
