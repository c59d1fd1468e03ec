"""The image's columns: where its readings lie, and how who looks at every point at once sees them (telemetry, history).

Arrays, not lists of objects: a block of a hundred values lands in five slices, and nothing is made or let go per value.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import PointId, PointSpec
from gateway.model.reading import Cause, Quality, Reading

QUALITIES, CAUSES = tuple(Quality), tuple(Cause)
"""By number."""


class Columns:
    """The readings of `count` points, never read at first."""

    __slots__ = ("causes", "measured_s", "posted", "qualities", "values")

    def __init__(self, count: int) -> None:
        self.values = np.full(count, np.nan)
        """NaN where there is none."""
        self.qualities = np.full(count, Quality.INVALID, np.uint8)
        self.causes = np.full(count, Cause.NEVER_READ, np.uint8)
        self.measured_s = np.zeros(count)
        self.posted = np.zeros(count, np.int64)
        """Which post a reading came with."""

    def all(self) -> tuple[NDArray[Any], ...]:
        """Every column."""
        return self.values, self.qualities, self.causes, self.measured_s, self.posted

    def copy(self) -> "Columns":
        """The same, on its own."""
        made = Columns.__new__(Columns)
        made.values, made.qualities, made.causes = self.values.copy(), self.qualities.copy(), self.causes.copy()
        made.measured_s, made.posted = self.measured_s.copy(), self.posted.copy()
        return made

    def reading(self, at: int) -> Reading:
        """One of them as it was posted."""
        quality = QUALITIES[self.qualities[at]]
        value = None if quality is Quality.INVALID else self.values.item(at)
        return Reading(value, quality, CAUSES[self.causes[at]], self.measured_s.item(at))

    def trusted(self) -> list[float | None]:
        """The values that are good and finite."""
        bad = (self.qualities != Quality.GOOD) | ~np.isfinite(self.values)
        found: list[float | None] = self.values.tolist()
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
