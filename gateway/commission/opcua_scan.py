"""Scan of one OPC UA endpoint: who the server says it is, the objects below Objects, the profiles whose nodes are there.

A profile is tried with every value that its parameters may take, and where a parameter names an object freely, with the
objects that are there. All of its nodes found makes certain, most of them likely. Only browse, translate and read are sent.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from gateway.commission.finding import Finding, Scanned
from gateway.commission.known import ORDER, Candidate
from gateway.commission.modbus_scan import shown_of
from gateway.errors import ProfileError
from gateway.field.bus import Member
from gateway.field.opcua_paths import relative_path
from gateway.field.opcua_values import reading_of
from gateway.field.points import member_of
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device
from gateway.profiles.relations import Sure
from gateway.profiles.schema import PathStep, Profile, Protocol
from gateway.texts.causes import cause

LIKELY_SHARE = 0.6
MOST_OBJECTS = 200
DEPTH = 3
GOODBYE_S = 2.0
STANDARD = "http://opcfoundation.org/UA/"
PARTS = {
    "vendor": ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
    "product": ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
    "version": ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the server: its browse name with the namespace's URI, and that of its type."""

    name: str
    namespace: str
    type_name: str = ""
    type_namespace: str = ""

    def is_of(self, wanted: str) -> bool:
        """Whether a profile's word for a type (`uri;Name`, `prefix:Name` or `Name`) means this object's."""
        uri, apart, name = wanted.rpartition(";")
        if not apart:
            name = wanted.rpartition(":")[2]
        return bool(name) and name == self.type_name and (not apart or uri == self.type_namespace)


