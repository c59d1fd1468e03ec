"""The rasters of an energy report: quarters to price by, hours or days to show, and how the one is summed to the other."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from gateway.insight.energy import Use
from gateway.insight.energy_counter import Times
from gateway.insight.held import Floats

PRICED_MS = 900_000
"""The raster of prices and of peaks: the settlement quarter."""
LOOKED_MS = 35 * 86_400_000
"""How far back it is looked for what is usual."""
HOURLY_MS = 50 * 3_600_000
"""A period up to this long is shown by hours, a longer one by days."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of the period; `amount` None: not known; `known`: share of the stretch with readings."""

    from_ms: int
    to_ms: int
    amount: float | None
    known: float


def looked_from_ms(from_ms: int, to_ms: int) -> int:
    """Where the history must begin: what stands out does so against the weeks before."""
    return min(from_ms, to_ms - LOOKED_MS)


def priced_edges(from_ms: int, to_ms: int) -> Times:
    """Whole quarters of UTC, the first and last cut to the period."""
    inner = np.arange(from_ms // PRICED_MS + 1, -(-to_ms // PRICED_MS), dtype=np.int64) * PRICED_MS
    return np.concatenate(([from_ms], inner, [to_ms])).astype(np.int64)


def shown_edges(from_ms: int, to_ms: int, timezone: str) -> Times:
    """Whole hours or days of the site's clock, the first and last cut to the period."""
    zone = ZoneInfo(timezone)
    at = datetime.fromtimestamp(from_ms / 1000.0, UTC).astimezone(zone).replace(minute=0, second=0, microsecond=0)
    edges = [from_ms]
    hourly = to_ms - from_ms <= HOURLY_MS
    if not hourly:
        at = at.replace(hour=0)
    while True:
        at = (at.astimezone(UTC) + timedelta(hours=1)).astimezone(zone) if hourly else _midnight(at + timedelta(days=1))
        at_ms = round(at.timestamp() * 1000.0)
        if at_ms >= to_ms:
            return np.array([*edges, to_ms], np.int64)
        edges.append(at_ms)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def cells_of(use: Use, shown: Times, *, inside: float) -> tuple[Cell, ...]:
    """The cells of the raster summed up to the shown ones; a cell of which nothing is known has no amount."""
    width = np.diff(use.edges_ms).astype(np.float64)
    known = np.isfinite(use.cells)
    amount = np.concatenate(([0.0], np.cumsum(np.where(known, use.cells, 0.0))))
    covered = np.concatenate(([0.0], np.cumsum(np.where(known, width, 0.0))))
    edges, at = use.edges_ms.astype(np.float64), shown.astype(np.float64)
    amounts: Floats = np.diff(np.interp(at, edges, amount)) / inside
    shares: Floats = np.diff(np.interp(at, edges, covered)) / np.maximum(np.diff(at), 1.0)
    return tuple(
        Cell(int(begin), int(end), float(one) if share > 0.0 else None, float(min(share, 1.0)))
        for begin, end, one, share in zip(shown[:-1], shown[1:], amounts, shares, strict=True)
    )
