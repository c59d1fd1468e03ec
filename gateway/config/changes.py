"""What changed between two site files, key by key in the owner's own words and units. Pure.

Both are the plain trees of `config.read`: every key of the file with its default filled in, so that writing a default
down is no change.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Tree = Mapping[str, Any]
NAMED = ("connections", "devices", "assets", "services", "feeders", "interlocks", "links")
"""Sections of things that have names; the others are one thing each."""
ORDER = ("site", "connections", "devices", "assets", "limits", *NAMED[3:6], "failsafe", "control", "links")
UNITS = (
    ("_kw_per_s", "kW/s"), ("_kwh_per_k", "kWh/K"), ("kwh_per_k", "kWh/K"), ("_kwh", "kWh"), ("_kw", "kW"),
    ("_pct", "%"), ("_a", "A"), ("_c", "°C"), ("_k", "K"), ("_s", "s"),
)  # fmt: skip
NOTHING = "–"
Say = Callable[..., str]
"""The text of a key with its values filled in."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `kind` is added, removed, changed or again: as before, but what stands below it changed."""

    section: str
    name: str
    kind: str = "changed"
    key: str = ""
    before: str = ""
    after: str = ""
    unit: str = ""
    effect: str = ""
    """What it does besides: reconnects, released, restart."""

    def with_effect(self, effect: str) -> "Change":
        """The same, with another effect."""
        return replace(self, effect=effect)


def line_of(change: Change, say: Say) -> str:
    """One line for people: `device ahu3: unit_id 4 → 5 (reconnects)`."""
    kind = change.kind if change.kind != "changed" else "of_thing" if change.name else "of_section"
    after = f"{change.after} {change.unit}".rstrip()
    what = say(f"change.what.{change.section}")
    line = say(f"change.{kind}", what=what, name=change.name, entry=change.key, before=change.before, after=after)
    return line + (say(f"change.effect.{change.effect}") if change.effect else "")


def changes(old: Tree, new: Tree) -> Iterator[Change]:
    """Every change in the order of a site file."""
    rest = sorted({*old, *new} - set(ORDER))
    for section in (*ORDER, *rest):
        one, other = old.get(section) or {}, new.get(section) or {}
        if section in NAMED:
            yield from _of_named(section, one, other)
        else:
            yield from _of_fields(section, "", one, other)


def _of_named(section: str, old: Tree, new: Tree) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            if one is not other:
                yield Change(section, name, "added" if one is None else "removed")
        else:
            yield from _of_fields(section, name, one, other)


def _of_fields(section: str, name: str, old: Tree, new: Tree) -> Iterator[Change]:
    one, other = dict(_flat(old)), dict(_flat(new))
    for key in dict.fromkeys((*one, *other)):
        if one.get(key) != other.get(key):
            shown, unit = _split(key)
            yield Change(section, name, "changed", shown, _said(one.get(key)), _said(other.get(key)), unit)


def _flat(tree: Tree, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _split(key: str) -> tuple[str, str]:
    """A key without the unit it ends in, and the unit."""
    for end, unit in UNITS:
        if key.endswith(end) and key != end:
            return key.removesuffix(end), unit
    return key, ""


def _said(value: Any) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.10g}"
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(_said(one) for one in value) + "]"
        case Mapping():
            return "{" + ", ".join(f"{key}: {_said(one)}" for key, one in value.items()) + "}"
    return str(value)
