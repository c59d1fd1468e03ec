"""Site: what the owner configured: connections, devices, assets, limits, services, links. Units are inside units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path

from gateway.model.energy import Energy
from gateway.model.listen import Listen
from gateway.model.local import FrequencyResponse, PeakLimit, Tariff, When
from gateway.model.safety import Failsafe, Feeder, Interlock


class Transport(StrEnum):
    """How a line speaks."""

    MODBUS_TCP = "modbus_tcp"
    MODBUS_RTU = "modbus_rtu"
    MODBUS_RTU_TCP = "modbus_rtu_tcp"
    MODBUS_TLS = "modbus_tls"
    OPCUA = "opcua"


@dataclass(frozen=True, slots=True)
class Connection:
    """One line: a TCP endpoint, a serial port or an OPC UA server; everything on it is spoken one at a time."""

    id: str
    transport: Transport
    address: str
    """`host:port`, a device path, or an `opc.tcp://` URL."""
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    timeout_s: float = 1.0
    connect_timeout_s: float = 3.0
    connect_delay_s: float = 0.0
    min_gap_s: float = 0.0
    check_transaction_id: bool = True
    pipeline: int = 1
    """Requests that may wait for their answers at a time, where the devices allow more than one."""
    release_after_poll: bool = False
    """Hang up whenever nothing is due, so that another client can have the device."""
    dials_in: bool = False
    """The device calls us: `address` is where we listen; it is known by what follows."""
    registration: bytes = b""
    """What it sends first."""
    heartbeat: bytes = b""
    """What it sends now and then."""
    peer: str = ""
    """The address it calls from."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    security_policy: str = ""
    """OPC UA: its name (`Basic256Sha256`); '' is none."""
    security_mode: str = "SignAndEncrypt"
    user: str | None = None
    password_file: Path | None = None
    user_cert_file: Path | None = None
    user_key_file: Path | None = None
    trust_dir: Path | None = None
    """Certificates of the servers and authorities we trust; None: the folder in the state directory."""
    subscribe: bool = False
    """OPC UA: have changes told, and read only now and then."""
    deadband_pct: float = 0.0
    """Of a point's range: changes below it are not told."""


@dataclass(frozen=True, slots=True)
class Device:
    """One box at one address."""

    id: str
    profile: str
    connection: str
    unit_id: int = 1
    params: Mapping[str, float | str] = field(default_factory=dict)
    poll_s: float | None = None
    """Period of the fast class; None takes the profile's."""


@dataclass(frozen=True, slots=True)
class Battery:
    """What only a battery has."""

    energy_wh: float
    soc_min_pct: float = 10.0
    soc_max_pct: float = 90.0
    round_trip_pct: float = 92.0
    cycles_per_day: float | None = None
    """So often its capacity may go out and in again on a day of the site; None: nobody counts."""


@dataclass(frozen=True, slots=True)
class EvFleet:
    """What only a group of chargers has; `bookings` is the device that knows energy owed and departure times."""

    max_current_a: float = 32.0
    min_current_a: float = 6.0
    safe_current_a: float = 6.0
    volts: float = 230.0
    phases: int = 3
    command_s: float = 3.5
    bookings: str | None = None


@dataclass(frozen=True, slots=True)
class Fans:
    """What only a group of variable-speed fans or pumps has: P = rated_w (speed / 100)^3 each."""

    rated_w: float
    min_speed_pct: float
    max_speed_pct: float = 100.0


@dataclass(frozen=True, slots=True)
class Chiller:
    """What only chillers have; each machine is off or between min_part_pct and 100 % of rated_w."""

    rated_w: float
    min_part_pct: float = 25.0
    min_on_s: float = 900.0
    min_off_s: float = 900.0
    max_starts_per_h: int = 4
    zone: str | None = None
    """Device whose `zone.temperature` the comfort band watches."""
    comfort_c: float = 24.0
    comfort_band_k: float = 0.95
    wh_per_k: float | None = None
    """Electrical energy that moves the zone by one kelvin; None: not known, only the band itself bounds."""


@dataclass(frozen=True, slots=True)
class Dimmer:
    """What only dimmable lighting has."""

    rated_w: float
    min_level_pct: float


@dataclass(frozen=True, slots=True)
class Pv:
    """What only solar inverters have: each can be limited to a part of rated_w, and gives what the sun does below that."""

    rated_w: float


@dataclass(frozen=True, slots=True)
class Switched:
    """What only loads behind relays have; each is off or draws rated_w."""

    rated_w: float
    min_on_s: float = 300.0
    min_off_s: float = 300.0
    max_starts_per_h: int = 6
    """Of each load."""
    longest_off_s: float | None = None
    """No load is kept off for longer; None: as long as it is asked."""


@dataclass(frozen=True, slots=True)
class Zones:
    """What only rooms have whose one lever is a set-point of temperature: thermostats, indoor units, an air handler.

    `meter` is the device that measures what they draw together. Bands are (lowest, highest) °C, of set-points and of
    temperatures alike.
    """

    meter: str
    setpoint_c: float
    """What a room is given back whose own set-point is not known."""
    occupied_c: tuple[float, float]
    unoccupied_c: tuple[float, float]
    w_per_k: float
    """How much less (heating: more) they draw together at once for set-points a kelvin higher."""
    wh_per_k: float
    """Electrical energy that moves them all by one kelvin."""
    occupied: tuple[When, ...] = ()
    """When people are there; empty: always."""
    early_s: float = 3600.0
    """So long before people come their band counts."""
    step_k: float = 0.5
    """Set-points are whole multiples of this."""
    rebound_w: float = 0.0
    """A release brings them no further above what they draw unasked than this."""
    heats: bool = False


