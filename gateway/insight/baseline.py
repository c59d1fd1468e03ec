"""The contractual baseline: what the site would have drawn during an event, from its own history.

B0(t) is the mean, slot by slot of local time, of the last N admissible days of the same type. A day whose mean over the
event's window is below 75 % or above 125 % of the mean of all is replaced by an older one. The same day moves it:
B = B0 + clip(mean(P - B0 over the adjustment window), +-20 % of B0). That window ends an hour before the event and
never after its notice, so that what the site does to prepare cannot change its own yardstick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from gateway.insight.held import Floats

SLOT_MS = 900_000
"""The settlement raster: 96 slots a day."""


@dataclass(frozen=True, slots=True)
class BaselineRules:
    """A market's numbers; the defaults are the usual ones of Chinese provinces."""

    working_days: int = 5
    weekend_days: int = 3
    look_back_days: int = 45
    least_days: int = 2
    low: float = 0.75
    high: float = 1.25
    longest_gap: int = 4
    """Slots in a row that may be interpolated; a day with a longer gap is left out."""
    window_s: float = 10_800.0
    window_gap_s: float = 3600.0
    largest_adjustment: float = 0.2


@dataclass(frozen=True, slots=True)
class Calendar:
    """The site's days: where it is, which working days were holidays (they count as weekend), which days had events."""

    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()
    event_days: frozenset[date] = frozenset()

    def local(self, utc_ms: int) -> datetime:
        """Wall-clock time at the site."""
        return datetime.fromtimestamp(utc_ms / 1000.0, UTC).astimezone(self.zone)

    def is_working(self, day: date) -> bool:
        """Monday to Friday without holidays."""
        return day.weekday() < 5 and day not in self.holidays

    def same_slot(self, utc_ms: int, days: int) -> int | None:
        """The same wall-clock time some days earlier or later; None where clocks skip it. UTC ms."""
        wall = self.local(utc_ms).replace(tzinfo=None) + timedelta(days=days)
        there_ms = round(wall.replace(tzinfo=self.zone).timestamp() * 1000)
        return there_ms if self.local(there_ms).replace(tzinfo=None) == wall else None


@dataclass(frozen=True, slots=True)
class Window:
    """When an event was announced, began and ended; UTC ms. The days are chosen by the slots that overlap it.

    The curve reaches from `before_ms` ahead of it to `after_ms` past its end: what prepares it and what it leaves.
    """

    notice_ms: int
    begin_ms: int
    end_ms: int
    before_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """The curve, one value a slot, and how it came about."""

    times_ms: tuple[int, ...]
    watts: Floats
    days: tuple[date, ...]
    adjustment_w: float


@dataclass(frozen=True, slots=True)
class History:
    """A dense raster of means of the site's power; NaN where nothing was measured."""

    first_slot: int
    watts: Floats

    def at(self, utc_ms: int | None) -> float:
        """The slot's mean; NaN for none."""
        index = -1 if utc_ms is None else utc_ms // SLOT_MS - self.first_slot
        return float(self.watts[index]) if 0 <= index < self.watts.size else np.nan

    def of(self, times_ms: Sequence[int | None]) -> Floats:
        """Means of several slots."""
        return np.array([self.at(one) for one in times_ms])


def history_of(times_ms: Sequence[int], watts: Floats, *, before_ms: int, longest_gap: int) -> History:
    """Slots that ended by `before_ms`, short gaps interpolated; rows may be missing, out of order or NaN."""
    slots = np.asarray(times_ms, dtype=np.int64) // SLOT_MS
    usable = ((slots + 1) * SLOT_MS <= before_ms) & np.isfinite(watts)
    slots, values = slots[usable], np.asarray(watts, dtype=np.float64)[usable]
    if not slots.size:
        return History(0, np.empty(0))
    first = int(slots.min())
    dense = np.full(int(slots.max()) - first + 1, np.nan)
    dense[slots - first] = values
    known = np.flatnonzero(np.isfinite(dense))
    wide = np.repeat(np.diff(known) - 1 > longest_gap, np.diff(known))
    filled = np.interp(np.arange(dense.size), known, dense[known])
    filled[:-1][wide & np.isnan(dense[:-1])] = np.nan
    return History(first, filled)


def slots_between(begin_ms: int, end_ms: int) -> list[int]:
    """Starts of the slots that overlap a stretch of time."""
    return list(range(begin_ms // SLOT_MS * SLOT_MS, end_ms, SLOT_MS))


def contractual_baseline(
    times_ms: Sequence[int],
    watts: Floats,
    *,
    calendar: Calendar,
    window: Window,
    rules: BaselineRules | None = None,
) -> Baseline | None:
    """The curve of an event from slot means of the site's power (slot starts in UTC ms); None without enough like days."""
    rules = rules or BaselineRules()
    known_until_ms = min(window.notice_ms, window.begin_ms)
    history = history_of(times_ms, watts, before_ms=known_until_ms, longest_gap=rules.longest_gap)
    slots = slots_between(window.begin_ms, window.end_ms)
    adjustment_end_ms = min(window.begin_ms - round(rules.window_gap_s * 1000), window.notice_ms)
    adjustment_end_ms -= adjustment_end_ms % SLOT_MS
    adjusting = slots_between(adjustment_end_ms - round(rules.window_s * 1000), adjustment_end_ms)

    today = calendar.local(slots[0]).date()
    wanted = rules.working_days if calendar.is_working(today) else rules.weekend_days
    chosen = choose_days(like_days(history, slots, calendar, rules), wanted, rules)
    if len(chosen) < rules.least_days:
        return None

    def raw(of: Sequence[int]) -> Floats:
        curves = np.array([history.of([calendar.same_slot(slot, -back) for slot in of]) for back in chosen])
        known = np.isfinite(curves)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Floats = np.where(known, curves, 0.0).sum(axis=0) / known.sum(axis=0)
        return mean

    reach = slots_between(window.begin_ms - window.before_ms, window.end_ms + window.after_ms)
    curve = raw(reach)
    moved = history.of(adjusting) - raw(adjusting)
    moved = moved[np.isfinite(moved)]
    adjustment_w = float(moved.mean()) if moved.size else 0.0
    most_w = rules.largest_adjustment * np.abs(curve)
    days = tuple(today - timedelta(days=back) for back in chosen)
    return Baseline(tuple(reach), curve + np.clip(adjustment_w, -most_w, most_w), days, adjustment_w)


def like_days(history: History, slots: Sequence[int], calendar: Calendar, rules: BaselineRules) -> dict[int, float]:
    """Days back -> mean over the event's window, newest first: same type, no event, no gap, within the look-back."""
    today = calendar.local(slots[0]).date()
    found = {}
    for back in range(1, rules.look_back_days + 1):
        day = today - timedelta(days=back)
        if calendar.is_working(day) != calendar.is_working(today) or day in calendar.event_days:
            continue
        there = [calendar.same_slot(slot, -back) for slot in slots]
        values = history.of([slot for slot in there if slot is not None])
        if values.size and np.isfinite(values).all():
            found[back] = float(values.mean())
    return found


def choose_days(means_w: dict[int, float], wanted: int, rules: BaselineRules) -> list[int]:
    """The newest days, those out of bounds replaced by older ones until all lie within the bounds of their mean."""
    left = list(means_w)
    while left:
        newest = left[:wanted]
        mean_w = float(np.mean([means_w[back] for back in newest]))
        off = [back for back in newest if not rules.low * mean_w <= means_w[back] <= rules.high * mean_w]
        if not off:
            return newest
        left = [back for back in left if back not in off]
    return []
