"""What a value of a quantity can be in a building at all: wide bounds that only a wrong register leaves. Pure.

They are no limits of operation. What they catch is a register read in the wrong order, scale, type or place: such values
are wrong by powers of ten.
"""

import re
from dataclasses import dataclass
from math import inf, isfinite

from gateway.model.point import Unit
from gateway.profiles.schema import Point

YEARS_H = 30.0 * 8766.0
UNKNOWN_RATING_W = 20e6
"""Where the site file names no limit: the largest connection at medium voltage."""
MANY = 5.0
"""A power beyond so many times the rating is none."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value must lie between; `zero` too is no fault, but says that nothing is connected."""

    low: float
    high: float
    zero: bool = False


_BY_NAME = (  # the first that matches
    (re.compile(r"voltage\.(l-|l\d-)"), Bounds(50.0, 45_000.0, zero=True)),  # IEC 60038: 100 V to 35 kV
    (re.compile(r"^frequency$"), Bounds(40.0, 70.0, zero=True)),  # 50 and 60 Hz systems
    (re.compile(r"power_factor|cos_phi"), Bounds(-1.001, 1.001)),
    (re.compile(r"\.(soc|soh)(\.min|\.max)?$"), Bounds(0.0, 101.0)),
    (re.compile(r"humidity"), Bounds(0.0, 101.0)),
    (re.compile(r"water\.(supply|return)$"), Bounds(-60.0, 200.0)),
    (re.compile(r"zone\d*\.temperature"), Bounds(-40.0, 70.0)),
)
_BY_UNIT = {
    Unit.CELSIUS: Bounds(-60.0, 400.0),
    Unit.AMPERE: Bounds(-20_000.0, 20_000.0),
    Unit.VOLT: Bounds(-2_000.0, 45_000.0),
    Unit.PERCENT: Bounds(-1_000.0, 1_000.0),
    Unit.HERTZ: Bounds(0.0, 1_000.0),
    Unit.PPM: Bounds(0.0, 100_000.0),
    Unit.LUX: Bounds(0.0, 200_000.0),
    Unit.RPM: Bounds(-60_000.0, 60_000.0),
}
_POWERS = frozenset((Unit.WATT, Unit.VAR, Unit.VOLT_AMPERE))
_ENERGIES = frozenset((Unit.WATT_HOUR, Unit.VAR_HOUR, Unit.VOLT_AMPERE_HOUR))


def bounds_of(point: Point, rating_w: float) -> Bounds:
    """What the point may read; `rating_w` is the most its site or asset can draw (inf: not known)."""
    rated_w = rating_w if isfinite(rating_w) else UNKNOWN_RATING_W
    if point.unit in _POWERS:
        return Bounds(-MANY * rated_w, MANY * rated_w)
    if point.unit in _ENERGIES:
        most = max(rated_w, UNKNOWN_RATING_W) * YEARS_H
        return Bounds(-most, most)
    found = next((bounds for pattern, bounds in _BY_NAME if pattern.search(point.name)), None)
    return found or _BY_UNIT.get(point.unit, Bounds(-inf, inf))


def is_plausible(value: float, bounds: Bounds) -> bool:
    """Whether a value lies within, zero included where it says something."""
    return bounds.low <= value <= bounds.high or (value == 0.0 and bounds.zero)
