"""Cycles: how much a battery was moved today, against the budget its owner gives it for a day.

A cycle is its capacity out and in again. With the budget used the battery rests until midnight of the site: it has a
price that no service pays (IEC 62620 counts life in such cycles).
"""

from datetime import datetime
from math import inf
from zoneinfo import ZoneInfo

from gateway.control import facts
from gateway.control.calendar import PLAUSIBLE_MS
from gateway.control.facts import Facts
from gateway.control.kinds import power_points
from gateway.control.state import AssetState, ControlState
from gateway.model.image import Snapshot
from gateway.model.site import Site

MOST_S = 60.0
"""A longer pause between two steps counts as so long: what a battery did meanwhile nobody saw."""


def count(site: Site, state: ControlState, snapshot: Snapshot, *, dt_s: float, utc_ms: int) -> None:
    """Add what every battery with a budget moved since the last step; a new day of the site begins at nothing.

    A wall clock that is set back within a day gives nothing back, nor does one that was never set.
    """
    limited = [known for _, known in facts.of_all(site) if known.budget_wh < inf]
    if not limited:
        return
    day = datetime.fromtimestamp(utc_ms / 1000.0, ZoneInfo(site.timezone)).toordinal()
    for known in limited:
        own = state.assets[known.asset.id]
        if utc_ms >= PLAUSIBLE_MS and not own.cycled_day - 1 <= day <= own.cycled_day:
            own.cycled_day, own.cycled_wh = day, 0.0
        watts = [snapshot.usable(point) for point in power_points(known.asset)]
        seen = [watt for watt in watts if watt is not None]
        moved_w = sum(map(abs, seen)) if len(seen) == len(watts) else abs(own.twin.x)
        own.cycled_wh += moved_w * min(max(dt_s, 0.0), MOST_S) / 3600.0


def used(known: Facts, state: AssetState) -> bool:
    """Whether the day's budget is used."""
    return state.cycled_wh >= known.budget_wh
