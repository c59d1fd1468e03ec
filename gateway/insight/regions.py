"""What each region makes of rate, delay and precision: the composite K of secondary regulation, by a table of rules.

    ratio      rate = V / standard rate, up to a cap    delay = 1 - T / T0    precision = 1 - E / E0
    two_less   rate = 2 - standard rate / V             delay = 2 - T / T0    precision = 2 - E / E0

None falls below the floor; K is their weighted sum or their product. K1, K2, K3 mean other things in other regions
(`order`), so figures are kept by name. V, E and the standard rate are fractions of the capacity (V per minute).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np

from gateway.insight.held import Held
from gateway.insight.instructions import Bands, Instruction, extract

Part = Literal["rate", "delay", "precision"]
Form = Literal["ratio", "two_less"]
ORDER: tuple[Part, ...] = ("rate", "delay", "precision")


@dataclass(frozen=True, slots=True)
class Region:
    """A region's rule; `unconfirmed` names what no rule text was seen for."""

    source: str
    unconfirmed: str = ""
    form: Form = "ratio"
    rate_form: Form = "ratio"
    product: bool = False
    weights: tuple[float, float, float] = (0.4, 0.3, 0.3)
    """Of rate, delay and precision in a sum; in a product 0 leaves a part out."""
    order: tuple[Part, ...] = ORDER
    rate_std: float = 1.0
    """Standard rate, fraction of the capacity per minute."""
    t0_s: float = 60.0
    e0: float = 0.02
    cap: float = inf
    """Largest rate part."""
    floor: float = 0.0
    most: float = inf
    """Largest K."""
    admission: float | None = None
    """Least K that may take part."""
    bands: Bands = field(default_factory=Bands)


HUNAN = Region(
    source="Hunan, rules of 2025-10-24, articles 10, 26, 38-40 and parameter table (full text); storage class",
    cap=3.0,
    admission=0.3,
)
REGIONS: dict[str, Region] = {
    "hunan_2025": HUNAN,
    "guangdong": Region(
        source="Southern grid, as commonly quoted: k = 0.25 (2 k1 + k2 + k3), k2 = 1 - T / 5 min, k3 = 1 - E / 1.5 %",
        unconfirmed="all of it; the standard rate is Hunan's of storage, the cap of 5 follows from k <= 3",
        weights=(0.5, 0.25, 0.25),
        t0_s=300.0,
        e0=0.015,
        cap=5.0,
        most=3.0,
    ),
    "north_china": Region(
        source='North China "two rules": Kp = K1 K2 K3 = (2 - Vn / V)(2 - dP / dPn)(2 - t / tn), dPn = 1 %, tn = 60 s',
        unconfirmed="all of it; the standard rate is Hunan's of storage",
        form="two_less",
        rate_form="two_less",
        product=True,
        weights=(1.0, 1.0, 1.0),
        order=("rate", "precision", "delay"),
        e0=0.01,
        floor=0.1,
    ),
    "north_china_older": Region(
        source='North China "two rules", older text: K1 = V / Vn, the rest as north_china',
        unconfirmed="all of it; the standard rate is Hunan's of storage, the cap makes the largest Kp about 8",
        form="two_less",
        product=True,
        weights=(1.0, 1.0, 1.0),
        order=("rate", "precision", "delay"),
        e0=0.01,
        cap=2.0,
        floor=0.1,
    ),
    "jiangsu": Region(
        source="Jiangsu: K = K1 K2 (rate, precision), response time is not scored",
        unconfirmed="how K1 and K2 are made and their numbers: Hunan's stand in",
        product=True,
        weights=(1.0, 0.0, 1.0),
        order=("rate", "precision"),
        cap=3.0,
    ),
}


@dataclass(frozen=True, slots=True)
class Composite:
    """Means over the instructions."""

    k: float
    rate: float
    delay: float
    precision: float
    instructions: int


def parts(rate: float, delay_s: float, error: float, region: Region) -> tuple[float, float, float]:
    """(rate, delay, precision) of one instruction; rate per minute."""
    one = 1.0 if region.form == "ratio" else 2.0
    fast = rate / region.rate_std
    if region.rate_form == "two_less":
        fast = 2.0 - 1.0 / fast if fast > 0.0 else region.floor
    found = (min(region.cap, fast), one - delay_s / region.t0_s, one - error / region.e0)
    rated, delayed, exact = (max(region.floor, part) for part in found)
    return rated, delayed, exact


def weigh(found: tuple[float, float, float], region: Region) -> float:
    """K of the three parts."""
    if region.product:
        counted = [part for part, weight in zip(found, region.weights, strict=True) if weight]
        return min(region.most, float(np.prod(counted)))
    return min(region.most, sum(part * weight for part, weight in zip(found, region.weights, strict=True)))


def parts_of(one: Instruction, region: Region) -> tuple[float, float, float]:
    """The same of an instruction taken out of a record; one nobody acted on was as late as can be."""
    return parts(one.rate, region.t0_s * 2.0 if one.delay_s is None else one.delay_s, one.error, region)


def composite(target: Held, response: Held, region: Region = HUNAN) -> Composite | None:
    """K of every instruction that can be judged, as the mean over them; None when there is none."""
    return composite_of(extract(target, response, region.bands), region)


def composite_of(instructions: Sequence[Instruction], region: Region) -> Composite | None:
    """The same of instructions already taken out of the record."""
    if not instructions:
        return None
    each = [parts_of(one, region) for one in instructions]
    rate, delay, precision = (float(mean) for mean in np.mean(each, axis=0))
    k = float(np.mean([weigh(one, region) for one in each]))
    return Composite(k, rate, delay, precision, len(each))


def named(found: Composite, region: Region) -> dict[str, float]:
    """K1, K2 … as the region counts them."""
    by_name = {"rate": found.rate, "delay": found.delay, "precision": found.precision}
    return {f"k{at}": by_name[part] for at, part in enumerate(region.order, start=1)}
