"""OPC UA values and ours: status and source time become quality, numbers become the type of the node they are written to."""

from datetime import datetime
from math import isfinite
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.errors import BusRefused
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import Decoded, decode_value
from gateway.profiles.raw import shown
from gateway.profiles.schema import Kind, Point
from gateway.texts import say

VARIANTS = {
    Kind.U16: ua.VariantType.UInt16,
    Kind.I16: ua.VariantType.Int16,
    Kind.U32: ua.VariantType.UInt32,
    Kind.I32: ua.VariantType.Int32,
    Kind.U64: ua.VariantType.UInt64,
    Kind.I64: ua.VariantType.Int64,
    Kind.F32: ua.VariantType.Float,
    Kind.F64: ua.VariantType.Double,
    Kind.BOOL: ua.VariantType.Boolean,
}
WHOLE = {
    ua.VariantType.SByte: (-(2**7), 2**7 - 1),
    ua.VariantType.Byte: (0, 2**8 - 1),
    ua.VariantType.Int16: (-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: (0, 2**16 - 1),
    ua.VariantType.Int32: (-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: (0, 2**32 - 1),
    ua.VariantType.Int64: (-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: (0, 2**64 - 1),
}
"""Types of whole numbers, with their least and most."""
DECLARED = {kind.value: kind for kind in (*WHOLE, ua.VariantType.Boolean, ua.VariantType.Float, ua.VariantType.Double)}
"""By the number of the standard data type."""
FLOAT_MOST = 3.4028234663852886e38
BAD: Decoded = (None, Quality.INVALID, Cause.SOURCE)
STRANGE: Decoded = (None, Quality.INVALID, Cause.MISMATCH)
"""What no number can be made of: an array, bytes, a time; or a truth where a quantity is expected."""
OVERFLOW = 0x0480
"""A status whose info bits say that values were lost in a queue (OPC 10000-4, 7.39)."""


def text_of(value: Any) -> str:
    """A DataValue in words; '' when it has none."""
    status = value.StatusCode
    if (status is not None and status.is_bad()) or value.Value is None or value.Value.Value is None:
        return ""
    said = value.Value.Value
    return shown(str(getattr(said, "Text", said) or ""))  # a LocalizedText carries its language too


def reading_of(point: Point, value: Any, *, silent_s: float = 0.0, moves: bool = False) -> Decoded:
    """A DataValue as value, quality and cause; `silent_s` ago it was told, and no change since; `moves`: its source's time does."""
    status = value.StatusCode
    if status is not None and status.is_bad():
        return BAD
    raw = None if value.Value is None else value.Value.Value
    if point.member:
        raw = getattr(raw, point.member, None)
    if not _fits(point, raw):
        return STRANGE
    number, quality, cause = decode_value(point, raw)
    if quality is not Quality.GOOD:
        return number, quality, cause
    if status is not None and not status.is_good():
        return number, Quality.UNCERTAIN, Cause.SOURCE
    if (
        point.expect_change_s is not None
        and not moves
        and stands_still(point, value.SourceTimestamp, value.ServerTimestamp, silent_s=silent_s)
    ):
        return number, Quality.UNCERTAIN, Cause.FROZEN
    return number, quality, cause


def _fits(point: Point, raw: Any) -> bool:
    if isinstance(raw, bool):
        return takes_truth(point)
    return raw is None or isinstance(raw, int | float | str)


def takes_truth(point: Point) -> bool:
    """Whether true and false mean something to it."""
    return point.kind is Kind.BOOL or bool(point.codes)


def stands_still(point: Point, source: datetime | None, server: datetime | None, *, silent_s: float = 0.0) -> bool:
    """Whether the source's time lies further back than the point may stand still; both clocks are the server's."""
    if point.expect_change_s is None or source is None or server is None:
        return False
    return (server - source).total_seconds() + silent_s > point.expect_change_s


def status_of(value: Any) -> int:
    """The status code of a DataValue; none is Good."""
    return 0 if value.StatusCode is None else int(value.StatusCode.value)


def type_of(value: Any, declared: Any, point: Point) -> ua.VariantType:
    """The type a node takes: that of its value, else the one it declares, else the profile's."""
    if value is not None and value.Value is not None:
        found = value.Value.VariantType
        if found in WHOLE or found in (ua.VariantType.Float, ua.VariantType.Double, ua.VariantType.Boolean):
            return ua.VariantType(found)
    return declared_type(None if declared is None or declared.Value is None else declared.Value.Value, point)


def declared_type(node: Any, point: Point) -> ua.VariantType:
    """The type that a data type's node stands for, else the profile's."""
    if isinstance(node, ua.NodeId) and node.NamespaceIndex == 0 and isinstance(node.Identifier, int):
        return DECLARED.get(node.Identifier, VARIANTS[point.kind])
    return VARIANTS[point.kind]


def variant(point: Point, raw: float, kind: ua.VariantType) -> ua.Variant:
    """A raw number as that type. BusRefused when the type cannot hold it."""
    if kind is ua.VariantType.Boolean:
        return ua.Variant(bool(raw), kind)
    if not isfinite(raw):
        raise BusRefused(say("bus.not_a_number", point=point.name, value=raw), StatusCodes.BadOutOfRange)
    least, most = WHOLE.get(kind, (-FLOAT_MOST, FLOAT_MOST))
    if kind is not ua.VariantType.Double and not least <= raw <= most:
        raise BusRefused(
            say("bus.does_not_fit", point=point.name, value=raw, type=kind.name), StatusCodes.BadOutOfRange
        )
    return ua.Variant(round(raw) if kind in WHOLE else float(raw), kind)
