"""A table of registers, as manuals and spreadsheets have them -> the text of a profile to begin with. Pure.

Headings are found by what they are usually called, in English and Chinese. A row that cannot be taken is told with its
number and kept as a comment. What the table cannot say (what + means, what is worth reading often) is marked `check`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.commission.registerwords import HEADINGS, ORDERS, PATTERNS, SIGNED, TABLES, TYPES, UNITS, WORDS
from gateway.errors import ProfileError
from gateway.profiles.units import CONVERSIONS
from gateway.profiles.vocabulary import unit_of
from gateway.texts import listed, say

_NOT_NAME = re.compile(r"[^a-z0-9]+")
_ASIDE = re.compile(r"\s*(\(.*|<.*)$")
"""What follows in brackets, and what only a page of the web shows."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the person says of the device."""

    id: str
    device_class: str
    vendor: str
    model: str
    document: str
    first: int | None = None
    """What the document calls address 0; None: found out."""
    table: str = "holding"
    order: str = "abcd"


@dataclass(slots=True)
class Row:
    """One register of the table, in the words of a profile."""

    name: str
    at: int
    type: str
    table: str
    keys: dict[str, str] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Imported:
    """The profile's text, how many rows it took, and what is wrong with the others, by row number."""

    text: str
    taken: int
    left: Sequence[tuple[int, str]]


def profile_of(cells: Sequence[Sequence[str]], head: Head) -> Imported:
    """A profile from a table whose first full row holds the headings; ProfileError when there are none."""
    at, columns = _columns(cells)
    rows: list[Row] = []
    left: list[tuple[int, str]] = []
    for number, line in enumerate(cells[at + 1 :], start=at + 2):
        given = {key: line[column].strip() for key, column in columns.items() if column < len(line)}
        if not any(given.values()):
            continue
        try:
            rows.append(_row(given, head, taken={row.name for row in rows}))
        except ProfileError as exc:
            left.append((number, exc.said))
    if not rows:
        some = [say("refused.row", number=number, why=why) for number, why in left[:3]]
        raise ProfileError(listed([say("refused.no_row"), *some], "word.semicolon"))
    return Imported(_text(rows, head, left), len(rows), left)


