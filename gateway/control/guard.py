"""The last clamp before the wire: an unknown input or an impossible value becomes the fail-safe value, never a guess."""

from dataclasses import replace
from math import isfinite

from gateway.control.kinds import ENABLE, SOC
from gateway.control.shape import LEASE_S
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Asset, Battery, Chiller, Dimmer, EvFleet, Fans, Pv, Switched, Zones


def clamp(command: Command, asset: Asset, snapshot: Snapshot) -> Command:
    """The command inside its asset's bounds, its expiry inside one lease; a release passes."""
    value = command.value
    expires_s = min(command.expires_s, command.issued_s + LEASE_S)
    if value is None or command.control == ENABLE:
        return command if expires_s == command.expires_s else _with(command, value, command.reason, expires_s)
    least, most = bounds(asset)
    reason = command.reason
    if not isfinite(value):
        value, reason = failsafe(asset), "guard:not_a_number"
        if value is None:
            return _with(command, value, reason, expires_s)
    if not least <= value <= most:
        value, reason = min(max(value, least), most), "guard:range"
    if isinstance(asset.detail, Battery):
        soc = snapshot.usable(point_id(command.device, SOC))
        empty = soc is None or soc <= asset.detail.soc_min_pct
        full = soc is None or soc >= asset.detail.soc_max_pct
        if (value < 0.0 and empty) or (value > 0.0 and full):
            value, reason = 0.0, "guard:soc"
    if value == command.value and expires_s == command.expires_s:
        return command
    return _with(command, value, reason, expires_s)


def bounds(asset: Asset) -> tuple[float, float]:
    """What one device of the asset may be written, in its control's unit."""
    match asset.detail:
        case Battery():
            return asset.min_w / len(asset.devices), asset.max_w / len(asset.devices)
        case EvFleet(min_current_a=least, max_current_a=most, safe_current_a=safe):
            return min(least, safe), most
        case Fans(min_speed_pct=least, max_speed_pct=most):
            return least, most
        case Chiller(min_part_pct=least) | Dimmer(min_level_pct=least):
            return least, 100.0
        case Pv():
            return 0.0, 100.0
        case Switched():
            return 0.0, 1.0
        case Zones(occupied_c=by_day, unoccupied_c=otherwise):
            return min(by_day[0], otherwise[0]), max(by_day[1], otherwise[1])


def failsafe(asset: Asset) -> float | None:
    """The value one device takes when control knows nothing: the site file's, else released (None)."""
    match asset.detail:
        case EvFleet(safe_current_a=safe):
            return safe
        case Battery():
            return (asset.safe_w or 0.0) / len(asset.devices)
        case _:
            return None


def _with(command: Command, value: float | None, reason: str, expires_s: float) -> Command:
    return replace(command, value=value, reason=reason, expires_s=expires_s)
