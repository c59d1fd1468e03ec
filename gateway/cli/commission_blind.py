"""Setpoints that cannot be read back: whose they are, what they stand for in watts, and how long a power takes to show one."""

from collections.abc import Iterable, Mapping

from gateway.cli.commission_guard import watts_of
from gateway.commission.trials import LEAST_SHARE
from gateway.control.kinds import control_of, power_point
from gateway.field.bus import Member
from gateway.model.image import Snapshot
from gateway.model.site import Asset, EvFleet

LAGS = 2.0


def blind(asset: Asset, devices: Iterable[str], members: Mapping[str, Member]) -> frozenset[str]:
    """The devices of an asset whose setpoint is only written."""
    name = control_of(asset)
    return frozenset(one for one in devices if not members[one].profile.points[name].readable)


def slow_s(asset: Asset) -> float:
    """How long the power of an asset takes to show most of a step."""
    command_s = asset.detail.command_s if isinstance(asset.detail, EvFleet) else 0.0
    return asset.dead_time_s + command_s + LAGS * asset.lag_s


def powers(asset: Asset, devices: Iterable[str], snapshot: Snapshot) -> dict[str, float | None]:
    """What each device draws now."""
    return {device: snapshot.usable(power_point(asset, device)) for device in devices}


def shows(asset: Asset, value: float, *, rest_w: float | None, now_w: float | None) -> bool:
    """Whether the power of a device has gone the way of a value that was written."""
    if rest_w is None or now_w is None:
        return False
    asked_w = watts_of(asset, value, 1) - rest_w
    return asked_w != 0.0 and (now_w - rest_w) / asked_w >= LEAST_SHARE
