"""A site's energy over a period: which points count it, their history, and the report made of them."""

from collections.abc import Mapping
from math import inf
from typing import Any

from gateway import health
from gateway.insight.energy import Slots
from gateway.insight.energy_counter import Register
from gateway.insight.energy_raster import looked_from_ms
from gateway.insight.energy_report import Counter, EnergyReport, report_of
from gateway.model.energy import Carrier
from gateway.model.point import PointId, Unit, point_id
from gateway.model.site import Site
from gateway.profiles.frames import for_device
from gateway.profiles.schema import Point, Profile
from gateway.store.finding import Stretch

QUARTER_MS = 900_000
"""A counter's lowest and highest in a quarter hour say all there is to know of it."""
SPARE = 2.0
"""How far a meter may count beyond the most its site can draw."""
POWER = "power.active"


class Energies:
    """What a site's meters are, found once; the history is handed in."""

    def __init__(self, site: Site, profiles: Mapping[str, Profile]) -> None:
        self._site = site
        self._counters = tuple(_counters(site, profiles))
        self._assets = {name: point_id(health.DEVICE, f"asset.{name}.does") for name in site.assets}

    def points(self) -> list[PointId]:
        """The points a report looks at."""
        own = [point for one in self._counters for point in (one.point, one.export, one.power) if point is not None]
        return list(dict.fromkeys([*own, *self._assets.values()]))

    def report(self, stretches: Mapping[PointId, Stretch], *, from_ms: int, to_ms: int) -> EnergyReport:
        """The report of a period from what was found of its points."""
        return report_of(
            self._site.energy,
            self._counters,
            self._assets,
            {point: slots_of(found) for point, found in stretches.items()},
            from_ms=from_ms,
            to_ms=to_ms,
            timezone=self._site.timezone,
        )


def needed(from_ms: int, to_ms: int) -> tuple[int, int]:
    """From when on a report of a period needs the history, and in how many steps."""
    begin_ms = looked_from_ms(from_ms, to_ms)
    return begin_ms, max(1, (to_ms - begin_ms) // QUARTER_MS)


def slots_of(found: Stretch) -> Slots:
    """A stretch as insight takes it."""
    columns = found.columns
    return Slots(found.begin_ms, found.step_ms, columns.mean, columns.low, columns.high, columns.quality)


def _counters(site: Site, profiles: Mapping[str, Profile]) -> Any:
    for metered in site.energy.meters.values():
        device = site.devices[metered.device]
        profile = for_device(profiles[device.profile], device.params)
        points = profile.points
        counter, export = metered.counter(points), metered.export_counter(points)
        main = metered.device == site.meter
        most_w = _most_w(site, profile, main=main)
        yield Counter(
            metered=metered,
            point=None if counter is None else point_id(device.id, counter),
            register=Register() if counter is None else _register(points[counter], most_w),
            export=None if export is None else point_id(device.id, export),
            export_register=Register() if export is None else _register(points[export], most_w),
            power=point_id(device.id, POWER) if metered.carrier is Carrier.ELECTRICITY and POWER in points else None,
        )


def _most_w(site: Site, profile: Profile, *, main: bool) -> float:
    """The most a meter can see: what its device can measure, and at the connection what the site may draw."""
    highest = max((one.high for one in profile.points.values() if one.unit is Unit.WATT and one.high), default=inf)
    allowed = SPARE * site.limits.max_import_w if main and site.limits.max_import_w > 0.0 else inf
    return min(SPARE * highest, allowed)


def _register(point: Point, most_w: float) -> Register:
    wraps = None if point.counter is None else point.counter.wraps
    return Register(
        span=None if wraps is None else wraps * abs(point.factor),
        most_per_s=most_w / 3600.0 if point.unit is Unit.WATT_HOUR else inf,
        quantum=abs(point.factor),
    )
