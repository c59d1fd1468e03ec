"""Registers and node values <-> engineering values: the only place a raw value gets a meaning, both ways.

Decoding: unknown is never zero. A sentinel, a float that is not finite and a missing node value are INVALID (sentinel);
a value outside the point's range or a text without a code is INVALID (out of range). `decode_value` is the law for one
value; `compile_block` makes a decoder of a whole read that says the same faster.

Encoding rounds towards safe (I-34): what is written decodes to a value between `safe` (zero unless told) and the value
asked, never beyond it, except for the last bits of a float (one part in 10^9); where the type has no value between the
two, the one nearest to `safe`.
"""

import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.errors import ProfileError
from gateway.model.reading import Cause, Quality
from gateway.profiles.blockcode import Columns, Decode, block_decoder
from gateway.profiles.named import NAMED
from gateway.profiles.raw import Raw, bit_of, from_wire, shown, to_wire
from gateway.profiles.schema import Block, Kind, Point
from gateway.texts import say

Decoded = tuple[float | None, Quality, Cause]

_SENTINEL: Decoded = (None, Quality.INVALID, Cause.SENTINEL)
_OUT_OF_RANGE: Decoded = (None, Quality.INVALID, Cause.OUT_OF_RANGE)
_MAX_EXPONENT = 30
_CLOSE = 1e-9


class BlockDecoder:
    """Payload of one read -> values, qualities and causes of its points, in the order of `names`."""

    __slots__ = ("_texts", "decode", "length", "names")

    def __init__(
        self, names: tuple[str, ...], length: int, decode: Decode, texts: Mapping[str, Callable[[bytes], str]]
    ) -> None:
        self.names = names
        self.length = length
        """Bytes of the payload."""
        self.decode = decode
        """The same, for who has counted the bytes already and takes values in an array."""
        self._texts = texts

    def __call__(self, payload: bytes) -> Columns:
        """Decode one reply's data bytes; ProfileError when their number is not that of the block."""
        if len(payload) != self.length:
            raise ProfileError(say("problem.block_length", there=len(payload), wanted=self.length))
        return listed(self.decode(payload))

    @property
    def has_texts(self) -> bool:
        """Whether points of the block are texts."""
        return bool(self._texts)

    def texts(self, payload: bytes) -> dict[str, str]:
        """The text points (identity) of the block, by name."""
        return {name: decode(payload) for name, decode in self._texts.items()}


def listed(columns: Columns) -> Columns:
    """The same with its values in a sequence of plain numbers."""
    values: Any = columns[0]
    return (values.tolist(), *columns[1:]) if isinstance(values, np.ndarray) else columns


def compile_block(points: Mapping[str, Point], block: Block) -> BlockDecoder:
    """A decoder of this read; `points` are the profile's."""
    members = [unbounded(points[name]) for name in block.points]
    numbers = [point for point in members if not point.is_text]
    bits = block.table.of_bits
    length = (block.count + 7) // 8 if bits else 2 * block.count
    each = [_one(point, block, points) for point in numbers]

    def careful(payload: bytes) -> Columns:
        decoded = [one(payload) for one in each]
        return [d[0] for d in decoded], [d[1] for d in decoded], [d[2] for d in decoded]

    odd = bits or any(map(_odd, numbers))
    decode = careful if odd else block_decoder(_fields(numbers, block), block.count, careful)
    texts = {point.name: _text(point, block) for point in members if point.is_text}
    return BlockDecoder(tuple(point.name for point in numbers), length, decode, texts)


def unbounded(point: Point) -> Point:
    """A point whose value is only whole with others is bounded when it is (`derive`), not before."""
    if point.scale_by or point.sign_from:
        return replace(point, low=None, high=None)
    return point


def decode_value(point: Point, raw: Raw | None, *, exponent: int = 0) -> Decoded:
    """One raw value (of registers or of an OPC UA node) in inside units and sign."""
    if isinstance(raw, str):
        raw = point.codes.get(raw.strip()) if point.codes else None
        return _OUT_OF_RANGE if raw is None else in_range(point, raw * point.factor + point.offset)
    if raw is None or not math.isfinite(raw) or raw in point.invalid or _beyond(point, raw):
        return _SENTINEL
    number: float = raw
    if point.bits is not None:
        first, last = point.bits
        number = int(raw) >> first & ((1 << (last - first + 1)) - 1)
    if point.codec is not None:
        meant = NAMED[point.codec].decode(number, point.kind)
        if meant is None:
            return _OUT_OF_RANGE
        number = meant
    if point.codes:
        known = point.codes.get(int(number)) if number == int(number) else None
        if known is None:
            return _OUT_OF_RANGE
        number = known
    if point.kind is Kind.BOOL and raw not in (0, 1):
        return _OUT_OF_RANGE
    if point.pow10 is not None and not -_MAX_EXPONENT <= exponent <= _MAX_EXPONENT:
        return _OUT_OF_RANGE
    return in_range(point, number * (point.factor * 10.0**exponent) + point.offset)


