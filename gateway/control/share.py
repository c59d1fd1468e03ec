"""Sharing: what each asset is asked for, be it by the target of the site, by the mode, or by a hold."""

from gateway.control import facts, fleet, kinds, response
from gateway.control.allocate import Group, cascade
from gateway.control.facts import Facts, Rank
from gateway.control.headroom import Band
from gateway.control.holds import Part, drawn_w, excess_w, held_part, opened, safe_w
from gateway.control.state import AssetState, ControlState, Held
from gateway.control.target import Goal
from gateway.model.site import Site

REST, AT_REST = Part(None, "rest"), Part(0.0, "rest")


def unasked(
    site: Site, state: ControlState, bands: dict[str, Band], wished: Goal, held: dict[str, Held]
) -> dict[str, Part]:
    """The part of every asset as the mode and the holds want it, the target of the site left out."""
    usual = not wished.safe and wished.toward_safe is None
    parts = {}
    for name, known in facts.of_all(site):
        if name in held:
            parts[name] = held_part(known.asset, held[name], aim_w=state.assets[name].aim_w)
        elif usual and name not in wished.aims:
            parts[name] = _usual(known, bands[name])
        else:
            parts[name] = _unasked(known, state, bands[name], wished)
    return parts


def _usual(known: Facts, band: Band) -> Part:
    if known.fleet is not None:
        return Part(band.rest_w, "schedule")
    return AT_REST if known.battery else REST


def _unasked(known: Facts, state: ControlState, band: Band, wished: Goal) -> Part:
    asset = known.asset
    if wished.toward_safe is not None:
        from_w = state.mode.held_aims.get(asset.id, band.rest_w)
        return Part(from_w + (safe_w(asset, band) - from_w) * wished.toward_safe, wished.service)
    if wished.safe:
        return Part(asset.safe_w, "safe")
    return Part(wished.aims[asset.id], wished.service)


def natural_w(site: Site, state: ControlState, bands: dict[str, Band], parts: dict[str, Part]) -> float | None:
    """What the site draws when no target is set; None while the load is unknown."""
    if state.load.now_w is None:
        return None
    return state.load.now_w + sum(drawn_w(asset, bands[name], parts[name]) for name, asset in site.assets.items())


def share(
    site: Site,
    state: ControlState,
    bands: dict[str, Band],
    wanted: Goal,
    parts: dict[str, Part],
    held: dict[str, Held],
    *,
    bounds: tuple[float, float],
    now_s: float,
) -> tuple[dict[str, Part], float]:
    """The part of every asset, and what the target wants beyond them all."""
    load_w, target = state.load.now_w, wanted.target
    if target is None or load_w is None:
        return parts, 0.0
    assets = site.assets
    if held:
        pinned = {name: drawn_w(assets[name], bands[name], parts[name]) for name in held}
        least_w = load_w + sum(pinned.get(name, band.lo_w) for name, band in bands.items())
        most_w = load_w + sum(pinned.get(name, band.hi_w) for name, band in bands.items())
        parts = opened(parts, assets, bands, held, amount_w=excess_w((least_w, most_w), bounds))
    everybody = facts.of_all(site)
    soonest_s = min((known.horizon_s for _, known in everybody), default=0.0)
    groups = [_group(rank, state, bands, parts, held) for rank in facts.ranks(site)]
    allocation = cascade(now_s, lambda h: target(h) - load_w, groups)
    if held:  # those that answer first open further while slower ones are still on their way to the limit
        soon = {name: entry for name, entry in held.items() if facts.of(assets[name]).horizon_s <= soonest_s}
        drawn = target(soonest_s) - allocation.shortfall_w
        parts = opened(parts, assets, bands, soon, amount_w=excess_w((drawn, drawn), bounds))
    aims, eased = allocation.aims, allocation.eased
    given = {}
    for name, _ in everybody:
        if name in held:
            given[name] = parts[name]
            continue
        band, aim_w = bands[name], aims[name]
        reason = band.lo_reason if aim_w <= band.lo_w else band.hi_reason if aim_w >= band.hi_w else "target"
        given[name] = Part(aim_w, reason, name in eased)
    return given, allocation.shortfall_w


def _group(
    rank: Rank, state: ControlState, bands: dict[str, Band], parts: dict[str, Part], held: dict[str, Held]
) -> Group:
    """The assets of one rank with what they draw unasked, and their room around it; a hold pins its asset."""
    lows, highs, rests, twins = [], [], [], []
    for name, known in rank.members:
        band, rest_w = bands[name], parts[name].aim_w
        lo_w, hi_w = band.lo_w, band.hi_w
        if rest_w is None:
            rest_w = band.rest_w if known.fleet is None else drawn_w(known.asset, band, parts[name])
        rest_w = max(rest_w, lo_w)
        rest_w = min(rest_w, hi_w)
        if name in held:
            lo_w = hi_w = rest_w
        lows.append(lo_w)
        highs.append(hi_w)
        rests.append(rest_w)
        twins.append((known, state.assets[name], band))

    def then_w(at_s: float) -> list[float]:
        return [_then_w(known, own, band, at_s) for known, own, band in twins]

    return Group(rank.names, lows, highs, rests, rank.horizon_s, rank.order, rank.share, then_w)


def _then_w(known: Facts, own: AssetState, band: Band, at_s: float) -> float:
    """What an asset will draw at a near instant, by its twin."""
    if known.fleet is not None:
        return fleet.then_w(known.fleet, own, at_s)
    drive = response.ahead(own.twin, at_s, known.asset.lag_s)
    return drive if known.fans is None else kinds.to_watts(known.asset, drive, len(band.devices))
