"""A long record as few columns: the least, mean and largest value of each, so that no spike is lost in the picture."""

from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Floats, Held

COLUMNS = 800


@dataclass(frozen=True, slots=True)
class Thin:
    """One value per column; NaN where the record has none."""

    least: Floats
    mean: Floats
    most: Floats

    @property
    def known(self) -> bool:
        """Whether any column has a value."""
        return bool(np.isfinite(self.mean).any())


def thin(held: Held, edges_s: Floats) -> Thin:
    """The columns between consecutive edges; a column that is known in part shows that part."""
    count = len(edges_s) - 1
    if not held.t_s.size:
        nothing = np.full(count, np.nan)
        return Thin(nothing, nothing, nothing)
    rows = np.clip(np.searchsorted(held.t_s, edges_s, side="right") - 1, 0, held.t_s.size - 1)
    before = edges_s[1:] <= held.t_s[0]
    after = edges_s[:-1] >= held.end_s
    first, last = rows[:-1], rows[1:]
    last = np.where((held.t_s[last] >= edges_s[1:]) & (last > first), last - 1, last)  # it begins with the next column
    values = held.value[: int(last[-1]) + 1]
    least = np.fmin(np.fmin.reduceat(values, first), values[last])
    most = np.fmax(np.fmax.reduceat(values, first), values[last])
    mean = held.means(edges_s)
    mean = np.where(np.isfinite(mean), mean, (least + most) / 2.0)
    absent = before | after
    return Thin(*(np.where(absent, np.nan, column) for column in (least, mean, most)))
