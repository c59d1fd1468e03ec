"""How old a value of the site meter is when it is read: learned from the moves that were asked for.

The meter less what the assets drew `age_s` before is the load nobody controls. With a wrong age it also carries
(age - true age) x the slope of the assets' power. The slope of the target depends on nothing the meter shows; against
it, as the instrument, the error of the age comes out free of the loop's own answer to what it measures (instrumental
variables: Söderström and Stoica, System Identification, 1989, chapter 8). All three are taken about their mean of the
last seconds, since the load drifts.

    error = sum(z n) / sum(z x), its spread = sqrt(var(n) sum(z z)) / sum(z x)

n load as seen, x slope of the assets, z slope of the target. The stated age holds until what was learned contradicts it. A
loop that is quick on a wrong age swings: when what was taken of a value does not show in the next, the observer waits
for effects until the age is known.
"""

from dataclasses import replace
from itertools import pairwise
from math import exp, inf, sqrt

from gateway.control.state import Age, Load, Wary

KEPT_S = 14.0
STATED_S = 0.2
"""A value is usually about this old: half of what a meter and its line take at most."""
CONTRADICTED_S = 0.6
MOST_S = 8.0
"""No meter is taken to be later than this."""
ABOUT_S = 10.0
"""Time constant of the means about which all is taken."""
MEMORY_S = 1200.0
SLOPE_S = 1.0
ASKED_S = 3.0
"""The target's slope is taken over so long, for the assets follow it some time later."""
ALIKE = 2.0
"""Neighbouring values are not independent: the spread is so much wider."""
SURE_S, MOVE_S = 0.5, 1.5
"""The spread below which the observer is quick, and below which the age is moved."""
STRIDE_S = 0.1
"""Most that one meter value moves the age."""
CAREFUL, WAIT_S = 0.5, 5.0
"""An observer that waits for effects takes this part of a value, and the next so much later …"""
WARY_S = 300.0
"""… for so long, unless the age is learned before; a load that ramps looks alike, so not for ever."""
WATCHED_S, LARGE_W = 4.0, 10_000.0
"""Time constant of the running means of innovations; smaller ones are noise."""


def note(load: Load, now_s: float, assets_w: float, asked_w: float) -> None:
    """Keep what the assets drew and what was asked of the site at this instant, for some seconds."""
    trail = load.trail
    if trail and trail[0][0] < now_s - KEPT_S:
        keep = next((at for at, row in enumerate(trail) if row[0] >= now_s - KEPT_S + 1.0), len(trail))
        trail = trail[keep:]
    load.trail = (*trail, (now_s, assets_w, asked_w))


def of(load: Load) -> float:
    """The age to reckon with, s."""
    age = load.age
    contradicted = abs(age.age_s - STATED_S) > max(CONTRADICTED_S, 2.0 * spread_s(age))
    return age.age_s if contradicted else STATED_S


def drawn_w(load: Load, at_s: float) -> float:
    """What the assets drew at a moment of the last seconds; the oldest that is kept for what lies further back."""
    return _at(load, at_s, 1)


def watch(load: Load, innovation_w: float, measured_s: float, *, most: float) -> None:
    """See whether what was taken of the last value shows in this one: of a right age little is left of an innovation,
    of a wrong one all, for its effect is still on the way.
    """
    wary, kept = load.wary, exp(-max(0.0, measured_s - load.measured_s) / WATCHED_S)
    square = kept * wary.square + (1.0 - kept) * innovation_w * innovation_w
    product = kept * wary.product + (1.0 - kept) * innovation_w * wary.last_w
    since_s = wary.since_s
    if since_s is None and square > LARGE_W * LARGE_W and product > (1.0 - most / 2.0) * square:
        since_s = measured_s
    elif since_s is not None and measured_s > since_s + WARY_S:
        since_s = None
    load.wary = Wary(innovation_w, square, product, since_s)


def gain(load: Load, most: float, *, waited_s: float) -> float:
    """How much of a new meter value the observer takes, `waited_s` after the last it took: `most` of every value; where
    corrections were not followed by their effect, and until the age is known, it waits for it.
    """
    share = 1.0 if load.wary.since_s is None else min(1.0, SURE_S / spread_s(load.age))
    if waited_s < (1.0 - share) * WAIT_S:
        return 0.0
    return min(most, CAREFUL + (most - CAREFUL) * share)


def spread_s(age: Age) -> float:
    """Standard error of the age; infinite while nothing has moved."""
    if age.zx <= 0.0 or age.weight <= 0.0:
        return inf
    return max(1e-6, ALIKE * sqrt(age.nn / age.weight * age.zz) / age.zx)


def learn(load: Load, meter_w: float, measured_s: float) -> None:
    """Take over a new value of the meter."""
    age, dt_s = load.age, measured_s - load.measured_s
    at_s = measured_s - age.age_s
    if not load.trail or load.trail[0][0] > at_s - ASKED_S:
        return
    seen_w = meter_w - _at(load, at_s, 1)
    slope = (_at(load, at_s + SLOPE_S / 2.0, 1) - _at(load, at_s - SLOPE_S / 2.0, 1)) / SLOPE_S
    asked = (_at(load, at_s, 2) - _at(load, at_s - ASKED_S, 2)) / ASKED_S
    if not 0.0 < dt_s < ABOUT_S:  # the first value, or one after a gap: the means begin here
        load.age = replace(age, n=seen_w, x=slope, z=asked)
        return
    part, kept = 1.0 - exp(-dt_s / ABOUT_S), exp(-dt_s / MEMORY_S)
    n, x, z = seen_w - age.n, slope - age.x, asked - age.z
    zn, zx = kept * age.zn + z * n, kept * age.zx + z * x
    moved = Age(
        age_s=age.age_s,
        n=age.n + part * n,
        x=age.x + part * x,
        z=age.z + part * z,
        nn=kept * age.nn + n * n,
        zz=kept * age.zz + z * z,
        zn=zn,
        zx=zx,
        weight=kept * age.weight + 1.0,
    )
    spread = spread_s(moved)
    if spread < MOVE_S:
        most = STRIDE_S * min(1.0, SURE_S / spread)
        stride = age.age_s - min(max(age.age_s - min(max(zn / zx, -most), most), 0.0), MOST_S)
        moved = replace(moved, age_s=age.age_s - stride, zn=zn - stride * zx, n=moved.n - stride * moved.x)
    load.age = moved


def _at(load: Load, at_s: float, column: int) -> float:
    """A column of the trail at an instant, between the rows around it."""
    trail = load.trail
    if not trail:
        return 0.0
    for row, following in pairwise(reversed(trail)):
        # newest first: `following` is the older of the two
        if following[0] <= at_s:
            if row[0] <= at_s:
                return row[column]
            share = (at_s - following[0]) / (row[0] - following[0]) if row[0] > following[0] else 1.0
            return following[column] + (row[column] - following[column]) * share
    return trail[0][column]
