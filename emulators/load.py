"""The load nobody controls: a recorded building's day, scaled, linear between the middles of its intervals."""

import csv
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from gateway.texts import say

DAY_S = 86400.0
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds(text: str) -> float:
    """`9d14h`, `20m`, `90s`, `90` as seconds; ValueError for anything else."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ValueError(say("refused.span", given=text))
    return sum(float(part or 0.0) * unit for part, unit in zip(found.groups(), (DAY_S, 3600.0, 60.0, 1.0), strict=True))


@dataclass(frozen=True, slots=True)
class LoadFile:
    """A load CSV as written: `watts[i]` is the mean of the interval that begins at `first_s + i * interval_s`."""

    first_s: float
    interval_s: float
    watts: tuple[float | None, ...]
    t0: datetime | None = None
    """Local time of t_s = 0; None: some Monday's midnight."""


def read_load(path: Path) -> LoadFile:
    """Read `t_s,load_w` rows with equal intervals; ValueError names the line that is wrong."""
    times: list[float] = []
    watts: list[float | None] = []
    t0: datetime | None = None
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            if not row or row[0].startswith("#"):
                if row and (found := re.fullmatch(r"#\s*t0:\s*(\S+)\s*", ",".join(row))):
                    t0 = datetime.fromisoformat(found[1])
                continue
            if row == ["t_s", "load_w"]:
                continue
            try:
                times.append(float(row[0]))
                watts.append(float(row[1]) if row[1].strip() else None)
            except (ValueError, IndexError) as error:
                raise ValueError(say("refused.load_row", place=f"{path}:{number}", row=str(row))) from error
    if len(times) < 2:
        raise ValueError(say("refused.load_short", file=path))
    step = times[1] - times[0]
    for at, (earlier, later) in enumerate(pairwise(times)):
        if step <= 0.0 or abs(later - earlier - step) > 1e-6 * step:
            raise ValueError(say("refused.load_uneven", file=path, step=step, at=times[at + 1]))
    return LoadFile(times[0], step, tuple(watts), t0)


class Load:
    """What the building draws besides its assets; time 0 is the run's begin."""

    __slots__ = ("_file", "_middles", "_points", "_scale", "_spacing", "file", "start_s")

    def __init__(self, file: LoadFile, start_s: float = 0.0, *, scale: float = 1.0) -> None:
        self.file = file
        self.start_s = start_s
        self._scale = scale
        self._spacing = file.interval_s
        self._middles = file.first_s + file.interval_s / 2.0 - start_s
        self._points = [scale * value for value in bridged(file.watts)]

    @classmethod
    def from_csv(
        cls, path: Path, start_s: float = 0.0, *, mean_w: float | None, duration_s: float = DAY_S, scale: float = 1.0
    ) -> "Load":
        """The file from `start_s` on, scaled so that the day (or longer run) from there has the mean `mean_w`.

        `mean_w` None keeps the file's own watts times `scale`. What lies before `start_s` is history, scaled alike.
        ValueError when nothing lies after `start_s`.
        """
        file = read_load(path)
        if mean_w is not None:
            span_s = max(duration_s, DAY_S)
            begin = round((start_s - file.first_s) / file.interval_s)
            end = round((start_s + span_s - file.first_s) / file.interval_s)
            found = [value for value in file.watts[max(begin, 0) : end] if value is not None]
            if not found or sum(found) <= 0.0:
                raise ValueError(say("refused.load_over", file=path, start=start_s))
            scale = mean_w * len(found) / sum(found)
        return cls(file, start_s, scale=scale)

    @property
    def scale(self) -> float:
        """What the file's watts are multiplied by."""
        return self._scale

    @classmethod
    def constant(cls, watts: float) -> "Load":
        """A load that never changes."""
        return cls(LoadFile(0.0, DAY_S, (watts, watts)))

    def at(self, t_s: float) -> float:
        """Watts at an instant of the run; past the file's ends the last value holds."""
        place = (t_s - self._middles) / self._spacing
        points = self._points
        if place <= 0.0:
            return points[0]
        low = int(place)
        if low >= len(points) - 1:
            return points[-1]
        here = points[low]
        return here + (place - low) * (points[low + 1] - here)

    def history(self, assets_w: float = 0.0) -> tuple[list[float], list[float | None]]:
        """Begins of the intervals before the run (s, negative) and their means (W) with `assets_w` added; None = gap."""
        file = self.file
        count = max(0, min(len(file.watts), int((self.start_s - file.first_s) / file.interval_s + 1e-9)))
        times = [file.first_s + at * file.interval_s - self.start_s for at in range(count)]
        return times, [None if value is None else value * self._scale + assets_w for value in file.watts[:count]]


def bridged(watts: Sequence[float | None]) -> list[float]:
    """Gaps closed by straight lines between their neighbours; ValueError when there is no value at all."""
    known = [at for at, value in enumerate(watts) if value is not None]
    if not known:
        raise ValueError(say("refused.load_empty"))
    filled: list[float] = []
    for at, value in enumerate(watts):
        if value is None:
            right = bisect_left(known, at)
            after, before = known[min(right, len(known) - 1)], known[max(right - 1, 0)]
            here, there = watts[before], watts[after]
            assert here is not None  # known holds places with values only
            assert there is not None
            share = (at - before) / (after - before) if after > before else 0.0
            filled.append(here + min(max(share, 0.0), 1.0) * (there - here))
        else:
            filled.append(value)
    return filled
