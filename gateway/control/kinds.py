"""What differs between kinds of assets: the names of their points and controls, and how a drive becomes watts.

A drive is what is commanded to the group as a whole: watts, or for fans the speed in % all of them share.
"""

from functools import cache
from math import cbrt

from gateway.model.point import PointId, point_id
from gateway.model.site import Asset, Battery, Chiller, Detail, Dimmer, EvFleet, Fans, Pv, Switched, Zones

POWER: dict[type[Detail], str] = {
    Battery: "battery.power",
    EvFleet: "ev.power",
    Fans: "fan.power",
    Chiller: "chiller.power",
    Dimmer: "light.power",
    Pv: "pv.power",
    Switched: "switch.power",
    Zones: "power.active",
}
SETPOINT: dict[type[Detail], str] = {
    Battery: "battery.power.setpoint",
    EvFleet: "ev.current.limit",
    Fans: "fan.speed.setpoint",
    Chiller: "chiller.demand.limit",
    Dimmer: "light.level.setpoint",
    Pv: "pv.power.limit.percent",
    Switched: "switch.on",
    Zones: "zone.temperature.setpoint",
}
SOC = "battery.soc"
RUNNING = "chiller.running"
ENABLE = "chiller.enable"
ZONE = "zone.temperature"
ZONE_SETPOINT = "zone.temperature.setpoint"
EV_STATE = "ev.state"
SWITCH = "switch.on"


def power_point(asset: Asset, device: str) -> PointId:
    """The measured power of one device of the asset; of rooms what their common meter shows."""
    if isinstance(asset.detail, Zones):
        device = asset.detail.meter
    return point_id(device, POWER[type(asset.detail)])


@cache
def _power_points(quantity: str, devices: tuple[str, ...]) -> tuple[PointId, ...]:
    return tuple(point_id(device, quantity) for device in devices)


def power_points(asset: Asset) -> tuple[PointId, ...]:
    """The measured power of each of the asset's devices, in their order; rooms have one meter together."""
    devices = (asset.detail.meter,) if isinstance(asset.detail, Zones) else asset.devices
    return _power_points(POWER[type(asset.detail)], devices)


def control_of(asset: Asset) -> str:
    """The control that moves one device of the asset."""
    return SETPOINT[type(asset.detail)]


def to_watts(asset: Asset, drive: float, count: int) -> float:
    """What `count` devices of the asset draw together at a drive."""
    if isinstance(asset.detail, Fans):
        part = max(0.0, drive) / 100.0
        return count * asset.detail.rated_w * part * part * part
    return drive


def to_drive(asset: Asset, watts: float, count: int) -> float:
    """The drive at which `count` devices draw `watts` together."""
    if isinstance(asset.detail, Fans):
        return 100.0 * cbrt(max(0.0, watts) / (max(1, count) * asset.detail.rated_w))
    return watts


def to_kelvin(zones: Zones, watts: float, w_per_k: float) -> float:
    """How much higher the mean set-point of rooms must be for them to draw `watts` more at once."""
    return watts / w_per_k if zones.heats else -watts / w_per_k


def inputs_of(asset: Asset) -> list[PointId]:
    """Every point control reads of an asset; the decision log records exactly these."""
    points = list(power_points(asset))
    match asset.detail:
        case Battery():
            points += [point_id(device, SOC) for device in asset.devices]
        case Chiller(zone=zone):
            points += [point_id(device, RUNNING) for device in asset.devices]
            if zone is not None:
                points.append(point_id(zone, ZONE))
        case Switched():
            points += [point_id(device, SWITCH) for device in asset.devices]
        case Zones():
            points += [point_id(device, name) for device in asset.devices for name in (ZONE, ZONE_SETPOINT)]
        case EvFleet(bookings=bookings):
            points += [point_id(device, EV_STATE) for device in asset.devices]
            if bookings is not None:
                for at in range(len(asset.devices)):
                    points += [point_id(bookings, name) for name in booking_points(at)]
        case _:
            pass
    return points


@cache
def booking_points(bay: int) -> tuple[str, str, str]:
    """(energy owed, departure, plugged) of a charger's bay, counted from 0."""
    return tuple(f"bay{bay + 1:02d}.ev.{what}" for what in ("energy.owed", "departure", "plugged"))  # type: ignore[return-value]  # three names in, three out
