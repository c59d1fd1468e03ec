"""A profile's points <-> register words, from the device's side; an encoder of its own, written from the profile's facts.

It shares nothing with the gateway's decoder: a mistake in one of them shows as a difference between them.
Reading: a value in inside units and sign becomes raw = (value - offset) / factor, rounded, kept inside the type, its bytes
in the wire's order. Writing goes the other way. A value that is None reads as the point's "not available", else as 0.
"""

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from emulators.counting import CODES
from gateway.profiles.schema import Kind, Order, Point, Profile, Table

LETTERS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d", "bool": "H"}
Value = float | str | None
Read = Callable[[str], Value]
"""From a quantity's name to its value."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE, BUSY = 1, 2, 3, 4, 6
"""Exception codes (Modbus Application Protocol V1.1b3, section 7)."""


class Refusal(Exception):  # a device's answer, not an error of ours
    """The device answers with a Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


def encode(point: Point, value: Value) -> bytes:
    """A value as the bytes of the point's registers."""
    return encoder(point)(value)


def encoder(point: Point) -> Callable[[Value], bytes]:
    """What turns this point's values into bytes; made once, called for every request."""
    size = 2 * point.words
    order, factor, offset = point.order, point.factor, point.offset
    if point.kind is Kind.TEXT:
        return lambda value: _text(point, value, size)
    letter = LETTERS[point.kind]
    pack = struct.Struct(f">{letter}").pack
    absent = point.invalid[0] if point.invalid else 0
    if point.codes:
        return _of_codes(point)
    if point.bits is not None:
        first, last = point.bits
        mask = (1 << (last - first + 1)) - 1
        counted = CODES.get(point.codec or "", _plainly)
        return lambda value: order.turned(pack((counted(float(value or 0), size) & mask) << first))

    def as_float(value: Value) -> bytes:
        raw = (value - offset) / factor if isinstance(value, float | int) else absent
        return pack(raw)

    low, high = point.kind.bounds if letter not in "fd" else (0, 0)
    coded = CODES.get(point.codec or "")

    def as_integer(value: Value) -> bytes:
        raw = (value - offset) / factor if isinstance(value, float | int) else absent
        if coded is not None and isinstance(value, float | int):
            raw = coded(raw, size)
        return pack(min(max(math.floor(raw + 0.5), low), high) if math.isfinite(raw) else 0)

    plain = as_float if letter in "fd" else as_integer
    return plain if order is Order.ABCD else lambda value: order.turned(plain(value))


def _plainly(number: float, _size: int) -> int:
    return int(number)


def _of_codes(point: Point) -> Callable[[Value], bytes]:
    """A point whose device has numbers of its own: the first that means the value, else its "not available"."""
    plain = encoder(replace(point, codes={}, factor=1.0, offset=0.0))
    own = {meaning: code for code, meaning in reversed(list(point.codes.items()))}
    return lambda value: plain(own.get(value) if isinstance(value, float | int) else None)


def decode(point: Point, data: bytes) -> float:
    """The value that a written point holds; Refusal when it is no number or outside the point's bounds."""
    plain = point.order.turned(data)
    letter = LETTERS.get(point.kind)
    if letter is None:
        raise Refusal(ILLEGAL_VALUE)
    raw = struct.unpack(f">{letter}", plain)[0]
    value = float(raw) * point.factor + point.offset
    if not math.isfinite(value):
        raise Refusal(ILLEGAL_VALUE)
    slack = abs(point.factor) / 2.0
    if (point.low is not None and value < point.low - slack) or (point.high is not None and value > point.high + slack):
        raise Refusal(ILLEGAL_VALUE)
    if point.enum and int(raw) not in point.enum:
        raise Refusal(ILLEGAL_VALUE)
    return value


