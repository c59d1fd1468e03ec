"""Solar inverters: the cap that keeps an export limit.

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

from gateway.control import age, facts, falls, response
from gateway.control.book import active
from gateway.control.bounded import SUN
from gateway.control.facts import Facts
from gateway.control.feeders import EXPORT, Row, present_w
from gateway.control.headroom import Band
from gateway.control.holds import FROZEN, Part, drawn_w
from gateway.control.state import ControlState
from gateway.model.safety import Feeder
from gateway.model.site import Site

REASON = "export_limit"
MARGIN_PART = 0.01
"""Kept from the limit, share of the rating: a limit is written in steps, and meters round."""
NEAR, STILL_NEAR = 0.5, 0.1
"""Inverters are capped while they give more than this part of the cap; once capped, more than that part."""
LEAST_PART = 0.05
"""Inverters that are released share a cap by what they give, but each counts with this part of its rating at least."""
NEARLY = 0.8
TIGHTER_PART, LOOSER_PART = 0.02, 0.1
"""A cap that does not bind (below this part of it) is not written anew for such a part of the rating less, or more."""
PROBE_PART = 0.03
"""Where others are ready to take it up at once, so much of the rating more: it shows whether there is more sun."""
PROBE_S = 2.0
"""Others that answer within this are."""
INTERLOCK = "interlock"
SHEDS = ("ar", "dr")


def inside(site: Site, state: ControlState, bands: dict[str, Band], bounds: tuple[float, float]) -> tuple[float, float]:
    """(max_import_w, max_export_w) for the target: while inverters are limited, the margin inside the export limit."""
    import_w, export_w = bounds
    if export_w == inf:
        return bounds
    roofs = [known for _, known in facts.of_all(site) if known.pv is not None and _is_limited(known, state)]
    if not roofs:
        return bounds
    kept_w = MARGIN_PART * sum(_rated_w(known, bands) for known in roofs)
    ready_w = _ready_w(site, state, bands, _quick(site))
    return import_w, export_w - kept_w - max(0.0, state.load.fall.most_w - ready_w)


def spared(site: Site, state: ControlState, bands: dict[str, Band], service: str, *, now_s: float) -> dict[str, Band]:
    """The bands; in a shed no sun is given up: who sheds more than was asked does no harm."""
    held = active(state.book, now_s) if service in SHEDS else None
    if held is None or not (held.request.shed_w or 0.0) > 0.0:
        return bands
    roofs = {name: bands[name] for name, known in facts.of_all(site) if known.pv is not None}
    return {**bands, **{name: band._replace(hi_w=band.rest_w) for name, band in roofs.items()}}


def capped(
    site: Site, state: ControlState, parts: dict[str, Part], bands: dict[str, Band], rows: list[Row]
) -> dict[str, Part]:
    """The parts with every inverter inside what each row may give away (`whole` is the row of the connection).

    Above everything but an interlock (I-12). Whoever is asked for all the sun gives is released first.
    """
    roofs = {name: known for name, known in facts.of_all(site) if known.pv is not None and bands[name].devices}
    if not roofs:
        return parts
    released = {name: parts[name]._replace(aim_w=None) for name in roofs if parts[name].reason == SUN}
    parts = {**parts, **released}
    for row in rows:
        here = {name: known for name, known in roofs.items() if row.weights.get(name)}
        if row.export_w < inf and here:
            parts = _inside(site, state, parts, bands, row, here)
    return parts


def whole(
    site: Site, state: ControlState, parts: dict[str, Part], bands: dict[str, Band], export_w: float, *, seen: bool
) -> Row:
    """The connection as a row; without the site meter (not `seen`) the load counts with the least it draws (I-08)."""
    load_w = state.load.now_w
    falls.note(site, state)
    least_w = min(load_w, _newest_w(state)) if seen and load_w is not None else site.limits.least_load_w
    rated_w = sum(_rated_w(known, bands) for _, known in facts.of_all(site) if known.pv is not None)
    if seen:
        ready_w = _ready_w(site, state, bands, [name for name in _quick(site) if parts[name].reason != FROZEN])
        least_w += min(ready_w, PROBE_PART * rated_w) - max(0.0, state.load.fall.most_w - ready_w)
    return Row(Feeder("site", frozenset()), None, inf, export_w, dict.fromkeys(site.assets, 1.0), (inf, -least_w))


def _newest_w(state: ControlState) -> float:
    """The load by the newest value of the site meter alone: a load that drops is not waited for."""
    load = state.load
    if not load.recent or load.mirrored:
        return inf
    measured_s, meter_w = load.recent[-1]
    at_s = measured_s - age.of(load)
    return meter_w - sum(response.then(own.twin, at_s) or 0.0 for own in state.assets.values())


def _inside(
    site: Site,
    state: ControlState,
    parts: dict[str, Part],
    bands: dict[str, Band],
    row: Row,
    roofs: dict[str, Facts],
) -> dict[str, Part]:
    weights = row.weights
    rated_w = {name: weights[name] * _rated_w(known, bands) for name, known in roofs.items()}
    gives_w = {name: -weights[name] * _present_w(site, state, bands, name) for name in roofs}
    cap_w = row.export_w - row.other[1] - MARGIN_PART * sum(rated_w.values())
    for name, weight in weights.items():
        if site.assets[name].id not in roofs and bands[name].devices:
            now_w = _present_w(site, state, bands, name)
            cap_w += weight * min(now_w, drawn_w(site.assets[name], bands[name], parts[name]))
    cap_w = max(0.0, cap_w)
    near = STILL_NEAR if any(_is_limited(known, state) for known in roofs.values()) else NEAR
    if sum(gives_w.values()) <= near * cap_w or cap_w >= sum(rated_w.values()):
        return parts
    asked = {name: -weights[name] * aim_w for name in roofs if (aim_w := parts[name].aim_w) is not None}
    scale = min(1.0, cap_w / total) if (total := sum(asked.values())) > 0.0 else 1.0
    left_w = max(0.0, cap_w - total)
    free = {name: max(gives_w[name], LEAST_PART * rated_w[name]) for name in roofs if name not in asked}
    reason = REASON if row.feeder.id == "site" and not row.feeder.devices else row.name + EXPORT
    cut = {}
    for name, known in roofs.items():
        if parts[name].reason in (INTERLOCK, FROZEN) or (name in asked and scale == 1.0):
            continue
        given_w = (asked[name] * scale if name in asked else left_w * free[name] / sum(free.values())) / weights[name]
        if name in free:
            given_w = _steady_w(state, known=known, gives_w=gives_w[name] / weights[name], given_w=given_w)
        cut[name] = Part(-given_w, reason, parts[name].eased)
    return {**parts, **cut}


def _steady_w(state: ControlState, *, known: Facts, gives_w: float, given_w: float) -> float:
    """The cap of inverters that are far below it: as it was, while it moves little and to the harmless side."""
    own = state.assets[known.asset.id]
    before_w, rated_w = -own.aim_w, -known.level_w * len(known.asset.devices)
    near_w = NEARLY * min(before_w, given_w)
    keeps = gives_w < near_w and -TIGHTER_PART * rated_w < given_w - before_w < LOOSER_PART * rated_w
    return before_w if keeps and _is_limited(known, state) else given_w


def _ready_w(site: Site, state: ControlState, bands: dict[str, Band], names: list[str]) -> float:
    """What these assets could take up."""
    return sum(max(0.0, bands[name].hi_w - _present_w(site, state, bands, name)) for name in names)


def _quick(site: Site) -> list[str]:
    """The assets besides inverters that answer at once."""
    return [name for name, known in facts.of_all(site) if known.pv is None and known.horizon_s <= PROBE_S]


def _present_w(site: Site, state: ControlState, bands: dict[str, Band], name: str) -> float:
    return present_w(site.assets[name], state.assets[name], bands[name])


def _rated_w(known: Facts, bands: dict[str, Band]) -> float:
    assert known.pv is not None  # asked of inverters only
    return known.pv.rated_w * len(bands[known.asset.id].devices)


def _is_limited(known: Facts, state: ControlState) -> bool:
    own = state.assets[known.asset.id]
    return any((entry := own.sent.get(key)) is not None and entry.value is not None for key in known.keys.values())
