"""The browse path of a point, with the namespace indexes a server has today."""

from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from gateway.field.bus import Member
from gateway.profiles.schema import PathStep, Point

FORWARD: Any = False


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
