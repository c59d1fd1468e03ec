"""What a step makes of a snapshot for one asset: its points read one by one, then the functions the step itself calls."""

from gateway.control import facts, fleet, headroom, shape
from gateway.control.headroom import Band, Car
from gateway.control.state import AssetState
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.site import Asset


def _read(asset: Asset, snapshot: Snapshot) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    known = facts.of(asset)
    return tuple(map(snapshot.usable, known.powers)), tuple(map(snapshot.usable, known.shown))


def band(asset: Asset, state: AssetState, snapshot: Snapshot, *, now_s: float) -> Band:
    """How far an asset can move."""
    known, read = facts.of(asset), _read(asset, snapshot)
    if known.fleet is not None:
        return fleet.room(known, known.fleet, state, *read, now_s=now_s)
    return headroom.room(known, state, snapshot, *read, now_s=now_s)


def cars(asset: Asset, snapshot: Snapshot) -> tuple[Car, ...]:
    """The cars of a fleet that take part."""
    return fleet.cars(asset, asset.detail, *_read(asset, snapshot))


def track(asset: Asset, state: AssetState, snapshot: Snapshot) -> None:
    """Take over what a fleet's chargers draw."""
    fleet.take_over(facts.of(asset), asset.detail, state, snapshot, _read(asset, snapshot)[0])


def commands(
    asset: Asset, state: AssetState, band: Band, snapshot: Snapshot, *, aim_w: float | None, reason: str, now_s: float
) -> list[Command]:
    """What is written for an aim; None releases the asset."""
    known = facts.of(asset)
    return shape.written(known, state, band, snapshot, aim_w=aim_w, reason=reason, now_s=now_s, eased=False)