async def scan_endpoint(connection: Connection, profiles: Iterable[Profile]) -> Scanned:
    """Everything on one server; one that cannot be reached is told, not raised."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what fails is told below
    client = Client(connection.address, timeout=connection.timeout_s)
    look = _Look(client, connection)
    try:
        async with asyncio.timeout(connection.connect_timeout_s):
            await client.connect()
    except (TimeoutError, OSError, UaError) as exc:
        client.disconnect_socket()
        return Scanned(connection, (), 0, "down", _why(exc))
    try:
        findings = await look.findings([p for p in profiles if p.protocol is Protocol.OPCUA])
        return Scanned(connection, tuple(findings), look.asked, "" if findings else "no_objects")
    except (TimeoutError, OSError, UaError) as exc:
        return Scanned(connection, (), look.asked, "down", _why(exc))
    finally:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await client.disconnect()
        except (TimeoutError, OSError, UaError):
            client.disconnect_socket()


class _Look:
    """One session."""

    def __init__(self, client: Client, connection: Connection) -> None:
        self.asked = 0
        self._client = client
        self._connection = connection
        self._uris: list[str] = []

    async def findings(self, profiles: Sequence[Profile]) -> list[Finding]:
        """A finding for each profile and each set of parameters whose nodes are there; else for each unknown object."""
        self._uris = await self._client.get_namespace_array()
        said = await self._said()
        things = await self._things(self._client.nodes.objects, DEPTH)
        found: list[Finding] = []
        for profile in profiles:
            for params in choices(profile, things):
                finding = await self._tried(profile, params, things, said)
                if finding is not None:
                    found.append(finding)
        taken = {value for finding in found for value in finding.params.values()}
        if not found:
            found = [
                Finding(self._connection, None, (), {**said, "object": thing.name, "type": thing.type_name})
                for thing in things
                if thing.name not in taken and not thing.namespace.startswith(STANDARD)
            ][:MOST_OBJECTS]
        return sorted(
            found, key=lambda one: (ORDER.index(one.candidates[0].sure) if one.candidates else 9, *one.params.values())
        )

    async def _said(self) -> dict[str, str]:
        nodes = [self._client.get_node(ua.NodeId(ua.Int32(number))) for number in PARTS.values()]
        values = await self._client.read_values(nodes)
        self.asked += 1
        return {name: str(value) for name, value in zip(PARTS, values, strict=True) if value}

    async def _things(self, node: Node, depth: int) -> list[Thing]:
        """The objects below a node, the server's own left out."""
        found: list[Thing] = []
        self.asked += 1
        for child in await node.get_children_descriptions(nodeclassmask=ua.NodeClass.Object):
            if child.NodeId.NamespaceIndex == 0 and child.BrowseName.NamespaceIndex == 0:
                continue
            found.append(await self._thing(child))
            if depth > 1 and len(found) < MOST_OBJECTS:
                found += await self._things(self._client.get_node(child.NodeId), depth - 1)
        return found[:MOST_OBJECTS]

    async def _thing(self, child: ua.ReferenceDescription) -> Thing:
        kind = child.TypeDefinition
        name = ""
        if kind.NamespaceIndex:
            name = (await self._client.get_node(kind).read_browse_name()).Name or ""
            self.asked += 1
        return Thing(
            child.BrowseName.Name or "",
            self._uri(child.BrowseName.NamespaceIndex),
            name,
            self._uri(kind.NamespaceIndex),
        )

    def _uri(self, index: int) -> str:
        return self._uris[index] if index < len(self._uris) else ""

    async def _tried(
        self, profile: Profile, params: Mapping[str, str], things: Sequence[Thing], said: Mapping[str, str]
    ) -> Finding | None:
        try:
            member = member_of(Device("device", profile.name, self._connection.id, 1, params), {profile.name: profile})
        except ProfileError:
            return None
        nodes = await self._nodes(member)
        wanted = [point for point in member.profile.points.values() if point.path]
        share = len(nodes) / len(wanted) if wanted else 0.0
        typed = any(thing.is_of(trait.ua_type) for trait in profile.identify if trait.ua_type for thing in things)
        if share < LIKELY_SHARE and not (typed and nodes):
            return None
        sure = Sure.CERTAIN if share == 1.0 else Sure.LIKELY
        why = f"opcua {len(nodes)}/{len(wanted)}"
        shown = await self._shown(member, nodes)
        return Finding(self._connection, None, (Candidate(profile.name, sure, why),), said, shown, params=params)

    async def _nodes(self, member: Member) -> dict[str, Any]:
        paths = {p.name: relative_path(member, p.path, self._uris) for p in member.profile.points.values() if p.path}
        known = {name: path for name, path in paths.items() if path is not None}
        if not known:
            return {}
        self.asked += 1
        start = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
        results = await self._client.translate_browsepaths(start, list(known.values()))
        return {
            name: result.Targets[0].TargetId
            for name, result in zip(known, results, strict=True)
            if result.StatusCode.is_good() and result.Targets
        }

    async def _shown(self, member: Member, nodes: Mapping[str, Any]) -> tuple[str, ...]:
        points = [member.profile.points[name] for name in nodes if not member.profile.points[name].is_text]
        self.asked += 1
        values = await self._client.uaclient.read_attributes([nodes[p.name] for p in points], AttributeIds.Value)
        readings = {}
        for point, value in zip(points, values, strict=True):
            number, quality, _ = reading_of(point, value)
            if number is not None and quality is Quality.GOOD:
                readings[point.name] = number
        return tuple(shown_of(member.profile, readings))


def choices(profile: Profile, things: Sequence[Thing]) -> Iterator[dict[str, str]]:
    """The sets of parameters worth trying: one choice of the parameter that names an object, the rest as they are."""
    step = next((step for point in profile.points.values() for step in point.path if step.param), None)
    if step is None:
        yield {}
        return
    name = step.name
    if step.namespace_param:
        yield from ({name: one.name, step.namespace: one.namespace} for one in _alike(profile, step, things))
        return
    there = [thing.name for thing in things if thing.namespace == step.namespace]
    for choice in profile.params[name].choices or tuple(dict.fromkeys(there)):
        if choice in there:
            yield {name: choice}


def _alike(profile: Profile, step: PathStep, things: Sequence[Thing]) -> list[Thing]:
    """The objects of the profile's type, whatever their namespace; none: those of the usual one."""
    types = [trait.ua_type for trait in profile.identify if trait.ua_type]
    usual = profile.params[step.namespace].default
    typed = [thing for thing in things if any(map(thing.is_of, types))]
    return list(dict.fromkeys(typed or [thing for thing in things if thing.namespace == usual]))


def _why(exc: Exception) -> str:
    """What the library or the system says, or else the kind of failure."""
    if isinstance(exc, OSError) and exc.errno:
        return cause(exc)
    return str(exc) or type(exc).__name__
