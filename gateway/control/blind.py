"""The site meter is lost: what the assets do at first, and the worst-case limits that hold from the first moment.

The load nobody controls is then known by its bounds only (`limits.most_load_kw`, `least_load_kw`). The whole site is
one more row of the feeder tree, without a meter: rated sums on either side of it (FAULTS F-081, I-08).
"""

from math import inf

from gateway.control import goal
from gateway.control.feeders import Row, View, unmoved_w
from gateway.control.headroom import Band
from gateway.control.holds import safe_w
from gateway.control.state import ControlState
from gateway.control.target import Goal
from gateway.model.mode import Mode
from gateway.model.safety import Feeder, Loss
from gateway.model.site import Site


def wish(state: ControlState, site: Site, *, now_s: float, meter_only: bool) -> Goal:
    """The goal of this step; `meter_only`: the site meter is all that is lost, should the mode be FAULT."""
    mode, loss = state.mode, site.failsafe.meter
    lost_s = now_s - mode.since_s
    over = loss.then is Loss.SAFE or not meter_only or not mode.held_aims or lost_s >= loss.hold_s + loss.ramp_s
    if mode.mode is not Mode.FAULT or over:
        return goal.wish(state, site, now_s=now_s)
    if lost_s < loss.hold_s:
        if loss.then is Loss.OPEN_LOOP:
            mode.held_aims = {name: asset.aim_w for name, asset in state.assets.items()}
            return goal.remote(state, site, now_s=now_s)
        return Goal("hold", None, toward_safe=0.0)
    return Goal("ramp", None, toward_safe=(lost_s - loss.hold_s) / loss.ramp_s)


def row(view: View, bounds: tuple[float, float]) -> list[Row]:
    """The connection's limits against rated sums; none where nothing is limited."""
    import_w, export_w = bounds
    if import_w == inf and export_w == inf:
        return []
    site, limits = view.site, view.site.limits
    weights = {name: 1.0 for name in site.assets if view.bands[name].devices}
    unmoved = [
        unmoved_w(asset, device, view.snapshot)
        for name, asset in site.assets.items()
        for device in asset.devices
        if device not in view.bands[name].devices
    ]
    most_w = sum(draws_w for draws_w, _ in unmoved) + (limits.most_load_w or 0.0)
    least_w = limits.least_load_w - sum(gives_w for _, gives_w in unmoved)
    if limits.most_load_w is None:  # how much the load leaves is not known: nothing beyond the safe values
        import_w, most_w = sum(max(0.0, _rest_w(view, name)) for name in weights), 0.0
    feeder = Feeder("site", frozenset(), import_w, export_w)
    return [Row(feeder, None, import_w, export_w, weights, (most_w, -least_w))]


def _rest_w(view: View, name: str) -> float:
    band: Band = view.bands[name]
    return min(max(safe_w(view.site.assets[name], band), band.lo_w), band.hi_w)
