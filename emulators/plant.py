"""The physics of a whole building, exact at every instant it is asked about.

Nothing is stepped: whatever changes (a command arriving, a lag's new target, a car leaving, a load switching, the meter
sampling) is an event at its own instant, and between events everything is a closed formula. `advance` takes the plant
through all events up to an instant; one long advance equals many short ones. Watts, consumption positive.
"""

from collections import Counter
from collections.abc import Callable

from emulators.building import Building
from emulators.events import Events, Happening, Setter
from emulators.load import Load
from emulators.parts import Parts
from emulators.sitemeter import SiteMeter
from emulators.spec import PlantSpec

Entry = tuple[float, str, str, float | None, bool]
"""When, device, control or quantity, value, accepted."""


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
        self.on_event: Callable[[], None] | None = None
        """Called after every event, with the plant at its instant."""
        self.ledger: list[Entry] = []
        self.violations: Counter[str] = Counter()
        """By kind: import and export (times the site left its limits), refused (commands a device did not take)."""
        self._events = events = Events()
        self._building = Building(spec.building, load, events, seed=seed, noise=noise, load_steps=load_steps)
        self.parts = Parts(spec, events, seed=seed, perturb=perturb, clock_s=load.start_s)
        self._planned_at_begin_w = self._planned_w()
        self._outside = ""
        self.meter = SiteMeter(spec.meter, events, self._site_w, seed=seed, watch=self._watch)
        self._readings = self.parts.readings | {
            (spec.meter.device, name): reading for name, reading in self.meter.readings.items()
        }

    def advance(self, t_s: float) -> None:
        """Take the plant to an instant; ValueError when that lies before the last one."""
        if t_s < self.now_s:
            raise ValueError(f"the plant is at {self.now_s} s already; it cannot go back to {t_s} s")
        events = self._events
        while events.next_s <= t_s:
            self.now_s = events.happen()
            if self.on_event is not None:
                self.on_event()
        self.now_s = t_s

    def at(self, t_s: float, happening: Happening) -> None:
        """Let something happen at an instant (a fault's begin or end)."""
        self._events.at(t_s, happening)

    def reset(self, device: str, now_s: float) -> None:
        """Let a device be as after switching on: every control released."""
        for (name, _), setter in self.parts.controls.items():
            if name == device:
                setter(None, now_s)

    def hold_power(self, device: str, now_s: float, *, held: bool) -> None:
        """Let a battery's or a charger's power stay, whatever it is told; KeyError for another device."""
        self.parts.holds[device](now_s, held=held)

    @property
    def next_s(self) -> float:
        """When something happens by itself next; until then powers only follow their lags."""
        return self._events.next_s

    def true_site_w(self) -> float:
        """Power at the connection now, as the settlement meter's gain makes it, unsampled and unrounded."""
        return self._site_w(self.now_s) * self.meter.gain

    def read(self, device: str, quantity: str) -> float | None:
        """What the device's register would answer now; None where it has no such quantity."""
        reading = self._readings.get((device, quantity))
        return None if reading is None else reading(self.now_s)

    def command(self, device: str, control: str, value: float | None) -> bool:
        """Hand a control of the device a value, None to release it; whether the device accepted."""
        return self._hand(self.parts.controls.get((device, control)), device, control, value)

    def takes(self, device: str, quantity: str) -> bool:
        """Whether the device has this register and lets it be written."""
        return (device, quantity) in self.parts.registers

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """Write one register of the device; whether the device accepted."""
        return self._hand(self.parts.registers.get((device, quantity)), device, quantity, value)

    def natural_w(self) -> float:
        """What the site would draw now had nobody asked: load without noise, operating points, planned charging."""
        return self._building.calm_w(self.now_s) + self._resting_w() + self._planned_w()

    def declared_basepoints(self, blocks: int) -> list[float]:
        """What the scenario declares for the first blocks: the curve at the begin, operating points, planned charging."""
        return [self.load.at(0.0) + self._resting_w() + self._planned_at_begin_w] * blocks

    @property
    def limit_violations(self) -> int:
        """How often the site left its limits or a chiller tripped."""
        trips = sum(machine.trips for machine in self.parts.chillers)
        return self.violations["import"] + self.violations["export"] + trips

    def _hand(self, setter: Setter | None, device: str, name: str, value: float | None) -> bool:
        accepted = setter is not None and setter(value, self.now_s)
        if not accepted:
            self.violations["refused"] += 1
        self.ledger.append((self.now_s, device, name, value, accepted))
        return accepted

    def _planned_w(self) -> float:
        return 0.0 if self.parts.fleet is None else self.parts.fleet.planned_w(self.now_s)

    def _resting_w(self) -> float:
        """Operating points of all assets but the fleet, whose cars differ from hour to hour."""
        fleet = self.spec.fleet
        return self.spec.operating_w - (0.0 if fleet is None else fleet.cars * fleet.mean_w)

    def _site_w(self, now_s: float) -> float:
        total = self._building.power_w(now_s)
        for power in self.parts.powers:
            total += power(now_s)
        return total

    def _watch(self, power_w: float) -> None:
        outside = ""
        if power_w > self.spec.max_import_w:
            outside = "import"
        elif -power_w > self.spec.max_export_w:
            outside = "export"
        if outside and outside != self._outside:
            self.violations[outside] += 1
        self._outside = outside
