"""Groups of points that every step reads: where they lie in the image is looked up once."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import PointId

Row = tuple[tuple[float | None, ...], float]
"""The values of a group, and when the newest of them was measured."""
UNREAD = -1
"""No post has this number."""


class Places(NamedTuple):
    """Where the groups lie in an image."""

    columns: NDArray[np.intp]
    """Their columns and one more, which is a group of its own."""
    starts: NDArray[np.intp]
    """Where in those each group begins, and that one."""
    stale_s: NDArray[np.float64]
    """The shortest age at which one of a group is stale."""


class Groups:
    """Groups of points, all of which are read in one go, and what was last read of each."""

    __slots__ = ("groups", "index", "places", "posted", "rows", "spans")

    def __init__(self, groups: Iterable[Sequence[PointId]]) -> None:
        self.groups = tuple(groups)
        ends = [*accumulate(len(group) for group in self.groups)]
        self.spans = list(pairwise([0, *ends]))
        """Where each lies in the row of all."""
        self.index: dict[PointId, int] | None = None
        self.places: Places | None = None
        """In the image whose index this is; None: it lacks a point."""
        self.rows: list[Row] = []
        self.posted: NDArray[np.int64] = np.array([], np.int64)
        """The newest post each row has; `UNREAD`: read it again."""

    def find(self, index: dict[PointId, int], stale_after_s: Sequence[float]) -> None:
        """Look the columns up for another image."""
        self.index, self.places = index, None
        self.rows, self.posted = [((), inf)] * len(self.groups), np.full(len(self.groups), UNREAD, np.int64)
        points = [point for group in self.groups for point in group]
        if len(points) > 1 and all(point in index for point in points):
            columns = [index[point] for point in points]
            ended = [*columns, columns[0]]  # one more group, so that an empty one before it begins somewhere
            starts = np.array([*(begin for begin, _ in self.spans), len(columns)], np.intp)
            stale_s = np.minimum.reduceat([stale_after_s[at] for at in ended], starts)[:-1]
            self.places = Places(np.array(ended, np.intp), starts, stale_s)
