"""What a site does for its owner rather than for the VPP, and when a service runs."""

from dataclasses import dataclass

from gateway.model.point import PointId

EVERY_MONTH = frozenset(range(1, 13))
EVERY_DAY = frozenset(range(7))
WHOLE_DAY = ((0, 1440),)


@dataclass(frozen=True, slots=True)
class When:
    """Months 1 … 12, days Monday 0 … Sunday 6, spans in minutes of the local day; past 1440 is the day after."""

    months: frozenset[int] = EVERY_MONTH
    days: frozenset[int] = EVERY_DAY
    spans: tuple[tuple[int, int], ...] = WHOLE_DAY


@dataclass(frozen=True, slots=True)
class PeakLimit:
    """The import's mean over a rolling window stays below this."""

    max_import_w: float
    window_s: float = 900.0
    when: tuple[When, ...] = ()


@dataclass(frozen=True, slots=True)
class Tariff:
    """A battery that charges when energy is cheap and discharges when it is dear."""

    asset: str
    charge_w: float
    discharge_w: float
    charge: tuple[When, ...]
    discharge: tuple[When, ...]


@dataclass(frozen=True, slots=True)
class FrequencyResponse:
    """Power by droop on a measured frequency: all of `max_w` at a deviation of `droop_pct` of nominal."""

    asset: str
    point: PointId
    max_w: float
    nominal_hz: float = 50.0
    dead_band_hz: float = 0.033
    droop_pct: float = 4.0
    when: tuple[When, ...] = ()
