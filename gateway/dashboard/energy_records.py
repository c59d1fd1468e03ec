"""What the API says of energy, water and gas over a period; amounts in the carrier's unit (kWh, m3), None is not known."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EnergyCell:
    """An hour or a day; `amount` is of the part of it that is `known`, None when nothing is."""

    from_ms: int
    to_ms: int
    amount: float | None
    known: float


@dataclass(frozen=True, slots=True)
class MeterEnergy:
    """One meter; `source`: its counter, its power where it has none, or none.

    `in_gaps` is the part of `total` that was counted while nobody read; `marks` are (UTC ms, rolled, reset or exchanged).
    """

    id: str
    carrier: str
    unit: str
    part_of: str | None
    source: Literal["counter", "power", "none"]
    total: float | None
    in_gaps: float
    export: float | None
    known: float
    peak_w: float | None
    cells: tuple[EnergyCell, ...]
    marks: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class BandCost:
    """One band of a tariff; an empty name is the time outside every band."""

    name: str
    price: float
    used: float
    cost: float


@dataclass(frozen=True, slots=True)
class EnergyCost:
    """`estimated` is the part of `total` priced at the mean price of a gap; `unpriced` units have no price."""

    total: float
    estimated: float
    unpriced: float
    bands: tuple[BandCost, ...]
    earned: float | None


@dataclass(frozen=True, slots=True)
class CarrierEnergy:
    """All of one carrier, with cost and carbon and where their numbers come from."""

    carrier: str
    unit: str
    total: float | None
    known: float
    cost: EnergyCost | None
    tariff_source: str
    carbon_kg: float | None
    carbon_each: float | None
    carbon_source: str


@dataclass(frozen=True, slots=True)
class AssetEnergy:
    """What an asset took, net, from the means of its power."""

    id: str
    total: float | None
    known: float


@dataclass(frozen=True, slots=True)
class EnergyFinding:
    """What stands out: water that never stops (m³ an hour), a night that draws more than nights do (shares of the day)."""

    kind: Literal["leak", "night_base"]
    meter: str
    from_ms: int
    value: float
    usual: float


@dataclass(frozen=True, slots=True)
class EventQuarter:
    """A quarter hour of an event, W; None where it is not known throughout."""

    begin_ms: int
    end_ms: int
    baseline_w: float | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class EventSettlement:
    """An event as settled; powers W, `rate` and `paid` in shares of what was asked."""

    rate: float
    baseline_mean_w: float
    baseline_max_w: float
    mean_w: float
    max_w: float
    effective_min: int
    qualified_by_mean: bool
    out_of_bounds: bool
    valid: bool
    paid: float


@dataclass(frozen=True, slots=True)
class EventEvidence:
    """What the history says of an event that is over; None where it does not know enough."""

    quarters: tuple[EventQuarter, ...]
    delivery: float | None
    energy_wh: float | None
    known: float
    settlement: EventSettlement | None
    rules: str
    unconfirmed: str


@dataclass(frozen=True, slots=True)
class Energy:
    """A period; `cell` says how long a cell is."""

    from_ms: int
    to_ms: int
    timezone: str
    currency: str
    cell: Literal["hour", "day"]
    carriers: tuple[CarrierEnergy, ...]
    meters: tuple[MeterEnergy, ...]
    assets: tuple[AssetEnergy, ...]
    findings: tuple[EnergyFinding, ...]
