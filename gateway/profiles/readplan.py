"""Many points -> few contiguous reads, within what the device allows. Pure.

Points of one unit id, table and poll class are laid side by side in the order of their addresses; a read grows while
the gap to the next point is at most `max_gap`, the whole is at most `max_read` and nothing forbidden lies inside.
Points of one atomic mark are one piece, and so is every value of several words; what lies in a `single` range is read
alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from gateway.errors import ProfileError
from gateway.profiles.schema import Block, Every, Point, ReadLimits, Span, Table
from gateway.texts import say


@dataclass(frozen=True, slots=True)
class _Piece:
    """What must not be split: addresses `first` … `end` - 1."""

    first: int
    end: int
    points: tuple[str, ...]


def plan(points: Iterable[Point], limits: ReadLimits) -> tuple[Block, ...]:
    """The reads that cover every readable Modbus point exactly once; OPC UA points need none.

    ProfileError when a piece is longer than one read may be, or lies on a forbidden address.
    """
    blocks: list[Block] = []
    wanted = [point for point in points if point.readable and point.table is not None]
    for key, group in groupby(sorted(wanted, key=_key), key=_key):
        unit, table_name, every = key
        table = Table(table_name)
        for piece in _merged(_pieces(group), limits, table):
            count = piece.end - piece.first
            blocks.append(Block(table, piece.first, count, piece.points, Every(every), None if unit < 0 else unit))
    return tuple(blocks)


def _key(point: Point) -> tuple[int, str, str]:
    assert point.table is not None
    return -1 if point.unit_id is None else point.unit_id, point.table, point.every


def _pieces(points: Iterable[Point]) -> list[_Piece]:
    """Atomic groups, and the single points outside them, by address."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(f"group {point.atomic}" if point.atomic else f"point {point.name}", []).append(point)
    pieces = []
    for members in groups.values():
        members.sort(key=lambda point: (point.address, point.name))
        names = tuple(point.name for point in members)
        pieces.append(_Piece(members[0].address, max(point.end for point in members), names))
    return sorted(pieces, key=lambda piece: (piece.first, piece.end, piece.points))


def _merged(pieces: list[_Piece], limits: ReadLimits, table: Table) -> list[_Piece]:
    """Pieces laid together as far as the limits go."""
    merged: list[_Piece] = []
    for piece in pieces:
        if not allowed(piece.first, piece.end, limits, table=table):
            raise ProfileError(
                say(
                    "problem.not_at_once",
                    points=", ".join(piece.points),
                    table=table,
                    first=piece.first,
                    last=piece.end - 1,
                )
            )
        last = merged[-1] if merged else None
        if last is not None and _fits(last, piece, limits, table):
            merged[-1] = _Piece(last.first, max(last.end, piece.end), last.points + piece.points)
        else:
            merged.append(piece)
    return merged


def _fits(last: _Piece, piece: _Piece, limits: ReadLimits, table: Table) -> bool:
    """The two may be one read."""
    if (last.first, last.end) == (piece.first, piece.end):  # bits of one word
        return True
    if piece.first - last.end > limits.max_gap:
        return False
    end = max(last.end, piece.end)
    return allowed(last.first, end, limits, table=table) and not touches(last.first, end, limits.single, table=table)


def allowed(first: int, end: int, limits: ReadLimits, *, table: Table) -> bool:
    """Addresses `first` … `end` - 1 may be one read."""
    return end - first <= limits.max_read[table] and not touches(first, end, limits.forbid, table=table)


def touches(first: int, end: int, spans: Iterable[Span], *, table: Table) -> bool:
    """One of the spans has an address in `first` … `end` - 1."""
    return any(span.table in (None, table) and span.first < end and first <= span.last for span in spans)
