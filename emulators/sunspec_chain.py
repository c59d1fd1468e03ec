"""A SunSpec device: marker, common model, the models its profile names, end; laid out from the definitions that ship.

Theory (SunSpec Device Information Model Specification, section 6): "SunS" at a base address, then model after model: its
number, its length, its registers, until number 0xFFFF. A point of 16 bits has its decimal exponent in another register
of its model. What the profile does not name shows "not implemented". A profile that has a SunSpec device's registers at
fixed addresses gets the headers round them, so that whoever walks the chain finds the device.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from gateway.profiles.schema import Kind, ModelPoint, Point, Profile, Table
from gateway.shipped import shipped

MARKER = (0x5375, 0x6E53)
COMMON, END = 1, 0xFFFF
THREE_PHASE = frozenset({103, 203})
"""Of the models that say the same of one, two or three phases."""
FIXED_BASE, FIXED_COMMON, FIXED_INVERTER = 40000, 65, 103
"""Where a device of fixed addresses has its marker, and how long its common model is (its inverter model follows)."""
_KINDS = {
    "int16": Kind.I16, "uint16": Kind.U16, "count": Kind.U16, "enum16": Kind.U16, "bitfield16": Kind.U16,
    "sunssf": Kind.I16, "int32": Kind.I32, "uint32": Kind.U32, "acc32": Kind.U32, "bitfield32": Kind.U32,
    "uint64": Kind.U64, "acc64": Kind.U64, "float32": Kind.F32, "string": Kind.TEXT,
}  # fmt: skip
_ABSENT = {
    "int16": "8000", "uint16": "ffff", "count": "ffff", "enum16": "ffff", "bitfield16": "ffff", "sunssf": "8000",
    "int32": "80000000", "uint32": "ffffffff", "acc32": "00000000", "bitfield32": "ffffffff",
    "uint64": "ffffffffffffffff", "acc64": "0000000000000000", "float32": "7fc00000",
}  # fmt: skip
"""What a point says that is not implemented (6.4), in hex; a text is empty."""
_FINEST = {"A": -2, "V": -1, "Hz": -2, "C": -1, "Pct": -2}
_FINEST_SHARE = -2
"""The exponent a unit would have if its values are small enough; any other is whole."""
_COARSEST = 10

Facts = Mapping[str, Any]
"""The definition of one model."""
Start = Callable[[str], float | None]
"""What a point shows first."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The profile with every point at its register, and the words that never change: headers, exponents, absent points."""

    profile: Profile
    words: Mapping[int, int]


def speaks_sunspec(profile: Profile) -> bool:
    """Whether a device of this type shows a chain of models."""
    return bool(profile.sunspec_bases) or any(trait.source == "sunspec" for trait in profile.identify)


def chained(profile: Profile, device: str, start: Start) -> Chain:
    """The chain of a device; `start` tells what its points show first, from which the exponents follow."""
    laying = _Laying(profile, device, start, _models())
    laying.marker()
    laying.common()
    for number in laying.numbers():
        laying.model(number)
    return laying.done()


@dataclass(slots=True)
class _Laying:
    """A chain on its way: model after model from `at` on."""

    profile: Profile
    device: str
    start: Start
    models: Mapping[str, Facts]
    words: dict[int, int] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    chosen: dict[str, ModelPoint] = field(default_factory=dict)
    at: int = FIXED_BASE

    def marker(self) -> None:
        """The letters SunS at the first of the places where it may stand."""
        self.at = (self.profile.sunspec_bases or (FIXED_BASE,))[0]
        self.words.update(enumerate(MARKER, self.at))
        self.at += len(MARKER)
        self.points, self.chosen = dict(self.profile.points), _chosen(self.profile)

    def numbers(self) -> list[int]:
        """The models after the common one; a device of fixed addresses has its inverter there, if it has one."""
        if not self.profile.sunspec_bases:
            return [FIXED_INVERTER] if any(_within(point, self.at) for point in self.points.values()) else []
        return sorted({one.model for one in self.chosen.values()} - {COMMON})

    def common(self) -> None:
        """Who made it."""
        facts = self.models[str(COMMON)]
        begin, length = self.at, facts["length"] if self.profile.sunspec_bases else FIXED_COMMON
        self._empty(COMMON, facts, length, repeats=0)
        self.words.update(_common(facts, begin, self.profile, self.device))
        for name, one in self.chosen.items():
            if one.model == COMMON:
                del self.points[name]

    def model(self, number: int) -> None:
        """One model with the profile's points in it."""
        facts, begin = self.models[str(number)], self.at
        own = {name: one for name, one in self.chosen.items() if one.model == number}
        repeats = max((one.index for one in own.values()), default=0)
        size = (facts.get("group") or {}).get("size", 0)
        self._empty(number, facts, facts["length"] + repeats * size, repeats=repeats)
        exponents = _exponents(facts, own, self.profile, self.start)
        for name, exponent in exponents.items():
            self.words[begin + facts["points"][name][0]] = exponent & 0xFFFF
        for name, one in own.items():
            self.points[name] = _placed(self.points[name], one, facts, begin, exponents)

    def done(self) -> Chain:
        """The end of the chain; words that a point has are not constant."""
        self.words.update({self.at: END, self.at + 1: 0})
        holding = [point for point in self.points.values() if point.table is Table.HOLDING]
        taken = {address for point in holding for address in range(point.address, point.end)}
        constant = {address: word for address, word in self.words.items() if address not in taken}
        return Chain(replace(self.profile, points=self.points), constant)

    def _empty(self, number: int, facts: Facts, length: int, *, repeats: int) -> None:
        """The header, and registers of which none is implemented."""
        self.words.update({self.at: number, self.at + 1: length})
        self.words.update(_empty(facts, self.at, length, repeats))
        self.at += 2 + length