Detail = Battery | EvFleet | Fans | Chiller | Dimmer | Pv | Switched | Zones
KINDS: Mapping[type[Detail], str] = {
    Battery: "battery", EvFleet: "ev_fleet", Fans: "fans", Chiller: "chiller", Dimmer: "dimmer", Pv: "pv",
    Switched: "switched", Zones: "zones",
}  # fmt: skip
"""As site files write them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing control may steer: one device, or a group of like devices steered as one.

    `min_w` and `max_w` bound its consumption while a service uses it (battery: negative discharges); `operating_w`
    is what it draws when nobody asks, None where that has to be worked out (EV fleet). `safe_w` None: released to its
    own controller.
    """

    id: str
    devices: tuple[str, ...]
    min_w: float
    max_w: float
    operating_w: float | None
    safe_w: float | None
    dead_time_s: float
    lag_s: float
    detail: Detail
    ramp_w_per_s: float = inf
    priority: int = 5
    """1 … 9: the lower is asked before the higher, whatever their speed."""
    cost_per_wh: float = 0.0
    """Of moving it, in the site's currency: its wear, and what comes back later. Of one priority the cheaper is asked first."""
    command_period_s: float = 0.0
    """Least time between two commands to one device of it."""
    phase_of: Mapping[str, int] = field(default_factory=dict)
    """Device -> the phase it hangs on, 0 … 2; one that is not here loads the three evenly."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The connection's own limits; they hold whatever is asked."""

    max_import_w: float = inf
    max_export_w: float = inf
    failsafe_import_w: float | None = None
    """Import limit while the upstream that set a limit is lost; None: only the limit in force."""
    most_load_w: float | None = None
    """The most that everything control does not steer can draw together; None: not known."""
    least_load_w: float = 0.0
    """The least it draws; negative where there is generation nobody steers."""


@dataclass(frozen=True, slots=True)
class Regulation:
    """Secondary regulation offered."""

    capacity_w: float
    signal_period_s: float = 2.0
    when: tuple[When, ...] = ()
    """When it is offered; empty: always."""
    claims: Mapping[str, float] = field(default_factory=dict)
    """Asset -> W each way that no other service may use; empty: whatever is free."""


@dataclass(frozen=True, slots=True)
class DemandResponse:
    """Demand response offered; `history` is a load CSV of the building for the contractual baseline."""

    max_shed_w: float
    history: Path | None = None
    baseline_days: int = 5
    adjust_begin_s: float = 9000.0
    """Adjustment window begins this long before the event (11:30 for 14:00)."""
    adjust_end_s: float = 1800.0
    adjust_cap: float = 0.2
    when: tuple[When, ...] = ()
    claims: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AutomaticResponse:
    """Automatic response offered."""

    max_shed_w: float
    when: tuple[When, ...] = ()
    claims: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """What the site sells, and what it does for its owner; None is not offered, not done."""

    regulation: Regulation | None = None
    demand_response: DemandResponse | None = None
    automatic_response: AutomaticResponse | None = None
    peak_limit: PeakLimit | None = None
    tariff: Tariff | None = None
    frequency: FrequencyResponse | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One upstream."""

    id: str
    url: str
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    telemetry_s: float = 1.0
    receipts: bool = True
    """The peer sends receipts; without them the outbox deletes on the broker's acknowledgement."""
    version: str = "auto"
    """MQTT version: `5`, `3.1.1` or `auto` (5, then 3.1.1)."""
    signers: Mapping[str, Path] = field(default_factory=dict)
    """Issuer -> file of his public keys; empty: commands need no signature."""


@dataclass(frozen=True, slots=True)
class Control:
    """Times of the control loop (FAULTS.md, Constants)."""

    period_s: float = 0.25
    hold_s: float = 300.0
    regulation_hold_s: float = 10.0
    ramp_s: float = 60.0
    link_lost_s: float = 120.0
    skew_s: float = 5.0
    horizon_s: float = 172800.0
    """How far ahead a request may begin."""
    input_return_s: float = 2.0
    """How long a lost input must be back before it counts."""


@dataclass(frozen=True, slots=True)
class Site:
    """One building."""

    id: str
    timezone: str
    meter: str
    connections: Mapping[str, Connection]
    devices: Mapping[str, Device]
    assets: Mapping[str, Asset]
    limits: Limits
    services: Services
    links: Mapping[str, Link]
    control: Control = field(default_factory=Control)
    interlocks: Mapping[str, Interlock] = field(default_factory=dict)
    feeders: Mapping[str, Feeder] = field(default_factory=dict)
    failsafe: Failsafe = field(default_factory=Failsafe)
    dashboard: Listen = field(default_factory=Listen)
    audit_seal: str = "sha256"
    """How new records of the audit chain are sealed: sha256 or sm3."""
    energy: Energy = field(default_factory=Energy)
    """What is metered, what it costs and what it emits."""
    folder: Path | None = None
    """The site file's folder; profiles of the site's own lie in its `device_profiles/`."""
