"""A block's decoder for the ordinary case, all values good, written out as one Python function and compiled.

What it does per point is what a person would write by hand: `v3 != 65535 and v3 >= 0` as one chain over the whole block
and `v3 * 0.1` in one list. Sentinels of several points are first looked for as bytes of the payload, bounds of many are
checked in one long number, and many alike points are scaled as an array (`wholeblock`). As soon as anything is not plain
the careful way of `codec` decides.
Only numbers of the profile and names made here go into the source; nothing a file says becomes code. Closures
or `map` over the points took twice as long, numpy on small blocks longer still.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any

from gateway.model.reading import AllGood, Cause, Quality
from gateway.profiles import wholeblock
from gateway.profiles.raw import LETTER, wire_order
from gateway.profiles.schema import Kind, Order, Point

Columns = tuple[Sequence[float | None], Sequence[Quality], Sequence[Cause]]
"""Values, qualities, causes of a block's points."""
Decode = Callable[[bytes], Columns]
Field = tuple[int, Point]
"""(byte offset, point)"""

LANES = 8
"""From so many bounded points on, one long number is quicker than comparing each."""
PATTERNS = 8
"""From so many points with one sentinel on, looking for its bytes is quicker than comparing each."""


def block_decoder(fields: Iterable[Field], words: int, careful: Decode) -> Decode:
    """A function from the payload of `words` registers to the columns of the points; `careful` where one is not plain.

    `fields` are (byte offset, point); points that share a word (bit fields) share its name in the source. The values
    of many alike points may come as an array.
    """
    fields = list(fields)
    layout = sorted({(at, point.kind, point.order) for at, point in fields}, key=lambda field: field[0])
    if not fields or _overlapping(layout):
        return careful
    names = {(at, kind): f"v{number}" for number, (at, kind, _order) in enumerate(layout)}
    scope: dict[str, Any] = {
        "unpack": _unpacker(layout, 2 * words),
        "good": AllGood((Quality.GOOD,) * len(fields)),
        "none": (Cause.NONE,) * len(fields),
        "careful": careful,
        "number_of": int.from_bytes,
        "sum": sum,
        "__builtins__": {},
    }
    lanes, compared = _lanes(fields)
    within = [wholeblock.in_bounds(lanes, 2 * words)] if lanes else []
    sentinels = _sentinel_checks(fields, names)
    bounds = list(dict.fromkeys(c for at, point in compared for c in _bound_checks(names[at, point.kind], point)))
    values = [_value(names[at, point.kind], point) for at, point in fields]
    if not bounds and not sentinels and values == list(names.values()):
        finite = ["sum(values) * 0.0 == 0.0"] if fields[0][1].kind is Kind.F32 else []
        return _compiled(scope, within, "unpack(payload)", then=finite)
    if not bounds and wholeblock.alike(fields):
        absent = [f"payload.find({pattern!r}) < 0" for pattern in _patterns(fields)]
        finite = [wholeblock.all_finite(len(fields))] if fields[0][1].kind.is_float else []
        each = _compiled(scope, [*within, *sentinels], f"[{', '.join(values)}]", named=names.values())
        made, more = wholeblock.scaled(fields)
        return _compiled({**scope, **more, "careful": each}, [*within, *finite, *absent], made)
    singles = list(dict.fromkeys(names[at, point.kind] for at, point in fields if point.kind is Kind.F32))
    finite = [f"({' + '.join(singles)}) * 0.0 == 0.0"] if singles else []  # a sum of f32 cannot overflow
    checks = [*within, *finite, *sentinels, *bounds]
    return _compiled(scope, checks, f"[{', '.join(values)}]", named=names.values())


def _compiled(
    scope: dict[str, Any], checks: list[str], values: str, *, named: Iterable[str] = (), then: Sequence[str] = ()
) -> Decode:
    """The decoder that has each value by its name where it is looked at, else all of them as one."""
    source = ["def decode(payload):"]
    if any("number" in check for check in checks):
        source += ["    number = number_of(payload, 'big')"]
    if names := ", ".join(named):
        source += [f"    {names}, = unpack(payload)"]
    source += [f"    if {' and '.join(checks) or 'True'}:"]
    if then:
        source += [f"        values = {values}", f"        if {' and '.join(then)}:"]
    source += [f"            return {'values' if then else values}, good, none"]
    return _made(scope, [*source, "    return careful(payload)"])


