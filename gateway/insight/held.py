"""Sample and hold: a value stands from its row until the next, and every mean is weighted by time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPSILON_S = 1e-6


@dataclass(frozen=True, slots=True)
class Held:
    """A step function: `value[i]` holds from `t_s[i]` to `t_s[i + 1]`, the last until `end_s`; NaN where there is none."""

    t_s: Floats
    value: Floats
    end_s: float

    @property
    def known(self) -> bool:
        """Whether there is any value at all."""
        return bool(np.isfinite(self.value).any())

    def at(self, t_s: Floats) -> Floats:
        """The value in force at each time; NaN before the first row and from the end on."""
        index = np.searchsorted(self.t_s, t_s, side="right") - 1
        known = (index >= 0) & (t_s < self.end_s)
        found = np.full(np.shape(t_s), np.nan)
        found[known] = self.value[index[known]]
        return found

    def means(self, edges_s: Floats) -> Floats:
        """Time-weighted mean between consecutive edges (rising); NaN where any part of a stretch has no value."""
        if not self.t_s.size:
            return np.full(max(len(edges_s) - 1, 0), np.nan)
        end_s = min(self.end_s, float(edges_s[-1]))  # a value may hold for ever; an endless area would be none
        bounds = np.append(self.t_s, max(end_s, self.t_s[-1]))
        spans = np.diff(bounds)
        known = np.isfinite(self.value)
        weighed = np.concatenate(([0.0], np.cumsum(np.where(known, self.value, 0.0) * spans)))
        covered = np.concatenate(([0.0], np.cumsum(np.where(known, spans, 0.0))))
        area, there = np.diff(np.interp(edges_s, bounds, weighed)), np.diff(np.interp(edges_s, bounds, covered))
        width = np.diff(edges_s)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where((width > 0) & (there >= width - EPSILON_S), area / there, np.nan)

    def mean(self, start_s: float, end_s: float) -> float:
        """Time-weighted mean of one stretch."""
        return float(self.means(np.array([start_s, end_s]))[0])


def combine(formula: Callable[..., Floats], *parts: Held) -> Held:
    """A formula of several held values, held on every row of any of them while all of them last."""
    start_s = max(float(part.t_s[0]) if part.t_s.size else np.inf for part in parts)
    end_s = min(part.end_s for part in parts)
    times = np.unique(np.concatenate([part.t_s for part in parts]))
    times = times[(times >= start_s) & (times < end_s)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return Held(times, formula(*(part.at(times) for part in parts)), end_s)


def raster(start_s: float, end_s: float, step_s: float) -> Floats:
    """Edges of the whole steps that fit between start and end."""
    count = int((end_s - start_s) / step_s + EPSILON_S)
    return start_s + step_s * np.arange(max(count, 0) + 1, dtype=np.float64)


def pieces(known: NDArray[np.bool_]) -> list[slice]:
    """The unbroken stretches of True."""
    padded = np.concatenate(([False], known, [False])).astype(np.int8)
    turns = np.flatnonzero(np.diff(padded))
    return [slice(int(begin), int(end)) for begin, end in zip(turns[::2], turns[1::2], strict=True)]
