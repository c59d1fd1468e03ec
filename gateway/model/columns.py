"""The image's columns as arrays, for who looks at every point at once: telemetry, history."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import PointId, PointSpec
from gateway.model.reading import Quality


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
        values: Sequence[float | None],
        *,
        qualities: Sequence[Quality],
        measured_s: Sequence[float],
    ) -> Arrays:
        """The columns of a snapshot taken at `now_s`."""
        measured = np.array(measured_s, np.float64)
        marks = np.frombuffer(bytes(qualities), np.uint8)
        old = (marks < Quality.STALE) & (now_s - measured > self._stale_after_s)
        return Arrays(np.array(values, np.float64), np.where(old, np.uint8(Quality.STALE), marks), measured)
