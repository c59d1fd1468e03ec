"""Balance: a site meter that shows the mirror image of what load and assets add up to has lost its sign, not the site its load.

Theory. What the site draws is expected from the load nobody controls and the powers of the assets. Of a value of the
other sign and about the expected size there are two explanations: the meter's sign has flipped (a transformer turned, a
register or a setting changed), or the site really swung from import to export between two readings. Until it is settled
the size is believed and the sign is not: the site is taken to draw what it drew, nothing is raised, and people are told
(FAULTS F-034). It is settled by a value that is nearer to what is expected than to its mirror image, or by an operator
who asks something of the site. Time settles nothing, and neither do the assets' own moves: they answer the load, so that
the meter may seem to follow them when it does not. Only beside inverters, where sun and load swing a site from import to
export every day, what the assets do meanwhile is heard (`cleared`).
"""

from collections.abc import Collection, Iterable, Mapping
from math import inf

from gateway.control import facts
from gateway.control.headroom import Band
from gateway.control.holds import Part, drawn_w
from gateway.control.settle import by_operator
from gateway.control.state import ControlState, Held, Load
from gateway.model.reading import Cause, Reading
from gateway.model.site import Site

REASON = "meter_reversed"
LEAST_W = 10_000.0
"""Below this a wrong sign costs little, and a load that moves passes through zero by itself."""
ALIKE = 0.25
"""A mirror image is at most this part of its size off what was expected."""
EXACT, EXACT_W = 0.05, 2_000.0
"""A value is the mirror image of what was expected when it differs from it by this part, or so much, at most."""
MOVED_W, TELLS = 10_000.0, 0.3
"""Once the assets have moved so far, the sign with which the load has moved by this part of the other's is right."""


def shown_w(load: Load, reading: Reading) -> float | None:
    """What the meter shows, where control may look at it: good, or doubted by nobody but this check."""
    doubted = load.mirrored and reading.cause is Cause.MISMATCH
    return reading.value if doubted else reading.usable


def weigh(load: Load, meter_w: float, assets_w: float) -> None:
    """Compare a new value with what is expected; `assets_w` is what the assets drew when it was measured."""
    if load.now_w is None:
        return
    expected_w = load.now_w + assets_w
    beside_w, mirror_w = abs(meter_w - expected_w), abs(meter_w + expected_w)
    if load.mirrored:
        load.mirrored = mirror_w < beside_w
    else:
        load.mirrored = abs(expected_w) >= LEAST_W and mirror_w <= ALIKE * abs(expected_w)


def cleared(
    site: Site, before: ControlState, state: ControlState, drawn: dict[str, float], meter_w: float | None
) -> float | None:
    """The site meter, its sign believed again where sun or load swung the site from import to export, or back.

    Beside inverters that is an everyday thing: at an export limit any machine that starts may do it. So only a value that
    is the mirror image to within `EXACT` is doubted at all; and a cloud's edge may do even that between two readings of
    the inverters. Once they have been read, the load from before and they add up to what the meter shows; had the meter
    lost its sign, they would not. Last, what the assets do meanwhile tells: the meter follows them, or it goes the other way.
    """
    load, drawn_w = state.load, sum(drawn.values(), 0.0)
    if not load.mirrored or meter_w is None or all(known.pv is None for _, known in facts.of_all(site)):
        load.doubted_w = None
        return meter_w
    true_w = -meter_w
    if not before.load.mirrored and before.load.now_w is not None:
        load.doubted_w, load.doubted_drawn_w = before.load.now_w, drawn_w
        if abs(true_w + load.doubted_w + drawn_w) > max(EXACT * abs(true_w), EXACT_W):
            return _believed(state, true_w, true_w - drawn_w)
    if load.doubted_w is None:
        return meter_w
    if abs(true_w - load.doubted_w - drawn_w) <= ALIKE * abs(true_w):
        return _believed(state, true_w, load.doubted_w)
    otherwise_w = -load.doubted_w - 2.0 * load.doubted_drawn_w  # the load then, if the sign was right
    moved_w = abs(drawn_w - load.doubted_drawn_w)
    follows = abs(true_w - drawn_w - otherwise_w) < TELLS * abs(-true_w - drawn_w - load.doubted_w)
    return _believed(state, true_w, true_w - drawn_w) if moved_w >= MOVED_W and follows else meter_w


def _believed(state: ControlState, true_w: float, load_w: float) -> float:
    state.load.mirrored, state.load.doubted_w, state.load.now_w = False, None, load_w
    return true_w


def upright_w(load: Load, meter_w: float) -> float:
    """What the site is taken to draw."""
    return -meter_w if load.mirrored else meter_w


def lidded(
    state: ControlState, bands: dict[str, Band], held: Collection[str], fresh: Iterable[Held]
) -> dict[str, Band]:
    """The bands; while the sign is in doubt with nothing to be raised, but for what somebody holds.

    An operator among the `fresh` requests settles it: the meter's next value counts as it is.
    """
    load = state.load
    if load.mirrored and any(by_operator(one) for one in fresh):
        load.mirrored, load.now_w = False, None
    if not load.mirrored:
        return bands
    return {name: band if name in held else _lid(band, state.assets[name].aim_w) for name, band in bands.items()}


def _lid(band: Band, aim_w: float) -> Band:
    if band.hi_w <= aim_w:
        return band
    return band._replace(hi_w=max(band.lo_w, aim_w), hi_reason=REASON)


def kept(
    state: ControlState, site: Site, parts: dict[str, Part], bands: Mapping[str, Band], held: Collection[str]
) -> dict[str, Part]:
    """The parts under the lids: a rest or a release that would raise an asset waits."""
    if not state.load.mirrored:
        return parts
    found = dict(parts)
    for name, part in parts.items():
        band = bands[name]
        lidded = name not in held and band.hi_reason == REASON
        if lidded and drawn_w(site.assets[name], band._replace(hi_w=inf), part) > band.hi_w:
            found[name] = Part(band.hi_w, REASON)
    return found
