"""The lanes of a run: the site, the signal, what the assets did and what bound them, charge and temperatures."""

from collections.abc import Iterator

import numpy as np

from gateway.insight.held import Floats, Held, raster
from gateway.insight.page.axis import SHORT_S
from gateway.insight.page.chart import Curve, Lane, Stretch, group, lane
from gateway.insight.page.strip import strip, told
from gateway.insight.page.thin import thin
from gateway.insight.page.tongues import both
from gateway.insight.page.tracks import SOC, Track, Tracks
from gateway.insight.score import Signals

CLOSE_S = 600.0
"""Length of a close look."""
OFF_S, OFF_SHORT_S = 10.0, 2.0
"""The distance from the target is shown in means of this length, as the scores take it: PJM's, and in a short run tracking's."""
Kilo = Held


def kilo(watts: Held) -> Kilo:
    """W as kW."""
    return Held(watts.t_s, watts.value / 1000.0, watts.end_s)


def site_lanes(signals: Signals, target: Kilo, stretch: Stretch) -> Iterator[str]:
    """Site power; signal and response; how far off."""
    edges = stretch.edges_s
    power = kilo(signals.power_w)
    curves = [Curve("plan", "page.basepoint", thin(kilo(signals.basepoint_w), edges))]
    if signals.baseline_w.known:
        curves.append(Curve("base", "page.baseline", thin(kilo(signals.baseline_w), edges)))
    curves.append(Curve("does", "page.measured", thin(power, edges)))
    curves.append(Curve("asked", "page.target", thin(target, edges)))
    yield lane(Lane(both("page.site_power"), "kW", curves, "high"), stretch)
    if signals.signal.known:
        pair = (
            Curve("does", "page.response", thin(percent(signals.response), edges)),
            Curve("asked", "page.signal", thin(percent(signals.signal), edges)),
        )
        yield lane(Lane(both("page.regulation"), "%", pair, zero=True), stretch)
    mean_s = OFF_S if stretch.end_s - stretch.begin_s > SHORT_S else OFF_SHORT_S
    off = off_target(power, target, raster(stretch.begin_s, stretch.end_s, mean_s))
    if off.known:
        yield lane(
            Lane(both("page.off", s=mean_s), "kW", (Curve("does", "page.off_by", thin(off, edges)),), zero=True),
            stretch,
        )


def percent(share: Held) -> Held:
    """A share as %."""
    return Held(share.t_s, share.value * 100.0, share.end_s)


def off_target(power: Kilo, target: Kilo, edges_s: Floats) -> Kilo:
    """Power less target in means between the edges, while there is a target."""
    return Held(edges_s[:-1], power.means(edges_s) - target.means(edges_s), float(edges_s[-1]))


def gauge_lanes(tracks: Tracks, stretch: Stretch) -> Iterator[str]:
    """State of charge and zone temperatures, as far as the decision log knows them."""
    for point, held in tracks.gauges.items():
        device, _, quantity = point.partition("/")
        name, unit = ("page.soc", "%") if quantity.endswith(SOC) else ("page.temperature", "°C")
        curve = Curve("does", name, thin(held, stretch.edges_s))
        if curve.thin.known:
            yield lane(Lane(both(name + "_of", device=device), unit, (curve,)), stretch)


def asset_lane(name: str, track: Track, stretch: Stretch) -> str:
    """One asset: what it was told and drew, a strip of what bound it, the reasons in words."""
    edges = stretch.edges_s
    curves = (
        Curve("does", "page.draws", thin(kilo(track.power_w), edges)),
        Curve("asked", "page.told", thin(kilo(track.command_w), edges)),
    )
    notes = (f"{both('page.decided')} {told(track.reason)}",)
    return lane(
        Lane(f"<bdi>{name}</bdi>", "kW", curves, zero=True, below=strip(track.reason, stretch), notes=notes), stretch
    )


def close_looks(signals: Signals, whole: Stretch) -> list[tuple[str, Stretch]]:
    """(key, stretch) of the usual and of the worst ten minutes of regulation in a long run."""
    if not signals.signal.known or whole.end_s - whole.begin_s < 4.0 * CLOSE_S:
        return []
    edges = raster(whole.begin_s, whole.end_s, CLOSE_S)
    errors = mean_errors(signals, edges)
    known = np.flatnonzero(np.isfinite(errors))
    if not known.size:
        return []
    by_error = known[np.argsort(errors[known], kind="stable")]
    chosen = (("page.close_usual", by_error[by_error.size // 2]), ("page.close_worst", by_error[-1]))
    return [(key, Stretch(float(edges[at]), float(edges[at + 1]), whole.begin, whole.marks)) for key, at in chosen]


def mean_errors(signals: Signals, edges_s: Floats) -> Floats:
    """Mean |signal - response| on 2 s means between the edges; NaN where any is missing."""
    fine = raster(float(edges_s[0]), float(edges_s[-1]), 2.0)
    off = np.abs(signals.signal.means(fine) - signals.response.means(fine))
    return Held(fine[:-1], off, float(fine[-1])).means(edges_s)


def close_part(key: str, stretch: Stretch, signals: Signals, target: Kilo) -> str:
    """A close look at ten minutes."""
    edges = stretch.edges_s
    pair = (
        Curve("does", "page.measured", thin(kilo(signals.power_w), edges)),
        Curve("asked", "page.target", thin(target, edges)),
    )
    return group(lane(Lane(both(key), "kW", pair, "high"), stretch), stretch)
