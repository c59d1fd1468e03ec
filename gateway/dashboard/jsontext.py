"""Answers as JSON and their schemas, both from the dataclass; bodies from JSON, checked by their model."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

REFERENCE = "#/components/schemas/{model}"


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The adapter of a type, made once."""
    return TypeAdapter(kind)


def dump(kind: Any, answer: object) -> bytes:
    """An answer as JSON, one line; not a number becomes null."""
    return adapter(kind).dump_json(answer)


def schema(kind: Any, *, mode: Any = "serialization") -> tuple[dict[str, Any], dict[str, Any]]:
    """(its JSON Schema, the schemas it refers to by name)."""
    found = adapter(kind).json_schema(ref_template=REFERENCE, mode=mode)
    return found, found.pop("$defs", {})
