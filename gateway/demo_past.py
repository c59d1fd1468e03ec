"""The demonstration's past: weeks of the same building before its gateway was started, so that Energy and Trends have some.

Made, not measured: the scenario's load file by the site's clock, with the loads that switch on and off, and every asset at
its operating point; water and gas by the hour. In its last hours it goes over into what the emulated building draws, and
the counters end where the emulated meters begin.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from emulators.building import Building
from emulators.events import Events
from emulators.flows import flows_of
from emulators.scenario import Scenario
from gateway import health
from gateway.model.point import Unit, point_id
from gateway.model.site import EvFleet, Site
from gateway.store.past import Means, put_past
from gateway.store.tiers import MINUTE, QUARTER, Tier

DAYS = 63
"""Two months: a month, and the month before to compare with."""
FINE_S = 26 * 3600.0
"""The last of it by the minute: today against yesterday."""
OVER_S = 3 * 3600.0
"""In so long it goes over into the emulated building."""
DAY_S = 86_400.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Raster:
    """The slots of a tier that end by the run's begin; seconds before it, and of the site's clock since its midnight."""

    tier: Tier
    begin_ms: int
    before_s: Floats
    clock_s: Floats

    @property
    def step_s(self) -> float:
        """Of a slot."""
        return self.tier.step_ms / 1000.0


def put(state: Path, scenario: Scenario, site: Site, *, load_start_s: float, utc_ms: int, seed: int) -> None:
    """Write the weeks before `utc_ms` into the history of a fresh state directory. StoreError."""
    for tier, length_s in ((QUARTER, DAYS * DAY_S), (MINUTE, FINE_S)):
        raster = _raster(tier, length_s, ZoneInfo(site.timezone), utc_ms)
        put_past(state, _points(scenario, site, raster, load_start_s, seed), begin_ms=raster.begin_ms, tier=tier)


def _raster(tier: Tier, length_s: float, zone: ZoneInfo, utc_ms: int) -> Raster:
    now = datetime.fromtimestamp(utc_ms / 1000.0, zone)
    begin = now - timedelta(seconds=length_s)
    if length_s > 2 * DAY_S:
        begin = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    begin_ms = round(begin.timestamp() * 1000.0) // tier.step_ms * tier.step_ms
    step_s = tier.step_ms / 1000.0
    before_s = (begin_ms - utc_ms) / 1000.0 + step_s * np.arange((utc_ms - begin_ms) // tier.step_ms, dtype=np.float64)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Raster(tier, begin_ms, before_s, before_s + (now - midnight).total_seconds())


def _points(scenario: Scenario, site: Site, raster: Raster, load_start_s: float, seed: int) -> dict[str, Means]:
    count = len(raster.before_s)
    does = {
        asset.id: _at_rest(scenario, asset.operating_w, fleet=isinstance(asset.detail, EvFleet))
        for asset in site.assets.values()
    }
    site_w = _building(scenario, raster, load_start_s, seed) + sum(does.values())
    meter = scenario.plant.meter
    points = {
        point_id(meter.device, "power.active"): _level(site_w),
        point_id(meter.device, "energy.active.import"): _counter(
            Unit.WATT_HOUR, site_w * raster.step_s / 3600.0, meter.counted_wh, raster.step_s
        ),
    }
    points |= {point_id(health.DEVICE, f"asset.{name}.does"): _level(np.full(count, w)) for name, w in does.items()}
    if scenario.plant.flows is not None:
        for carrier, (flow, counted_m3) in flows_of(scenario.plant.flows).items():
            used = np.array([flow.between_m3(at, at + raster.step_s) for at in raster.clock_s.tolist()])
            name = point_id(scenario.plant.flows.device, f"{carrier}.volume")
            points[name] = _counter(Unit.CUBIC_METRE, used, counted_m3, raster.step_s)
    return {str(name): means for name, means in points.items()}


def _building(scenario: Scenario, raster: Raster, load_start_s: float, seed: int) -> Floats:
    """The load file by the site's clock, towards the end more and more by the run's own."""
    load = scenario.load(start_s=load_start_s)
    midnight_s = load_start_s // DAY_S * DAY_S - load_start_s
    middle = raster.step_s / 2.0
    by_clock = np.array([load.at(midnight_s + at + middle) for at in raster.clock_s.tolist()])
    by_run = np.array([load.at(at + middle) for at in raster.before_s.tolist()])
    share = np.clip(1.0 + raster.before_s / OVER_S, 0.0, 1.0)
    watts: Floats = (1.0 - share) * by_clock + share * by_run + _switching(scenario, raster, seed)
    return watts


def _switching(scenario: Scenario, raster: Raster, seed: int) -> Floats:
    """What the loads that switch add, slot by slot."""
    events = Events()
    load = scenario.load(start_s=0.0)
    loads = Building(scenario.plant.building, load, events, seed=seed, noise=False, load_steps=True)
    found = []
    for at in (raster.before_s - raster.before_s[0]).tolist():
        while events.next_s <= at:
            events.happen()
        found.append(loads.calm_w(0.0) - load.at(0.0))
    return np.array(found)


def _at_rest(scenario: Scenario, operating_w: float | None, *, fleet: bool) -> float:
    """What an asset draws when nobody asks; the chargers' is in the plant's description only."""
    cars = scenario.plant.fleet
    if fleet and cars is not None:
        return cars.cars * cars.mean_w
    return operating_w or 0.0


def _level(watts: Floats) -> Means:
    return Means(Unit.WATT, watts, watts, watts)


def _counter(unit: Unit, used: Floats, end: float, step_s: float) -> Means:
    """A counter that has counted so much in each slot and shows `end` now."""
    after = end - np.concatenate((np.cumsum(used[::-1])[::-1][1:], [0.0]))
    before = after - used
    return Means(unit, (before + after) / 2.0, before, after - used / step_s)
