"""A block's decoder for the ordinary case, all values good, written out as one Python function and compiled.

What it does per point is what a person would write by hand: `v3 != 65535 and v3 >= 0` as one chain over the whole block
and `v3 * 0.1` in one list. It answers None as soon as anything is not plain, and the careful way of `codec` decides.
Only numbers of the profile and names made here go into the source; nothing a file says becomes code. Closures
or `map` over the points took twice as long, numpy on blocks of this size longer still.
"""

import math
import struct
from collections.abc import Callable, Iterable
from itertools import pairwise

from gateway.profiles.raw import LETTER, wire_order
from gateway.profiles.schema import Kind, Order, Point

Fast = Callable[[bytes], list[float | None] | None]


def fast_decoder(fields: Iterable[tuple[int, Point]], words: int) -> Fast:
    """A function from the payload of `words` registers to the values of the points, or None if one is not plain.

    `fields` are (byte offset, point); points that share a word (bit fields) share its name in the source.
    """
    fields = list(fields)
    layout = sorted({(at, point.kind, point.order) for at, point in fields}, key=lambda field: field[0])
    if _overlapping(layout):
        return _not_plain
    names = {(at, kind): f"v{number}" for number, (at, kind, _order) in enumerate(layout)}
    reading = [f"{', '.join(names.values())}, = unpack(payload)"] if names else []
    unpack = _unpacker(layout, 2 * words)
    checks = [check for at, point in fields for check in _checks(names[at, point.kind], point)]
    if singles := [name for (_, kind), name in names.items() if kind is Kind.F32]:
        checks.insert(0, f"({' + '.join(singles)}) * 0.0 == 0.0")  # all finite: a sum of f32 cannot overflow
    values = ", ".join(_value(names[at, point.kind], point) for at, point in fields)
    source = ["def decode(payload):", *(f"    {line}" for line in reading)]
    source += [f"    if {' and '.join(dict.fromkeys(checks)) or 'True'}:", f"        return [{values}]"]
    made: dict[str, Fast] = {}
    scope = {"unpack": unpack, "__builtins__": {}}
    exec(compile("\n".join(source), "<block decoder>", "exec"), scope, made)  # noqa: S102 - see the module's docstring
    return made["decode"]


def _not_plain(_payload: bytes) -> None:
    """Values that overlap have no single layout."""


def _overlapping(layout: list[tuple[int, Kind, Order]]) -> bool:
    return any(at + 2 * kind.words > later for (at, kind, _), (later, _, _) in pairwise(layout))


def _unpacker(layout: list[tuple[int, Kind, Order]], length: int) -> Callable[[bytes], tuple[float, ...]]:
    """One compiled struct for the whole payload; bytes in another order are put right first."""
    form, at = ">", 0
    order = list(range(length))
    for start, kind, how in layout:
        form += f"{start - at}x" * (start > at) + LETTER[kind]
        at = start + 2 * kind.words
        order[start:at] = [start + byte for byte in wire_order(at - start, how)]
    unpack = struct.Struct(form + f"{length - at}x" * (length > at)).unpack
    if order == list(range(length)):
        return unpack
    return lambda payload: unpack(bytes([payload[byte] for byte in order]))


def _checks(name: str, point: Point) -> Iterable[str]:
    """Conditions on the raw value that make it plain; together they are as strict as `codec.decode_value`."""
    for sentinel in point.invalid:
        if not math.isnan(sentinel) and not _out_of_range(sentinel, point):
            yield f"{name} != {_number(sentinel, point.kind)}"
    if point.kind is Kind.BOOL:
        yield f"{name} <= 1"
    value = _value(name, point)
    if point.kind is Kind.F64:
        yield f"({value}) * 0.0 == 0.0"  # neither infinite nor NaN, scaled too
    elif point.kind is not Kind.F32 and point.bits is None:
        yield from _raw_bounds(name, point)
        return
    if point.low is not None:
        yield f"{value} >= {float(point.low)!r}"
    if point.high is not None:
        yield f"{value} <= {float(point.high)!r}"


def _out_of_range(sentinel: float, point: Point) -> bool:
    """Whether the bounds of a whole number refuse a sentinel already, so that it need not be compared."""
    if point.kind.is_float or point.bits is not None or point.kind is Kind.BOOL:
        return False
    value = sentinel * point.factor + point.offset
    return (point.low is not None and value < point.low) or (point.high is not None and value > point.high)


def _raw_bounds(name: str, point: Point) -> Iterable[str]:
    """The range as bounds of the raw whole number, exactly where the scaled comparison would change its answer."""
    least, greatest = point.kind.bounds
    inside = [raw for raw in (_last_inside(point, least), _last_inside(point, greatest)) if raw is not None]
    if not inside:
        yield "False"
        return
    if min(inside) > least:
        yield f"{name} >= {min(inside)}"
    if max(inside) < greatest:
        yield f"{name} <= {max(inside)}"


def _last_inside(point: Point, end: int) -> int | None:
    """The raw value nearest to `end` that lies in the range; None when the range holds none."""
    low = -math.inf if point.low is None else point.low
    high = math.inf if point.high is None else point.high

    def value(raw: int) -> float:
        return raw * point.factor + point.offset

    if low <= value(end) <= high:
        return end
    bound = high if value(end) > high else low
    near = round((bound - point.offset) / point.factor)
    candidates = [raw for raw in range(near - 2, near + 3) if low <= value(raw) <= high]
    least, greatest = point.kind.bounds
    candidates = [raw for raw in candidates if least <= raw <= greatest]
    return min(candidates, key=lambda raw: abs(raw - end), default=None)


def _value(name: str, point: Point) -> str:
    if point.bits is not None:
        first, last = point.bits
        name = f"({name} >> {first} & {(1 << (last - first + 1)) - 1})"
    scaled = name if point.kind.is_float and point.factor == 1.0 else f"{name} * {float(point.factor)!r}"
    return scaled if point.offset == 0.0 else f"{scaled} + {float(point.offset)!r}"


def _number(value: float, kind: Kind) -> str:
    return repr(float(value)) if kind.is_float else repr(int(value))
