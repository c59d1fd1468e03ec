"""What a plant is made of: the numbers of a scenario file as frozen values in W, Wh, s, %, A."""

from dataclasses import dataclass, field

Range = tuple[float, float]
"""Lowest and highest of a uniform draw."""


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """The site meter, which is also the settlement meter."""

    device: str = "pcc"
    gain_error_pct: float = 0.5
    """Drawn once per seed, uniform in ± this."""
    resolution_w: float = 100.0
    sample_s: float = 1.0
    counted_wh: float = 0.0
    """What its import counter shows at the run's begin."""


@dataclass(frozen=True, slots=True)
class BatterySpec:
    """One battery with its inverter; `reversion_s`: without a fresh setpoint it goes to 0 W."""

    device: str
    max_charge_w: float
    max_discharge_w: float
    energy_wh: float
    soc_min_pct: float = 10.0
    soc_max_pct: float = 90.0
    soc_start_pct: float = 50.0
    round_trip_pct: float = 92.0
    standby_w: float = 300.0
    dead_time_s: Range = (0.3, 0.6)
    lag_s: float = 0.3
    reversion_s: float = 15.0


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """Chargers, the cars that come to them, and the booking system that knows the cars."""

    devices: tuple[str, ...]
    bookings: str | None = "bookings"
    cars: float = 7.0
    """Mean number of cars present."""
    vehicles: int = 8
    """Vehicles that take turns; at most so many are present."""
    least_cars: int = 5
    """When fewer than this are present, the next vehicle comes at once."""
    mean_w: float = 9000.0
    """Mean power at which a car's energy must be delivered."""
    spread: float = 0.2
    """Energy owed is stay x mean_w x (1 ± spread)."""
    stay_s: Range = (10800.0, 21600.0)
    max_current_a: float = 32.0
    min_current_a: float = 6.0
    safe_current_a: float = 6.0
    volts: float = 230.0
    phases: int = 3
    command_s: Range = (2.0, 5.0)
    validity_s: float = 60.0


@dataclass(frozen=True, slots=True)
class FansSpec:
    """Variable-speed drives: P = rated_w (speed / 100)^3; dead time and lag are drawn per fan."""

    devices: tuple[str, ...]
    rated_w: float
    natural_speed_pct: float = 80.0
    min_speed_pct: float = 55.0
    dead_time_s: Range = (8.0, 12.0)
    lag_s: Range = (25.0, 35.0)
    comm_loss_s: float = 60.0
    power_resolution_w: float = 1000.0
    """Step of the power that the drive itself reports."""


@dataclass(frozen=True, slots=True)
class ChillersSpec:
    """Machines that cool one common zone; each is off or at min_part..100 % of rated_w by its demand limit."""

    devices: tuple[str, ...]
    rated_w: float
    operating_w: float
    """All machines together at the operating point."""
    zone: str | None = "zone"
    min_part_pct: float = 25.0
    dead_time_s: float = 30.0
    lag_s: float = 120.0
    min_on_s: float = 900.0
    min_off_s: float = 900.0
    max_starts_per_h: int = 4
    reversion_s: float | None = 120.0
    """Without a fresh demand limit the machine goes back to 100 %, which means: no limit, its own controller."""
    zone_wh_per_k: float = 250000.0
    cop: float = 4.0
    leak_s: float = 36000.0
    setpoint_c: float = 24.0


@dataclass(frozen=True, slots=True)
class LightsSpec:
    """Dimmable lighting: P = rated_w x level / 100, never darker than min_level_pct."""

    device: str
    rated_w: float
    operating_w: float
    min_level_pct: float = 30.0
    dead_time_s: float = 0.5
    lag_s: float = 0.5
    reversion_s: float = 60.0
    fallback_pct: float = 100.0
    """Level when the setpoint is not refreshed, or released."""


