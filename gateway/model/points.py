"""Groups of points that every step reads: where they lie in the image is looked up once."""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import PointId

Getter = Callable[[Sequence[Any]], Any]


class Groups:
    """Groups of points, all of which are read in one go."""

    __slots__ = ("found", "groups", "index", "spans")

    def __init__(self, groups: Iterable[Sequence[PointId]]) -> None:
        self.groups = tuple(groups)
        ends = [*accumulate(len(group) for group in self.groups)]
        self.spans = list(pairwise([0, *ends]))
        """Where each lies in the row of all."""
        self.index: dict[PointId, int] | None = None
        self.found: tuple[Getter, NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]] | None = None
        """Of the image whose index this is: what takes all of them out of a list; their columns and one more; where in those
        each group, and that one, begins; the shortest age at which one of a group is stale. None: it lacks a point."""

    def find(self, index: dict[PointId, int], stale_after_s: Sequence[float]) -> None:
        """Look the columns up for another image."""
        self.index, self.found = index, None
        points = [point for group in self.groups for point in group]
        if len(points) > 1 and all(point in index for point in points):
            columns = [index[point] for point in points]
            ended = [*columns, columns[0]]  # one more group, so that an empty one before it begins somewhere
            starts = np.array([*(begin for begin, _ in self.spans), len(columns)], np.intp)
            stale_s = np.minimum.reduceat([stale_after_s[at] for at in ended], starts)[:-1]
            self.found = itemgetter(*columns), np.array(ended, np.intp), starts, stale_s
