"""Strict YAML 1.2 text -> plain data with the place of every key and value; nothing but ConfigError comes out.

A subset on purpose: one document, text keys (whole numbers too), no anchors, aliases, merge keys, tags or directives,
no duplicate keys. Scalars follow the YAML 1.2 core schema: `yes`, `on`, `1:30`, `1_000` and dates are text, `1e3` is
1000.0, `0x10` is 16. Numbers two readers could read in two ways or not at all are refused: `012`, `.nan`, `.inf`,
`1e999`, whole numbers beyond 64 bits. Size and depth are checked on the event stream, before anything is built.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.errors import ConfigError, Problem
from gateway.texts import say
from gateway.texts.causes import cause
from gateway.yamltext.remedies import usual_remedy
from gateway.yamltext.syntax import syntax

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_PROBLEMS = 100

Scalar = str | int | float | bool | None
Step = str | int
KeyPath = tuple[Step, ...]

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# control characters, line breaks of other alphabets, bidirectional controls, marks nobody sees, half characters
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column from 1, in characters."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (dict, list, scalars) and where each part of it stands; a path is the keys and indexes to a part."""

    file: str
    data: Any
    values: dict[KeyPath, Place]
    keys: dict[KeyPath, Place]

    def at(self, path: KeyPath) -> Place:
        """The place of the value at `path`, or of the nearest part above it that exists."""
        return _nearest(self.values, path) or Place(self.file, 1, 1)

    def key_at(self, path: KeyPath) -> Place:
        """The place of the key at `path` (of the value, for an item of a list); the top level is 1:1."""
        return self.keys.get(path) or (self.at(path) if path else Place(self.file, 1, 1))

    def problem(self, path: KeyPath, code: str, message: str, **more: str) -> Problem:
        """A problem at the value at `path`; `more` is remedy, nearest, see."""
        return _problem(self.at(path), path, code, message, **more)

    def key_problem(self, path: KeyPath, code: str, message: str, **more: str) -> Problem:
        """A problem at the key at `path`."""
        return _problem(self.key_at(path), path, code, message, **more)


def read_file(path: Path, name: str | None = None) -> Document:
    """Read a file; `name` is what problems call it. ConfigError when it cannot be read or is not strict YAML."""
    file = name or str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _refusal(Place(file, 1, 1), "unreadable", say("problem.unreadable", reason=cause(error))) from error
    return read_text(raw, file)


