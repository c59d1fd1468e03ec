"""What was said, on its way to another process of ours: plain data there, told again in the reader's language here."""

from collections.abc import Mapping
from typing import Any

from gateway.texts import Said, say

_PARTS = {"said", "values", "english"}


def packed(value: Any) -> Any:
    """The same as JSON can carry it; a text with a key as `{said, values, english}`."""
    match value:
        case Said():
            values = {name: packed(one) for name, one in value.values.items()}
            return {"said": value.key, "values": values, "english": str(value)}
        case Mapping():
            return {key: packed(one) for key, one in value.items()}
        case list() | tuple():
            return [packed(one) for one in value]
        case str() | int() | float() | None:
            return value
    return str(value)


def unpacked(value: Any) -> Any:
    """The same again; what another version said that is not known here stays English."""
    match value:
        case {"said": str(key), "values": dict(values), "english": str(english)} if set(value) == _PARTS:
            try:
                return say(key, **unpacked(values))
            except (KeyError, ValueError, TypeError):  # a text, a place to fill in or a form of it that is not ours
                return english
        case Mapping():
            return {key: unpacked(one) for key, one in value.items()}
        case list():
            return [unpacked(one) for one in value]
    return value
