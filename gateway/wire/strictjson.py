"""Strict JSON at the door: bounded in size and depth, no NaN, no duplicate keys, no numbers without end."""

import json
import math
from typing import Any

MAX_DIGITS = 20
"""More digits than any time in ms or any power needs."""


class BadJson(ValueError):
    """The payload is not acceptable JSON; `reason` is the code the sender is told."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def loads(payload: bytes, *, max_bytes: int, max_depth: int) -> Any:
    """The value in `payload`; raises BadJson (`too_large`, `malformed`, `non_finite`)."""
    if len(payload) > max_bytes:
        raise BadJson("too_large", f"{len(payload)} bytes, at most {max_bytes}")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadJson("malformed", "not UTF-8") from exc
    if _depth(text) > max_depth:
        raise BadJson("malformed", f"nested deeper than {max_depth}")
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
    except json.JSONDecodeError as exc:
        raise BadJson("malformed", f"not JSON: {exc.msg} at {exc.pos}") from exc


def dumps(value: Any) -> bytes:
    """Compact UTF-8; a value that is not finite raises ValueError instead of leaving us as NaN."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def _depth(text: str) -> int:
    """How deep brackets nest, strings left out; counted before the recursive parser sees the text."""
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("malformed", "a key stands twice")
    return found


def _constant(name: str) -> float:
    raise BadJson("non_finite", f"{name} is not a number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadJson("out_of_range", "a number of too many digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadJson("non_finite", f"{digits[:MAX_DIGITS]} is beyond every float")
    return value
