"""Parts: what each asset is asked for when nobody steers the site as a whole, and how hard limits open a hold.

A hold pins one asset (interlock > manual > remote). A limit on the connection stands above manual and below interlock
(I-12): where the assets without a hold cannot keep it, holds open towards it, the weaker source first, no further than
the limit needs.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.control.allocate import fill
from gateway.control.headroom import Band
from gateway.control.state import Held
from gateway.model.request import Action, Source
from gateway.model.site import Asset, EvFleet


class Part(NamedTuple):
    """One asset's part: its aim (None: release it) and why."""

    aim_w: float | None
    reason: str
    eased: bool = False
    """It need not hurry: faster ones can wait for it."""


WORDS = {Source.INTERLOCK: "interlock", Source.MANUAL: "manual", Source.SCHEDULE: "schedule"}
FROZEN = "frozen"
"""The reason of an asset to which nothing is written."""


def held_part(asset: Asset, entry: Held, *, aim_w: float | None = None) -> Part:
    """What a hold wants of its asset; without a power its action says. `aim_w`: what it was last asked for."""
    request = entry.request
    word = WORDS.get(request.source, "asset_setpoint")
    if request.power_w is not None:
        return Part(request.power_w, word)
    match request.action:
        case Action.SAFE:
            return Part(asset.safe_w, word)
        case Action.RELEASE:
            return Part(None, word)
        case Action.FREEZE:
            return Part(aim_w, FROZEN)


def causes(held: Mapping[str, Held]) -> list[str]:
    """What people did that must be told: an emergency stop, an asset in somebody's hand."""
    stop = any(e.request.source is Source.INTERLOCK and e.request.target == "site" for e in held.values())
    by_hand = [f"manual_override:{name}" for name, e in held.items() if e.request.source is Source.MANUAL]
    return ["emergency_stop:site", *by_hand] if stop else by_hand


def safe_w(asset: Asset, band: Band) -> float:
    """What an asset draws at its safe value, or released where it has none."""
    return _released_w(asset, band) if asset.safe_w is None else asset.safe_w


def drawn_w(asset: Asset, band: Band, part: Part) -> float:
    """What a part makes its asset draw, as far as its band lets it."""
    wanted_w = _released_w(asset, band) if part.aim_w is None else part.aim_w
    return min(max(wanted_w, band.lo_w), band.hi_w)


def _released_w(asset: Asset, band: Band) -> float:
    if isinstance(asset.detail, EvFleet):  # chargers have no controller of their own: their fallback current
        return asset.detail.safe_current_a * asset.detail.volts * asset.detail.phases * len(band.cars)
    return band.rest_w


def excess_w(drawn: tuple[float, float], bounds: tuple[float, float]) -> float:
    """How much more the site must draw to keep (max_import_w, max_export_w), negative less; 0 inside them.

    `drawn` is (least, most) it can be brought to draw without opening a hold.
    """
    (least_w, most_w), (import_w, export_w) = drawn, bounds
    if least_w > import_w:
        return import_w - least_w
    return max(0.0, -export_w - most_w)


def opened(
    parts: Mapping[str, Part],
    assets: Mapping[str, Asset],
    bands: Mapping[str, Band],
    held: Mapping[str, Held],
    /,
    *,
    amount_w: float,
) -> dict[str, Part]:
    """The parts with `amount_w` more (negative: less) taken from the holds; an interlock does not move."""
    result = dict(parts)
    for source in sorted({entry.request.source for entry in held.values()} - {Source.INTERLOCK}):
        names = [name for name, entry in held.items() if entry.request.source is source]
        now_w = [drawn_w(assets[name], bands[name], result[name]) for name in names]
        rooms = [
            (min(0.0, bands[name].lo_w - watts), max(0.0, bands[name].hi_w - watts))
            for name, watts in zip(names, now_w, strict=True)
        ]
        for name, watts, moved_w in zip(names, now_w, fill(amount_w, rooms), strict=True):
            if moved_w:
                result[name] = Part(watts + moved_w, "limit")
                amount_w -= moved_w
    return result