def _made(scope: dict[str, Any], source: list[str]) -> Decode:
    made: dict[str, Decode] = {}
    exec(compile("\n".join(source), "<block decoder>", "exec"), scope, made)  # noqa: S102 - see the module's docstring
    return made["decode"]


def _lanes(fields: Sequence[Field]) -> tuple[list[wholeblock.Lane], list[Field]]:
    """The bounds that are checked in one long number, and the points whose bounds are compared."""
    lanes, rest = [], []
    for at, point in fields:
        bounds = None if point.kind.is_float or point.kind is Kind.BOOL or point.bits else _raw_bounds(point)
        if bounds is None or bounds == point.kind.bounds or not wholeblock.fits(point, *bounds):
            rest.append((at, point))
        else:
            lanes.append(wholeblock.Lane(at, 2 * point.words, *bounds))
    return (lanes, rest) if len(lanes) >= LANES else ([], [*fields])


def _sentinel_checks(fields: Sequence[Field], names: dict[tuple[int, Kind], str]) -> list[str]:
    """Conditions that no value is a sentinel, looked for as bytes first where it is one of many points."""
    by_pattern: dict[bytes, dict[str, None]] = defaultdict(dict)
    for at, point in fields:
        for sentinel in _sentinels(point):
            check = f"{names[at, point.kind]} != {_number(sentinel, point.kind)}"
            by_pattern[_pattern(sentinel, point)][check] = None
    return [
        f"(payload.find({pattern!r}) < 0 or {' and '.join(checks)})"
        if len(checks) >= PATTERNS and any(pattern)  # minus zero is zero, in other bytes
        else " and ".join(checks)
        for pattern, checks in by_pattern.items()
    ]


def _patterns(fields: Sequence[Field]) -> list[bytes]:
    return list(dict.fromkeys(_pattern(sentinel, point) for _, point in fields for sentinel in _sentinels(point)))


def _sentinels(point: Point) -> list[float]:
    """Those the bounds do not refuse already."""
    return [one for one in point.invalid if not math.isnan(one) and not _out_of_range(one, point)]


def _pattern(sentinel: float, point: Point) -> bytes:
    """A raw value as it stands in the payload."""
    value = struct.pack(f">{LETTER[point.kind]}", sentinel if point.kind.is_float else int(sentinel))
    return bytes(value[at] for at in wire_order(len(value), point.order))


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
    ordered = itemgetter(*order)
    return lambda payload: unpack(bytes(ordered(payload)))


def _bound_checks(name: str, point: Point) -> Iterable[str]:
    """Conditions on the raw value that keep it in range; with the sentinels as strict as `codec.decode_value`."""
    if point.kind is Kind.BOOL:
        yield f"{name} <= 1"
    value = _value(name, point)
    if point.kind is Kind.F64:
        yield f"({value}) * 0.0 == 0.0"  # neither infinite nor NaN, scaled too
    elif point.kind is not Kind.F32 and point.bits is None:
        least, most = point.kind.bounds
        bounds = _raw_bounds(point)
        if bounds is None:
            yield "False"
            return
        if bounds[0] > least:
            yield f"{name} >= {bounds[0]}"
        if bounds[1] < most:
            yield f"{name} <= {bounds[1]}"
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


def _raw_bounds(point: Point) -> tuple[int, int] | None:
    """The range as bounds of the raw whole number, exactly where the scaled comparison would change its answer."""
    inside = [raw for raw in (_last_inside(point, end) for end in point.kind.bounds) if raw is not None]
    return (min(inside), max(inside)) if inside else None


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
    scaled = name if point.kind.is_float and point.factor == 1.0 else f"{float(point.factor)!r} * {name}"
    return scaled if point.offset == 0.0 else f"{scaled} + {float(point.offset)!r}"


def _number(value: float, kind: Kind) -> str:
    return repr(float(value)) if kind.is_float else repr(int(value))
