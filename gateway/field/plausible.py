"""Plausible: what a value's own past says against it: frozen, a counter that fell, the two words of different samples.

Theory. A decoded value is good when its bits are. Three lies remain that only the values before it can show:

    frozen    a point that must change (`expect_change_s`) has not: UNCERTAIN (frozen) until it does
    counter   a counter that falls, or rises faster than the device's power allows, is UNCERTAIN (out of range) until two
              reads above it have risen: then it is a new counter. A zero at reconnect comes and goes unbelieved. A fall
              over the end of the register by a small step is a roll-over, and good
    torn      of a 32-bit value one word is that of the sample before: the high word stood and the low word crossed most
              of its range, or only the high word moved. The block is read again at once and the second reading counts

Pure; one object per point, fed in the order of reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf

from gateway.field.bus import Fetched, Member
from gateway.model.point import Unit
from gateway.model.reading import Cause, Quality
from gateway.profiles.schema import Kind, Point

RISES = 2
ROLL_OVER = 0.01
"""A step over the end of the register is believed up to this share of its range."""
POWER_MARGIN = 1.5
MOST_OF_A_WORD = 0xC000
NEAR = 0x4000
TORN_KINDS = (Kind.U32, Kind.I32)


class Frozen:
    """A point that must change within `within_s`."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._last: float | None = None
        self._since_s = 0.0

    def look(self, value: float, now_s: float) -> Cause:
        """FROZEN when it has stood for too long."""
        if value != self._last:
            self._last, self._since_s = value, now_s
        return Cause.FROZEN if now_s - self._since_s >= self._within_s else Cause.NONE


class Counting:
    """A point that only rises, at most by `most_per_s`; `span` is where its register begins again."""

    def __init__(self, *, span: float | None, most_per_s: float, quantum: float, rises: int = RISES) -> None:
        self._span = span
        self._most_per_s = most_per_s
        self._quantum = quantum
        self._needed = rises
        self._last: float | None = None
        self._last_s = 0.0
        self._other: float | None = None
        self._rises = 0

    def look(self, value: float, now_s: float) -> Cause:
        """OUT_OF_RANGE while it is not the counter we know, nor known as a new one."""
        if self._last is None or self._continues(value - self._last, now_s):
            return self._believe(value, now_s)
        if self._other is not None and value > self._other:
            self._rises += 1
        elif self._other is None or value < self._other:
            self._rises = 0
        self._other = value
        return self._believe(value, now_s) if self._rises >= self._needed else Cause.OUT_OF_RANGE

    def _continues(self, step: float, now_s: float) -> bool:
        if step < 0.0 and self._span is not None and step + self._span <= ROLL_OVER * self._span:
            step += self._span
        return 0.0 <= step <= self._most_per_s * (now_s - self._last_s) + 2.0 * self._quantum

    def _believe(self, value: float, now_s: float) -> Cause:
        self._last, self._last_s = value, now_s
        self._other, self._rises = None, 0
        return Cause.NONE


class Torn:
    """A 32-bit whole number."""

    def __init__(self, point: Point) -> None:
        self._factor, self._offset = point.factor, point.offset
        self._last: int | None = None

    def suspects(self, value: float) -> bool:
        """Whether one of its words may be that of the reading before."""
        raw, last = self._raw(value), self._last
        if last is None or raw == last:
            return False
        low, high = abs((raw & 0xFFFF) - (last & 0xFFFF)), raw >> 16 != last >> 16
        return low == 0 if high else low >= MOST_OF_A_WORD

    def settle(self, value: float, first: float) -> Cause:
        """What a second reading says: NONE when it agrees with the first, or with the one before it."""
        raw, last = self._raw(value), self._last
        self._last = raw
        agrees = abs(raw - self._raw(first)) < NEAR or (last is not None and abs(raw - last) < NEAR)
        return Cause.NONE if agrees else Cause.SOURCE

    def accept(self, value: float) -> None:
        """It counts."""
        self._last = self._raw(value)

    def _raw(self, value: float) -> int:
        return round((value - self._offset) / self._factor) & 0xFFFFFFFF


class Plausibility:
    """The points of one batch that have a past worth looking at."""

    def __init__(self, checks: Sequence[tuple[int, Frozen | Counting]], torn: Sequence[tuple[int, Torn]]) -> None:
        self._checks = checks
        self._torn = torn

    def suspicious(self, fetched: Fetched) -> bool:
        """Whether the batch should be read again before it counts."""
        values = fetched.values
        doubt = False
        for at, torn in self._torn:
            value = values[at]
            if value is not None and torn.suspects(value):
                doubt = True
        if not doubt:
            for at, torn in self._torn:
                if (value := values[at]) is not None:
                    torn.accept(value)
        return doubt

    def judged(self, fetched: Fetched, now_s: float, *, first: Fetched | None = None) -> Fetched:
        """The batch with the quality of implausible values lowered; `first` is the suspicious reading before it."""
        doubts: dict[int, Cause] = {}
        if first is not None:
            for at, torn in self._torn:
                value, before = fetched.values[at], first.values[at]
                if value is not None and before is not None:
                    doubts[at] = torn.settle(value, before)
        for at, check in self._checks:
            value = fetched.values[at]
            if value is not None and not doubts.get(at):
                doubts[at] = check.look(value, now_s)
        doubts = {at: cause for at, cause in doubts.items() if cause}
        if not doubts:
            return fetched
        qualities, causes = list(fetched.qualities), list(fetched.causes)
        for at, cause in doubts.items():
            if qualities[at] is Quality.GOOD:
                qualities[at], causes[at] = Quality.UNCERTAIN, cause
        return replace(fetched, qualities=qualities, causes=causes)


def plausibility(member: Member, names: Sequence[str]) -> Plausibility | None:
    """What to look at in a batch of these points; None when there is nothing."""
    points = [member.profile.points[name] for name in names]
    checks: list[tuple[int, Frozen | Counting]] = []
    for at, point in enumerate(points):
        if point.counter is not None:
            checks.append((at, _counting(point, member.profile.points.values())))
        if point.expect_change_s is not None:
            checks.append((at, Frozen(point.expect_change_s)))
    torn = [(at, Torn(point)) for at, point in enumerate(points) if _may_tear(point)]
    return Plausibility(checks, torn) if checks or torn else None


def _may_tear(point: Point) -> bool:
    plain = point.bits is None and point.pow10 is None and point.codec is None and not point.has_relations
    return plain and point.kind in TORN_KINDS and not point.writable


def _counting(point: Point, points: Iterable[Point]) -> Counting:
    assert point.counter is not None
    highest_w = max((one.high for one in points if one.unit is Unit.WATT and one.high is not None), default=inf)
    per_s = POWER_MARGIN * highest_w / 3600.0 if point.unit is Unit.WATT_HOUR else inf
    wraps = point.counter.wraps
    return Counting(
        span=None if wraps is None else wraps * abs(point.factor),
        most_per_s=per_s,
        quantum=abs(point.factor),
        rises=1 if point.counter.resets else RISES,
    )
