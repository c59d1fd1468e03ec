"""Nested feeder and phase limits: what each row of the tree leaves to its assets, and what binds them.

A row is one limit of one feeder: all of it, or one phase. What the assets on it are asked for, plus everything else
on it (its meter less the assets; rated sums while that is not known), must stay inside (I-09). Hard limits stand above
manual and below interlock: assets without a hold give first, then holds, the weaker source first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from gateway.control import response
from gateway.control.allocate import fill
from gateway.control.headroom import Band
from gateway.control.holds import Part, drawn_w
from gateway.control.kinds import power_point
from gateway.control.state import AssetState, ControlState, Held
from gateway.model.image import Snapshot
from gateway.model.point import PointId, point_id
from gateway.model.request import Source
from gateway.model.safety import Feeder
from gateway.model.site import Asset, EvFleet, Pv, Site, Zones

PASSES = 4
"""So often what a row takes away is offered to assets on other rows."""
LEAST_W = 1.0
PHASES = ("l1", "l2", "l3")

IMPORT, EXPORT = ".import", ".export"
"""How the reasons of parts end that a row has cut: by its limit this way or that."""

Parts = dict[str, Part]
Share = Callable[[dict[str, Band]], tuple[Parts, float]]
"""Allocates within these bands: the parts, and what the target wants beyond them all."""


class Row(NamedTuple):
    """One limit: `weights` is the part of each asset's power it carries, `other` (import_w, export_w) all else on it."""

    feeder: Feeder
    phase: int | None
    import_w: float
    export_w: float
    weights: dict[str, float]
    other: tuple[float, float]

    @property
    def name(self) -> str:
        """The word for it in reasons and alarms."""
        if self.phase is None:
            return f"feeder:{self.feeder.id}"
        return f"phase:{self.feeder.id}.{PHASES[self.phase]}"


@dataclass(frozen=True, slots=True)
class View:
    """What a step knows of the assets on the feeders."""

    site: Site
    state: ControlState
    bands: Mapping[str, Band]
    held: Mapping[str, Held]
    snapshot: Snapshot


def points(feeder: Feeder) -> list[PointId]:
    """What its meter is asked for; a meter may lack the phases."""
    if feeder.meter is None:
        return []
    names = ["power.active"]
    if feeder.max_phase_w < inf:
        names += [f"{kind}.{phase}" for phase in PHASES for kind in ("power.active", "current")]
    return [point_id(feeder.meter, name) for name in names]


def rows(view: View) -> list[Row]:
    """Every row of the tree as it stands now."""
    found = []
    for feeder in view.site.feeders.values():
        if feeder.max_import_w < inf or feeder.max_export_w < inf:
            found.append(_row(view, feeder, None))
        if feeder.max_phase_w < inf:
            found += [_row(view, feeder, phase) for phase in range(3)]
    return found


def keep(view: View, limits: list[Row], share: Share) -> tuple[Parts, float]:
    """Share so that every row holds: what a row takes from its assets is offered to the others first."""
    bands = dict(view.bands)
    parts, shortfall_w = share(bands)
    for _ in range(PASSES):
        cut = parts
        for row in limits:
            cut = _fitted(view, row, cut)
        moved = [name for name, part in cut.items() if part is not parts[name] and name not in view.held]
        if not moved:
            break
        for name in moved:
            bands[name] = _narrowed(bands[name], parts[name], cut[name], view.site.assets[name])
        parts, shortfall_w = share(bands)
    for row in limits:
        parts = _patient(view, row, _fitted(view, row, parts))
    return parts, shortfall_w


def broken(view: View, limits: list[Row], parts: Parts) -> list[str]:
    """The rows that cannot be kept by what control may do."""
    return [
        row.name for row in limits if _beyond(row, sum(w * _drawn(view, n, parts[n]) for n, w in row.weights.items()))
    ]


def device_weight(asset: Asset, device: str, feeder: Feeder, phase: int | None) -> float:
    """The part of one device's power that a row carries."""
    if device not in feeder.devices:
        return 0.0
    if phase is None:
        return 1.0
    own = asset.phase_of.get(device)
    return 1.0 / 3.0 if own is None else float(own == phase)


def present_w(asset: Asset, state: AssetState, band: Band) -> float:
    """What an asset draws now, by its twin; chargers with the answers that are due."""
    if isinstance(asset.detail, EvFleet):
        return sum(max(charger.watts, charger.due_w or 0.0) for charger in state.chargers.values())
    return response.then(state.twin, state.twin.at_s) or band.rest_w


def _row(view: View, feeder: Feeder, phase: int | None) -> Row:
    weights: dict[str, float] = {}
    draws_w = gives_w = 0.0
    for name, asset in view.site.assets.items():
        known = view.bands[name].devices
        total = 0.0
        for device in asset.devices:
            weight = device_weight(asset, device, feeder, phase)
            if device in known:
                total += weight
            elif weight:
                most_w, least_w = unmoved_w(asset, device, view.snapshot)
                draws_w, gives_w = draws_w + weight * most_w, gives_w + weight * least_w
        if total:
            weights[name] = total / len(known)
    import_w, export_w = (feeder.max_import_w, feeder.max_export_w) if phase is None else (feeder.max_phase_w,) * 2
    part = 1.0 if phase is None else 1.0 / 3.0
    seen_w = _other_w(view, feeder, phase, weights)
    if seen_w is None:
        other = (feeder.other_import_w * part + draws_w, feeder.other_export_w * part + gives_w)
    else:
        other = (seen_w, -seen_w)
    return Row(feeder, phase, import_w, export_w, weights, other)


