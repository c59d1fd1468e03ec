"""The contractual baseline as the head-end works it out: from the site's history, on its own, for one event.

B0(t) is the mean of the last N days of the same type (working day or weekend) at the same time of day; a day whose mean
over the event is below 75 % or above 125 % of the mean of them all is replaced by the next older one. Then the day
itself: B(t) = B0(t) + the mean of (P - B0) over [start - 2.5 h, start - 0.5 h], at most 20 % of B0(t) either way.
Between its rows the history is held, as a settlement platform holds its 96 points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path

from emulators.load import DAY_S, LoadFile, read_load

MONDAY = datetime(2026, 6, 29)  # noqa: DTZ001  # a wall clock, not an instant
LOOK_BACK_DAYS = 45
SLOT_S = 900.0
"""What the head-end measures is kept as means of quarter hours."""
Measured = Callable[[float], float | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """A market's numbers."""

    days: int = 5
    low: float = 0.75
    high: float = 1.25
    adjust_begin_s: float = 9000.0
    adjust_end_s: float = 1800.0
    adjust_cap: float = 0.2


class History:
    """A load CSV as the whole site's power; time 0 is the run's begin. `measured` knows the time since then."""

    def __init__(
        self,
        file: LoadFile,
        *,
        start_s: float = 0.0,
        scale: float = 1.0,
        add_w: float = 0.0,
        measured: Measured = lambda t_s: None,  # noqa: ARG005
    ) -> None:
        self._file = file
        self._start_s = start_s
        self._scale = scale
        self._add_w = add_w
        self._measured = measured
        self.interval_s = file.interval_s

    @classmethod
    def from_csv(cls, path: Path, *, start_s: float, scale: float, add_w: float, measured: Measured) -> "History":
        """Read a load CSV; ValueError names the line that is wrong."""
        return cls(read_load(path), start_s=start_s, scale=scale, add_w=add_w, measured=measured)

    def at(self, t_s: float) -> float | None:
        """W at a time of the run (before it: negative); None where nothing is known."""
        if t_s >= 0.0:
            known = self._measured(t_s)
            if known is not None:
                return known
        index = int((t_s + self._start_s - self._file.first_s) // self.interval_s)
        if not 0 <= index < len(self._file.watts):
            return None
        watts = self._file.watts[index]
        return None if watts is None else watts * self._scale + self._add_w

    def edges(self, begin_s: float, end_s: float) -> list[float]:
        """begin, end, and between them every row's begin and, since the run's begin, every measured quarter's."""
        offset_s = self._start_s - self._file.first_s
        rows = _raster(begin_s + offset_s, end_s + offset_s, step_s=self.interval_s)
        quarters = _raster(max(begin_s, -SLOT_S), end_s, step_s=SLOT_S)
        return [begin_s, *sorted({*(edge_s - offset_s for edge_s in rows), *quarters} - {begin_s}), end_s]

    def working(self, t_s: float) -> bool:
        """Whether the day of a time is Monday to Friday."""
        t0 = (self._file.t0 or MONDAY).replace(tzinfo=None)
        return (t0 + timedelta(seconds=t_s + self._start_s)).weekday() < 5


class Baseline:
    """The curve of one event."""

    def __init__(self, history: History, days: Sequence[int], adjust_w: float, *, cap: float) -> None:
        self._history = history
        self.days = tuple(days)
        self.adjust_w = adjust_w
        self._cap = cap

    def raw(self, t_s: float) -> float | None:
        """B0: the mean of the chosen days at this time of day."""
        return mean_of_days(self._history, self.days, t_s)

    def at(self, t_s: float) -> float | None:
        """B: adjusted by the day itself."""
        raw = self.raw(t_s)
        if raw is None:
            return None
        most = abs(raw) * self._cap
        return raw + max(-most, min(most, self.adjust_w))


def baseline(history: History, *, start_s: float, end_s: float, rules: Rules | None = None) -> Baseline | None:
    """The baseline of the event [start, end); None when the history has no day like it."""
    rules = rules or Rules()
    days = _choose(history, start_s, end_s, rules)
    if not days:
        return None

    def surplus(t_s: float) -> float | None:
        drawn, raw = history.at(t_s), mean_of_days(history, days, t_s)
        return None if drawn is None or raw is None else drawn - raw

    adjust_w = mean_over(history, surplus, start_s - rules.adjust_begin_s, start_s - rules.adjust_end_s)
    return Baseline(history, days, adjust_w or 0.0, cap=rules.adjust_cap)


def mean_of_days(history: History, days: Sequence[int], t_s: float) -> float | None:
    """The mean at the same time of day, that many days back."""
    known = [watts for back in days if (watts := history.at(t_s - back * DAY_S)) is not None]
    return sum(known) / len(known) if known else None


def _raster(begin_s: float, end_s: float, *, step_s: float) -> list[float]:
    """The whole multiples of the step after begin and before end."""
    first = int(begin_s // step_s) + 1
    return [number * step_s for number in range(first, ceil(end_s / step_s))]


def mean_over(history: History, of: Measured, begin_s: float, end_s: float) -> float | None:
    """The time-weighted mean of something held between the history's rows; None where a part is unknown."""
    total = 0.0
    edges = history.edges(begin_s, end_s)
    for left_s, right_s in pairwise(edges):
        value = of((left_s + right_s) / 2)
        if value is None:
            return None
        total += value * (right_s - left_s)
    return total / (end_s - begin_s)


def _choose(history: History, start_s: float, end_s: float, rules: Rules) -> list[int]:
    """How many days back the chosen days are: like days, unlike ones replaced by older."""
    alike = [
        (back, mean)
        for back in range(1, LOOK_BACK_DAYS + 1)
        if history.working(start_s - back * DAY_S) is history.working(start_s)
        if (mean := mean_over(history, history.at, start_s - back * DAY_S, end_s - back * DAY_S)) is not None
    ]
    chosen, older = alike[: rules.days], alike[rules.days :]
    while older:
        middle = sum(mean for _, mean in chosen) / len(chosen)
        odd = [one for one in chosen if not rules.low * middle <= one[1] <= rules.high * middle]
        if not odd:
            break
        chosen = [one for one in chosen if one not in odd]
        chosen, older = chosen + older[: len(odd)], older[len(odd) :]
    return [back for back, _ in chosen]
