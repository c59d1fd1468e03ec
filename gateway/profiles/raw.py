"""Bytes of registers <-> raw values of a type: byte order, text, bits of a coil read. No scale, no meaning."""

import struct
from collections.abc import Mapping
from types import MappingProxyType

from gateway.profiles.schema import Kind, Order, Point

Raw = int | float | str

MOST_SHOWN = 256
"""Characters of a text of a device."""

LETTER: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.U16: "H",
        Kind.I16: "h",
        Kind.U32: "I",
        Kind.I32: "i",
        Kind.U64: "Q",
        Kind.I64: "q",
        Kind.F32: "f",
        Kind.F64: "d",
        Kind.BOOL: "H",
    }
)
"""The `struct` letter of each type of number."""


def wire_order(length: int, order: Order) -> tuple[int, ...]:
    """For each byte of the big-endian value, where it stands on the wire; its own inverse."""
    words = range(0, length, 2)
    if order in (Order.CDAB, Order.DCBA):
        words = words[::-1]
    swap = order in (Order.BADC, Order.DCBA)
    return tuple(byte for word in words for byte in ((word + 1, word) if swap else (word, word + 1)))


def from_wire(point: Point, data: bytes) -> Raw:
    """The raw value in the registers of one point: int, float, or text without padding."""
    if point.kind is Kind.TEXT and point.utf16:
        return data.decode("utf-16-be", "replace").partition("\0")[0].strip()
    if point.kind is Kind.TEXT:
        swapped = point.order in (Order.BADC, Order.DCBA)
        ordered = bytes(data[at] for at in wire_order(len(data), Order.BADC)) if swapped else data
        return ordered.partition(b"\0")[0].decode("ascii", "replace").strip()
    ordered = data if point.order is Order.ABCD else bytes(data[at] for at in wire_order(len(data), point.order))
    raw: int | float = struct.unpack(f">{LETTER[point.kind]}", ordered)[0]
    return raw


def shown(said: str) -> str:
    """What a device says in words, for people: no control characters, no change of direction, no more than is looked at."""
    cut = said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in cut)


def to_wire(point: Point, raw: float) -> list[int]:
    """The registers of a number; struct.error or OverflowError when the type cannot hold it."""
    data = struct.pack(f">{LETTER[point.kind]}", raw if point.kind.is_float else int(raw))
    ordered = bytes(data[at] for at in wire_order(len(data), point.order))
    return list(struct.unpack(f">{len(ordered) // 2}H", ordered))


def bit_of(payload: bytes, index: int) -> int:
    """Bit `index` of a coil or discrete read (Modbus V1.1b3, 6.1: least significant first)."""
    return payload[index >> 3] >> (index & 7) & 1
