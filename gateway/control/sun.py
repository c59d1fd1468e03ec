"""Solar inverters: how much they could give, what they are believed to draw, and the cap that keeps an export limit.

Theory. A limit on an inverter is a bound, not a power: below it the sun decides, so less than the limit is lawful, more
is not. What the sun would give is only seen while nothing binds the inverter: when it is released, or gives clearly less
than its limit. At its limit the last such value is the most it is taken to have, never less than it gives. Its rest is
all of that, so room below the rest, which a shed would count on, there is none: getting back what was curtailed is no
shed.

An export limit must hold for clouds that break within seconds, and nobody sees behind a limit that binds. So wherever
generation comes near to what the site may give away, its inverters are limited to just that, whatever they do now:

    cap = export limit + load + what the other assets draw for certain - margin
"""

from math import inf

from gateway.control import facts
from gateway.control.bounded import SUN
from gateway.control.facts import Facts
from gateway.control.feeders import present_w
from gateway.control.headroom import Band
from gateway.control.holds import FROZEN, Part, drawn_w
from gateway.control.state import ControlState
from gateway.model.site import Site

REASON = "export_limit"
MARGIN_PART = 0.01
"""Kept from the limit, share of the rating: a limit is written in steps, and meters round."""
NEAR, STILL_NEAR = 0.5, 0.1
"""Inverters are capped while they give more than this part of the cap; once capped, more than that part."""
PROBE_PART = 0.03
"""Where others are ready to take it up at once, so much of the rating more: it shows whether there is more sun."""
PROBE_S = 2.0
"""Others that answer within this are."""
INTERLOCK = "interlock"


def inside(site: Site, state: ControlState, bands: dict[str, Band], bounds: tuple[float, float]) -> tuple[float, float]:
    """(max_import_w, max_export_w) for the target: while inverters are limited, the margin inside the export limit."""
    import_w, export_w = bounds
    roofs = [known for _, known in facts.of_all(site) if known.pv is not None and _is_limited(known, state)]
    if export_w == inf or not roofs:
        return bounds
    return import_w, export_w - MARGIN_PART * sum(_rated_w(known, bands) for known in roofs)


def capped(
    site: Site, state: ControlState, parts: dict[str, Part], bands: dict[str, Band], *, export_w: float, seen: bool
) -> dict[str, Part]:
    """The parts with every inverter inside what the site may give away; `seen`: the site meter is read.

    Above everything but an interlock (I-12). Without the meter the load counts with the least it draws (I-08).
    """
    roofs = [known for _, known in facts.of_all(site) if known.pv is not None and bands[known.asset.id].devices]
    if not roofs:
        return parts
    parts = dict(parts)
    for known in roofs:
        if (part := parts[known.asset.id]).reason == SUN:  # whoever is asked for all the sun gives is released
            parts[known.asset.id] = part._replace(aim_w=None)
    if export_w == inf:
        return parts
    cap_w = export_w + _certain_w(site, state, parts, bands, seen=seen)
    rated_w = sum(_rated_w(known, bands) for known in roofs)
    cap_w = max(0.0, cap_w - MARGIN_PART * rated_w)
    gives_w = {known.asset.id: -_present_w(known, state, bands) for known in roofs}
    near = STILL_NEAR if any(_is_limited(known, state) for known in roofs) else NEAR
    if sum(gives_w.values()) <= near * cap_w or cap_w >= rated_w:
        return parts
    weights = {known.asset.id: max(gives_w[known.asset.id], 0.05 * _rated_w(known, bands)) for known in roofs}
    for known in roofs:
        name = known.asset.id
        aim_w, reason, eased = parts[name]
        least_w = -cap_w * weights[name] / sum(weights.values())
        if reason not in (INTERLOCK, FROZEN) and (aim_w is None or aim_w < least_w):
            parts[name] = Part(least_w, REASON, eased)
    return parts


def _certain_w(site: Site, state: ControlState, parts: dict[str, Part], bands: dict[str, Band], *, seen: bool) -> float:
    """What load and other assets draw at least, and a little of what others would take up at once."""
    load_w = state.load.now_w
    total_w = load_w if seen and load_w is not None else site.limits.least_load_w
    rated_w = ready_w = 0.0
    for name, known in facts.of_all(site):
        band, own = bands[name], state.assets[name]
        if known.pv is not None:
            rated_w += _rated_w(known, bands)
            continue
        now_w = present_w(known.asset, own, band)
        total_w += min(now_w, drawn_w(known.asset, band, parts[name]))
        if seen and known.horizon_s <= PROBE_S and parts[name].reason != FROZEN:
            ready_w += max(0.0, band.hi_w - now_w)
    return total_w + min(ready_w, PROBE_PART * rated_w)


def _present_w(known: Facts, state: ControlState, bands: dict[str, Band]) -> float:
    return present_w(known.asset, state.assets[known.asset.id], bands[known.asset.id])


def _rated_w(known: Facts, bands: dict[str, Band]) -> float:
    assert known.pv is not None  # asked of inverters only
    return known.pv.rated_w * len(bands[known.asset.id].devices)


def _is_limited(known: Facts, state: ControlState) -> bool:
    own = state.assets[known.asset.id]
    return any((entry := own.sent.get(key)) is not None and entry.value is not None for key in known.keys.values())
