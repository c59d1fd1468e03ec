"""What a scenario file may say, key by key, with the units in the keys."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from emulators.load import seconds
from gateway.texts import say
from gateway.yamltext.form import Form, refused

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Percent = Annotated[float, Field(ge=0.0, le=100.0)]
DeviceNames = Annotated[list[str], Field(min_length=1)]


def _rising(pair: list[float]) -> list[float]:
    if pair[0] > pair[1]:
        raise refused("range", say("problem.not_rising"), say("remedy.rising", low=pair[1], high=pair[0]))
    return pair


def _span(text: str) -> str:
    try:
        seconds(text)
    except ValueError as error:
        raise refused("span", say("problem.no_span"), say("remedy.span")) from error
    return text


Draw = Annotated[list[NotNegative], Field(min_length=2, max_length=2), AfterValidator(_rising)]
"""Lowest and highest of a uniform draw."""
Span = Annotated[str, AfterValidator(_span)]


class ScenarioHead(Form):
    """Which scenario, and the site file beside it that controls it."""

    id: Annotated[str, Field(pattern=r"[a-z][a-z0-9_]*")]
    site: str
    doc: str = ""


class LoadForm(Form):
    """The uncontrolled load: a load CSV of `data/` (or beside the scenario) from `start`, scaled to `mean_kw`."""

    file: str
    start: Span = "0s"
    mean_kw: Positive


class BuildingForm(Form):
    """Noise and step loads, in shares of `capacity_kw`."""

    capacity_kw: Positive
    noise_share: Share
    step_loads: Annotated[int, Field(ge=0)]
    step_share: Draw
    step_wait_s: Positive
    max_import_kw: Positive | None = None
    max_export_kw: NotNegative | None = None


class MeterForm(Form):
    """The site meter."""

    device: str
    gain_error_pct: NotNegative
    resolution_kw: Positive
    sample_s: Positive
    counted_kwh: NotNegative = 0.0


class BatteryForm(Form):
    """The battery."""

    device: str
    max_charge_kw: Positive
    max_discharge_kw: Positive
    energy_kwh: Positive
    soc_min_pct: Percent
    soc_max_pct: Percent
    soc_start_pct: Percent
    round_trip_pct: Annotated[float, Field(gt=0.0, le=100.0)]
    standby_kw: NotNegative
    dead_time_s: Draw
    lag_s: Positive
    reversion_s: Positive


class FleetForm(Form):
    """Chargers and cars."""

    devices: DeviceNames
    bookings: str | None
    cars: Positive
    vehicles: Annotated[int, Field(gt=0)]
    least_cars: Annotated[int, Field(ge=0)]
    mean_kw: Positive
    spread: Share
    stay_s: Draw
    max_current_a: Positive
    min_current_a: Positive
    safe_current_a: NotNegative
    volts: Positive
    phases: Literal[1, 3]
    command_s: Draw
    validity_s: Positive


class FansForm(Form):
    """Variable-speed fans."""

    devices: DeviceNames
    rated_kw: Positive
    natural_speed_pct: Percent
    min_speed_pct: Percent
    dead_time_s: Draw
    lag_s: Draw
    comm_loss_s: Positive
    power_resolution_kw: Positive


class ChillersForm(Form):
    """Chillers and the zone they cool."""

    devices: DeviceNames
    rated_kw: Positive
    operating_kw: Positive
    zone: str | None
    min_part_pct: Percent
    dead_time_s: NotNegative
    lag_s: Positive
    min_on_s: NotNegative
    min_off_s: NotNegative
    max_starts_per_h: Annotated[int, Field(ge=1)]
    reversion_s: Positive | None
    zone_kwh_per_k: Positive
    cop: Positive
    leak_h: Positive
    setpoint_c: float


class LightsForm(Form):
    """Dimmable lighting."""

    device: str
    rated_kw: Positive
    operating_kw: NotNegative
    min_level_pct: Percent
    dead_time_s: NotNegative
    lag_s: Positive
    reversion_s: Positive
    fallback_pct: Percent


class FlowsForm(Form):
    """Water and gas and the pulse counter of both."""

    device: str
    water_m3_day: NotNegative
    leak_m3_h: NotNegative = 0.0
    gas_m3_day: NotNegative
    water_counted_m3: NotNegative = 0.0
    gas_counted_m3: NotNegative = 0.0


class PvForm(Form):
    """Solar inverters and the sky over them."""

    devices: DeviceNames
    rated_kw: Positive
    peak_share: Share
    sunrise_h: NotNegative
    sunset_h: Positive
    clear_s: Positive
    cloud_s: NotNegative
    cloud_depth: Share
    edge_s: Positive
    dead_time_s: NotNegative
    lag_s: Positive
    reversion_s: Positive | None


class RelaysForm(Form):
    """Loads behind relays."""

    devices: DeviceNames
    rated_kw: Positive
    running: Annotated[int, Field(ge=0)]
    spread: Share
    delay_s: NotNegative


class RoomsForm(Form):
    """Rooms with thermostats, and the meter of their units; the numbers of one room but `operating_kw`."""

    devices: DeviceNames
    meter: str
    rated_kw: Positive
    operating_kw: Positive
    kw_per_k: Positive
    kwh_per_k: Positive
    setpoint_c: float
    swing: Share
    spread: Share
    integral_s: Positive
    sample_s: Positive
    resolution_kw: Positive
    dead_time_s: NotNegative
    lag_s: Positive
    cop: Positive
    leak_h: Positive


class PlantForm(Form):
    """The plant."""

    building: BuildingForm
    meter: MeterForm
    battery: BatteryForm | None = None
    chargers: FleetForm | None = None
    fans: FansForm | None = None
    chillers: ChillersForm | None = None
    lights: LightsForm | None = None
    flows: FlowsForm | None = None
    pv: PvForm | None = None
    relays: RelaysForm | None = None
    rooms: RoomsForm | None = None


class LineForm(Form):
    """How the devices of one group are reached: period of polls, age and loss of answers, fate of writes."""

    poll_s: Positive
    delay_s: Draw
    refresh_s: NotNegative = 0.0
    lost_share: Share
    refused_share: Share
    ignored_share: Share


class LinesForm(Form):
    """One entry for each group of devices."""

    meter: LineForm
    battery: LineForm | None = None
    chargers: LineForm | None = None
    bookings: LineForm | None = None
    fans: LineForm | None = None
    chillers: LineForm | None = None
    zone: LineForm | None = None
    lights: LineForm | None = None
    flows: LineForm | None = None
    pv: LineForm | None = None
    relays: LineForm | None = None
    rooms: LineForm | None = None
    rooms_meter: LineForm | None = None


class WindowForm(Form):
    """Regulation from `start` for a time, or to the run's end."""

    start: Span
    span: Annotated[Span | None, Field(alias="for")] = None


