"""Stores: how far an asset may move now so that it lasts to the end of an event.

A battery has the energy in its cells, a chiller the heat its zones may still take up, a fleet the charging it may put
off. Fans and lamps have no store: what they can do they can do for hours. Worked out anew at every step from what is
measured, so that a wrong store of the site file or a lossy battery corrects itself on the way.
"""

from math import sqrt

from gateway.control.fleet import bounds_a
from gateway.control.headroom import Band, Car
from gateway.control.kinds import SOC, ZONE
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Asset, Battery, Chiller, EvFleet, Switched, Zones

LEAST_LEFT_S = 120.0
OVER = 1.5
OVER_PART = 0.1
"""A battery may give so much more than what lasts, and this part of its rating: it is what balances the site, and what an
event needs is rarely the same throughout."""
EDGE_K = 0.15
"""Kept from the edge of the comfort band: zone sensors show tenths, and machines answer late."""
CATCH_UP = 0.5
"""A car that charging is put off for must be served later with this part of its charger's current at most."""


def lasting(asset: Asset, band: Band, snapshot: Snapshot, *, left_s: float) -> Band:
    """The part of an asset's room that can be held for `left_s` from now; a band without a store as it is."""
    left_s = max(left_s, LEAST_LEFT_S)
    match asset.detail:
        case Battery() as battery:
            return _battery(asset, battery, band, snapshot, left_s=left_s)
        case Chiller() as chiller:
            return _chiller(chiller, band, snapshot, left_s=left_s)
        case Zones(wh_per_k=per_k) if band.kelvins is not None:
            per_k_w = per_k * 3600.0 / left_s
            return _held(band, band.kelvins.shed * per_k_w, band.kelvins.take * per_k_w)
        case EvFleet() as fleet:
            return _fleet(fleet, band, left_s=left_s)
        case Switched(longest_off_s=float(longest_s)) as switched if left_s > longest_s:
            return _turns(switched, band, longest_s=longest_s)
        case _:
            return band


def even_w(asset: Asset, band: Band, snapshot: Snapshot, *, left_s: float) -> tuple[float, float]:
    """What the asset can shed and take up on average for `left_s`, (shed_w, take_w), both >= 0."""
    left_s = max(left_s, LEAST_LEFT_S)
    if isinstance(asset.detail, Battery):
        out_w, in_w = _battery_w(asset, asset.detail, snapshot, left_s=left_s)
        return min(out_w, -band.lo_w), min(in_w, band.hi_w)
    held = lasting(asset, band, snapshot, left_s=left_s)
    return max(0.0, band.rest_w - held.lo_w), max(0.0, held.hi_w - band.rest_w)


def cells_wh(asset: Asset, battery: Battery, snapshot: Snapshot) -> tuple[float, float] | None:
    """What the battery can still give and take at its terminals, Wh; None while a state of charge is unknown."""
    socs = [snapshot.usable(point_id(device, SOC)) for device in asset.devices]
    known = [soc for soc in socs if soc is not None]
    if len(known) < len(socs):
        return None
    soc = sum(known) / len(known)
    way = sqrt(battery.round_trip_pct / 100.0)
    give = max(0.0, soc - battery.soc_min_pct) / 100.0 * battery.energy_wh * way
    take = max(0.0, battery.soc_max_pct - soc) / 100.0 * battery.energy_wh / way
    return give, take


def warm_k(chiller: Chiller, snapshot: Snapshot) -> float | None:
    """How much warmer than its comfort temperature the zone is; None when that is unknown."""
    zone_c = None if chiller.zone is None else snapshot.usable(point_id(chiller.zone, ZONE))
    return None if zone_c is None else zone_c - chiller.comfort_c


def _battery(asset: Asset, battery: Battery, band: Band, snapshot: Snapshot, *, left_s: float) -> Band:
    out_w, in_w = _battery_w(asset, battery, snapshot, left_s=left_s)
    lo_w = -(OVER * out_w - OVER_PART * asset.min_w)
    hi_w = OVER * in_w + OVER_PART * asset.max_w
    if lo_w > band.lo_w:
        band = band._replace(lo_w=lo_w, lo_reason="lasting")
    return band._replace(hi_w=hi_w, hi_reason="lasting") if hi_w < band.hi_w else band


def _battery_w(asset: Asset, battery: Battery, snapshot: Snapshot, *, left_s: float) -> tuple[float, float]:
    cells = cells_wh(asset, battery, snapshot)
    if cells is None:
        return 0.0, 0.0
    give_wh, take_wh = cells
    return give_wh * 3600.0 / left_s, take_wh * 3600.0 / left_s


def _chiller(chiller: Chiller, band: Band, snapshot: Snapshot, *, left_s: float) -> Band:
    above_k = warm_k(chiller, snapshot)
    if above_k is None or chiller.wh_per_k is None:
        return band
    per_k_w = chiller.wh_per_k * 3600.0 / left_s
    less_w = max(0.0, chiller.comfort_band_k - EDGE_K - above_k) * per_k_w
    more_w = max(0.0, chiller.comfort_band_k - EDGE_K + above_k) * per_k_w
    return _held(band, less_w, more_w)


def _held(band: Band, less_w: float, more_w: float) -> Band:
    """The band no further from its rest than this, each way."""
    least_w, most_w = band.rest_w - less_w, band.rest_w + more_w
    if least_w > band.lo_w:
        band = band._replace(lo_w=least_w, lo_reason="lasting")
    return band._replace(hi_w=most_w, hi_reason="lasting") if most_w < band.hi_w else band


def _fleet(fleet: EvFleet, band: Band, *, left_s: float) -> Band:
    if not band.cars:
        return band
    volt = fleet.volts * fleet.phases
    cars = tuple(car._replace(least_a=_least_a(fleet, car, left_s=left_s)) for car in band.cars)
    least_w = min(volt * sum(car.least_a for car in cars), max(band.rest_w, band.lo_w))
    band = band._replace(cars=cars)
    return band._replace(lo_w=least_w, lo_reason="lasting") if least_w > band.lo_w else band


def _turns(switched: Switched, band: Band, *, longest_s: float) -> Band:
    """Loads that take turns at being off: each runs its least time after the longest it may be off."""
    off = longest_s / (longest_s + switched.min_on_s)
    least_w = band.rest_w - off * max(0.0, band.rest_w - band.lo_w)
    return band._replace(lo_w=least_w, lo_reason="lasting") if least_w > band.lo_w else band


def _least_a(fleet: EvFleet, car: Car, *, left_s: float) -> float:
    """The even current from now to the event's end after which the car can be served without haste.

    A car that leaves before the end is charged evenly: putting it off would only come back before the end.
    """
    if car.urgent or car.left_s is None:
        return bounds_a(fleet, car)[0]
    if car.left_s <= left_s:
        return max(car.need_a, fleet.min_current_a)
    owed_as = car.need_a * car.left_s
    later_as = CATCH_UP * fleet.max_current_a * (car.left_s - left_s)
    return min(max((owed_as - later_as) / left_s, fleet.min_current_a), fleet.max_current_a)
