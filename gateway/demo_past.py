"""The demonstration's past: weeks of the same building before its gateway was started, so that Energy and Trends have some.

Made, not measured: the scenario's load file by the site's clock with every asset at its operating point, water and gas by
the hour. The counters end where the emulated meters begin.
"""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from emulators.flows import flows_of
from emulators.scenario import Scenario
from gateway import health
from gateway.model.point import Unit, point_id
from gateway.model.site import EvFleet, Site
from gateway.store.past import Quarters, put_past

DAYS = 63
"""Two months: a month, and the month before to compare with."""
QUARTER_MS, QUARTER_S, DAY_S = 900_000, 900.0, 86_400.0
Floats = NDArray[np.float64]


def put(state: Path, scenario: Scenario, site: Site, *, load_start_s: float, utc_ms: int) -> None:
    """Write the weeks before `utc_ms` into the history of a fresh state directory. StoreError."""
    zone = ZoneInfo(site.timezone)
    now = datetime.fromtimestamp(utc_ms / 1000.0, zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begin_ms = round((midnight - timedelta(days=DAYS)).timestamp() * 1000.0)
    count = (utc_ms - begin_ms) // QUARTER_MS
    first_s = (begin_ms - round(midnight.timestamp() * 1000.0)) / 1000.0
    clock_s = first_s + QUARTER_S * np.arange(count, dtype=np.float64)
    building_w = _building(scenario, load_start_s, clock_s)
    does = {
        asset.id: _at_rest(scenario, asset.operating_w, fleet=isinstance(asset.detail, EvFleet))
        for asset in site.assets.values()
    }
    site_w = building_w + sum(does.values())
    meter = scenario.plant.meter
    points: dict[str, Quarters] = {
        point_id(meter.device, "power.active"): _level(site_w),
        point_id(meter.device, "energy.active.import"): _counter(Unit.WATT_HOUR, site_w / 4.0, meter.counted_wh),
        point_id(health.DEVICE, "baseline.power"): _level(np.full(count, np.nan)),
    }
    for name, watts in does.items():
        points[point_id(health.DEVICE, f"asset.{name}.does")] = _level(np.full(count, watts))
    if scenario.plant.flows is not None:
        for carrier, (flow, counted_m3) in flows_of(scenario.plant.flows).items():
            used = np.array([flow.between_m3(at, at + QUARTER_S) for at in clock_s.tolist()])
            points[point_id(scenario.plant.flows.device, f"{carrier}.volume")] = _counter(
                Unit.CUBIC_METRE, used, counted_m3
            )
    put_past(state, points, begin_ms=begin_ms)


def _building(scenario: Scenario, load_start_s: float, clock_s: Floats) -> Floats:
    """Means of the load file by the site's clock; `load_start_s` is of the weekday it is today."""
    load = scenario.load(start_s=load_start_s)
    midnight_s = load_start_s // DAY_S * DAY_S - load_start_s
    return np.array([load.at(midnight_s + at + QUARTER_S / 2.0) for at in clock_s.tolist()])


def _at_rest(scenario: Scenario, operating_w: float | None, *, fleet: bool) -> float:
    """What an asset draws when nobody asks; the chargers' is in the plant's description only."""
    cars = scenario.plant.fleet
    if fleet and cars is not None:
        return cars.cars * cars.mean_w
    return operating_w or 0.0


def _level(watts: Floats) -> Quarters:
    return Quarters(Unit.WATT, watts, watts, watts)


def _counter(unit: Unit, used: Floats, end: float) -> Quarters:
    """A counter that has counted so much in each quarter hour and shows `end` now."""
    after = end - np.concatenate((np.cumsum(used[::-1])[::-1][1:], [0.0]))
    before = after - used
    last_second = used / QUARTER_S
    return Quarters(unit, (before + after) / 2.0, before, after - last_second)
