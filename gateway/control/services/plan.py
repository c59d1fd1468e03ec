"""The plan of a demand-response event: what it will need, what the stores can give, what must be stored up before it.

Need is what the site is expected to draw above its baseline plus the shed. Fans, lamps and cars give what they can give
throughout; cells and zones give their content spread evenly over the event. What is missing then is charged, cooled
and driven ahead, cells first; what is still missing afterwards is what cannot be delivered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.control import stores
from gateway.control.headroom import Band
from gateway.model.image import Snapshot
from gateway.model.site import Asset, Battery, Chiller, EvFleet, Zones

DOUBT_SHED, DOUBT_LOAD = 0.25, 0.03
"""What may be needed beyond the expected: this part of the shed, or of the load, whichever is more."""
EARLY = 0.8
"""Storing up is to be done in this part of the time there is."""
LEAST_DELIVERY = 0.8
"""An event of which less can be delivered is declined: markets pay nothing for it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of an event before it begins.

    `excess_w` is natural load above baseline, `for_s` the event's length, `until_s` the time left to store up for it.
    """

    excess_w: float
    shed_w: float
    natural_w: float
    for_s: float
    until_s: float

    @property
    def sign(self) -> float:
        """+1 when the site shall draw less, -1 when more (valley filling)."""
        return 1.0 if self.shed_w >= 0.0 else -1.0

    @property
    def need_w(self) -> float:
        """What the assets must move on average, in the direction of the shed."""
        return self.sign * (self.excess_w + self.shed_w)

    @property
    def doubt_w(self) -> float:
        """How much more it may turn out to be."""
        return max(DOUBT_SHED * abs(self.shed_w), DOUBT_LOAD * self.natural_w)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """How an event would be served: what each asset gives on average, what is stored up before, and the share delivered."""

    gives_w: dict[str, float]
    stored_wh: dict[str, float]
    need_w: float
    delivery: float
    """Share of the shed that can be delivered, 0 to 1."""

    @property
    def opts_in(self) -> bool:
        """Whether it is worth while."""
        return self.delivery >= LEAST_DELIVERY


def make_plan(
    outlook: Outlook, assets: Mapping[str, Asset], bands: Mapping[str, Band], snapshot: Snapshot
) -> EventPlan:
    """The plan of one event from its outlook and the stores as they are."""
    gives = _gives_w(outlook, assets, bands, snapshot)
    stored: dict[str, float] = {}
    lack_w = outlook.need_w - sum(gives.values())
    for name, most_wh, way in _stores_of(outlook, assets, bands, snapshot):
        if lack_w <= 0.0:
            break
        most_w = min(most_wh * way * 3600.0 / outlook.for_s, _room_w(outlook, bands[name]) - gives[name])
        given_w = max(0.0, min(lack_w, most_w))
        stored[name] = given_w * outlook.for_s / 3600.0 / way
        gives[name] += given_w
        lack_w -= given_w
    short_w = min(max(lack_w, 0.0), abs(outlook.shed_w))
    delivery = 1.0 if outlook.shed_w == 0.0 else 1.0 - short_w / abs(outlook.shed_w)
    return EventPlan(gives, stored, outlook.need_w, delivery)


def charging(
    outlook: Outlook, assets: Mapping[str, Asset], bands: Mapping[str, Band], snapshot: Snapshot
) -> dict[str, float]:
    """What assets are asked for now so that the event, a little worse than expected, can be served; W."""
    lack_w = outlook.need_w + outlook.doubt_w - sum(_gives_w(outlook, assets, bands, snapshot).values())
    aims: dict[str, float] = {}
    for name, most_wh, way in _stores_of(outlook, assets, bands, snapshot):
        if lack_w <= 0.0 or outlook.until_s <= 0.0:
            break
        wanted_wh = min(lack_w * outlook.for_s / 3600.0 / way, most_wh)
        watts = wanted_wh * 3600.0 / (EARLY * outlook.until_s)
        band = bands[name]
        aims[name] = min(max(band.rest_w + outlook.sign * watts, band.lo_w), band.hi_w)
        lack_w -= wanted_wh * way * 3600.0 / outlook.for_s
    return aims


def _gives_w(
    outlook: Outlook, assets: Mapping[str, Asset], bands: Mapping[str, Band], snapshot: Snapshot
) -> dict[str, float]:
    side = 0 if outlook.sign > 0.0 else 1
    return {n: stores.even_w(assets[n], band, snapshot, left_s=outlook.for_s)[side] for n, band in bands.items()}


def _room_w(outlook: Outlook, band: Band) -> float:
    return band.rest_w - band.lo_w if outlook.sign > 0.0 else band.hi_w - band.rest_w


def _stores_of(
    outlook: Outlook, assets: Mapping[str, Asset], bands: Mapping[str, Band], snapshot: Snapshot
) -> list[tuple[str, float, float]]:
    """What can be stored up in the time there is: (asset, Wh at its terminals, the part of it that comes back)."""
    found: list[tuple[str, float, float]] = []
    for rank in (Battery, Chiller, Zones, EvFleet):
        for name, asset in assets.items():
            if isinstance(asset.detail, rank):
                band = bands[name]
                room_w = band.hi_w - band.rest_w if outlook.sign > 0.0 else band.rest_w - band.lo_w
                most_wh, way = _store_wh(asset, bands[name], snapshot, shaving=outlook.sign > 0.0)
                found.append((name, min(most_wh, room_w * outlook.until_s * EARLY / 3600.0), way))
    return [(name, most_wh, way) for name, most_wh, way in found if most_wh > 0.0]


def _store_wh(asset: Asset, band: Band, snapshot: Snapshot, *, shaving: bool) -> tuple[float, float]:
    match asset.detail:
        case Battery() as battery:
            cells = stores.cells_wh(asset, battery, snapshot)
            if cells is None:
                return 0.0, 1.0
            return (cells[1], battery.round_trip_pct / 100.0) if shaving else (cells[0], 100.0 / battery.round_trip_pct)
        case Chiller(wh_per_k=float(per_k)) as chiller:
            above_k = stores.warm_k(chiller, snapshot)
            if above_k is None:
                return 0.0, 1.0
            edge_k = chiller.comfort_band_k - stores.EDGE_K
            return max(0.0, edge_k + above_k if shaving else edge_k - above_k) * per_k, 1.0
        case Zones(wh_per_k=per_k) if band.kelvins is not None:
            return (band.kelvins.take if shaving else band.kelvins.shed) * per_k, 1.0
        case EvFleet(bookings=str()) if shaving:
            owed_wh = sum(car.need_a * (car.left_s or 0.0) for car in band.cars) / 3600.0
            return owed_wh * asset.detail.volts * asset.detail.phases, 0.5
        case _:
            return 0.0, 1.0
