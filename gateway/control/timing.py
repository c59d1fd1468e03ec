"""Dead time and lag of a slow asset, learned while it works.

Beside the asset's twin run four more, with a dead time or a lag that is a little shorter or longer, all driven by the
commands that were sent. Every few minutes the squared errors of the five against what was polled give a parabola for
either parameter, and both move towards its least: as in evolutionary operation (Box, 1957), only on models. What is
stated bounds it on both sides; without movement the parabolas are flat and nothing is learned.
"""

from dataclasses import replace
from math import exp

from gateway.control import facts
from gateway.control.headroom import Band
from gateway.control.kinds import power_points, to_watts
from gateway.control.state import AssetState, Rival, Timing
from gateway.model.image import Snapshot
from gateway.model.site import Asset, Chiller, Fans, Site

APART = 0.15
"""The rivals' dead time and lag differ by this part."""
WINDOW_S = 300.0
LEAST_READINGS = 40
CURVED = 0.05
"""A parabola counts when leaving its least by one rival costs this part of the error."""
BOUND = 2.0
"""Learned is never more than so many times what is stated, nor less than that part of it."""
FACTORS = ((1.0, 1.0), (1.0 - APART, 1.0), (1.0 + APART, 1.0), (1.0, 1.0 - APART), (1.0, 1.0 + APART))
"""(of the dead time, of the lag) of each rival; the first is what is reckoned with."""


def learned(site: Site, states: dict[str, AssetState]) -> Site:
    """The site with what was learned of its assets in place of what was stated."""
    found = tuple(
        (name, state.timing.dead_s, state.timing.lag_s)
        for name, state in states.items()
        if state.timing is not None and state.timing.moved
    )
    return facts.altered(site, found) if found else site


def learn(asset: Asset, state: AssetState, band: Band, snapshot: Snapshot, *, stated: Asset) -> None:
    """Take over the commands and readings that are new; `asset` has the parameters in use, `stated` the owner's."""
    if not isinstance(asset.detail, (Fans, Chiller)) or not band.devices or asset.lag_s <= 0.0:
        return  # a lag of nothing has no share to be tried shorter or longer
    timing = state.timing
    if timing is None or not timing.rivals:
        timing = _begin(asset, state, moved=timing is not None and timing.moved)
    known_s = timing.orders[-1][0]
    fresh = tuple(
        (effect_s - asset.dead_time_s, drive)
        for effect_s, drive in state.twin.pending
        if effect_s - asset.dead_time_s > known_s + 1e-6
    )
    if fresh:
        timing = replace(timing, orders=(*timing.orders, *fresh))
    count, newest_s, seen_w, readings = len(band.devices), timing.read_s, 0.0, 0
    for point in power_points(asset):
        watts, measured_s = snapshot.timed(point)
        if watts is not None and measured_s > timing.read_s:
            newest_s = max(newest_s, measured_s)
            seen_w += watts
            readings += 1
    if readings:
        timing = _compare(asset, timing, newest_s, seen_w * count / readings, count)
        if newest_s - timing.begun_s >= WINDOW_S:
            timing = _move(timing, stated)
    state.timing = timing


def _begin(asset: Asset, state: AssetState, *, moved: bool) -> Timing:
    at_s, x = state.twin.at_s, state.twin.x
    rivals = tuple(Rival(x, at_s, 0.0) for _ in FACTORS)
    orders = ((at_s - 2.0 * BOUND * asset.dead_time_s, state.twin.drive),)
    return Timing(asset.dead_time_s, asset.lag_s, moved, begun_s=at_s, read_s=at_s, orders=orders, rivals=rivals)


def _compare(asset: Asset, timing: Timing, at_s: float, seen_w: float, count: int) -> Timing:
    """Run every rival to the instant of a reading and add its squared error."""
    rivals = []
    for (of_dead, of_lag), rival in zip(FACTORS, timing.rivals, strict=True):
        dead_s, lag_s = timing.dead_s * of_dead, timing.lag_s * of_lag
        x, since_s, drive = rival.x, rival.at_s, timing.orders[0][1]
        for sent_s, following in timing.orders:
            effect_s = sent_s + dead_s
            if effect_s > at_s:
                break
            if effect_s > since_s:
                x = drive + (x - drive) * exp((since_s - effect_s) / lag_s)
                since_s = effect_s
            drive = following
        x = drive + (x - drive) * exp(-max(0.0, at_s - since_s) / lag_s)
        error_w = seen_w - to_watts(asset, x, count)
        rivals.append(Rival(x, at_s, rival.error + error_w * error_w))
    oldest_s = at_s - 2.0 * BOUND * timing.dead_s
    keep = max((at for at, (sent_s, _) in enumerate(timing.orders) if sent_s <= oldest_s), default=0)
    return replace(timing, read_s=at_s, orders=timing.orders[keep:], rivals=tuple(rivals), readings=timing.readings + 1)


def _move(timing: Timing, stated: Asset) -> Timing:
    """Both parameters towards the least of their parabolas; a new window begins."""
    here, shorter, longer, quicker, slower = (rival.error for rival in timing.rivals)
    enough = timing.readings >= LEAST_READINGS
    dead_s = _toward(timing.dead_s, stated.dead_time_s, (shorter, here, longer)) if enough else timing.dead_s
    lag_s = _toward(timing.lag_s, stated.lag_s, (quicker, here, slower)) if enough else timing.lag_s
    x = timing.rivals[0].x
    return replace(
        timing,
        dead_s=dead_s,
        lag_s=lag_s,
        moved=timing.moved or (dead_s, lag_s) != (timing.dead_s, timing.lag_s),
        begun_s=timing.read_s,
        readings=0,
        rivals=tuple(Rival(x, timing.read_s, 0.0) for _ in FACTORS),
    )


def _toward(value: float, stated: float, errors: tuple[float, float, float]) -> float:
    less, here, more = errors
    curve = less + more - 2.0 * here
    if curve < 2.0 * CURVED * here or curve <= 0.0:
        return value
    steps = min(max((less - more) / (2.0 * curve), -1.0), 1.0)
    return min(max(value * (1.0 + APART * steps), stated / BOUND), stated * BOUND)
