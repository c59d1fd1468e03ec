"""What energy cost and emitted: each cell at the price of its time, with what could not be priced told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from gateway.insight.energy import Use
from gateway.insight.energy_counter import Times
from gateway.insight.held import Floats
from gateway.model.energy import CarbonFactor, Tariff
from gateway.model.local import When

DAY_MIN = 1440
REST = ""
"""The name of the band outside all bands."""


@dataclass(frozen=True, slots=True)
class BandUse:
    """What one band of a tariff took: units of the carrier, its price, the cost."""

    name: str
    price: float
    used: float
    cost: float


@dataclass(frozen=True, slots=True)
class Cost:
    """`estimated` is the part of it whose time nobody knows, priced at the mean of its gap; `unpriced` has no price."""

    total: float
    estimated: float
    unpriced: float
    bands: tuple[BandUse, ...]
    earned: float | None
    """For what was fed back; None: there is no price for it, or it is not counted."""


def is_open(when: Sequence[When], local: datetime) -> bool:
    """Whether a window is open at a local time; a span past midnight belongs to the day it began on."""
    minute = local.hour * 60 + local.minute
    for rule in when:
        for days_ago in (0, 1):
            weekday = (local.weekday() - days_ago) % 7
            at = minute + days_ago * DAY_MIN
            if weekday in rule.days and local.month in rule.months and any(b <= at < e for b, e in rule.spans):
                return True
    return False


def band_at(tariff: Tariff, local: datetime) -> tuple[str, float | None]:
    """The name and price in force at a local time; None: it has no price."""
    for band in tariff.bands:
        if is_open(band.when, local):
            return band.name, band.each
    return REST, tariff.each


def cost_of(use: Use, tariff: Tariff, timezone: str, *, inside: float, export: Use | None = None) -> Cost:
    """The cost of what was used; `inside` units make one unit of the price. Cells are priced by their middle."""
    zone = ZoneInfo(timezone)
    middles = (use.edges_ms[:-1] + use.edges_ms[1:]) // 2
    in_force = [band_at(tariff, _local(int(ms), zone)) for ms in middles]
    used: dict[tuple[str, float], float] = {}
    unpriced = 0.0
    for (name, price), amount in zip(in_force, (use.cells / inside).tolist(), strict=True):
        if not np.isfinite(amount):
            continue
        if price is None:
            unpriced += amount
        else:
            used[name, price] = used.get((name, price), 0.0) + amount
    bands = tuple(BandUse(name, price, amount, amount * price) for (name, price), amount in used.items())
    estimated = 0.0
    loose = _loose(use) / inside
    if loose > 0.0:
        mean = _mean_price(use, tariff, zone)
        if mean is None:
            unpriced += loose
        else:
            estimated = loose * mean
    earned = None
    if export is not None and export.total is not None and tariff.export_each is not None:
        earned = export.total / inside * tariff.export_each
    return Cost(sum(band.cost for band in bands) + estimated, estimated, unpriced, bands, earned)


def kg_of(use: Use, factor: CarbonFactor, *, inside: float) -> float | None:
    """CO2 in kg by a factor that holds all the time (location based); None when nothing is known."""
    return None if use.total is None else use.total / inside * factor.kg_each


def _loose(use: Use) -> float:
    """What is in the total and in no cell: counted in gaps, and in cells that are not known whole."""
    in_cells = float(use.cells[np.isfinite(use.cells)].sum())
    return 0.0 if use.total is None else max(0.0, use.total - in_cells)


def _mean_price(use: Use, tariff: Tariff, zone: ZoneInfo) -> float | None:
    """The mean price over the time of the cells that are not known; None where it has none."""
    unknown: Floats = np.flatnonzero(~np.isfinite(use.cells)).astype(np.float64)
    middles: Times = (use.edges_ms[:-1] + use.edges_ms[1:]) // 2
    cells = [int(at) for at in unknown] or range(len(middles))
    prices = [band_at(tariff, _local(int(middles[at]), zone))[1] for at in cells]
    known = [price for price in prices if price is not None]
    return sum(known) / len(known) if known and len(known) == len(prices) else None


def _local(utc_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(utc_ms / 1000.0, UTC).astimezone(zone)