class RegulationForm(Form):
    """The regulation signal: a signal CSV of `data/`; the run's begin lies `signal_start` into it."""

    signal: str
    signal_start: Span = "0s"
    capacity_kw: Positive
    delay_s: Draw
    windows: Annotated[list[WindowForm], Field(min_length=1)]


class EventForm(Form):
    """An automatic response or a demand response."""

    id: str
    service: Literal["ar", "dr"]
    start: Span
    span: Annotated[Span, Field(alias="for")]
    shed_kw: Positive
    notice: Span = "0s"


class UpstreamForm(Form):
    """What the VPP does in a run."""

    declared_blocks: Annotated[int, Field(ge=0)]
    """Base points that the scenario itself declares, in 5-minute blocks from the begin."""
    repeat: Span | None = None
    """Period in which a run without an end repeats what begins within it."""
    regulation: RegulationForm | None = None
    events: list[EventForm] = Field(default_factory=list)


class FaultForm(Form):
    """A fault of one device at one time."""

    device: str
    fault: str
    start: Span
    span: Annotated[Span | None, Field(alias="for")] = None


class ScenarioForm(Form):
    """A whole scenario file."""

    scenario: ScenarioHead
    load: LoadForm
    plant: PlantForm
    lines: LinesForm
    upstream: UpstreamForm
    faults: list[FaultForm] = Field(default_factory=list)
