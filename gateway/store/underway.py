"""What of the history is not on the disk yet: the raw chunk under way, and whole slots of the coarser tiers. Pure.

Numbers lie in memory as wide as they will on the disk: 4 bytes, 8 for counters. One chunk's memory serves them all, and a
page of it is touched when the first of its seconds comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.store.tiers import NOTHING, RAW, Columns, Marks, Tier, empty, merge


class Seconds:
    """The raw chunk under way: one value and one quality a second and point; `wide` says which points are counters."""

    def __init__(self, wide: Sequence[bool]) -> None:
        self.begin_ms: int | None = None
        self.changed = False
        self._wide = np.flatnonzero(wide)
        self._place = {at: place for place, at in enumerate(self._wide.tolist())}
        self._narrow = np.zeros((RAW.slots, len(wide)), np.float32)
        self._long = np.zeros((RAW.slots, len(self._wide)), np.float64)
        self._marks = np.zeros((RAW.slots, len(wide)), np.uint8)
        """NOTHING less the quality, so that what is not touched says nothing."""

    def begin(self, begin_ms: int) -> None:
        """Another chunk, nothing known of it."""
        if self.begin_ms is not None:
            self._marks.fill(0)
        self.begin_ms, self.changed = begin_ms, False

    def put(self, utc_ms: int, values: NDArray[np.float64], quality: Marks) -> None:
        """One second of every point, shapes (points,); a value counts where its quality is not NOTHING."""
        slot = utc_ms // RAW.step_ms % RAW.slots
        with np.errstate(over="ignore"):  # beyond 4 bytes it is infinite, on the disk as well, and told as a gap
            self._narrow[slot] = values
        self._long[slot] = values[self._wide]
        self._marks[slot] = NOTHING - quality
        self.changed = True

    def put_column(self, at: int, one: Columns) -> None:
        """All seconds of one point, read back from the disk; shape (slots,)."""
        known = np.flatnonzero(one.quality != NOTHING)  # the rest is not touched
        self._narrow[known, at] = one.mean[known]
        if (place := self._place.get(at)) is not None:
            self._long[known, place] = one.mean[known]
        self._marks[known, at] = NOTHING - one.quality[known]

    def column(self, at: int) -> Columns:
        """All seconds of one point, shape (slots,)."""
        place = self._place.get(at)
        values = self._narrow[:, at] if place is None else self._long[:, place]
        quality = NOTHING - self._marks[:, at]
        mean = np.where(quality == NOTHING, np.nan, values)
        return Columns(mean, mean, mean, np.isfinite(mean).astype(np.uint16), quality)

    def known(self) -> list[int]:
        """The points of which there is anything."""
        return np.flatnonzero(self._marks.any(axis=0)).tolist()


@dataclass(slots=True)
class Slots:
    """Whole slots of a coarser tier that are not on the disk yet, by the UTC ms at which they begin."""

    tier: Tier
    slots: dict[int, Columns] = field(default_factory=dict)
    """Each of shape (1, points)."""

    def add(self, at_ms: int, done: Columns) -> None:
        """Merge one slot, shape (points,), into what is there of it."""
        if at_ms not in self.slots:
            self.slots[at_ms] = empty(1, len(done.mean))
        merge(self.slots[at_ms], 0, done)

    def chunks(self) -> dict[int, list[int]]:
        """Begin of a chunk -> the slots of it that are here."""
        found: dict[int, list[int]] = {}
        for at_ms in sorted(self.slots):
            found.setdefault(at_ms // self.tier.span_ms * self.tier.span_ms, []).append(at_ms)
        return found

    def together(self, begun: Sequence[int]) -> Columns:
        """These slots as columns of shape (slots, points)."""
        some = [self.slots[at_ms] for at_ms in begun]
        return Columns(
            np.concatenate([one.mean for one in some]),
            np.concatenate([one.low for one in some]),
            np.concatenate([one.high for one in some]),
            np.concatenate([one.count for one in some]),
            np.concatenate([one.quality for one in some]),
        )

    def column(self, at: int) -> Iterator[tuple[int, Columns]]:
        """(begin, columns of shape (1,)) of one point, slot by slot."""
        for at_ms, slot in sorted(self.slots.items()):
            yield at_ms, of_point(slot, at)


def lay(over: Columns, places: NDArray[np.intp], one: Columns) -> None:
    """Lay slots of one point over its chunk, both of shape (slots,)."""
    over.mean[places], over.low[places], over.high[places] = one.mean, one.low, one.high
    over.count[places], over.quality[places] = one.count, one.quality


def of_point(columns: Columns, at: int) -> Columns:
    """One point's part of columns of shape (slots, points)."""
    return Columns(
        columns.mean[:, at], columns.low[:, at], columns.high[:, at], columns.count[:, at], columns.quality[:, at]
    )
