"""The YAML form of a site file: which keys there are, their types and bounds; units stand in the keys."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.config.dashboard import AuditForm, DashboardForm
from gateway.config.energy_form import EnergyForm
from gateway.config.safety_form import FailsafeForm, FeederForm, InterlockForm
from gateway.config.services_form import ServicesForm, WhenForm
from gateway.config.words import MQTT_PATTERN, Id, NotNegative, Percent, Period, Phase, Positive
from gateway.texts import say
from gateway.yamltext.form import Form, refused


def _packet(text: str) -> str:
    try:
        empty = text.startswith("hex:") and not bytes.fromhex(text[4:])
    except ValueError:
        raise refused("value_error", say("problem.no_hex"), say("remedy.hex")) from None
    if empty:
        raise refused("value_error", say("problem.empty_hex"), say("remedy.hex"))
    return text


Packet = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,132}$", examples=["DTU-0001"]), AfterValidator(_packet)]
"""Bytes a box sends by itself: plain text, or `hex:` and its bytes."""


class HeadForm(Form):
    """Which building; `meter` is the device at the connection point."""

    id: Id
    timezone: str
    meter: str


class ConnectionForm(Form):
    """One line: exactly one of the ways to speak."""

    modbus_tcp: str | None = None
    modbus_rtu: str | None = None
    modbus_rtu_tcp: str | None = None
    modbus_tls: str | None = None
    opcua: str | None = None
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    connect_delay_s: Annotated[float, Field(ge=0, le=60)] = 0.0
    min_gap_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    check_transaction_id: bool = True
    pipeline: Annotated[int, Field(ge=1, le=16)] = 1
    release_after_poll: bool = False
    dials_in: bool = False
    registration: Packet | None = None
    heartbeat: Packet | None = None
    peer: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    security_policy: Literal["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] | None = None
    security_mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    user: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    password_file: str | None = None
    user_cert_file: str | None = None
    user_key_file: str | None = None
    trust_dir: str | None = None
    subscribe: bool = False
    deadband_pct: Annotated[float, Field(ge=0, le=20)] = 0.0


class DeviceForm(Form):
    """One box: what it is, where it is."""

    profile: str
    on: str
    unit_id: Annotated[int, Field(ge=1, le=255)] = 1
    params: dict[str, float | str] = Field(default_factory=dict)
    poll_s: Period | None = None


class AssetForm(Form):
    """What every asset may say."""

    min_kw: float | None = None
    max_kw: float | None = None
    operating_kw: float | None = None
    safe_kw: float | None = None
    dead_time_s: NotNegative = 0.0
    lag_s: NotNegative = 0.0
    ramp_kw_per_s: Positive | None = None
    priority: Annotated[int, Field(ge=1, le=9)] = 5
    wear_cost_per_kwh: NotNegative = 0.0
    rebound_cost_per_kwh: NotNegative = 0.0
    phase_of: dict[str, Phase] = Field(default_factory=dict)


class BatteryForm(AssetForm):
    """A battery."""

    kind: Literal["battery"]
    device: str
    max_charge_kw: Positive
    max_discharge_kw: Positive
    energy_kwh: Positive
    soc_min_pct: Percent = 10.0
    soc_max_pct: Percent = 90.0
    round_trip_pct: Annotated[float, Field(gt=0, le=100)] = 92.0
    cycles_per_day: Positive | None = None
    command_s: NotNegative = 0.0


class GroupForm(AssetForm):
    """Several like devices steered as one."""

    devices: Annotated[list[str], Field(min_length=1)]
    min_kw: float
    max_kw: float
    command_s: NotNegative = 0.0


class EvFleetForm(GroupForm):
    """Chargers."""

    kind: Literal["ev_fleet"]
    bookings: str | None = None
    min_current_a: Annotated[float, Field(ge=0, le=1000)] = 6.0
    max_current_a: Annotated[float, Field(gt=0, le=1000)] = 32.0
    safe_current_a: Annotated[float, Field(ge=0, le=1000)] = 6.0
    volts: Positive = 230.0
    phases: Literal[1, 2, 3] = 3
    command_s: NotNegative = 3.5


class FansForm(GroupForm):
    """Variable-speed fans or pumps."""

    kind: Literal["fans"]
    rated_kw: Positive
    min_speed_pct: Percent
    max_speed_pct: Percent = 100.0


class ChillerForm(GroupForm):
    """Chillers."""

    kind: Literal["chiller"]
    rated_kw: Positive
    min_part_pct: Percent = 25.0
    min_on_s: NotNegative = 900.0
    min_off_s: NotNegative = 900.0
    max_starts_per_h: Annotated[int, Field(ge=1)] = 4
    zone: str | None = None
    comfort_c: float = 24.0
    comfort_band_k: Positive = 0.95
    kwh_per_k: Positive | None = None


class DimmerForm(GroupForm):
    """Dimmable lighting."""

    kind: Literal["dimmer"]
    rated_kw: Positive
    min_level_pct: Percent


class PvForm(AssetForm):
    """Solar inverters, which can be limited."""

    kind: Literal["pv"]
    devices: Annotated[list[str], Field(min_length=1)]
    rated_kw: Positive
    dead_time_s: NotNegative = 1.0
    lag_s: NotNegative = 1.0
    command_s: NotNegative = 0.0


class SwitchedForm(AssetForm):
    """Loads behind relays."""

    kind: Literal["switched"]
    devices: Annotated[list[str], Field(min_length=1)]
    rated_kw: Positive
    operating_kw: NotNegative
    contact: Literal["normally_open", "normally_closed"] = "normally_open"
    min_on_s: NotNegative = 300.0
    min_off_s: NotNegative = 300.0
    max_starts_per_h: Annotated[int, Field(ge=1)] = 6
    longest_off_s: Positive | None = None
    dead_time_s: NotNegative = 0.5
    command_s: NotNegative = 0.0


Celsius = Annotated[float, Field(ge=5, le=40)]
Comfort = Annotated[list[Celsius], Field(min_length=2, max_length=2)]
"""Lowest and highest temperature."""


class ZonesForm(AssetForm):
    """Rooms that are steered by their set-points."""

    kind: Literal["zones"]
    devices: Annotated[list[str], Field(min_length=1)]
    meter: str
    min_kw: NotNegative = 0.0
    max_kw: Positive
    setpoint_c: Celsius
    occupied_c: Comfort
    unoccupied_c: Comfort | None = None
    occupied: list[WhenForm] = Field(default_factory=list)
    early_s: NotNegative = 3600.0
    kw_per_k: Positive
    kwh_per_k: Positive
    step_k: Annotated[float, Field(ge=0.1, le=2)] = 0.5
    rebound_kw: NotNegative = 0.0
    heats: bool = False
    dead_time_s: NotNegative = 60.0
    lag_s: NotNegative = 180.0
    command_s: Annotated[float, Field(ge=10)] = 60.0


AnyAsset = Annotated[
    BatteryForm | EvFleetForm | FansForm | ChillerForm | DimmerForm | PvForm | SwitchedForm | ZonesForm,
    Field(discriminator="kind"),
]


class LimitsForm(Form):
    """The connection's limits."""

    max_import_kw: NotNegative | None = None
    max_export_kw: NotNegative | None = None
    failsafe_import_kw: NotNegative | None = None
    most_load_kw: float | None = None
    least_load_kw: float = 0.0


