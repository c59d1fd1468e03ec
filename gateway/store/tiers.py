"""History in tiers: every second for days, every minute for months, every quarter of an hour for years. Pure.

A tier is cut into chunks. A second's sample goes into the raw chunk under way and into the minute's sums; a minute that is
over becomes a slot of the minute tier and joins the quarter's sums. A slot that is written twice (after a restart) is
merged, weighted by its seconds.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.uint16]
Marks = NDArray[np.uint8]
NOTHING = 255
"""Quality of a slot nothing is known of."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One resolution; `most_bytes` bounds what it may take on the disk."""

    name: str
    step_ms: int
    slots: int
    most_bytes: int

    @property
    def span_ms(self) -> int:
        """Of one chunk."""
        return self.step_ms * self.slots


RAW = Tier("raw", 1_000, 300, 512 * 2**20)
MINUTE = Tier("minute", 60_000, 60, 512 * 2**20)
QUARTER = Tier("quarter", 900_000, 96, 2**30)
TIERS = (RAW, MINUTE, QUARTER)


@dataclass(slots=True)
class Columns:
    """A stretch of slots: what they held, over how many seconds, the worst quality; shapes (slots, points) or (slots,)."""

    mean: Floats
    low: Floats
    high: Floats
    count: Counts
    quality: Marks


def empty(*shape: int) -> Columns:
    """Slots nothing is known of."""
    gap = np.full(shape, np.nan)
    return Columns(gap, gap.copy(), gap.copy(), np.zeros(shape, np.uint16), np.full(shape, NOTHING, np.uint8))


def merge(into: Columns, at: int, new: Columns) -> None:
    """Lay one slot (shape (points,)) over what is there, each weighted by its seconds."""
    old_count, new_count = into.count[at].astype(np.float64), new.count.astype(np.float64)
    total = old_count + new_count
    known = total > 0
    sums = np.where(old_count > 0, into.mean[at], 0.0) * old_count + np.where(new_count > 0, new.mean, 0.0) * new_count
    into.mean[at] = np.divide(sums, total, out=np.full(total.shape, np.nan), where=known)
    into.low[at] = np.fmin(into.low[at], new.low)
    into.high[at] = np.fmax(into.high[at], new.high)
    into.count[at] = np.minimum(total, 65_535)
    into.quality[at] = worse(into.quality[at], new.quality)


def worse(one: Marks, other: Marks) -> Marks:
    """The worse of two qualities; NOTHING says nothing."""
    found: Marks = np.where(one == NOTHING, other, np.where(other == NOTHING, one, np.maximum(one, other))).astype(
        np.uint8
    )
    return found


def thinned(columns: Columns, every: int) -> Columns:
    """Of single-point columns (slots,): each `every` slots as one; the length is a multiple of it."""
    count = columns.count.reshape(-1, every).astype(np.float64)
    mean = columns.mean.reshape(-1, every)
    total = count.sum(axis=1)
    sums = np.where(count > 0, mean, 0.0) * count
    quality = columns.quality.reshape(-1, every).astype(np.int16)
    worst = np.where(quality == NOTHING, -1, quality).max(axis=1)
    return Columns(
        np.divide(sums.sum(axis=1), total, out=np.full(total.shape, np.nan), where=total > 0),
        np.fmin.reduce(columns.low.reshape(-1, every), axis=1),
        np.fmax.reduce(columns.high.reshape(-1, every), axis=1),
        np.minimum(total, 65_535).astype(np.uint16),
        np.where(worst < 0, NOTHING, worst).astype(np.uint8),
    )


@dataclass(slots=True)
class Sums:
    """The slot of a tier that is under way."""

    points: int
    slot: int = -1
    """Its number since 1970; -1: none yet."""
    columns: Columns = field(init=False)

    def __post_init__(self) -> None:
        self.columns = empty(1, self.points)

    def add(self, sample: Columns) -> None:
        """Take over one sample or one finer slot, shape (points,)."""
        merge(self.columns, 0, sample)

    def take(self) -> Columns:
        """What was added, shape (points,); begins anew."""
        done, self.columns = self.columns, empty(1, self.points)
        return Columns(done.mean[0], done.low[0], done.high[0], done.count[0], done.quality[0])
