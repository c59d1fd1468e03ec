"""The browse paths of points and of the methods that set them, with the namespace indexes a server has today."""

from collections.abc import Iterator, Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from gateway.field.bus import Member
from gateway.profiles.schema import MethodCall, PathStep, Point
from gateway.texts import say

FORWARD: Any = False
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
    """Every node of a device with its browse path from Objects; None when the server lacks a namespace."""
    for point in member.profile.points.values():
        if point.path:
            yield value_key(member.id, point), relative_path(member, point.path, uris)
        for call in point.calls:
            method, owner = method_keys(member.id, point, call)
            yield method, relative_path(member, call.path, uris)
            yield owner, relative_path(member, call.path[:-1], uris)


def first_path(member: Member, uris: Sequence[str]) -> str:
    """What is sought first of a device, for people: its browse path from Objects, and the namespace the server lacks."""
    steps = next((p.path or p.calls[0].path for p in member.profile.points.values() if p.path or p.calls), ())
    path = "/".join(("Objects", *(name_of(member, step) for step in steps)))
    strange = next((step.namespace for step in steps if step.namespace not in uris), None)
    return path if strange is None else say("bus.no_namespace", path=path, namespace=strange)


def relative_path(member: Member, steps: Sequence[PathStep], uris: Sequence[str]) -> Any:
    """A browse path from Objects with today's namespace indexes; None when the server lacks a namespace."""
    if any(step.namespace not in uris for step in steps):
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
