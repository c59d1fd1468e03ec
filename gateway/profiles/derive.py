"""What a device's points say together: signs, factors, conditions, sums; worked out after each of its reads. Pure.

Theory. A read brings some points; what others need of them is kept with its time. First the plain points of the read
are remembered, then those with relations are finished (condition, factors, sign, bounds), then the derived points that
belong to this read are made. A derived point belongs to the read that brings the last of its fastest inputs. An input
that is not good, was never read, or is older than three of its periods makes the result INVALID: unknown is never zero.
"""

from collections.abc import Mapping, Sequence
from math import inf

from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import Decoded, in_range
from gateway.profiles.relations import Derivation, Op
from gateway.profiles.schema import Every, Point

MISSED_PERIODS = 3.0
_UNKNOWN: Decoded = (None, Quality.INVALID, Cause.SOURCE)
_NOT_THERE: Decoded = (None, Quality.INVALID, Cause.SOURCE)
_SPEED = {Every.FAST: 0, Every.NORMAL: 1, Every.SLOW: 2, Every.ONCE: 3}


class Derivations:
    """One device: `extra[n]` are the derived points that come with its n-th read."""

    def __init__(
        self, points: Mapping[str, Point], reads: Sequence[Sequence[str]], *, period_s: Mapping[Every, float]
    ) -> None:
        """`reads` are the points of each read; `period_s` of each class, missing: read once."""
        self._points = points
        self._period_s = period_s
        self.extra = _assigned(points, reads)
        self._needed = _needed(points)
        self._known: dict[str, tuple[Decoded, float]] = {}
        related = [tuple(name for name in read if points[name].has_relations) for read in reads]
        self._related = related

    def finish(self, read: int, names: Sequence[str], decoded: Sequence[Decoded], at_s: float) -> list[Decoded]:
        """The read's values put right, and those of `extra[read]` after them; `at_s` is when it was asked."""
        values = dict(zip(names, decoded, strict=True))
        for name in names:
            if name in self._needed and name not in self._related[read]:
                self._known[name] = values[name], at_s
        for name in self._related[read]:
            values[name] = self._put_right(self._points[name], values[name], at_s)
            if name in self._needed:
                self._known[name] = values[name], at_s
        made = []
        for name in self.extra[read]:
            value = self._derived(self._points[name], at_s)
            self._known[name] = value, at_s
            made.append(value)
        return [values[name] for name in names] + made

    def _put_right(self, point: Point, value: Decoded, at_s: float) -> Decoded:
        number, quality, cause = value
        if number is None or not self._holds(point, at_s):
            return value if number is None else _NOT_THERE
        for factor in point.scale_by:
            other = self._number(factor.point, at_s)
            if other is None or (factor.inverse and other == 0.0):
                return _UNKNOWN
            number = number / other if factor.inverse else number * other
        if point.sign_from is not None:
            code = self._number(point.sign_from.point, at_s)
            if code is None:
                return _UNKNOWN
            if code in point.sign_from.zero:
                number = 0.0
            elif code in point.sign_from.negative:
                number = -number
        if point.scale_by or point.sign_from is not None:
            bounded = in_range(point, number)
            return bounded if bounded[0] is None else (number, quality, cause)
        return number, quality, cause

    def _holds(self, point: Point, at_s: float) -> bool:
        """Every condition of the point is known and met."""
        for condition in point.valid_when:
            number = self._number(condition.point, at_s)
            if number is None or not condition.holds(number):
                return False
        return True

    def _derived(self, point: Point, at_s: float) -> Decoded:
        assert point.derived is not None
        if not self._holds(point, at_s):
            return _NOT_THERE
        number = self._made(point.derived, at_s)
        return _UNKNOWN if number is None else in_range(point, number * point.factor + point.offset)

    def _made(self, derived: Derivation, at_s: float) -> float | None:
        if derived.op is Op.PICK:
            return self._picked(derived, at_s)
        found = [(self._number(name, at_s), weight) for name, weight in derived.terms]
        numbers = [number * weight for number, weight in found if number is not None]
        if derived.op is Op.FIRST:
            return next(iter(numbers), None)
        if len(numbers) < len(found):
            return None
        return sum(numbers) / (len(numbers) if derived.op is Op.MEAN else 1)

    def _picked(self, derived: Derivation, at_s: float) -> float | None:
        code = self._number(derived.selector or "", at_s)
        for wanted, taken in derived.picks:
            if code is not None and code == wanted:
                return self._number(taken, at_s) if isinstance(taken, str) else taken
        return None

    def _number(self, name: str, at_s: float) -> float | None:
        """The newest value of another point, while it may be used."""
        known = self._known.get(name)
        if known is None:
            return None
        (number, quality, _), asked_s = known
        period_s = self._period_s.get(self._points[name].every, inf)
        return number if quality is Quality.GOOD and at_s - asked_s <= MISSED_PERIODS * period_s else None


def order_of(points: Mapping[str, Point]) -> list[str] | None:
    """The derived points in an order in which each finds its inputs made; None when some depend on each other."""
    left = [point for point in points.values() if point.derived is not None]
    there = set(points)  # a SunSpec device may lack some
    made = {point.name for point in points.values() if point.derived is None}
    order: list[str] = []
    while left:
        ready = [point for point in left if point.derived is not None and set(point.derived.inputs) & there <= made]
        if not ready:
            return None
        order += [point.name for point in ready]
        made |= {point.name for point in ready}
        left = [point for point in left if point not in ready]
    return order


def fastest(classes: Sequence[Every]) -> Every:
    """The poll class that is read most often."""
    return min(classes, key=_SPEED.__getitem__, default=Every.FAST)


def _assigned(points: Mapping[str, Point], reads: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    where = {name: number for number, read in enumerate(reads) for name in read}
    extra: list[list[str]] = [[] for _ in reads]
    for name in (order_of(points) or ()) if reads else ():
        point = points[name]
        assert point.derived is not None
        inputs = [other for other in point.derived.inputs if other in where]
        fast = fastest([points[other].every for other in inputs])
        number = max((where[other] for other in inputs if points[other].every is fast), default=0)
        where[name] = number
        extra[number].append(name)
    return [tuple(names) for names in extra]


def _needed(points: Mapping[str, Point]) -> frozenset[str]:
    """The points that others look at."""
    names: set[str] = set()
    for point in points.values():
        names |= {condition.point for condition in point.valid_when}
        names |= {factor.point for factor in point.scale_by}
        names |= {point.sign_from.point} if point.sign_from else set()
        names |= set(point.derived.inputs) if point.derived else set()
    return frozenset(names)
