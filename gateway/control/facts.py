"""Facts of an asset that no step changes, worked out once: its points, keys and times; and the last band it had.

They follow from the asset alone, and a band is kept with all it was made of: whoever asks, and however often, is given
what working it out anew would give.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Any, NamedTuple

from gateway.control.kinds import (
    EV_STATE,
    RUNNING,
    SOC,
    SWITCH,
    ZONE,
    ZONE_SETPOINT,
    booking_points,
    control_of,
    power_points,
)
from gateway.model.point import PointId, point_id
from gateway.model.points import Groups
from gateway.model.site import Asset, Battery, Chiller, Detail, Dimmer, EvFleet, Fans, Pv, Site, Switched, Zones

LEAD_LAG_S = 5.0
"""Assets slower than this are led: their drive overshoots so that the power arrives in time."""
PERIOD_S: dict[type[Detail], float] = {
    Battery: 0.0, EvFleet: 0.0, Fans: 2.0, Chiller: 10.0, Dimmer: 0.5, Pv: 1.0, Switched: 0.0, Zones: 10.0,
}  # fmt: skip
DEADBAND: dict[type[Detail], float] = {
    Battery: 100.0, EvFleet: 0.5, Fans: 0.2, Chiller: 0.5, Dimmer: 0.5, Pv: 0.5, Switched: 0.5, Zones: 0.05,
}  # fmt: skip
"""Smallest change worth a write, in the control's own unit: W, A, %, K."""
CHILLER_SHARE = 0.7
PV_SHARE = 0.0
"""Sunshine is given up for what others cannot do only."""
STEPPED_S = 3.0
"""Loads that are switched are planned as if they answered so much later: others fill what is left of a step."""
MOST_KEPT = 20_000


Times = tuple[tuple[str, float, float], ...]
"""(asset, dead time, lag) of some assets, s."""


class Kept(NamedTuple):
    """A band with what it was made of and the time it holds for."""

    key: object
    from_s: float
    until_s: float
    band: Any


class Tracked(NamedTuple):
    """Powers of a fleet that were taken over, and the chargers after it; taking them over again changes nothing."""

    powers: tuple[float | None, ...]
    chargers: Mapping[str, object]


class Told(NamedTuple):
    """When nothing was to be written: until when that stays so with the same devices and commands sent.

    `until_s` for the same aim, `pause_s` for any: so long a command that was just given is left alone.
    """

    devices: tuple[str, ...]
    sent: object
    aim_w: float | None
    until_s: float
    pause_s: float


class Rank(NamedTuple):
    """The assets of a site that are asked together (`control.allocate`), in their order."""

    horizon_s: float
    order: tuple[float, ...]
    share: float
    names: tuple[str, ...]
    members: tuple[tuple[str, "Facts"], ...]


class Facts:
    """What is fixed of one asset."""

    __slots__ = (
        "asset",
        "battery",
        "budget_wh",
        "chiller",
        "control",
        "deadband",
        "fans",
        "fleet",
        "horizon_s",
        "kept",
        "keys",
        "led",
        "level_w",
        "order",
        "period_s",
        "powers",
        "pv",
        "share",
        "shown",
        "slow",
        "switched",
        "told",
        "tracked",
        "zones",
    )

    def __init__(self, asset: Asset) -> None:
        detail = asset.detail
        self.asset = asset
        self.battery = isinstance(detail, Battery)
        self.budget_wh = inf
        """What it may be moved in a day, out and in together."""
        if isinstance(detail, Battery) and detail.cycles_per_day is not None:
            self.budget_wh = 2.0 * detail.energy_wh * detail.cycles_per_day
        self.fleet = detail if isinstance(detail, EvFleet) else None
        self.chiller = detail if isinstance(detail, Chiller) else None
        self.fans = detail if isinstance(detail, Fans) else None
        self.slow = isinstance(detail, Fans | Chiller)
        """Its dead time and lag are learned."""
        self.pv = detail if isinstance(detail, Pv) else None
        self.switched = detail if isinstance(detail, Switched) else None
        self.zones = detail if isinstance(detail, Zones) else None
        shared = self.chiller is not None or self.zones is not None
        self.share = CHILLER_SHARE if shared else 1.0 if self.pv is None else PV_SHARE
        self.order = (asset.priority, asset.cost_per_wh)
        """The lower is asked first."""
        self.level_w = detail.rated_w if isinstance(detail, Chiller | Dimmer) else 0.0
        """What 100 % is of a control that is a level; 0: it is none."""
        if self.pv is not None:
            self.level_w = -self.pv.rated_w
        self.powers = power_points(asset)
        self.shown = tuple(_shown(asset))
        """What the devices show besides their power."""
        self.control = control_of(asset)
        self.keys = {device: f"{device}/{self.control}" for device in asset.devices}
        """Device -> its actuator, as `AssetState.sent` names it."""
        self.horizon_s = asset.dead_time_s + reach_s(asset) if self.fleet is None else self.fleet.command_s
        """From a command to its effect."""
        if self.switched is not None:
            self.horizon_s += STEPPED_S
        if self.zones is not None:  # their set-points are not overdriven
            self.horizon_s = asset.dead_time_s + asset.lag_s
        self.led = asset.lag_s >= LEAD_LAG_S and self.pv is None and self.zones is None
        self.period_s = max(asset.command_period_s, PERIOD_S[type(detail)])
        self.deadband = DEADBAND[type(detail)]
        self.kept = Kept(None, inf, -inf, None)
        self.tracked = Tracked((), {})
        self.told = Told((), None, None, -inf, -inf)