def _columns(cells: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """The row of headings, and the column of each of our words."""
    for at, line in enumerate(cells[:20]):
        plain = [cell.strip().lower() for cell in line]
        found: dict[str, int] = {}
        for key, known in HEADINGS.items():
            for word in known:
                column = next(
                    (c for c, cell in enumerate(plain) if cell.startswith(word) and c not in found.values()), None
                )
                if column is not None:
                    found[key] = column
                    break
        if {"name", "at"} <= set(found):
            return at, found
    raise ProfileError(say("refused.no_headings"))


def _row(given: Mapping[str, str], head: Head, *, taken: Iterable[str]) -> Row:
    said = given.get("name", "")
    if not said:
        raise ProfileError(say("refused.no_name"))
    table = _table(given.get("table", ""), head.table)
    kind, words = _type(given, table)
    unit = _ASIDE.sub("", given.get("unit", "")) or given.get("unit", "")
    unit = UNITS.get(unit, unit)
    row = Row(_name(said, unit, taken), _address(given.get("at", "")), kind, table)
    if kind == "text":
        row.keys["words"] = str(words or 8)
    order = ORDERS.get(_NOT_NAME.sub("", given.get("order", "").lower()), head.order)
    if kind in WORDS and order != "abcd":
        row.keys["order"] = order
    scale = given.get("scale", "")
    if kind not in ("bool", "text"):
        if scale and (factor := _scale(scale)) != 1.0:
            row.keys["scale"] = f"{factor:.12g}"
        row.keys["unit"] = _unit(row, unit)
        if CONVERSIONS[row.keys["unit"].strip('"')].unit.value == "W" and (kind in SIGNED or given.get("sign")):
            row.keys["sign"] = given.get("sign") or "import"
            if not given.get("sign"):
                row.checks.append("what does + mean?")
    note = given.get("note", "")
    row.keys |= {"doc": f'"{_plain(said if row.name.startswith("x.") and not note else note)}"'} if note else {}
    return row


def _name(said: str, unit: str, taken: Iterable[str]) -> str:
    """The published name that it means and whose unit fits, else one of its own."""
    lowered = said.lower()
    known = set(taken)
    conversion = CONVERSIONS.get(unit)
    wanted = [lowered, *(name for pattern, name in PATTERNS if re.search(pattern, lowered))]
    for name in wanted:
        inside = unit_of(name)
        if inside is not None and name not in known and (conversion is None or conversion.unit is inside):
            return name
    stem = "x." + (_NOT_NAME.sub("_", lowered).strip("_") or "value")
    name, number = stem, 2
    while name in known:
        name, number = f"{stem}_{number}", number + 1
    return name


def _address(given: str) -> int:
    alone = _ASIDE.sub("", given)  # `31001 (1000) <br> 31002 (1001)`
    cleaned = (alone or given).lower().replace(" ", "").replace(",", "")
    cleaned = re.split(r"[-–~/]", cleaned)[0]
    try:
        if cleaned.endswith("h") and not cleaned.startswith("0x"):
            return int(cleaned[:-1], 16)
        return int(cleaned, 16) if re.search(r"[a-fx]", cleaned) else int(float(cleaned))
    except ValueError:
        raise ProfileError(say("refused.no_address", given=given)) from None


def _type(given: Mapping[str, str], table: str) -> tuple[str, int | None]:
    words = int(given["words"]) if given.get("words", "").isdecimal() else None
    if table in ("coil", "discrete"):
        return "bool", None
    plain = re.sub(r"[^a-z0-9]", "", given.get("type", "").lower())
    if not plain:
        if words not in (None, 1, 2):
            raise ProfileError(say("refused.no_type", words=words))
        return ("u32" if words == 2 else "u16"), words
    found = TYPES.get(plain) or next(
        (TYPES[known] for known in sorted(TYPES, key=len, reverse=True) if plain.startswith(known)), None
    )
    if found is None:
        raise ProfileError(say("refused.unknown_type", given=given["type"]))
    if found in ("u16", "i16") and words == 2:
        found = {"u16": "u32", "i16": "i32"}[found]
    digits = re.search(r"(\d+)", plain.removeprefix("ieee754"))
    if found == "text" and words is None and digits:
        words = int(digits[1])
    return found, words


def _table(given: str, usual: str) -> str:
    plain = re.sub(r"\s+", "", given.lower())
    return (
        next((TABLES[known] for known in sorted(TABLES, key=len, reverse=True) if plain.startswith(known)), usual)
        if plain
        else usual
    )


def _scale(given: str) -> float:
    """0.1, 1/10, x0.1, ÷10, 0,1."""
    cleaned = given.replace(" ", "").replace(",", ".").lower().lstrip("x*×")
    try:
        if cleaned.startswith(("/", "÷")):
            return 1.0 / float(cleaned[1:])
        if "/" in cleaned:
            above, _, below = cleaned.partition("/")
            return float(above) / float(below)
        factor = float(re.match(r"[-+0-9.e]+", cleaned)[0])  # type: ignore[index] # no match is a TypeError, told below
    except (ValueError, TypeError, ZeroDivisionError):
        raise ProfileError(say("refused.no_factor", given=given)) from None
    if factor <= 0.0:
        raise ProfileError(say("refused.negative_factor", given=given))
    return factor


def _unit(row: Row, unit: str) -> str:
    if unit in CONVERSIONS:
        return unit if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(/[a-z0-9]+)?", unit) else f'"{unit}"'
    row.checks.append(f"unit {unit}")
    return '"1"'


def _plain(text: str) -> str:
    return re.sub(r'[\\"\s]+', " ", text).strip()[:120]


def first_of(rows: Sequence[Row], said: int | None) -> dict[str, int]:
    """What the document calls address 0 of each table: as said, else 40001 or 30001 where all addresses look like it."""
    found = {}
    for table, traditional in (("holding", 40001), ("input", 30001), ("discrete", 10001)):
        addresses = [row.at for row in rows if row.table == table]
        if said is not None and addresses:
            found[table] = said
        elif addresses and all(traditional <= at < traditional + 9999 for at in addresses):
            found[table] = traditional
    return found


def _text(rows: Sequence[Row], head: Head, left: Sequence[tuple[int, str]]) -> str:
    first = first_of(rows, head.first)
    lines = [
        "schema: 1",
        "profile:",
        f"  id: {head.id}",
        "  version: 0.1.0",
        f"  class: {head.device_class}",
        f'  vendor: "{_plain(head.vendor)}"',
        f'  models: ["{_plain(head.model)}"]',
        "  confidence: C                                       # made from a table: B or A when it was checked on the device",
        f'  evidence: ["{_plain(head.document)}"]',
    ]
    if any(first.values()):
        lines += [
            "",
            "defaults:",
            "  first: {" + ", ".join(f"{t}: {n}" for t, n in first.items()) + "}   # what the table calls address 0",
        ]
    lines += ["", "points:"]
    width = max(len(row.name) for row in rows) + 1
    for row in sorted(rows, key=lambda one: (one.table, one.at)):
        said = [f"at: {row.at}"]
        said += [f"table: {row.table}"] if row.table != "holding" else []
        said += [f"type: {row.type}"] if row.table in ("holding", "input") else []
        said += [f"{key}: {value}" for key, value in row.keys.items()]
        check = f"   # check: {'; '.join(row.checks)}" if row.checks else ""
        lines.append(f"  {row.name + ':':<{width}} {{{', '.join(said)}}}{check}")
    lines += [f"# row {number} was left out: {why}" for number, why in left]
    return "\n".join(lines) + "\n"
