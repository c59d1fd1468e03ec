"""The physics of a whole building, exact at every instant it is asked about.

Nothing is stepped: whatever changes (a command arriving, a lag's new target, a car leaving, a load switching, the meter
sampling) is an event at its own instant, and between events everything is a closed formula. `advance` takes the plant
through all events up to an instant; one long advance equals many short ones. Watts, consumption positive.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

from emulators.battery import BatteryPlant
from emulators.building import Building
from emulators.chillers import ChillerPlant, Zone
from emulators.events import Events, stream
from emulators.fans import FanPlant
from emulators.fleet import FleetPlant
from emulators.lights import LightsPlant
from emulators.load import Load
from emulators.spec import PlantSpec

Entry = tuple[float, str, str, float | None, bool]
"""When, device, control or quantity, value, accepted."""
Setter = Callable[[float | None, float], bool]
Reader = Callable[[str, float], float | None]


class Plant:
    """One building; time 0 is the run's begin."""

    def __init__(
        self,
        spec: PlantSpec,
        load: Load,
        *,
        seed: int,
        perturb: float = 0.0,
        noise: bool = True,
        load_steps: bool = True,
    ) -> None:
        self.spec = spec
        self.load = load
        self.now_s = 0.0
        self.ledger: list[Entry] = []
        self.violations: Counter[str] = Counter()
        self._events = events = Events()
        self._building = Building(spec.building, load, events, seed=seed, noise=noise, load_steps=load_steps)
        share = stream(seed, "meter").uniform(-1.0, 1.0) * spec.meter.gain_error_pct / 100.0
        self.gain = 1.0 + share
        self._readers: dict[str, Reader] = {spec.meter.device: self._read_meter}
        self._setters: dict[tuple[str, str], Setter] = {}
        self._powers: list[Callable[[float], float]] = []
        self.battery: BatteryPlant | None = None
        self.fleet: FleetPlant | None = None
        self.zone: Zone | None = None
        self.chillers: list[ChillerPlant] = []
        self.fans: list[FanPlant] = []
        self.lights: LightsPlant | None = None
        self._build(seed=seed, perturb=perturb)
        self._planned_at_begin_w = 0.0 if self.fleet is None else self.fleet.planned_w(0.0)
        self._outside = ""
        self._metered_w = 0.0
        self._import_wh = 0.0
        self._sample(0.0)

    def _build(self, *, seed: int, perturb: float) -> None:
        spec, events = self.spec, self._events
        if spec.battery is not None:
            self.battery = BatteryPlant(spec.battery, events, seed=seed, perturb=perturb)
            self._add(spec.battery.device, self.battery.power_w, self.battery.read)
            self._setters[spec.battery.device, "battery.power.setpoint"] = self.battery.set_power
        if spec.fleet is not None:
            self.fleet = fleet = FleetPlant(spec.fleet, events, seed=seed, perturb=perturb)
            for device, charger in fleet.chargers.items():
                self._readers[device] = partial(fleet.read, device)
                self._setters[device, "ev.current.limit"] = charger.set_limit
            if spec.fleet.bookings is not None:
                self._readers[spec.fleet.bookings] = fleet.booking
        if spec.fans is not None:
            for device in spec.fans.devices:
                fan = FanPlant(spec.fans, device, events, seed=seed, perturb=perturb)
                self.fans.append(fan)
                self._add(device, fan.power_w, fan.read)
                self._setters[device, "fan.speed.setpoint"] = fan.set_speed
        if spec.chillers is not None:
            self.zone = Zone(spec.chillers)
            for device in spec.chillers.devices:
                machine = ChillerPlant(spec.chillers, self.zone, events, seed=seed, perturb=perturb)
                self.chillers.append(machine)
                self._add(device, machine.power_w, machine.read)
                self._setters[device, "chiller.demand.limit"] = machine.set_limit
                self._setters[device, "chiller.enable"] = machine.set_enable
            if spec.chillers.zone is not None:
                self._readers[spec.chillers.zone] = self._read_zone
        if spec.lights is not None:
            self.lights = LightsPlant(spec.lights, events, seed=seed, perturb=perturb)
            self._add(spec.lights.device, self.lights.power_w, self.lights.read)
            self._setters[spec.lights.device, "light.level.setpoint"] = self.lights.set_level

    def _add(self, device: str, power: Callable[[float], float], reader: Reader) -> None:
        self._powers.append(power)
        self._readers[device] = reader

    def advance(self, t_s: float) -> None:
        """Take the plant to an instant; ValueError when that lies before the last one."""
        if t_s < self.now_s:
            raise ValueError(f"the plant is at {self.now_s} s already; it cannot go back to {t_s} s")
        events = self._events
        while events.next_s <= t_s:
            self.now_s = events.happen()
        self.now_s = t_s

    def true_site_w(self) -> float:
        """Power at the connection now, as the settlement meter's gain makes it, unsampled and unrounded."""
        return self._site_w(self.now_s) * self.gain

    def read(self, device: str, quantity: str) -> float | None:
        """What the device's register would answer now; None where it has no such quantity."""
        reader = self._readers.get(device)
        value = None if reader is None else reader(quantity, self.now_s)
        if value is None:
            return self.spec.extra.get(device, {}).get(quantity)
        return value

    def command(self, device: str, control: str, value: float | None) -> bool:
        """Hand a control of the device a value, None to release it; whether the device accepted."""
        setter = self._setters.get((device, control))
        accepted = setter is not None and setter(value, self.now_s)
        if not accepted:
            self.violations["refused"] += 1
        self.ledger.append((self.now_s, device, control, value, accepted))
        return accepted

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """The same by one register of the device."""
        return self.command(device, quantity, value)

    def natural_w(self) -> float:
        """What the site would draw now had nobody asked: load without noise, operating points, planned charging."""
        charging_w = 0.0 if self.fleet is None else self.fleet.planned_w(self.now_s)
        return self._building.calm_w(self.now_s) + self._resting_w() + charging_w

    def declared_basepoints(self, blocks: int) -> list[float]:
        """What the scenario declares for the first blocks: the curve at the begin, operating points, planned charging."""
        return [self.load.at(0.0) + self._resting_w() + self._planned_at_begin_w] * blocks

    @property
    def limit_violations(self) -> int:
        """How often the site left its limits or a chiller tripped."""
        return sum(self.violations[kind] for kind in ("import", "export")) + sum(one.trips for one in self.chillers)

    def _resting_w(self) -> float:
        spec = self.spec
        charging_w = 0.0 if spec.fleet is None else spec.fleet.cars * spec.fleet.mean_w
        return spec.operating_w - charging_w

    def _site_w(self, now_s: float) -> float:
        total = self._building.power_w(now_s)
        for power in self._powers:
            total += power(now_s)
        if self.fleet is not None:
            total += self.fleet.power_w()
        return total

    def _sample(self, now_s: float) -> None:
        """The meter's sample of this second; the site's limits are watched at the same instants."""
        meter = self.spec.meter
        power_w = self._site_w(now_s) * self.gain
        self._metered_w = round(power_w / meter.resolution_w) * meter.resolution_w
        self._import_wh += max(power_w, 0.0) * meter.sample_s / 3600.0
        outside = ""
        if power_w > self.spec.max_import_w:
            outside = "import"
        elif -power_w > self.spec.max_export_w:
            outside = "export"
        if outside and outside != self._outside:
            self.violations[outside] += 1
        self._outside = outside
        self._events.at(now_s + meter.sample_s, self._sample)

    def _read_meter(self, quantity: str, _now_s: float) -> float | None:
        match quantity:
            case "power.active":
                return self._metered_w
            case "energy.active.import":
                return float(int(self._import_wh / 10.0) * 10)
            case "frequency":
                return 50.0
            case "voltage.l1-n" | "voltage.l2-n" | "voltage.l3-n":
                return 230.0
            case _:
                return None

    def _read_zone(self, quantity: str, now_s: float) -> float | None:
        match quantity:
            case "zone.temperature" if self.zone is not None:
                return round(self.zone.temperature_c(now_s), 2)
            case "zone.humidity":
                return 50.0
            case _:
                return None
