"""The payload of topic `command` -> Request, or a Refusal that says why; judging by time is the book's.

A command is `{id, issuer, seq, service, kind, target, issued_at, not_before, valid_until, replaces, sig}` and exactly
one of signal, power_w, shed_w, max_import_w, max_export_w, ref. Times are UTC ms, powers W, import positive; the unit
stands in the key, so a number without a unit has no key to stand under and is refused as an unknown key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from re import Pattern
from typing import Any, TypeVar

from gateway.model.request import Kind, Request, Service, Source
from gateway.wire.strictjson import BadJson, loads
from gateway.wire.topics import ID, MESSAGE_ID, topic

W = TypeVar("W", bound=StrEnum)
Verify = Callable[[Mapping[str, Any], str], str | None]
"""(command, issuer) -> why it is not signed by that issuer, one of `UNSIGNED`; None: it is."""

MAX_BYTES = 8192
MAX_DEPTH = 2
MAX_W = 1e9
MAX_SEQ = 2**53
MAX_MS = 4_102_444_800_000
"""The year 2100."""
MAX_SIG = 512

UNSIGNED: Mapping[str, str] = {
    "unsigned": "commands are signed here",
    "unknown_issuer": "there is no key of this issuer",
    "bad_signature": "not this issuer's signature of this command",
}
_VALUES = ("signal", "power_w", "shed_w", "max_import_w", "max_export_w", "ref")
_LIMITS = ("max_import_w", "max_export_w")
_KEYS = {
    "id", "issuer", "seq", "service", "kind", "target", "issued_at", "not_before", "valid_until", "replaces", "sig",
    *_VALUES,
}  # fmt: skip
_SERVES: Mapping[str, tuple[frozenset[Service], Kind | None]] = {
    "signal": (frozenset({Service.REG}), Kind.SETPOINT),
    "power_w": (frozenset({Service.DR, Service.AR, Service.REG}), None),
    "shed_w": (frozenset({Service.DR, Service.AR}), None),
    "max_import_w": (frozenset({Service.LIMIT}), Kind.LIMIT),
    "max_export_w": (frozenset({Service.LIMIT}), Kind.LIMIT),
    "ref": (frozenset(Service), Kind.CANCEL),
}
"""Which services each value belongs to, and the one kind it takes (None: setpoint or event)."""
_RANGES = {
    "signal": (-1.0, 1.0),
    "power_w": (-MAX_W, MAX_W),
    "shed_w": (-MAX_W, MAX_W),
    "max_import_w": (0.0, MAX_W),
    "max_export_w": (0.0, MAX_W),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message we cannot take as a request; `id` and `issuer` where they could be read."""

    id: str | None
    issuer: str | None
    reason: str
    text: str


