"""A past put into the history by hand: quarter hours of points nobody recorded here, such as another system's archive."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.model.point import Unit
from gateway.model.reading import Quality
from gateway.store import chunks
from gateway.store.history_file import HistoryFile
from gateway.store.recorder import WIDE
from gateway.store.tiers import NOTHING, QUARTER, Columns


@dataclass(frozen=True, slots=True)
class Quarters:
    """One point, a value a quarter hour (NaN: a gap), `low` and `high` within it; all of one shape (slots,)."""

    unit: Unit
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def put_past(folder: Path, points: Mapping[str, Quarters], *, begin_ms: int) -> None:
    """Write quarter hours from `begin_ms` (a whole quarter) on, over what was there. StoreError. Blocks."""
    first_day = begin_ms // QUARTER.span_ms
    lead = (begin_ms - first_day * QUARTER.span_ms) // QUARTER.step_ms
    file = HistoryFile(folder)
    try:
        numbers = file.series((name, one.unit.value) for name, one in points.items())
        days = max((-(-(len(one.mean) + lead) // QUARTER.slots) for one in points.values()), default=0)
        for day in range(days):
            rows = []
            for number, one in zip(numbers, points.values(), strict=True):
                columns = _day(one, lead, day)
                if np.isfinite(columns.mean).any():
                    rows.append((number, chunks.pack(columns, wide=one.unit in WIDE, plain=False)))
            file.put(QUARTER, (first_day + day) * QUARTER.span_ms, rows)
    finally:
        file.close()


def _day(one: Quarters, lead: int, day: int) -> Columns:
    """A day's chunk; what is not given is a gap."""
    mean, low, high = (_cut(column, lead, day) for column in (one.mean, one.low, one.high))
    known = np.isfinite(mean)
    seconds = QUARTER.step_ms // 1000
    return Columns(
        mean,
        low,
        high,
        np.where(known, seconds, 0).astype(np.uint16),
        np.where(known, int(Quality.GOOD), NOTHING).astype(np.uint8),
    )


def _cut(column: NDArray[np.float64], lead: int, day: int) -> NDArray[np.float64]:
    whole = np.full(QUARTER.slots, np.nan)
    begin = day * QUARTER.slots - lead
    part = column[max(0, begin) : begin + QUARTER.slots]
    at = max(0, -begin)
    whole[at : at + len(part)] = part
    return whole
