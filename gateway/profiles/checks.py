"""What the parts of a profile mean together: overlaps, forbidden addresses, exponents, pieces too long to read."""

from collections.abc import Iterable
from itertools import groupby, pairwise

from gateway.errors import ProfileError
from gateway.profiles.draft import Draft
from gateway.profiles.readplan import plan, touches
from gateway.profiles.scales import scale_problem
from gateway.profiles.schema import Control, Point, ReadLimits, Set
from gateway.texts import say


def check_points(draft: Draft, limits: ReadLimits) -> None:
    """Everything that is wrong between points, and between points and the device's limits."""
    registers = [point for point in draft.points.values() if point.table is not None]
    _overlaps(draft, registers)
    for point in registers:
        path = (*draft.places[point.name], "at")
        if point.end > 65536:
            draft.refuse(path, "beyond_table", say("problem.beyond_table"))
        if _forbidden(point, limits):
            draft.refuse(path, "forbidden", say("problem.forbidden", point=point.name))
        if limits.even and (point.address % 2 or point.words % 2):
            draft.refuse(path, "odd_address", say("problem.odd_address"))
        if wrong := scale_problem(point):
            scale = (*draft.places[point.name], "scale")
            there = scale in draft.document.values
            (draft.refuse if there else draft.refuse_key)(
                scale if there else draft.places[point.name], "scale_against_unit", wrong,
                remedy=say("remedy.scale"),
            )  # fmt: skip
    _exponents(draft)
    _atomic(draft, limits)


def check_functions(draft: Draft, controls: Iterable[Control]) -> None:
    """A write function that cannot carry what a control writes."""
    for control in controls:
        steps = (*control.apply, *control.release, *(control.keepalive.steps if control.keepalive else ()))
        for name in {name for step in steps if isinstance(step, Set) for name, _ in step.writes}:
            point = draft.points[name]
            if control.write_function == "6" and point.words > 1:
                message = say("problem.write_function", point=name, words=point.words)
                draft.refuse_key(
                    ("controls", control.name), "write_function", message, remedy=say("remedy.write_function")
                )


def _overlaps(draft: Draft, points: list[Point]) -> None:
    def key(point: Point) -> tuple[int, str]:
        return -1 if point.unit_id is None else point.unit_id, str(point.table)

    for _, group in groupby(sorted(points, key=key), key=key):
        placed = sorted(group, key=lambda point: (point.address, point.end))
        for earlier, later in pairwise(placed):
            if later.address >= earlier.end or _share(earlier, later):
                continue
            see = draft.document.at((*draft.places[earlier.name], "at"))
            draft.refuse(
                (*draft.places[later.name], "at"), "overlap", say("problem.overlap", later=later.name, earlier=earlier.name),
                see=f"{see.file}:{see.line}:{see.column}",
            )  # fmt: skip


def _share(first: Point, second: Point) -> bool:
    """Two bit fields of one word, a word and a bit field of it, or what is only written and what is only read."""
    if (first.readable, first.writable) == (second.writable, second.readable) and first.readable != second.readable:
        return True
    same = (first.address, first.kind, first.order) == (second.address, second.kind, second.order)
    if not same or (first.bits is None and second.bits is None):
        return False
    if first.bits is None or second.bits is None:
        return True
    return first.bits[1] < second.bits[0] or second.bits[1] < first.bits[0]


def _exponents(draft: Draft) -> None:
    for point in draft.points.values():
        if point.pow10 is None:
            continue
        path = (*draft.places[point.name], "scale", "pow10")
        exponent = draft.points.get(point.pow10)
        if exponent is None or not exponent.kind.is_integer:
            draft.refuse(path, "unknown_point", say("problem.no_whole_point", point=point.pow10))
        elif point.atomic is None or exponent.atomic != point.atomic:
            remedy = say("remedy.atomic")
            draft.refuse(path, "exponent_elsewhere", say("problem.exponent_elsewhere"), remedy=remedy)


def _atomic(draft: Draft, limits: ReadLimits) -> None:
    """Pieces that must be read at once: of one kind, and not longer than a read may be."""
    pieces: dict[str, list[Point]] = {}
    for point in draft.points.values():
        pieces.setdefault(f"block {point.atomic}" if point.atomic else point.name, []).append(point)
    for members in pieces.values():
        path = draft.places[members[0].name]
        if len({(point.unit_id, point.table, point.every) for point in members}) > 1:
            message = say("problem.atomic_mixed")
            draft.refuse_key(path[:-2], "atomic_mixed", message)
        elif not any(_forbidden(point, limits) for point in members):
            try:
                plan(members, limits)
            except ProfileError as error:
                draft.refuse_key(path, "unreadable_piece", error.said, remedy=say("remedy.split_block"))


def _forbidden(point: Point, limits: ReadLimits) -> bool:
    return point.table is not None and touches(point.address, point.end, limits.forbid, table=point.table)