def unmoved_w(asset: Asset, device: str, snapshot: Snapshot) -> tuple[float, float]:
    """What a device control cannot move now draws and gives at most: as measured, or rated where nobody can see it."""
    watts = snapshot.usable(power_point(asset, device))
    if watts is not None and isinstance(asset.detail, Zones):
        watts /= len(asset.devices)
    if watts is not None:
        return max(watts, 0.0), max(-watts, 0.0)
    return max(asset.max_w, 0.0) / len(asset.devices), max(-asset.min_w, 0.0) / len(asset.devices)


def _other_w(view: View, feeder: Feeder, phase: int | None, weights: Mapping[str, float]) -> float | None:
    """What draws on a row besides the assets, by its meter; None while that is not known."""
    if feeder.meter is None:
        return None
    suffix = "" if phase is None else f".{PHASES[phase]}"
    watts, at_s = view.snapshot.timed(point_id(feeder.meter, f"power.active{suffix}"))
    if watts is None and phase is not None:
        amps, at_s = view.snapshot.timed(point_id(feeder.meter, f"current{suffix}"))
        watts = None if amps is None else amps * feeder.volts
    if watts is None:
        return None
    for name, weight in weights.items():
        then_w = response.then(view.state.assets[name].twin, at_s)
        watts -= weight * (0.0 if then_w is None else then_w)
    return watts


def _fitted(view: View, row: Row, parts: Parts) -> Parts:
    """The parts with as much taken as the row needs, from those who must give first."""
    drawn = {name: _drawn(view, name, parts[name]) for name in row.weights}
    total_w = sum(weight * drawn[name] for name, weight in row.weights.items())
    excess_w = _beyond(row, total_w)
    if not excess_w:
        return parts
    result, way = dict(parts), IMPORT if excess_w > 0.0 else EXPORT
    for source in (None, Source.DEFAULT, Source.SCHEDULE, Source.REMOTE, Source.MANUAL):
        names = [name for name in row.weights if _source(view, name) is source]
        rooms = [_room(view.bands[name], drawn[name], row.weights[name]) for name in names]
        for name, taken_w in zip(names, fill(-excess_w, rooms), strict=True):
            if taken_w:
                result[name] = Part(drawn[name] + taken_w / row.weights[name], row.name + way)
                excess_w += taken_w
        if abs(excess_w) < LEAST_W:
            break
    return result


def _patient(view: View, row: Row, parts: Parts) -> Parts:
    """The parts with no more rise (or fall) than there is room while others are still on their way to theirs."""
    assets, states = view.site.assets, view.state.assets
    now_w = {name: present_w(assets[name], states[name], view.bands[name]) for name in row.weights}
    drawn = {name: _drawn(view, name, parts[name]) for name in row.weights}
    ways = ((1.0, row.import_w, row.other[0], IMPORT), (-1.0, row.export_w, row.other[1], EXPORT))
    for way, limit_w, other_w, word in ways:
        worst_w = sum(weight * max(way * drawn[n], way * now_w[n]) for n, weight in row.weights.items())
        over_w = worst_w + other_w - limit_w
        rises = {
            name: weight * max(0.0, way * (drawn[name] - now_w[name]))
            for name, weight in row.weights.items()
            if _source(view, name) is not Source.INTERLOCK
        }
        total_w = sum(rises.values())
        if over_w < LEAST_W or total_w < LEAST_W:
            continue
        part = min(1.0, over_w / total_w)
        parts = {
            **parts,
            **{
                name: Part(drawn[name] - way * part * rise_w / row.weights[name], row.name + word)
                for name, rise_w in rises.items()
                if rise_w >= LEAST_W
            },
        }
    return parts


def _beyond(row: Row, total_w: float) -> float:
    """How far the assets' sum is beyond a row: positive above its import limit, negative below its export limit."""
    over_w = total_w + row.other[0] - row.import_w
    if over_w >= LEAST_W:
        return over_w
    under_w = -total_w + row.other[1] - row.export_w
    return -under_w if under_w >= LEAST_W else 0.0


def _drawn(view: View, name: str, part: Part) -> float:
    asset, band = view.site.assets[name], view.bands[name]
    drawn = drawn_w(asset, band, part)
    own = part.aim_w is None and not isinstance(asset.detail, EvFleet | Pv)
    if own:  # its own controller decides, not its rest value
        return max(drawn, present_w(asset, view.state.assets[name], band))
    return drawn


def _source(view: View, name: str) -> Source | None:
    entry = view.held.get(name)
    return None if entry is None else entry.request.source


def _room(band: Band, drawn: float, weight: float) -> tuple[float, float]:
    return weight * min(0.0, band.lo_w - drawn), weight * max(0.0, band.hi_w - drawn)


def _narrowed(band: Band, before: Part, after: Part, asset: Asset) -> Band:
    """The band with the side closed that a row took away."""
    aim_w = after.aim_w
    if aim_w is None:
        return band
    down = aim_w < drawn_w(asset, band, before)
    rest_w = min(band.rest_w, aim_w) if down else max(band.rest_w, aim_w)
    if down:
        return band._replace(hi_w=aim_w, hi_reason=after.reason, rest_w=rest_w, lo_w=min(band.lo_w, aim_w))
    return band._replace(lo_w=aim_w, lo_reason=after.reason, rest_w=rest_w, hi_w=max(band.hi_w, aim_w))