def reach_s(asset: Asset) -> float:
    """How long after its dead time an asset's aim is meant to be reached."""
    return asset.lag_s if asset.lag_s < LEAD_LAG_S else LEAD_LAG_S + asset.lag_s / 8.0


def _shown(asset: Asset) -> list[PointId]:
    devices = asset.devices
    match asset.detail:
        case Battery():
            return [point_id(device, SOC) for device in devices]
        case Chiller(zone=zone):
            running = [point_id(device, RUNNING) for device in devices]
            return running if zone is None else [*running, point_id(zone, ZONE)]
        case Switched():
            return [point_id(device, SWITCH) for device in devices]
        case Zones():
            return [point_id(device, name) for name in (ZONE, ZONE_SETPOINT) for device in devices]
        case EvFleet(bookings=bookings):
            found = [point_id(device, EV_STATE) for device in devices]
            if bookings is not None:
                found += [point_id(bookings, name) for at in range(len(devices)) for name in booking_points(at)[:2]]
            return found
        case _:
            return []


class Everybody(NamedTuple):
    """What is fixed of all assets of a site."""

    site: Site
    assets: tuple[tuple[str, Facts], ...]
    points: Groups
    ranks: tuple[Rank, ...]


_FACTS: dict[int, Facts] = {}
_SITES: dict[int, Everybody] = {}
_ALTERED: dict[int, tuple[Site, Times, Site]] = {}


def of(asset: Asset) -> Facts:
    """The facts of an asset; kept by the asset itself, not by what it equals."""
    found = _FACTS.get(id(asset))
    if found is None or found.asset is not asset:
        if len(_FACTS) >= MOST_KEPT:
            _FACTS.clear()
        found = _FACTS[id(asset)] = Facts(asset)
    return found


def of_all(site: Site) -> tuple[tuple[str, Facts], ...]:
    """The assets of a site by name with their facts, in their order."""
    return _found(site).assets


def points_of(site: Site) -> Groups:
    """Of every asset in that order the powers of its devices, then what they show besides."""
    return _found(site).points


def ranks(site: Site) -> tuple[Rank, ...]:
    """The assets in groups of those that are asked together, by the first of each."""
    return _found(site).ranks


def _found(site: Site) -> Everybody:
    found = _SITES.get(id(site))
    if found is None or found.site is not site:
        if len(_SITES) >= MOST_KEPT // 100:
            _SITES.clear()
        assets = tuple((name, of(asset)) for name, asset in site.assets.items())
        points = Groups(points for _, known in assets for points in (known.powers, known.shown))
        found = _SITES[id(site)] = Everybody(site, assets, points, tuple(_ranks(assets)))
    return found


def _ranks(assets: tuple[tuple[str, Facts], ...]) -> Iterator[Rank]:
    found: dict[tuple[float, tuple[float, ...], float], list[tuple[str, Facts]]] = {}
    for name, known in assets:
        found.setdefault((known.horizon_s, known.order, known.share), []).append((name, known))
    for (horizon_s, order, share), members in found.items():
        yield Rank(horizon_s, order, share, tuple(name for name, _ in members), tuple(members))


def altered(site: Site, times: Times) -> Site:
    """The site with other dead times and lags; the same site, with the same facts, as long as they stay the same."""
    found = _ALTERED.get(id(site))
    if found is not None and found[0] is site and found[1] == times:
        return found[2]
    before = site.assets if found is None or found[0] is not site else found[2].assets
    assets = dict(site.assets)
    for name, dead_s, lag_s in times:
        asset = before[name]
        if (asset.dead_time_s, asset.lag_s) != (dead_s, lag_s):
            asset = replace(site.assets[name], dead_time_s=dead_s, lag_s=lag_s)
        assets[name] = asset
    if len(_ALTERED) >= MOST_KEPT // 100:
        _ALTERED.clear()
    made = replace(site, assets=assets)
    _ALTERED[id(site)] = site, times, made
    return made
