"""Whole blocks of many alike numbers: decoded by one array operation, checked by a few operations on one long integer.

Theory. Two points cost as much as two hundred when all of them are done at once. The scaling is one multiplication of
arrays (numpy; below some twenty points its own overhead is dearer than a loop). For the checks the payload is read as one
long integer, each value a lane in it. Where a lane's highest bit is not set (no value that is allowed has it), adding
`highest bit - 1 - bound` sets it exactly when the value is above the bound, and no carry reaches the next lane: so

    (number | number + above) & top = 0                     no value is above its bound
    (number + below) & top of the bounded = the same top    none is below it

A sentinel is looked for as bytes, wherever they begin: found where no value begins is a false alarm, never a miss.
Whatever is not plain by these checks is left to those who look at each value.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gateway.profiles.raw import LETTER
from gateway.profiles.schema import Kind, Order, Point

ARRAYS = MappingProxyType(
    {
        Order.ABCD: (Kind.U16, Kind.I16, Kind.U32, Kind.I32, Kind.F32),
        Order.DCBA: (Kind.U16, Kind.I16, Kind.U32, Kind.I32),
    }
)
"""What is decoded as an array, by its order."""
MANY = 24
"""From so many points on arrays are quicker than a loop."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What must hold of one value of a block: its place, and the raw whole numbers that are allowed."""

    at: int
    """Its first byte."""
    size: int
    """In bytes."""
    least: int
    most: int
    """0 <= least <= most < half of what the bytes can hold."""


def fits(point: Point, least: int, most: int) -> bool:
    """Whether bounds of a raw whole number can be looked after in a lane."""
    signed = point.kind in (Kind.I16, Kind.I32, Kind.I64)
    return point.order is Order.ABCD and not signed and 0 <= least <= most < 1 << (16 * point.words - 1)


def in_bounds(lanes: Iterable[Lane], length: int) -> str:
    """The condition that all lanes of a payload of `length` bytes are in their bounds; `number` is the payload as one."""
    top = above = below = bounded = 0
    for lane in lanes:
        shift = 8 * (length - lane.at - lane.size)
        highest = 1 << (8 * lane.size - 1)
        top |= highest << shift
        above |= (highest - 1 - lane.most) << shift
        if lane.least:
            bounded |= highest << shift
            below |= (highest - lane.least) << shift
    none_above = f"not (number | number + {above}) & {top}"
    return f"{none_above} and number + {below} & {bounded} == {bounded}" if bounded else none_above


def alike(fields: Sequence[tuple[int, Point]]) -> bool:
    """Whether points are many, of one kind, in order, and side by side from the block's beginning."""
    kind, order = fields[0][1].kind, fields[0][1].order
    if len(fields) < MANY or kind not in ARRAYS.get(order, ()):
        return False
    return all(
        at == 2 * kind.words * number and (point.kind, point.order) == (kind, order) and point.bits is None
        for number, (at, point) in enumerate(fields)
    )


def scaled(fields: Sequence[tuple[int, Point]]) -> tuple[str, dict[str, Any]]:
    """The expression of the values of points that are `alike`, and the names in it besides `payload`."""
    first = fields[0][1]
    offsets = np.array([point.offset for _, point in fields], np.float64)
    names = {
        "array_of": np.frombuffer,
        "kind": np.dtype(("<" if first.order is Order.DCBA else ">") + LETTER[first.kind]),
        "factors": np.array([point.factor for _, point in fields], np.float64),
        "offsets": offsets,
    }
    moved = " + offsets" if offsets.any() else ""
    return f"array_of(payload, kind, {len(fields)}) * factors{moved}", names


def all_finite(count: int) -> str:
    """The condition that none of `count` f32, side by side, is infinite or NaN; `number` is the payload as one."""
    magnitudes = above = top = 0
    for lane in range(count):
        magnitudes |= 0x7FFF_FFFF << 32 * lane
        above |= (
            0x0080_0000 << 32 * lane
        )  # the exponent of what is not finite, all ones, is carried into the sign's place
        top |= 0x8000_0000 << 32 * lane
    return f"not (number & {magnitudes}) + {above} & {top}"
