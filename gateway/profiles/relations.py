"""What one point may have to do with others: sums, signs, factors, conditions; and what a device type is known by. Data only."""

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    """How a derived point is made of others."""

    SUM = "sum"
    MEAN = "mean"
    FIRST = "first"
    """The first of them that has a value."""
    PICK = "pick"
    """The one that the code of a selecting point names."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """A value made of other points of the same device, each times its weight (1 or -1)."""

    op: Op
    terms: tuple[tuple[str, float], ...]
    selector: str | None = None
    picks: tuple[tuple[float, str | float], ...] = ()
    """PICK: (code of the selector, the point whose value it is or the value itself)."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every point it needs to see."""
        picked = tuple(name for _, name in self.picks if isinstance(name, str))
        return (*(name for name, _ in self.terms), *picked, *([self.selector] if self.selector else []))


@dataclass(frozen=True, slots=True)
class SignFrom:
    """The register holds a magnitude; another point of the same request says which way it goes."""

    point: str
    negative: tuple[float, ...]
    zero: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A factor that the device tells, or a parameter of the site: a transformer ratio; `inverse`: impulses per unit."""

    point: str
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """Another point has one of these values, or lies between these bounds."""

    point: str
    values: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether this value of the point meets it."""
        if self.values:
            return value in self.values
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """A point of a SunSpec model; `group` and `index` (from 1) where it repeats."""

    model: int
    name: str
    group: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class BySign:
    """What to write by the sign of the commanded value: a number, None for the value itself, SKIP for nothing."""

    above: "float | str | None"
    below: "float | str | None"
    zero: "float | str | None"


@dataclass(frozen=True, slots=True)
class FromParam:
    """A number that the site gives: the parameter's value times `factor` plus `offset`, in inside units."""

    param: str
    factor: float = 1.0
    offset: float = 0.0


SKIP = "skip"


class Sure(StrEnum):
    """How sure a trait makes us."""

    CERTAIN = "certain"
    LIKELY = "likely"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing a device type is known by: a point's value or text, FC43/14 objects, the SunSpec common model, a type."""

    sure: Sure
    point: str | None = None
    values: tuple[float, ...] = ()
    starts: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    objects: tuple[tuple[str, str], ...] = ()
    """FC43/14 or SunSpec: (`vendor`, `product` …, how it begins)."""
    source: str = "point"
    """`point`, `fc43`, `sunspec`, `ua_type`."""
    ua_type: str = ""
    also: "Trait | None" = None
    """What must be so besides: the same inverter with a battery. Who says more is believed before who says less."""
