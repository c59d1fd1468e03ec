"""What stands out in a period: water that never stops, a night that draws more than nights do.

Leak: a day in which every hour used water; the least of its hours is what runs away. Night base: the mean of 0 to 5 h
over the mean of 8 to 18 h of the last whole day, a fifth above the median of the whole days like it before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from gateway.insight.energy import Use
from gateway.insight.held import Floats
from gateway.model.energy import Carrier, Metered

NIGHT, DAY = range(5), range(8, 18)
HOURS = 24
MORE = 1.2
LEAST_DAYS = 5
LEAST_FLOW = 0.002
"""m³/h: what drips less is below any meter's starting flow."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`value` against `usual`: m³ an hour for a leak, shares of the day's mean for a night base."""

    kind: Literal["leak", "night_base"]
    meter: str
    from_ms: int
    value: float
    usual: float


def findings(uses: Mapping[str, tuple[Metered, Use]], timezone: str) -> tuple[Finding, ...]:
    """What stands out up to the end of each use, meter by meter."""
    found = []
    for name, (metered, use) in uses.items():
        days = _days(use, timezone)
        if metered.carrier is Carrier.WATER:
            found += _leak(name, days)
        if metered.carrier is Carrier.ELECTRICITY and metered.part_of is None:
            found += _night(name, days, ZoneInfo(timezone))
    return tuple(found)


def _leak(name: str, days: list[tuple[int, Floats]]) -> list[Finding]:
    """The newest whole day, when water ran in each of its hours."""
    if not days:
        return []
    begin_ms, hours = days[-1]
    least = float(hours.min())
    return [Finding("leak", name, begin_ms, least, 0.0)] if least > LEAST_FLOW else []


def _night(name: str, days: list[tuple[int, Floats]], zone: ZoneInfo) -> list[Finding]:
    """The newest whole day against the days like it: working days, or weekends."""
    if not days:
        return []
    weekend = _is_weekend(days[-1][0], zone)
    shares = [(begin_ms, _share(hours)) for begin_ms, hours in days if _is_weekend(begin_ms, zone) is weekend]
    known = [(begin_ms, share) for begin_ms, share in shares if share is not None]
    if len(known) <= LEAST_DAYS:
        return []
    begin_ms, share = known[-1]
    usual = float(np.median([one for _, one in known[:-1]]))
    return [Finding("night_base", name, begin_ms, share, usual)] if share > MORE * usual else []


def _is_weekend(begin_ms: int, zone: ZoneInfo) -> bool:
    return datetime.fromtimestamp(begin_ms / 1000.0, UTC).astimezone(zone).weekday() >= 5


def _share(hours: Floats) -> float | None:
    day = float(hours[DAY.start : DAY.stop].mean())
    return float(hours[NIGHT.start : NIGHT.stop].mean()) / day if day > 0.0 else None


def _days(use: Use, timezone: str) -> list[tuple[int, Floats]]:
    """Whole local days of 24 hours, all of them known: (begin, amount of each hour)."""
    zone = ZoneInfo(timezone)
    days: dict[object, dict[int, list[float]]] = {}
    begins: dict[object, int] = {}
    widths = np.diff(use.edges_ms).tolist()
    for begin_ms, width, amount in zip(use.edges_ms[:-1].tolist(), widths, use.cells.tolist(), strict=True):
        local = datetime.fromtimestamp(begin_ms / 1000.0, UTC).astimezone(zone)
        begins.setdefault(local.date(), begin_ms)
        if np.isfinite(amount) and width == 900_000:
            days.setdefault(local.date(), {}).setdefault(local.hour, []).append(amount)
    return [
        (begins[day], np.array([sum(hours[hour]) for hour in range(HOURS)]))
        for day, hours in sorted(days.items(), key=lambda item: begins[item[0]])
        if len(hours) == HOURS and all(len(parts) == 4 for parts in hours.values())
    ]
