"""The SunSpec information models that ship: where each point of a model is, its type, unit and scale factor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from gateway.profiles.kinds import Kind
from gateway.shipped import shipped

_KINDS = {
    "int16": Kind.I16, "uint16": Kind.U16, "count": Kind.U16, "acc16": Kind.U16, "enum16": Kind.U16,
    "bitfield16": Kind.U16, "sunssf": Kind.I16, "int32": Kind.I32, "uint32": Kind.U32, "acc32": Kind.U32,
    "enum32": Kind.U32, "bitfield32": Kind.U32, "int64": Kind.I64, "uint64": Kind.U64, "acc64": Kind.U64,
    "bitfield64": Kind.U64, "float32": Kind.F32, "float64": Kind.F64, "string": Kind.TEXT,
}  # fmt: skip
_UNITS = {
    "W": "W", "Wh": "Wh", "WH": "Wh", "V": "V", "A": "A", "Hz": "Hz", "Var": "var", "var": "var", "VA": "VA",
    "VAh": "VAh", "varh": "varh", "Varh": "varh", "C": "degC", "Secs": "s", "S": "s",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelField:
    """One point of a model; `offset` in registers from the model's ID register (in a group: from the instance's begin)."""

    offset: int
    words: int
    kind: Kind
    unit: str
    """As `units` of profiles writes it; "1" where there is none."""
    scale: str | int
    """The point that holds the decimal exponent, a fixed exponent, or ''."""
    writable: bool
    counts: bool
    """An accumulator: 0 means that it does not count."""

    @property
    def sentinel(self) -> float | None:
        """The raw value that means "not implemented" (SunSpec Device Information Model Specification, 6.4)."""
        if self.kind is Kind.TEXT or self.kind.is_float:
            return None
        if self.counts:
            return 0
        low, high = self.kind.bounds
        return low if low < 0 else high


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its points, and the group that repeats after them, if any."""

    fields: Mapping[str, ModelField]
    length: int
    group: str = ""
    group_at: int = 0
    group_size: int = 0
    group_fields: Mapping[str, ModelField] = field(default_factory=dict)


@cache
def models() -> Mapping[int, Model]:
    """Every model that ships, by its number."""
    text = (shipped("data") / "sunspec_models" / "models.json").read_text(encoding="utf-8")
    made = {}
    for number, facts in json.loads(text).items():
        group = facts.get("group")
        repeated = (group["name"], group["at"], group["size"], _fields(group["points"])) if group else ()
        made[int(number)] = Model(_fields(facts["points"]), facts["length"], *repeated)
    return MappingProxyType(made)


def _fields(points: Mapping[str, list[object]]) -> Mapping[str, ModelField]:
    return MappingProxyType({name: _field(facts) for name, facts in points.items()})


def _field(facts: list[object]) -> ModelField:
    offset, words, kind, unit, scale, access = [*facts, "", "", ""][:6]
    assert isinstance(offset, int) and isinstance(words, int) and isinstance(scale, str | int)  # noqa: PT018 - our own file
    unit = str(unit).strip()
    known = _UNITS.get(unit, "%" if unit == "Pct" or unit.startswith("%") else "1")
    return ModelField(offset, words, _KINDS[str(kind)], known, scale, access == "rw", str(kind).startswith("acc"))
