"""A made-up device type on Modbus and on OPC UA, and what the tests of this room build around it."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from gateway.field.bus import Member
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import (
    Control,
    Every,
    Keepalive,
    Kind,
    Lost,
    PathStep,
    Pauses,
    Point,
    Profile,
    Protocol,
    ReadLimits,
    Set,
    Table,
    Then,
    Zero,
)  # fmt: skip

URI = "urn:tests:thing"
POLL = MappingProxyType({Every.FAST: 1.0, Every.NORMAL: 5.0, Every.SLOW: 60.0})


def register(name: str, address: int, **more) -> Point:
    given: dict[str, Any] = {"unit": Unit.WATT, "kind": Kind.U16, "table": Table.HOLDING, "address": address} | more
    given["words"] = given["kind"].words
    return Point(name, **given)


def node(name: str, browse_name: str, kind: Kind, **more) -> Point:
    path = (PathStep(URI, "Thing"), PathStep(URI, browse_name))
    given: dict[str, Any] = {"unit": Unit.WATT, "kind": kind, "path": path}
    return Point(name, **(given | more))


def control(name: str, **more) -> Control:
    write = Set(((name, None),))
    given: dict[str, Any] = {
        "unit": Unit.WATT, "low": 0.0, "high": 1000.0, "step": 1.0, "zero": Zero.ALLOWED, "apply": (write,),
        "release": (Set(((name, 0.0),)),), "lost": Lost(Then.FALLBACK, 0.0, 6.0),
        "keepalive": Keepalive(2.0, 6.0, (write,)),
    }  # fmt: skip
    return Control(name, **(given | more))


def profile(points: list[Point], controls: Sequence[Control] = (), *, poll_s=POLL, **more) -> Profile:
    given: dict[str, Any] = {
        "name": "test/thing", "id": "test.thing", "version": "1.0.0", "device_class": "test", "vendor": "none",
        "models": ("thing",), "confidence": "A", "evidence": ("made up",), "protocol": Protocol.MODBUS, "params": {},
        "limits": ReadLimits(max_gap=4), "pauses": Pauses(),
    }  # fmt: skip
    named: dict[str, Any] = {"points": {p.name: p for p in points}, "controls": {c.name: c for c in controls}}
    return Profile(**(given | named | more), poll_s=poll_s)


def thing(name: str = "thing", *, unit_id: int = 1, poll_s: float | None = None, **more) -> Member:
    """Six registers in two blocks; `limit` is writable, with a reversion timer of 6 s."""
    points = [
        register("power", 100),
        register("state", 101),
        register("energy", 102, kind=Kind.U32),
        register("limit", 110, writable=True),
        register("word", 111, writable=True),
        register("temperature", 300, every=Every.NORMAL),
    ]
    made = profile(points, [control("limit")], **more)
    return Member(Device(name, "test/thing", "line", unit_id=unit_id, poll_s=poll_s), made)


def specs(*members: Member, stale_after_s: float = 60.0) -> list[PointSpec]:
    return [
        PointSpec(point_id(m.id, p.name), p.unit, stale_after_s) for m in members for p in m.profile.points.values()
    ]


def tcp(address: str, *, timeout_s: float = 0.2, **more) -> Connection:
    return Connection("line", Transport.MODBUS_TCP, address, timeout_s=timeout_s, connect_timeout_s=0.5, **more)


def wide(name: str = "wide", *, unit_id: int = 1, count: int = 60, blocks: int = 4, gap: int = 200) -> Member:
    """Many registers in blocks of their own, to catch a value that belongs to another read."""
    points = [register(f"r{block * gap + at}", block * gap + at) for block in range(blocks) for at in range(count)]
    return Member(Device(name, "test/wide", "line", unit_id=unit_id), profile(points, limits=ReadLimits()))


__all__ = ["Member", "control", "node", "profile", "register", "specs", "tcp", "thing", "wide"]
