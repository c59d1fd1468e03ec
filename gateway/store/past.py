"""A past put into the history by hand: means of points nobody recorded here, such as another system's archive."""

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
from gateway.store.tiers import NOTHING, QUARTER, Columns, Tier


@dataclass(frozen=True, slots=True)
class Means:
    """One point, a value a slot (NaN: a gap), `low` and `high` within it; all of one shape (slots,)."""

    unit: Unit
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def put_past(folder: Path, points: Mapping[str, Means], *, begin_ms: int, tier: Tier = QUARTER) -> None:
    """Write a tier's slots from `begin_ms` (a whole slot) on, over what was there. StoreError. Blocks."""
    first = begin_ms // tier.span_ms
    lead = (begin_ms - first * tier.span_ms) // tier.step_ms
    file = HistoryFile(folder)
    try:
        numbers = file.series((name, one.unit.value) for name, one in points.items())
        count = max((-(-(len(one.mean) + lead) // tier.slots) for one in points.values()), default=0)
        for chunk in range(count):
            rows = []
            for number, one in zip(numbers, points.values(), strict=True):
                columns = _chunk(tier, one, lead, chunk)
                if np.isfinite(columns.mean).any():
                    rows.append((number, chunks.pack(columns, wide=one.unit in WIDE, plain=False)))
            file.put(tier, (first + chunk) * tier.span_ms, rows)
    finally:
        file.close()


def _chunk(tier: Tier, one: Means, lead: int, number: int) -> Columns:
    """One chunk; what is not given is a gap."""
    mean, low, high = (_cut(tier, column, lead, number) for column in (one.mean, one.low, one.high))
    known = np.isfinite(mean)
    return Columns(
        mean,
        low,
        high,
        np.where(known, tier.step_ms // 1000, 0).astype(np.uint16),
        np.where(known, int(Quality.GOOD), NOTHING).astype(np.uint8),
    )


def _cut(tier: Tier, column: NDArray[np.float64], lead: int, number: int) -> NDArray[np.float64]:
    whole = np.full(tier.slots, np.nan)
    begin = number * tier.slots - lead
    part = column[max(0, begin) : begin + tier.slots]
    at = max(0, -begin)
    whole[at : at + len(part)] = part
    return whole