def encode_value(point: Point, value: float, *, safe: float = 0.0, exponent: int = 0) -> int | float:
    """The raw number that stands for `value`, rounded towards `safe`; ProfileError when the point cannot carry it."""
    if not math.isfinite(value):
        raise ProfileError(say("problem.not_writable_number", point=point.name, value=value))
    if point.kind is Kind.TEXT or point.bits is not None or point.codes:
        raise ProfileError(say("problem.not_written_as_value", point=point.name))
    if point.sign_from is not None:
        value, safe = math.copysign(value, point.factor), math.copysign(safe, point.factor)
    if in_range(point, value) is _OUT_OF_RANGE:
        raise ProfileError(
            say("problem.value_outside", point=point.name, value=value, low=point.low, high=point.high, unit=point.unit)
        )
    factor = point.factor * 10.0**exponent
    exact = (value - point.offset) / factor
    towards = (safe - point.offset) / factor
    if point.kind.is_float:
        raw: int | float = _float_towards(point.kind, exact, towards) + 0.0  # there is no less than nothing
    else:
        raw = _whole_towards(exact, towards)
    if point.codec is not None:
        raw = _coded(point, raw)
    _refuse_unfit(point, value, raw)
    return raw


def encode(point: Point, value: float, *, safe: float = 0.0, exponent: int = 0) -> list[int]:
    """The registers (for a coil: 0 or 1) that stand for `value`, rounded towards `safe`; ProfileError if they cannot."""
    raw = encode_value(point, value, safe=safe, exponent=exponent)
    return [int(raw)] if point.table is not None and point.table.of_bits else to_wire(point, raw)


def _beyond(point: Point, raw: float) -> bool:
    """A raw value that is a code of the device."""
    low, high = point.invalid_below, point.invalid_above
    return (low is not None and raw < low) or (high is not None and raw > high)


def _coded(point: Point, number: float) -> int:
    """The raw number of a named codec."""
    encode_named = NAMED[point.codec or ""].encode
    raw = None if encode_named is None else encode_named(number, point.kind)
    if raw is None:
        raise ProfileError(say("problem.no_code_for", point=point.name, number=number, codec=point.codec))
    return raw


def in_range(point: Point, value: float) -> Decoded:
    """The value, or that it is not to be believed."""
    if not math.isfinite(value):
        return _OUT_OF_RANGE
    if (point.low is not None and value < point.low) or (point.high is not None and value > point.high):
        return _OUT_OF_RANGE
    return value, Quality.GOOD, Cause.NONE


def _whole_towards(exact: float, towards: float) -> int:
    """The whole number nearest to `exact` that does not lie beyond it as seen from `towards`."""
    near = round(exact)
    if abs(near - exact) <= _CLOSE * max(1.0, abs(exact)):
        return near
    below, above = math.floor(exact), math.ceil(exact)
    chosen, other = (below, above) if towards < exact else (above, below)
    passed = chosen < towards < exact or exact < towards < chosen  # no whole number lies between the two
    return other if passed and abs(other - towards) < abs(chosen - towards) else chosen


def _float_towards(kind: Kind, exact: float, towards: float) -> float:
    if kind is Kind.F64:
        return exact
    try:
        near: float = struct.unpack(">f", struct.pack(">f", exact))[0]
    except OverflowError as error:
        raise ProfileError(say("problem.beyond_32", value=exact)) from error
    beyond = near > exact if towards < exact else near < exact
    return _next_f32(near, towards) if beyond else near


def _next_f32(value: float, towards: float) -> float:
    """The neighbour of a 32-bit float on the side of `towards`."""
    if value == 0.0:
        return math.copysign(2.0**-149, towards)
    pattern: int = struct.unpack(">I", struct.pack(">f", value))[0]
    outwards = (towards > value) == (value > 0)
    neighbour: float = struct.unpack(">f", struct.pack(">I", pattern + (1 if outwards else -1)))[0]
    return neighbour


def _refuse_unfit(point: Point, value: float, raw: float) -> None:
    if not point.kind.is_float:
        low, high = point.kind.bounds
        if not low <= raw <= high:
            raise ProfileError(
                say("problem.beyond_type", point=point.name, value=value, kind=point.kind, low=low, high=high)
            )
    if raw in point.invalid:
        raise ProfileError(say("problem.written_as_sentinel", point=point.name, value=value, raw=raw))


def _odd(point: Point) -> bool:
    """Needs more than compare, multiply and add."""
    coded = point.codec is not None or point.invalid_below is not None or point.invalid_above is not None
    return point.pow10 is not None or point.kind is Kind.TEXT or coded or bool(point.codes)


def _fields(points: Iterable[Point], block: Block) -> list[tuple[int, Point]]:
    """(byte in the payload, point)."""
    return [(2 * (point.address - block.address), point) for point in points]


def _one(point: Point, block: Block, points: Mapping[str, Point]) -> Callable[[bytes], Decoded]:
    """The decoder of one point of a block."""
    raw_of = _raw_of(point, block)
    if point.pow10 is None:
        return lambda payload: decode_value(point, raw_of(payload))
    exponent_point = points[point.pow10]
    exponent_of = _raw_of(exponent_point, block)

    def with_exponent(payload: bytes) -> Decoded:
        exponent = exponent_of(payload)
        if exponent in exponent_point.invalid or isinstance(exponent, str):
            return _SENTINEL  # SunSpec: the scale factor's sentinel invalidates its group
        return decode_value(point, raw_of(payload), exponent=point.pow10_times * int(exponent) + point.pow10_plus)

    return with_exponent


def _raw_of(point: Point, block: Block) -> Callable[[bytes], Raw]:
    at = point.address - block.address
    if block.table.of_bits:
        return lambda payload: bit_of(payload, at)
    part = slice(2 * at, 2 * (at + point.words))
    return lambda payload: from_wire(point, payload[part])


def _text(point: Point, block: Block) -> Callable[[bytes], str]:
    raw_of = _raw_of(point, block)
    return lambda payload: shown(str(raw_of(payload)))