@dataclass(frozen=True, slots=True)
class FlowsSpec:
    """Water and gas, which nobody controls; the leak runs all the time."""

    device: str
    water_m3_day: float
    leak_m3_h: float
    gas_m3_day: float
    water_counted_m3: float = 0.0
    gas_counted_m3: float = 0.0


@dataclass(frozen=True, slots=True)
class PvSpec:
    """Inverters of one roof; `reversion_s`: a limit that is not refreshed is lifted."""

    devices: tuple[str, ...]
    rated_w: float
    peak_share: float = 0.9
    """Of the rating, at noon of a clear day."""
    sunrise_s: float = 21600.0
    sunset_s: float = 68400.0
    clear_s: float = 1200.0
    """Mean time between two clouds."""
    cloud_s: float = 240.0
    """Mean time a cloud lasts; 0: none come."""
    cloud_depth: float = 0.7
    edge_s: float = 5.0
    """Lag with which a cloud's edge passes over the roof."""
    dead_time_s: float = 1.0
    lag_s: float = 1.0
    reversion_s: float | None = 300.0


@dataclass(frozen=True, slots=True)
class RelaysSpec:
    """Loads behind relays, the first `running` of them on at the begin; what each draws differs by up to `spread`."""

    devices: tuple[str, ...]
    rated_w: float
    running: int
    spread: float = 0.03
    delay_s: float = 0.3


@dataclass(frozen=True, slots=True)
class RoomsSpec:
    """Rooms whose indoor units have thermostats, and the meter in front of them; numbers of one room but `operating_w`."""

    devices: tuple[str, ...]
    meter: str
    rated_w: float
    operating_w: float
    """Of all rooms together, the day's mean."""
    w_per_k: float
    """What the thermostat asks for by a kelvin of error, electrical."""
    wh_per_k: float
    """Heat in the room, thermal."""
    setpoint_c: float = 24.0
    swing: float = 0.1
    """Part of the balance by which the hottest hour is above the day's mean."""
    spread: float = 0.2
    """Rooms differ by so much in size."""
    integral_s: float = 1800.0
    sample_s: float = 10.0
    resolution_w: float = 50.0
    """Smallest change of power a unit makes; a hundred times less than its rating or so."""
    dead_time_s: float = 30.0
    lag_s: float = 90.0
    cop: float = 3.5
    leak_s: float = 36000.0


@dataclass(frozen=True, slots=True)
class BuildingSpec:
    """What nobody controls besides the load curve: noise and step loads, in shares of the offered capacity."""

    mean_w: float = 600000.0
    capacity_w: float = 200000.0
    noise_share: float = 0.02
    step_loads: int = 12
    step_share: Range = (0.03, 0.10)
    step_wait_s: float = 1440.0


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """One building with everything in it."""

    building: BuildingSpec = field(default_factory=BuildingSpec)
    meter: MeterSpec = field(default_factory=MeterSpec)
    battery: BatterySpec | None = None
    fleet: FleetSpec | None = None
    fans: FansSpec | None = None
    chillers: ChillersSpec | None = None
    lights: LightsSpec | None = None
    flows: FlowsSpec | None = None
    pv: PvSpec | None = None
    relays: RelaysSpec | None = None
    rooms: RoomsSpec | None = None
    max_import_w: float = float("inf")
    max_export_w: float = float("inf")

    @property
    def operating_w(self) -> float:
        """What all assets together draw at their operating points."""
        total = 0.0
        if self.fleet is not None:
            total += self.fleet.cars * self.fleet.mean_w
        if self.fans is not None:
            total += len(self.fans.devices) * self.fans.rated_w * (self.fans.natural_speed_pct / 100.0) ** 3
        if self.chillers is not None:
            total += self.chillers.operating_w
        if self.lights is not None:
            total += self.lights.operating_w
        if self.relays is not None:
            total += self.relays.running * self.relays.rated_w
        if self.rooms is not None:
            total += self.rooms.operating_w
        return total
