"""The image's columns: where its readings lie, and how who looks at every point at once sees them (telemetry, history).

Arrays, not lists of objects: a block of a hundred values lands in five slices, and nothing is made or let go per value.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import PointId, PointSpec
from gateway.model.reading import HUGE, Cause, Quality, Reading

QUALITIES, CAUSES = tuple(Quality), tuple(Cause)
"""By number."""


class Columns:
    """The readings of many points."""

    __slots__ = ("_parts", "causes", "measured_s", "posted", "qualities", "values")

    def __init__(self, *columns: NDArray[Any]) -> None:
        """`columns` in the order of `all`."""
        self.values, self.qualities, self.causes, self.measured_s, self.posted = columns
        self._parts: dict[range, Columns] = {}

    @classmethod
    def never_read(cls, count: int) -> "Columns":
        """Of so many points, none of them read yet: NaN where there is no value; which post a reading came with, 0."""
        invalid, cause = np.full(count, Quality.INVALID, np.uint8), np.full(count, Cause.NEVER_READ, np.uint8)
        return cls(np.full(count, np.nan), invalid, cause, np.zeros(count), np.zeros(count, np.int64))

    def all(self) -> tuple[NDArray[Any], ...]:
        """Every column."""
        return self.values, self.qualities, self.causes, self.measured_s, self.posted

    def copy(self) -> "Columns":
        """The same, on its own."""
        return Columns(*(column.copy() for column in self.all()))

    def part(self, columns: range) -> "Columns":
        """A block of them; what is written to it is written here."""
        found = self._parts.get(columns)
        if found is None:
            here = slice(columns.start, columns.stop)
            found = self._parts[columns] = Columns(*(column[here] for column in self.all()))
        return found

    def reading(self, at: int) -> Reading:
        """One of them as it was posted."""
        quality = QUALITIES[self.qualities[at]]
        value = None if quality is Quality.INVALID else self.values.item(at)
        return Reading(value, quality, CAUSES[self.causes[at]], self.measured_s.item(at))

    def trusted(self, columns: NDArray[np.intp]) -> list[float | None]:
        """The values of these that are good and that a quantity can have."""
        values = self.values[columns]
        bad = (self.qualities[columns] != Quality.GOOD) | ~(np.abs(values) < HUGE)
        found: list[float | None] = values.tolist()
        for at in np.flatnonzero(bad).tolist():
            found[at] = None
        return found


class Arrays(NamedTuple):
    """One snapshot of every point, shape (points,) each."""

    values: NDArray[np.float64]
    """NaN where there is none."""
    qualities: NDArray[np.uint8]
    """As numbers; what is older than its limit is stale."""
    measured_s: NDArray[np.float64]
    """Boot time."""


class Layout:
    """Which point lies in which column; another object as soon as that changes."""

    __slots__ = ("_stale_after_s", "names")

    def __init__(self, specs: Iterable[PointSpec]) -> None:
        found = list(specs)
        self.names: tuple[PointId, ...] = tuple(spec.id for spec in found)
        self._stale_after_s = np.array([spec.stale_after_s for spec in found], np.float64)

    def arrays(
        self,
        now_s: float,
        columns: Columns,
    ) -> Arrays:
        """The columns of a snapshot taken at `now_s`."""
        marks = columns.qualities
        old = (marks < Quality.STALE) & (now_s - columns.measured_s > self._stale_after_s)
        return Arrays(columns.values, np.where(old, np.uint8(Quality.STALE), marks), columns.measured_s)
