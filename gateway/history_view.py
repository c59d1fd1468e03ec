"""History as the API gives it: columns of numbers become an answer."""

from typing import Any

import numpy as np

from gateway.dashboard.records import Series
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.store.finding import Stretch
from gateway.store.history import History
from gateway.store.tiers import NOTHING

WORDS = {int(quality): quality.name.lower() for quality in Quality} | {NOTHING: ""}


class HistoryView:
    """One per gateway; `dashboard.ports.History`."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def series(self, point: PointId, *, from_ms: int, to_ms: int, most: int) -> Series:
        """A stretch of one point in `most` steps at most; LookupError for a point nothing is kept of."""
        return series_of(point, await self._history.find(point, from_ms=from_ms, to_ms=to_ms, most=most, fill=True))


def series_of(point: str, found: Stretch) -> Series:
    """A stretch as the API tells it."""
    columns = found.columns
    end_ms = found.begin_ms + len(columns.mean) * found.step_ms
    return Series(
        point,
        found.unit,
        found.tier,
        found.step_ms / 1000.0,
        tuple(range(found.begin_ms, end_ms, found.step_ms)),
        _numbers(columns.mean),
        _numbers(columns.low),
        _numbers(columns.high),
        tuple(WORDS.get(mark, "invalid") for mark in columns.quality.tolist()),
    )


def _numbers(column: Any) -> tuple[float | None, ...]:
    known = np.isfinite(column)
    if known.all():
        return tuple(column.tolist())
    return tuple(value if there else None for value, there in zip(column.tolist(), known.tolist(), strict=True))
