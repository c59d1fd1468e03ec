"""What is metered, what it costs and what it emits: counters by carrier, prices by time, carbon factors with their source."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.model.local import When


class Carrier(StrEnum):
    """What flows through a meter."""

    ELECTRICITY = "electricity"
    HEAT = "heat"
    GAS = "gas"
    WATER = "water"

    @property
    def unit(self) -> str:
        """What it is told and priced in."""
        return "kWh" if self in (Carrier.ELECTRICITY, Carrier.HEAT) else "m3"

    @property
    def inside(self) -> float:
        """Inside units (Wh, m³) in one of these."""
        return 1000.0 if self.unit == "kWh" else 1.0


USUAL: Mapping[Carrier, tuple[str, ...]] = MappingProxyType(
    {
        Carrier.ELECTRICITY: ("energy.active.import", "energy.active.total"),
        Carrier.HEAT: ("heat.energy",),
        Carrier.GAS: ("gas.volume",),
        Carrier.WATER: ("water.volume", "x.volume.forward"),
    }
)
"""The points a meter of a carrier counts at, when nobody names one."""
EXPORT = "energy.active.export"


@dataclass(frozen=True, slots=True)
class Metered:
    """One counter that only rises; `part_of` names the meter that counts this one's energy too."""

    id: str
    carrier: Carrier
    device: str
    quantity: str | None = None
    """None: the first of `USUAL` its profile has."""
    export: str | None = None
    """What went the other way, counted apart; None: `EXPORT` of electricity where its profile has it."""
    part_of: str | None = None

    def counter(self, points: Container[str]) -> str | None:
        """The quantity it counts at, by the points its profile has; None: it has no counter."""
        if self.quantity is not None:
            return self.quantity
        return next((name for name in USUAL[self.carrier] if name in points), None)

    def export_counter(self, points: Container[str]) -> str | None:
        """The same of what went the other way."""
        if self.export is not None or self.carrier is not Carrier.ELECTRICITY:
            return self.export
        return EXPORT if EXPORT in points else None


@dataclass(frozen=True, slots=True)
class Price:
    """A price for one unit while a window is open."""

    name: str
    each: float
    when: tuple[When, ...]


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one unit costs: the first band whose window is open, else `each`; None: only in bands."""

    source: str
    each: float | None = None
    export_each: float | None = None
    """What one unit that is fed back earns; None: nobody told."""
    bands: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True)
class CarbonFactor:
    """kg CO2 for one unit, where the number comes from."""

    kg_each: float
    source: str


@dataclass(frozen=True, slots=True)
class Energy:
    """The section `energy` of a site."""

    currency: str = ""
    meters: Mapping[str, Metered] = field(default_factory=lambda: MappingProxyType({}))
    tariffs: Mapping[Carrier, Tariff] = field(default_factory=lambda: MappingProxyType({}))
    carbon: Mapping[Carrier, CarbonFactor] = field(default_factory=lambda: MappingProxyType({}))