def read_text(raw: bytes, file: str) -> Document:
    """Parse UTF-8 bytes (a byte-order mark is tolerated). ConfigError with every problem found."""
    start = Place(file, 1, 1)
    if len(raw) > MAX_BYTES:
        raise _refusal(start, "too_large", say("problem.too_large", kib=MAX_BYTES // 1024), remedy=say("remedy.split"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise _refusal(
            _end_of(before, file), "not_utf8", say("problem.not_utf8"), remedy=say("remedy.save_utf8")
        ) from error
    if unseen := _UNSEEN.search(text):
        message = say("problem.unseen", code=ord(unseen.group()))
        raise _refusal(_end_of(text[: unseen.start()], file), "unseen_character", message, remedy=say("remedy.delete"))
    builder = _Builder(file)
    try:
        data = builder.document(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else start
        builder.problems.append(_problem(place, (), "syntax", syntax(error.problem)))
        raise ConfigError(builder.problems) from error
    except yaml.YAMLError as error:  # pragma: no cover - the reader's own refusals are met above
        raise _refusal(start, "syntax", str(error)) from error
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(file, data, builder.values, builder.keys)


class _Stop(Exception):
    """Enough is wrong to stop reading."""


@dataclass(slots=True)
class _Builder:
    """Events -> data, in one pass with an explicit depth."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    values: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)

    def document(self, events: Iterator[Any]) -> Any:
        data: Any = None
        seen = 0
        try:
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    seen += 1
                    if event.version or event.tags:
                        self.refuse(event, (), "directive", say("problem.directive"), remedy=say("remedy.delete"))
                    if seen > 1:
                        self.stop(event, (), "documents", say("problem.documents"), remedy=say("remedy.one_document"))
                    data = self.node(next(events), events, ())
        except _Stop:
            pass
        if seen == 0:
            self.problems.append(_problem(Place(self.file, 1, 1), (), "empty", say("problem.empty")))
        return data

    def node(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        self.values[path] = self.place(event)
        if isinstance(event, yaml.AliasEvent):
            self.refuse(event, path, "alias", say("problem.alias"), remedy=say("remedy.write_out_value"))
            return None
        if event.anchor is not None:
            self.refuse(event, path, "anchor", say("problem.anchor"), remedy=say("remedy.delete"))
        if event.tag is not None:
            self.refuse(event, path, "tag", say("problem.tag", tag=event.tag[:60]), remedy=say("remedy.delete"))
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if len(path) >= MAX_DEPTH:
            self.stop(event, path, "too_deep", say("problem.too_deep", depth=MAX_DEPTH))
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(events, path)
        items: list[Any] = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(self.node(item, events, (*path, len(items))))
        return items

    def mapping(self, events: Iterator[Any], path: KeyPath) -> dict[Step, Any]:
        result: dict[Step, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.key(event, events, path)
            where = (*path, key)
            earlier = self.keys.get(where) if key in result else None
            if earlier is not None:
                see = f"{earlier.file}:{earlier.line}:{earlier.column}"
                self.refuse(
                    event, where, "duplicate_key", say("problem.duplicate_key"), remedy=say("remedy.keep_one"), see=see
                )
            self.keys[where] = self.place(event)
            result[key] = self.node(next(events), events, where)
        return result

    def key(self, event: Any, events: Iterator[Any], path: KeyPath) -> Step:
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and not event.style:
            self.refuse(event, (*path, "<<"), "merge_key", say("problem.merge_key"), remedy=say("remedy.write_out"))
            return "<<"
        plain = isinstance(event, yaml.ScalarEvent)
        key = self.node(event, events, (*path, event.value if plain else "?"))
        if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
            return key
        if plain and not self.problems:
            self.refuse(event, path, "bad_key", say("problem.bad_key"), remedy=say("remedy.quotes"))
        elif not plain:
            self.stop(event, path, "bad_key", say("problem.bad_key"))
        return str(key)

    def scalar(self, event: Any, path: KeyPath) -> Scalar:
        text: str = event.value
        if unseen := _UNSEEN.search(text):
            message = say("problem.unseen_escape", code=ord(unseen.group()))
            self.refuse(event, path, "unseen_character", message, remedy=say("remedy.delete"))
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _LEADING_ZERO.fullmatch(text):
            self.refuse(event, path, "leading_zero", say("problem.leading_zero", text=text[:40]),
                        remedy=say("remedy.leading_zero"))  # fmt: skip
        elif _NOT_FINITE.fullmatch(text):
            self.refuse(event, path, "not_finite", say("problem.not_finite", text=text), remedy=say("remedy.number"))
        elif _INT.fullmatch(text):
            return self.whole(event, path, text)
        elif _FLOAT.fullmatch(text):
            if math.isfinite(number := float(text)):
                return number
            self.refuse(event, path, "number_too_large", say("problem.number_too_large", text=text[:40]))
        return text

    def whole(self, event: Any, path: KeyPath, text: str) -> int:
        digits, base = (text[2:], {"x": 16, "o": 8}[text[1]]) if text[1:2] in ("x", "o") else (text, 10)
        if len(digits) <= 24 and -(1 << 63) <= (number := int(digits, base)) < 1 << 64:
            return number
        self.refuse(event, path, "number_too_large", say("problem.beyond_64", text=text[:24]))
        return 0

    def place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refuse(self, event: Any, path: KeyPath, code: str, message: str, **more: str) -> None:
        self.problems.append(_problem(self.place(event), path, code, message, **more))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def stop(self, event: Any, path: KeyPath, code: str, message: str, **more: str) -> None:
        self.refuse(event, path, code, message, **more)
        raise _Stop


def show(path: KeyPath) -> str:
    """A path as people write it: `devices.pcc.unit_id`, `blocks[0].at`; the whole file is `(file)`."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return shown.removeprefix(".") or "(file)"


def _problem(place: Place, path: KeyPath, code: str, message: str, **more: str) -> Problem:
    near = more.get("nearest", "")
    more["remedy"] = more.get("remedy", "") or (say("remedy.nearest", near=near) if near else usual_remedy(code))
    return Problem(place.file, place.line, place.column, show(path), code, message, **more)


def _refusal(place: Place, code: str, message: str, **more: str) -> ConfigError:
    return ConfigError([_problem(place, (), code, message, **more)])


def _end_of(text: str, file: str) -> Place:
    return Place(file, text.count("\n") + 1, len(text) - text.rfind("\n"))


def _nearest(places: dict[KeyPath, Place], path: KeyPath) -> Place | None:
    for length in range(len(path), -1, -1):
        if place := places.get(path[:length]):
            return place
    return None
