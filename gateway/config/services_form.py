"""The YAML form of `services`: what is sold, what is done for the owner, and when."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.words import Id, NotNegative, Period, Positive
from gateway.yamltext.form import Form

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Span = Annotated[
    str,
    Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["09:00-17:30"]),
]


class WhenForm(Form):
    """Local times; what is left out is no condition. A span that ends before it begins ends on the day after."""

    months: list[Annotated[int, Field(ge=1, le=12)]] | None = None
    days: list[Day] | None = None
    hours: list[Span] | None = None


class RegulationForm(Form):
    """Secondary regulation."""

    capacity_kw: Positive
    signal_period_s: Period = 2.0
    when: list[WhenForm] = Field(default_factory=list)
    claims_kw: dict[Id, Positive] = Field(default_factory=dict)


class DemandResponseForm(Form):
    """Demand response."""

    max_shed_kw: Positive
    history_file: str | None = None
    baseline_days: Annotated[int, Field(ge=1, le=60)] = 5
    adjust_begin_s: NotNegative = 9000.0
    adjust_end_s: NotNegative = 1800.0
    adjust_cap: Annotated[float, Field(ge=0, le=1)] = 0.2
    when: list[WhenForm] = Field(default_factory=list)
    claims_kw: dict[Id, Positive] = Field(default_factory=dict)


class AutomaticResponseForm(Form):
    """Automatic response."""

    max_shed_kw: Positive
    when: list[WhenForm] = Field(default_factory=list)
    claims_kw: dict[Id, Positive] = Field(default_factory=dict)


class PeakLimitForm(Form):
    """The import's mean over a rolling window."""

    max_import_kw: Positive
    window_s: Annotated[float, Field(ge=60, le=3600)] = 900.0
    when: list[WhenForm] = Field(default_factory=list)


class TariffForm(Form):
    """A battery that charges when energy is cheap and discharges when it is dear."""

    asset: str
    charge_kw: NotNegative
    discharge_kw: NotNegative
    charge: list[WhenForm]
    discharge: list[WhenForm]


class FrequencyForm(Form):
    """Power by droop on a measured frequency."""

    asset: str
    device: str
    point: str = "frequency"
    max_kw: Positive
    nominal_hz: Literal[50, 60] = 50
    dead_band_hz: Annotated[float, Field(ge=0, le=0.5)] = 0.033
    droop_pct: Annotated[float, Field(gt=0, le=20)] = 4.0
    when: list[WhenForm] = Field(default_factory=list)


class ServicesForm(Form):
    """What the site sells, and what it does for its owner."""

    regulation: RegulationForm | None = None
    demand_response: DemandResponseForm | None = None
    automatic_response: AutomaticResponseForm | None = None
    peak_limit: PeakLimitForm | None = None
    tariff: TariffForm | None = None
    frequency: FrequencyForm | None = None
