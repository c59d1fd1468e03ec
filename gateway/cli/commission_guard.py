"""What stands above a step of a commissioning besides guard and site limits: interlocks, and limits inside the building.

It is asked before every write and every renewal of one. Unknown is not clear: an input or a feeder's meter that is not
read stops the step. Giving an asset back is never held up.
"""

from collections.abc import Sequence
from math import inf

from gateway.cli.proving import Unsafe
from gateway.control.kinds import control_of, power_point, to_watts
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.safety import Feeder
from gateway.model.site import Asset, Battery, Chiller, Dimmer, EvFleet, Fans, Pv, Site, Switched, Zones
from gateway.oneshot import asset_of
from gateway.texts import say

PHASES = 3


def check(site: Site, commands: Sequence[Command], snapshot: Snapshot) -> None:
    """Unsafe when one of these commands must not be written now."""
    moving = [(asset, one) for one in commands if one.value is not None and (asset := asset_of(site, one.device))]
    for name in dict.fromkeys(asset.id for asset, _ in moving):
        _check_interlocks(site, name, snapshot)
    steps = [(asset, one) for asset, one in moving if one.control == control_of(asset)]
    for feeder in site.feeders.values():
        here = [(asset, one) for asset, one in steps if one.device in feeder.devices]
        if here:
            _check_feeder(site, feeder, here, snapshot)


def _check_interlocks(site: Site, asset: str, snapshot: Snapshot) -> None:
    for name, lock in site.interlocks.items():
        if asset not in lock.assets:
            continue
        value = snapshot.usable(lock.point)
        if value is None:
            raise Unsafe("interlock_unknown", say("refused.interlock_unread", asset=asset, name=name))
        if value != lock.clear:
            raise Unsafe("interlock", say("refused.interlock", asset=asset, name=name))


def _check_feeder(site: Site, feeder: Feeder, here: Sequence[tuple[Asset, Command]], snapshot: Snapshot) -> None:
    """The feeder's power once these commands have arrived, and each phase's, by its meter, else by rated sums."""
    _check_part(site, feeder, here, snapshot, phase=None, most_w=feeder.max_import_w, least_w=-feeder.max_export_w)
    if feeder.max_phase_w < inf:
        for phase in range(PHASES):
            _check_part(
                site, feeder, here, snapshot, phase=phase, most_w=feeder.max_phase_w, least_w=-feeder.max_phase_w
            )


def _check_part(
    site: Site,
    feeder: Feeder,
    here: Sequence[tuple[Asset, Command]],
    snapshot: Snapshot,
    *,
    phase: int | None,
    most_w: float,
    least_w: float,
) -> None:
    """All of a feeder, or one phase of it."""
    if most_w == inf and least_w == -inf:
        return
    change_w = sum(_change_w(asset, one, snapshot) * _part(asset, one.device, phase) for asset, one in here)
    if feeder.meter is not None:
        name = "power.active" if phase is None else f"power.active.l{phase + 1}"
        now_w = snapshot.usable(point_id(feeder.meter, name))
        if now_w is None:
            raise Unsafe("feeder_unknown", say("refused.feeder_unread", point=name, feeder=feeder.id))
        high_w = low_w = now_w + change_w
    else:
        share = 1.0 if phase is None else 1.0 / PHASES
        below_w = _drawn_below(site, feeder, snapshot, phase)
        high_w = below_w[0] + change_w + share * feeder.other_import_w
        low_w = below_w[1] + change_w - share * feeder.other_export_w
    if high_w > most_w or low_w < least_w:
        where = feeder.id if phase is None else say("word.feeder_phase", feeder=feeder.id, phase=phase + 1)
        raise Unsafe("feeder_limit", say("refused.feeder_limit", where=where, kw=high_w / 1000.0))


def _change_w(asset: Asset, command: Command, snapshot: Snapshot) -> float:
    drawn_w = snapshot.usable(power_point(asset, command.device))
    if drawn_w is None or command.value is None:
        raise Unsafe("power_unknown", say("refused.device_power_unread", device=command.device))
    return watts_of(asset, command.value, 1) - drawn_w


def _part(asset: Asset, device: str, phase: int | None) -> float:
    """How much of a device's power a phase carries: all, nothing, or a third of one that loads them evenly."""
    if phase is None:
        return 1.0
    own = asset.phase_of.get(device)
    return 1.0 / PHASES if own is None else float(own == phase)


def _drawn_below(site: Site, feeder: Feeder, snapshot: Snapshot, phase: int | None) -> tuple[float, float]:
    """The most and the least that the assets' devices below a feeder draw; one that is not read has all its range."""
    most_w = least_w = 0.0
    for asset in site.assets.values():
        count = len(asset.devices)
        for device in asset.devices:
            if device in feeder.devices:
                drawn_w = snapshot.usable(power_point(asset, device))
                if drawn_w is not None and isinstance(asset.detail, Zones):
                    drawn_w /= count
                part = _part(asset, device, phase)
                most_w += part * (asset.max_w / count if drawn_w is None else drawn_w)
                least_w += part * (asset.min_w / count if drawn_w is None else drawn_w)
    return most_w, least_w


def watts_of(asset: Asset, value: float, count: int) -> float:
    """What `count` devices draw together when each is written this; the way back is `cli.proving.value_of`."""
    match asset.detail:
        case Battery():
            return value * count
        case EvFleet(volts=volts, phases=phases):
            return value * volts * phases * count
        case Fans():
            return to_watts(asset, value, count)
        case Chiller(rated_w=rated_w) | Dimmer(rated_w=rated_w):
            return value * count * rated_w / 100.0
        case Pv(rated_w=rated_w):
            return -value * count * rated_w / 100.0
        case Switched(rated_w=rated_w):
            return value * count * rated_w
        case Zones():
            raise Unsafe("zones", say("refused.zones", asset=asset.id))
