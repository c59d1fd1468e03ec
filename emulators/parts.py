"""All controllable devices of a plant, wired by device name: powers, readings, controls and registers."""

from collections.abc import Mapping
from typing import Protocol

from emulators.battery import BatteryPlant
from emulators.chillers import ChillerPlant, Zone
from emulators.events import Events, Reading, Setter
from emulators.fans import FanPlant
from emulators.fleet import FleetPlant
from emulators.flows import FlowPlant
from emulators.lights import LightsPlant
from emulators.relays import RelayPlant
from emulators.rooms import RoomPlant, RoomsMeter
from emulators.spec import PlantSpec
from emulators.sun import PvPlant, Sky


class Part(Protocol):
    """One device: readings, controls as a whole and registers one by one, all by the name of the point."""

    readings: dict[str, Reading]
    controls: dict[str, Setter]
    registers: dict[str, Setter]


class Hold(Protocol):
    """Lets a device's power stay as it is, or follow again."""

    def __call__(self, now_s: float, /, *, held: bool) -> None:
        """From `now_s` on."""
        ...


class PoweredPart(Part, Protocol):
    """A device with a power of its own."""

    def power_w(self, now_s: float, /) -> float:
        """Watts at an instant."""
        ...


class Parts:
    """Every device but the meter; keys of the tables are (device, name)."""

    def __init__(self, spec: PlantSpec, events: Events, *, seed: int, perturb: float, clock_s: float = 0.0) -> None:
        self.powers: list[Reading] = []
        self.readings: dict[tuple[str, str], Reading] = {}
        self.controls: dict[tuple[str, str], Setter] = {}
        self.registers: dict[tuple[str, str], Setter] = {}
        self.holds: dict[str, Hold] = {}
        """By device, for those that can refuse to follow."""
        self.battery: BatteryPlant | None = None
        self.fleet: FleetPlant | None = None
        self.zone: Zone | None = None
        self.fans: list[FanPlant] = []
        self.chillers: list[ChillerPlant] = []
        self.lights: LightsPlant | None = None
        self.pv: list[PvPlant] = []
        self.relays: dict[str, RelayPlant] = {}
        self.rooms: list[RoomPlant] = []
        if spec.battery is not None:
            self.battery = BatteryPlant(spec.battery, events, seed=seed, perturb=perturb)
            self._add(spec.battery.device, self.battery)
            self.holds[spec.battery.device] = self.battery.hold
        if spec.lights is not None:
            self.lights = LightsPlant(spec.lights, events, seed=seed, perturb=perturb)
            self._add(spec.lights.device, self.lights)
        if spec.flows is not None:
            self._connect(spec.flows.device, FlowPlant(spec.flows, clock_s=clock_s))
        self._add_fleet(spec, events, seed=seed, perturb=perturb)
        self._add_air(spec, events, seed=seed, perturb=perturb)
        self._add_roof(spec, events, seed=seed, perturb=perturb, clock_s=clock_s)
        self._add_rooms(spec, events, seed=seed, perturb=perturb, clock_s=clock_s)
        for at, device in enumerate(spec.relays.devices if spec.relays is not None else ()):
            assert spec.relays is not None  # it has devices
            on = at < spec.relays.running
            self.relays[device] = RelayPlant(spec.relays, device, events, on=on, seed=seed, perturb=perturb)
            self._add(device, self.relays[device])

    def _add_roof(self, spec: PlantSpec, events: Events, *, seed: int, perturb: float, clock_s: float) -> None:
        if spec.pv is not None:
            sky = Sky(spec.pv, events, seed=seed, clock_s=clock_s)
            for device in spec.pv.devices:
                self.pv.append(PvPlant(spec.pv, sky, events, seed=seed, perturb=perturb))
                self._add(device, self.pv[-1])

    def _add_rooms(self, spec: PlantSpec, events: Events, *, seed: int, perturb: float, clock_s: float) -> None:
        if spec.rooms is not None:
            for device in spec.rooms.devices:
                self.rooms.append(RoomPlant(spec.rooms, device, events, seed=seed, perturb=perturb, clock_s=clock_s))
                self._add(device, self.rooms[-1])
            self._connect(spec.rooms.meter, RoomsMeter(self.rooms, resolution_w=100.0))

    def _add_fleet(self, spec: PlantSpec, events: Events, *, seed: int, perturb: float) -> None:
        if spec.fleet is None:
            return
        self.fleet = FleetPlant(spec.fleet, events, seed=seed, perturb=perturb)
        self.powers.append(self.fleet.power_w)
        for device, charger in self.fleet.chargers.items():
            self._connect(device, charger)
            self.holds[device] = charger.hold
        if spec.fleet.bookings is not None:
            self._answer(spec.fleet.bookings, self.fleet.bookings)

    def _add_air(self, spec: PlantSpec, events: Events, *, seed: int, perturb: float) -> None:
        if spec.fans is not None:
            for device in spec.fans.devices:
                self.fans.append(FanPlant(spec.fans, device, events, seed=seed, perturb=perturb))
                self._add(device, self.fans[-1])
        if spec.chillers is not None:
            self.zone = Zone(spec.chillers)
            for device in spec.chillers.devices:
                self.chillers.append(ChillerPlant(spec.chillers, self.zone, events, seed=seed, perturb=perturb))
                self._add(device, self.chillers[-1])
            if spec.chillers.zone is not None:
                self._answer(spec.chillers.zone, self.zone.readings)

    def _add(self, device: str, part: PoweredPart) -> None:
        self.powers.append(part.power_w)
        self._connect(device, part)

    def _connect(self, device: str, part: Part) -> None:
        self._answer(device, part.readings)
        self.controls.update({(device, name): setter for name, setter in part.controls.items()})
        self.registers.update({(device, name): setter for name, setter in part.registers.items()})

    def _answer(self, device: str, readings: Mapping[str, Reading]) -> None:
        self.readings.update({(device, name): reading for name, reading in readings.items()})