class _Wrong(ValueError):
    """One thing wrong with one field."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def parse_command(
    payload: bytes, full_topic: str, *, site: str, retained: bool = False, verify: Verify | None = None
) -> Request | Refusal:
    """The request in one message of topic `command`; never raises on any payload. With `verify` it must be signed."""
    try:
        tree = loads(payload, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except BadJson as exc:
        return Refusal(None, None, exc.reason, exc.text)
    if not isinstance(tree, dict):
        return Refusal(None, None, "malformed", "not an object")
    id_, issuer = _readable(tree, "id", MESSAGE_ID), _readable(tree, "issuer", ID)
    if full_topic != topic(site, "command"):
        return Refusal(id_, issuer, "wrong_site", "the topic is not this site's")
    if retained:  # a broker replays it at every subscribe
        return Refusal(id_, issuer, "retained", "a command is never retained")
    if verify is not None and issuer is not None and (why := verify(tree, issuer)) is not None:
        return Refusal(id_, issuer, why, UNSIGNED[why])
    try:
        return _request(tree)
    except _Wrong as exc:
        return Refusal(id_, issuer, exc.reason, exc.text)


def _request(tree: dict[str, Any]) -> Request:
    unknown = sorted(tree.keys() - _KEYS)
    if unknown:
        raise _Wrong("malformed", f"unknown key {unknown[0][:40]!r}")
    given = [key for key in _VALUES if key in tree]
    if len(given) != 1:
        raise _Wrong("malformed", f"exactly one of {', '.join(_VALUES)}, not {len(given)}")
    key = given[0]
    service, kind = _word(tree, "service", Service), _word(tree, "kind", Kind)
    services, only_kind = _SERVES[key]
    kinds = {only_kind} if only_kind else {Kind.SETPOINT, Kind.EVENT}
    if service not in services or kind not in kinds:
        raise _Wrong("malformed", f"{key} does not go with service {service} and kind {kind}")
    issued_ms = _whole(tree, "issued_at", MAX_MS)
    begin_ms = _whole(tree, "not_before", MAX_MS) if "not_before" in tree else issued_ms
    end_ms = _end(tree, kind, begin_ms)
    values: dict[str, Any] = {}
    if key == "ref":
        values["ref"] = _name(tree, "ref", MESSAGE_ID)
    elif key in _LIMITS and tree[key] is None:
        values["withdraws"] = key
    else:
        values[key] = _number(tree, key)
    if "sig" in tree and not (isinstance(tree["sig"], str) and len(tree["sig"]) <= MAX_SIG):
        raise _Wrong("malformed", "sig is not a short text")
    return Request(
        id=_name(tree, "id", MESSAGE_ID),
        issuer=_name(tree, "issuer", ID),
        source=Source.REMOTE,
        seq=_whole(tree, "seq", MAX_SEQ),
        service=service,
        kind=kind,
        target=_name(tree, "target", ID),
        issued_ms=issued_ms,
        begin_ms=begin_ms,
        end_ms=end_ms,
        replaces=_name(tree, "replaces", MESSAGE_ID) if "replaces" in tree else None,
        **values,
    )


def _end(tree: dict[str, Any], kind: Kind, begin_ms: int) -> int | None:
    """The end: a setpoint and an event need one, a limit must not have one, a cancel may."""
    if "valid_until" not in tree:
        if kind in (Kind.SETPOINT, Kind.EVENT):
            raise _Wrong("malformed", f"a {kind} needs valid_until")
        return None
    if kind is Kind.LIMIT:
        raise _Wrong("malformed", "a limit has no valid_until: it holds until it is replaced or withdrawn")
    end_ms = _whole(tree, "valid_until", MAX_MS)
    if end_ms <= begin_ms:
        raise _Wrong("malformed", "valid_until is not after the begin")
    return end_ms


def _readable(tree: dict[str, Any], key: str, pattern: Pattern[str]) -> str | None:
    try:
        return _name(tree, key, pattern)
    except _Wrong:
        return None


def _present(tree: dict[str, Any], key: str) -> Any:
    if key not in tree:
        raise _Wrong("malformed", f"{key} is missing")
    return tree[key]


def _name(tree: dict[str, Any], key: str, pattern: Pattern[str]) -> str:
    value = _present(tree, key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Wrong("malformed", f"{key} does not match {pattern.pattern}")
    return value


def _word(tree: dict[str, Any], key: str, words: type[W]) -> W:
    value = _present(tree, key)
    if not isinstance(value, str) or value not in list(words):
        raise _Wrong("malformed", f"{key} is none of {', '.join(words)}")
    return words(value)


def _whole(tree: dict[str, Any], key: str, most: int) -> int:
    value = _present(tree, key)
    if isinstance(value, bool) or not isinstance(value, int):  # true is not 1
        raise _Wrong("malformed", f"{key} is not a whole number")
    if not 0 <= value <= most:
        raise _Wrong("out_of_range", f"{key} is outside 0 … {most}")
    return value


def _number(tree: dict[str, Any], key: str) -> float:
    value = tree[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong("malformed", f"{key} is not a number")
    least, most = _RANGES[key]
    if not least <= value <= most:
        raise _Wrong("out_of_range", f"{key} is outside {least:g} … {most:g}")
    return float(value)
