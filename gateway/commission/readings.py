"""Every point of every device: read at all, in time for its poll class, and plausible. Pure: fed with snapshots."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, isfinite

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.commission.plausible import bounds_of, is_plausible
from gateway.field.bus import Member
from gateway.model.image import Snapshot
from gateway.model.point import PointId, point_id
from gateway.model.reading import Cause, Quality
from gateway.profiles.schema import Every, Point

MISSED_POLLS = 3.0
"""A point is in time while no two of its readings lie further apart than so many of its periods (FAULTS T_stale)."""
GRACE_S = 0.5
MANY = 2.0
"""One gap, longer than that but not so many times, is an answer that was lost: for a person to judge."""
WORKS_OUT = frozenset((Cause.OFFLINE, Cause.NEVER_READ, Cause.BUSY))


@dataclass(slots=True)
class Kept:
    """What was seen of one point while it was watched."""

    reads: int = 0
    longest_s: float = 0.0
    second_s: float = 0.0
    """The longest gap between two readings but one."""
    last_s: float = -inf

    def gap(self, gap_s: float) -> None:
        """Take over the time between two readings."""
        *_, self.second_s, self.longest_s = sorted((self.second_s, self.longest_s, gap_s))


class Watch:
    """How often the points of a site are read; fed with snapshots more often than any point is polled."""

    def __init__(self, points: Iterable[PointId]) -> None:
        self.kept = {point: Kept() for point in points}
        self.begin_s: float | None = None
        self.end_s = -inf

    def look(self, snapshot: Snapshot) -> None:
        """Take over what is new."""
        if self.begin_s is None:
            self.begin_s = snapshot.now_s
        self.end_s = snapshot.now_s
        for point, kept in self.kept.items():
            reading = snapshot.reading(point)
            if reading.cause in WORKS_OUT or reading.measured_s <= kept.last_s:
                continue
            if kept.reads:
                kept.gap(reading.measured_s - kept.last_s)
            kept.reads += 1
            kept.last_s = reading.measured_s


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a device before it is read."""

    rating_w: float
    """The most it can draw; inf: not known."""
    needed: frozenset[PointId]
    """The points control cannot do without."""


def judge(
    member: Member, watch: Watch, snapshot: Snapshot, *, expected: Expected, texts: Mapping[PointId, str]
) -> list[Check]:
    """One row for each readable point of a device, in the profile's order."""
    points = [point for point in member.profile.points.values() if point.readable]
    return [_judge_point(member, point, watch, snapshot, expected=expected, texts=texts) for point in points]


def _judge_point(
    member: Member,
    point: Point,
    watch: Watch,
    snapshot: Snapshot,
    *,
    expected: Expected,
    texts: Mapping[PointId, str],
) -> Check:
    name = point_id(member.id, point.name)
    if point.is_text:
        said = texts.get(name)
        empty = (
            Verdict.NOTED if point.name.startswith("device.") else Verdict.PASSED
        )  # an extra may have nothing to say
        verdict = Verdict.PASSED if said else empty
        return _row(member, point, verdict, "said" if said else "said_nothing", {"said": said})
    reading, kept = snapshot.reading(name), watch.kept[name]
    facts: dict[str, Fact] = {"value": reading.value, "unit": point.unit.value, "name": name_of(point, reading.value)}
    if reading.value is None or reading.quality is Quality.INVALID:
        return _unread(member, point, reading.cause, needed=name in expected.needed)
    period_s = member.period_s(point.every)
    gap_s, _ = gaps_s(kept, watch.end_s)
    late = "" if point.every is Every.ONCE else rhythm(kept, watch.end_s, period_s)
    facts |= {"reads": float(kept.reads), "period_s": _known(period_s), "longest_s": round(gap_s, 3)}
    facts["repeated"] = float(kept.reads > 1)
    if late == "late":
        return _row(member, point, Verdict.FAILED, late, facts)
    bounds = bounds_of(point, expected.rating_w)
    if not is_plausible(reading.value, bounds):
        return _row(member, point, Verdict.FAILED, "implausible", facts | {"low": bounds.low, "high": bounds.high})
    if reading.value == 0.0 and bounds.zero and not bounds.low <= 0.0 <= bounds.high:
        return _row(member, point, Verdict.NOTED, "nothing_there", facts)
    if reading.quality is Quality.UNCERTAIN:
        return _row(member, point, Verdict.NOTED, "uncertain", facts | {"cause": reading.cause.name.lower()})
    if point.enum and name_of(point, reading.value) is None:
        return _row(member, point, Verdict.NOTED, "unknown_code", facts)
    if late:
        return _row(member, point, Verdict.NOTED, late, facts)
    return _row(member, point, Verdict.PASSED, "read", facts)


def gaps_s(kept: Kept, end_s: float) -> tuple[float, float]:
    """The longest time without a reading up to the end, and the longest but one; inf: there was no reading."""
    if not kept.reads:
        return inf, inf
    _, second_s, longest_s = sorted((kept.longest_s, kept.second_s, end_s - kept.last_s))
    return longest_s, second_s


def rhythm(kept: Kept, end_s: float, period_s: float) -> str:
    """`late`, `late_once` or '': in time."""
    longest_s, second_s = gaps_s(kept, end_s)
    most_s = MISSED_POLLS * period_s + GRACE_S
    if longest_s <= most_s:
        return ""
    return "late_once" if second_s <= most_s and longest_s <= MANY * most_s else "late"


def _unread(member: Member, point: Point, cause: Cause, *, needed: bool) -> Check:
    """A point without a value: the device's own "not available" is its right, unless control needs the point."""
    facts: dict[str, Fact] = {"cause": cause.name.lower(), "unit": point.unit.value}
    if cause is Cause.SENTINEL and not needed:
        return _row(member, point, Verdict.NOTED, "not_available", facts)
    if cause is Cause.OUT_OF_RANGE:
        return _row(member, point, Verdict.FAILED, "out_of_range", facts | {"low": point.low, "high": point.high})
    return _row(member, point, Verdict.FAILED, "needed" if cause is Cause.SENTINEL else "unread", facts)


def name_of(point: Point, value: float | None) -> str | None:
    """The word a value stands for, where it is one of a list."""
    if value is None or not isfinite(value) or not value.is_integer():
        return None
    return point.enum.get(int(value))


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _row(member: Member, point: Point, verdict: Verdict, reason: str, facts: Mapping[str, Fact]) -> Check:
    return Check(Part.READING, member.id, point.name, verdict, reason, dict(facts))
