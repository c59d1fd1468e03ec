"""A period's energy, water and gas: by meter, by carrier with cost and carbon, by asset, and what stands out.

Pure: the history is handed in as slots by point. Amounts are told in the carrier's unit (kWh, m³); None is not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gateway.insight.energy import Slots, Use, integrated, used
from gateway.insight.energy_anomaly import Finding, findings
from gateway.insight.energy_cost import Cost, cost_of, kg_of
from gateway.insight.energy_counter import Mark, Register, Times
from gateway.insight.energy_raster import (
    HOURLY_MS,
    PRICED_MS,
    Cell,
    cells_of,
    looked_from_ms,
    priced_edges,
    shown_edges,
)
from gateway.model.energy import Carrier, Energy, Metered
from gateway.model.point import PointId

Source = Literal["counter", "power", "none"]


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a meter's figures come from; `power` is what stands in where nothing counts."""

    metered: Metered
    point: PointId | None
    register: Register
    export: PointId | None = None
    export_register: Register = field(default_factory=Register)
    power: PointId | None = None


@dataclass(frozen=True, slots=True)
class MeterUse:
    """What one meter counted."""

    id: str
    carrier: str
    unit: str
    part_of: str | None
    source: Source
    total: float | None
    in_gaps: float
    export: float | None
    known: float
    peak_w: float | None
    """Highest mean of a quarter hour, for electricity and heat."""
    cells: tuple[Cell, ...]
    marks: tuple[tuple[int, Mark], ...]


@dataclass(frozen=True, slots=True)
class CarrierUse:
    """All of one carrier: the meters that are part of no other, added up; None where one of them is not known."""

    carrier: str
    unit: str
    total: float | None
    known: float
    cost: Cost | None
    tariff_source: str
    carbon_kg: float | None
    carbon_each: float | None
    carbon_source: str


@dataclass(frozen=True, slots=True)
class AssetUse:
    """What an asset took, net, from the means of its power."""

    id: str
    total: float | None
    known: float


@dataclass(frozen=True, slots=True)
class EnergyReport:
    """The whole."""

    from_ms: int
    to_ms: int
    timezone: str
    currency: str
    cell: Literal["hour", "day"]
    carriers: tuple[CarrierUse, ...]
    meters: tuple[MeterUse, ...]
    assets: tuple[AssetUse, ...]
    findings: tuple[Finding, ...]


def report_of(
    energy: Energy,
    counters: Sequence[Counter],
    assets: Mapping[str, PointId],
    slots: Mapping[PointId, Slots],
    *,
    from_ms: int,
    to_ms: int,
    timezone: str,
) -> EnergyReport:
    """The report of a period; what has no slots is not known."""
    edges = priced_edges(from_ms, to_ms)
    cells = shown_edges(from_ms, to_ms, timezone)
    found = [(one, *_use(one, slots, edges)) for one in counters]
    meters = tuple(_meter(one, use, export, source, cells) for one, use, export, source in found)
    carriers = tuple(
        _carrier(energy, carrier, [row for row in found if row[0].metered.carrier is carrier], timezone)
        for carrier in dict.fromkeys(one.metered.carrier for one in counters)
    )
    taken = tuple(
        AssetUse(name, None if use.total is None else use.total / 1000.0, use.known)
        for name, point in assets.items()
        for use in (integrated(slots[point], edges) if point in slots else _nothing(edges),)
    )
    looked = priced_edges(looked_from_ms(from_ms, to_ms), to_ms)
    longer = {one.metered.id: (one.metered, _use(one, slots, looked)[0]) for one in counters}
    stand_out = findings(longer, timezone)
    shown: Literal["hour", "day"] = "hour" if to_ms - from_ms <= HOURLY_MS else "day"
    return EnergyReport(from_ms, to_ms, timezone, energy.currency, shown, carriers, meters, taken, stand_out)


def _use(one: Counter, slots: Mapping[PointId, Slots], edges: Times) -> tuple[Use, Use | None, Source]:
    export = used(slots[one.export], one.export_register, edges) if one.export in slots and one.export else None
    if one.point is not None and one.point in slots:
        use = used(slots[one.point], one.register, edges)
        if use.total is not None:
            return use, export, "counter"
    if one.power is not None and one.power in slots:
        use = integrated(slots[one.power], edges, part=lambda watts: np.maximum(watts, 0.0))
        if use.total is not None:
            return use, export, "power"
    return _nothing(edges), export, "none"


def _nothing(edges: Times) -> Use:
    return Use(edges, np.full(len(edges) - 1, np.nan), (), None, 0.0, ())


def _meter(one: Counter, use: Use, export: Use | None, source: Source, shown: Times) -> MeterUse:
    metered = one.metered
    inside = metered.carrier.inside
    return MeterUse(
        id=metered.id,
        carrier=metered.carrier.value,
        unit=metered.carrier.unit,
        part_of=metered.part_of,
        source=source,
        total=None if use.total is None else use.total / inside,
        in_gaps=use.in_gaps / inside,
        export=None if export is None or export.total is None else export.total / inside,
        known=use.known,
        peak_w=_peak_w(use) if metered.carrier.unit == "kWh" else None,
        cells=cells_of(use, shown, inside=inside),
        marks=use.marks,
    )


def _peak_w(use: Use) -> float | None:
    width = np.diff(use.edges_ms)
    whole = np.isfinite(use.cells) & (width == PRICED_MS)
    return float((use.cells[whole] * 3_600_000.0 / PRICED_MS).max()) if whole.any() else None


def _carrier(
    energy: Energy, carrier: Carrier, rows: Sequence[tuple[Counter, Use, Use | None, Source]], timezone: str
) -> CarrierUse:
    mains = [row for row in rows if row[0].metered.part_of is None]
    tariff, factor = energy.tariffs.get(carrier), energy.carbon.get(carrier)
    known_all = all(use.total is not None for _, use, _, _ in mains)
    costs = [
        cost_of(use, tariff, timezone, inside=carrier.inside, export=export) for _, use, export, _ in mains if tariff
    ]
    kilos = [kg_of(use, factor, inside=carrier.inside) for _, use, _, _ in mains if factor]
    return CarrierUse(
        carrier=carrier.value,
        unit=carrier.unit,
        total=sum(use.total or 0.0 for _, use, _, _ in mains) / carrier.inside if known_all else None,
        known=min((use.known for _, use, _, _ in mains), default=0.0),
        cost=_sum(costs) if costs and known_all else None,
        tariff_source="" if tariff is None else tariff.source,
        carbon_kg=sum(one or 0.0 for one in kilos) if kilos and known_all else None,
        carbon_each=None if factor is None else factor.kg_each,
        carbon_source="" if factor is None else factor.source,
    )


def _sum(costs: Sequence[Cost]) -> Cost:
    if len(costs) == 1:
        return costs[0]
    earned = [cost.earned for cost in costs if cost.earned is not None]
    return Cost(
        sum(cost.total for cost in costs),
        sum(cost.estimated for cost in costs),
        sum(cost.unpriced for cost in costs),
        tuple(band for cost in costs for band in cost.bands),
        sum(earned) if earned else None,
    )