def _text(point: Point, value: Value, size: int) -> bytes:
    if isinstance(value, float | int):
        value = next((str(text) for text, code in point.codes.items() if code == value), "")
    data = (value or "").encode("ascii", "replace")[:size].ljust(size, b"\0")
    return Order.BADC.turned(data) if point.order in (Order.BADC, Order.DCBA) else data


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one point puts into an answer: bytes `cut` of its own at byte `at`; bits share their word with others."""

    name: str
    encode: Callable[[Value], bytes]
    at: int
    end: int
    cut: slice | None
    """None: all of them."""
    shared: bool
    related: bool
    """Its register holds only a part of its value."""


class RegisterMap:
    """The registers and bits of one device type, as its profile describes them."""

    def __init__(self, profile: Profile, constant: Mapping[int, int] = MappingProxyType({})) -> None:
        """`constant`: holding registers that no point describes and that never change, by address."""
        self.profile = profile
        self.constant = constant
        self._points: dict[Table, list[Point]] = {table: [] for table in Table}
        for point in profile.points.values():
            if point.table is not None:
                self._points[point.table].append(point)
        for points in self._points.values():
            points.sort(key=lambda point: (point.address, point.bits is not None))
        self._read = {table: _shown(points) for table, points in self._points.items()}
        self._known = {table: self._addresses(table) for table in Table}
        self._known[Table.HOLDING].update(constant)
        self._plans: dict[tuple[Table, int, int], tuple[bytes, list[_Piece]]] = {}

    def words(self, table: Table, address: int, count: int, read: Read) -> bytes:
        """The bytes of `count` registers; Refusal when the device has not all of them or gives fewer at a time."""
        key = (table, address, count)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(table, address, count)
        ground, pieces = plan
        answer = bytearray(ground)
        for piece in pieces:
            data = piece.encode(self._unrelated(piece.name, read) if piece.related else read(piece.name))
            if piece.cut is not None:
                data = data[piece.cut]
            if piece.shared:
                data = bytes(here | more for here, more in zip(answer[piece.at : piece.end], data, strict=True))
            answer[piece.at : piece.end] = data
        return bytes(answer)

    def _unrelated(self, name: str, read: Read) -> Value:
        """What the point's own register holds of a value that others have a part in: exponent, ratio, direction."""
        point, value = self.profile.points[name], read(name)
        if not isinstance(value, float | int):
            return value
        if point.sign_from is not None:
            value = math.copysign(value, point.factor)
        for multiplier in point.scale_by:
            other = read(multiplier.point)
            if not isinstance(other, float | int) or not other:
                return None
            value = value * other if multiplier.inverse else value / other
        if point.pow10 is not None:
            exponent = read(point.pow10)
            if not isinstance(exponent, float | int):
                return None
            value = value / 10.0 ** (point.pow10_times * exponent + point.pow10_plus)
        return value

    def bits(self, table: Table, address: int, count: int, read: Read) -> bytes:
        """Coils or discrete inputs, eight to a byte, lowest address in the lowest bit."""
        self._allow(table, address, count)
        found = {point.address: point for point in self._points[table]}
        answer = bytearray((count + 7) // 8)
        for index in range(count):
            point = found.get(address + index)
            value = None if point is None else read(point.name)
            if point is not None and isinstance(value, float | int) and round((value - point.offset) / point.factor):
                answer[index // 8] |= 1 << index % 8
        return bytes(answer)

    def written(self, address: int, data: bytes) -> list[tuple[Point, float]]:
        """The points that registers written from `address` on fill, with their values; Refusal unless exactly."""
        end = address + len(data) // 2
        values: list[tuple[Point, float]] = []
        at = address
        while at < end:
            point = self._writable(Table.HOLDING, at)
            if point is None or point.end > end:
                raise Refusal(ILLEGAL_ADDRESS)
            begin = 2 * (at - address)
            values.append((point, decode(point, data[begin : begin + 2 * point.words])))
            at = point.end
        return values

    def written_bits(self, address: int, states: Sequence[bool]) -> list[tuple[Point, float]]:
        """The coils written from `address` on."""
        values = []
        for index, state in enumerate(states):
            point = self._writable(Table.COIL, address + index)
            if point is None:
                raise Refusal(ILLEGAL_ADDRESS)
            values.append((point, state * point.factor + point.offset))
        return values

    def _writable(self, table: Table, address: int) -> Point | None:
        return next((one for one in self._points[table] if one.address == address and one.writable), None)

    def _addresses(self, table: Table) -> set[int]:
        """Every address that may be read: those of points, and gaps no wider than the device lets one read over.

        Points that must come from one read (`atomic`) have no gap between them.
        """
        known: set[int] = set()
        blocks: dict[str, list[Point]] = {}
        last = -1
        for point in self._points[table]:
            if known and 0 < point.address - last - 1 <= self.profile.limits.max_gap:
                known.update(range(last + 1, point.address))
            if point.atomic is not None:
                blocks.setdefault(point.atomic, []).append(point)
            known.update(range(point.address, point.end))
            last = max(last, point.end - 1)
        for points in blocks.values():
            known.update(range(points[0].address, max(point.end for point in points)))
        return known - set(_forbidden(self.profile, table))

    def _allow(self, table: Table, address: int, count: int) -> None:
        limits = self.profile.limits
        if not 1 <= count <= limits.max_read[table]:
            raise Refusal(ILLEGAL_VALUE)
        if limits.even and not table.of_bits and (address % 2 or count % 2):
            raise Refusal(ILLEGAL_ADDRESS)
        known = self._known[table]
        if not all(at in known for at in range(address, address + count)):
            raise Refusal(ILLEGAL_ADDRESS)

    def _plan(self, table: Table, address: int, count: int) -> tuple[bytes, list[_Piece]]:
        """What lies under the points, and the points."""
        self._allow(table, address, count)
        ground = bytearray(2 * count)
        for at in range(count) if table is Table.HOLDING and self.constant else ():
            ground[2 * at : 2 * at + 2] = self.constant.get(address + at, 0).to_bytes(2, "big")
        end = address + count
        plan = []
        for point in self._read[table]:
            first, last = max(point.address, address), min(point.end, end)
            if first < last:
                whole = (first, last) == (point.address, point.end)
                cut = None if whole else slice(2 * (first - point.address), 2 * (last - point.address))
                begin, stop = 2 * (first - address), 2 * (last - address)
                related = bool(point.sign_from or point.scale_by or point.pow10)
                plan.append(_Piece(point.name, encoder(point), begin, stop, cut, point.bits is not None, related))
        return bytes(ground), plan


def _shown(points: list[Point]) -> list[Point]:
    """What a read gives: where an address reads one thing and takes another, the first."""
    there = {address for point in points if point.readable for address in range(point.address, point.end)}
    return [p for p in points if p.readable or there.isdisjoint(range(p.address, p.end))]


def _forbidden(profile: Profile, table: Table) -> Iterable[int]:
    for span in profile.limits.forbid:
        if span.table in (None, table):
            yield from range(span.first, span.last + 1)