def _models() -> Mapping[str, Facts]:
    """The definitions that ship, by number."""
    text = (shipped("data") / "sunspec_models" / "models.json").read_text(encoding="utf-8")
    found: Mapping[str, Facts] = json.loads(text)
    return found


def _chosen(profile: Profile) -> dict[str, ModelPoint]:
    """Of each point's alternatives the one this device has: three phases, few models, else the first."""
    found: dict[str, ModelPoint] = {}
    taken: set[int] = set()
    for name, point in profile.points.items():
        if not point.sunspec:
            continue
        ranked = sorted(point.sunspec, key=lambda one: (one.model not in THREE_PHASE, one.model not in taken))
        found[name] = ranked[0]
        taken.add(ranked[0].model)
    return found


def _field(one: ModelPoint, facts: Facts) -> tuple[int, list[Any]]:
    """Where a point of a model is, from its number register, and what the definition says of it."""
    group = facts.get("group") or {}
    if not one.group:
        return facts["points"][one.name][0], facts["points"][one.name]
    said = group["points"][one.name]
    return group["at"] + (one.index - 1) * group["size"] + said[0], said


def _exponents(facts: Facts, own: Mapping[str, ModelPoint], profile: Profile, start: Start) -> dict[str, int]:
    """The least exponent of each register of them at which everything that uses it fits."""
    found: dict[str, int] = {}
    for name, one in own.items():
        _, (_, _, kind, unit, scale, *_) = _padded(_field(one, facts))
        if scale not in facts["points"]:  # a fixed exponent, or none
            continue
        point = profile.points[name]
        ends = (start(name), point.low, point.high, *_commanded(profile, name))
        most = max((abs((end - point.offset) / point.factor) for end in ends if end is not None), default=0.0)
        _, high = _KINDS[kind].bounds
        exponent = max(
            _FINEST_SHARE if unit.startswith("%") else _FINEST.get(unit.strip(), 0), found.get(scale, -_COARSEST)
        )
        while most / 10.0**exponent > high - 1 and exponent < _COARSEST:
            exponent += 1
        found[scale] = exponent
    return found


def _padded(found: tuple[int, list[Any]]) -> tuple[int, list[Any]]:
    at, facts = found
    return at, [*facts, "", "", ""][:6]


def _commanded(profile: Profile, name: str) -> tuple[float, ...]:
    control = profile.controls.get(name)
    return () if control is None else (control.low, control.high)


def _placed(point: Point, one: ModelPoint, facts: Facts, at: int, exponents: Mapping[str, int]) -> Point:
    """The point at its register, its exponent in its factor."""
    offset, (_, words, kind, _, scale, _) = _padded(_field(one, facts))
    exponent = scale if isinstance(scale, int) else exponents.get(scale, 0)
    raw_kind = _KINDS[kind]
    absent = int(_ABSENT.get(kind, "0"), 16)
    low, high = raw_kind.bounds if not raw_kind.is_float and raw_kind is not Kind.TEXT else (0, 0)
    sentinel = () if low == high else (float(absent - (high - low + 1) if absent > high else absent),)
    return replace(
        point, kind=raw_kind, table=Table.HOLDING, address=at + offset, words=words, sunspec=(), invalid=sentinel,
        factor=point.factor * 10.0**exponent,
    )  # fmt: skip


def _empty(facts: Facts, at: int, length: int, repeats: int) -> dict[int, int]:
    """Every register of a model as if nothing were implemented; groups are counted and numbered."""
    words = dict.fromkeys(range(at + 2, at + 2 + length), 0x8000)
    group = facts.get("group") or {"points": {}, "at": 0, "size": 0}
    places = [(at, facts["points"])]
    places += [(at + group["at"] + number * group["size"], group["points"]) for number in range(repeats)]
    for begin, points in places:
        for offset, size, kind, *_ in points.values():
            data = bytes.fromhex(_ABSENT.get(kind, "0000" * size))
            words.update({begin + offset + n: int.from_bytes(data[2 * n : 2 * n + 2], "big") for n in range(size)})
    if repeats and "N" in facts["points"]:
        words[at + facts["points"]["N"][0]] = repeats
    for number, (begin, points) in enumerate(places[1:], 1):
        if "ID" in points:
            words[begin + points["ID"][0]] = number
    return {address: word for address, word in words.items() if address < at + 2 + length}


def _common(facts: Facts, at: int, profile: Profile, device: str) -> dict[int, int]:
    """Who made it, which model, its serial number, in the common model."""
    known: dict[str, str] = {"Mn": profile.vendor, "Md": profile.models[0], "Vr": "1.0.0"}
    known["SN"] = f"{crc32(device.encode()) % 10**8:08d}"
    for trait in profile.identify:
        if trait.source == "sunspec":
            said = dict(trait.objects)
            known["Mn"], known["Md"] = said.get("manufacturer") or known["Mn"], said.get("model") or known["Md"]
            break
    words: dict[int, int] = {}
    for name, text in known.items():
        offset, size, _ = facts["points"][name][:3]
        data = text.encode("ascii", "replace")[: 2 * size].ljust(2 * size, b"\0")
        words.update({at + offset + n: int.from_bytes(data[2 * n : 2 * n + 2], "big") for n in range(size)})
    return words


def _within(point: Point, begin: int) -> bool:
    """Whether a fixed point lies where the inverter model of such a device would be."""
    return point.table is Table.HOLDING and begin <= point.address < begin + 52