class LinkForm(Form):
    """One upstream."""

    mqtt: Annotated[str, Field(pattern=MQTT_PATTERN, examples=["mqtts://vpp.example:8883"])]
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    telemetry_s: Period = 1.0
    receipts: bool = True
    version: Literal["auto", "5", "3.1.1"] = "auto"
    signers: dict[Id, str] = Field(default_factory=dict)


class ControlForm(Form):
    """Times of the control loop."""

    period_s: Annotated[float, Field(ge=0.05, le=10)] = 0.25
    hold_s: NotNegative = 300.0
    regulation_hold_s: NotNegative = 10.0
    ramp_s: Positive = 60.0
    link_lost_s: Positive = 120.0
    skew_s: NotNegative = 5.0
    horizon_s: Positive = 172800.0
    input_return_s: NotNegative = 2.0


class SiteForm(Form):
    """The whole file."""

    site: HeadForm
    connections: dict[Id, ConnectionForm]
    devices: dict[Id, DeviceForm]
    assets: dict[Id, AnyAsset] = Field(default_factory=dict)
    limits: LimitsForm = LimitsForm.model_construct()
    services: ServicesForm = ServicesForm.model_construct()
    links: dict[Id, LinkForm] = Field(default_factory=dict)
    control: ControlForm = ControlForm.model_construct()
    interlocks: dict[Id, InterlockForm] = Field(default_factory=dict)
    feeders: dict[Id, FeederForm] = Field(default_factory=dict)
    failsafe: FailsafeForm = FailsafeForm.model_construct()
    dashboard: DashboardForm = DashboardForm.model_construct()
    audit: AuditForm = AuditForm.model_construct()
    energy: EnergyForm = EnergyForm.model_construct()
