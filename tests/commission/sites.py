"""A small building to commission over real sockets: a meter that sees its batteries, and batteries with one fault each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from emulators.modbus_device import TcpServer
from emulators.standalone import StandAlone, start_values
from emulators.unit import Unit
from gateway.cli.commission_lines import on_lines
from gateway.cli.commission_station import Times
from gateway.cli.commissioning import Course, Wishes, course_of
from gateway.clock import SystemClock
from gateway.commission.acceptance import Check
from gateway.config.read import load_site, profiles_of
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Profile
from gateway.shipped import shipped

TIMER_S = 1.0
QUICK = """
schema: 1
extends: battery/acme_200
profile:
  id: acme.quick
  version: 1.0.0
  class: battery
  vendor: Acme (no real maker)
  models: [Acme 200]
  confidence: A
  evidence: ["an Acme 200 with a short time-out"]
  doc: An Acme 200 whose setpoint reverts after a second.
controls:
  battery.power.setpoint:
    unit: W
    sign: charge
    range: [-200000, 200000]
    step: 1
    zero: allowed
    apply:
      - set: {battery.power.setpoint.timeout: 1, battery.power.fallback: 0}
        together: true
      - set: {battery.power.setpoint: value}
        together: true
      - set: {battery.enable: enabled}
    release:
      - set: {battery.power.setpoint: 0}
        together: true
      - set: {battery.enable: disabled}
    keepalive:
      every_s: 0.3
      timeout_s: 1
      steps:
        - set: {battery.power.setpoint: value}
          together: true
    lost: {then: fallback, value: 0, after_s: 1}
    confirm: {point: battery.power, tolerance: 4000, within_s: 5}
    wear: volatile
"""
BLIND = (
    QUICK.replace("acme.quick", "acme.blind").replace("models: [Acme 200]", "models: [Acme 200 W]")
    + """
points:
  battery.power.setpoint: {at: 200, table: holding, type: i32, unit: W, sign: discharge, access: w, range: [-200000, 200000]}
"""
)
"""The same, but its setpoint can only be written."""
SWAPPED = """
schema: 1
extends: meter/eastron_sdm630
profile:
  id: sdm.swapped
  version: 1.0.0
  class: meter
  vendor: Eastron
  models: [SDM630 in the wrong order]
  confidence: A
  evidence: ["what a technician chose by mistake"]
  doc: The registers of an SDM630 with the words the other way round.
defaults: {table: input, type: f32, order: cdab}
"""


class Building(StandAlone):
    """Devices that stand alone, but the meter `pcc` sees what the batteries draw."""

    def __init__(self) -> None:
        super().__init__()
        self.batteries: list[str] = []
        self.load_w = 100_000.0
        self.deaf: set[str] = set()
        """They acknowledge what is written, and keep what they have."""
        self.stuck: set[str] = set()
        """Their own timer does not fire."""
        self.writes: list[tuple[str, str, float]] = []

    def read(self, device: str, quantity: str) -> float | None:
        if (device, quantity) == ("pcc", "power.active"):
            return self.load_w + sum(self.read(one, "battery.power") or 0.0 for one in self.batteries)
        return super().read(device, quantity)

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        self.writes.append((device, quantity, value))
        return device in self.deaf or super().write_point(device, quantity, value)

    def _lapse(self, key: tuple[str, str], now_s: float) -> None:
        if key[0] not in self.stuck:
            super()._lapse(key, now_s)


def kind_of(name: str) -> str:
    """The profile of a battery: those named `blind_…` have a setpoint that can only be written."""
    return "blind" if name.startswith("blind") else "quick"


class Emulated:
    """The building behind one Modbus TCP endpoint, and the site file that belongs to it."""

    def __init__(
        self, folder: Path, batteries: tuple[str, ...], *, wrong_order: bool = False, lamp: bool = False, more: str = ""
    ) -> None:
        self.folder, self.site, self.state = folder, folder / "tower.yaml", folder / "state"
        own = folder / "device_profiles" / "battery"
        own.mkdir(parents=True)
        (own / "acme_quick.yaml").write_text(QUICK)
        (own / "acme_blind.yaml").write_text(BLIND)
        (folder / "device_profiles" / "meter").mkdir()
        (folder / "device_profiles" / "meter" / "sdm_swapped.yaml").write_text(SWAPPED)
        self.values = Building()
        self.wrong_order, self.lamp, self.more = wrong_order, lamp, more
        self._names = batteries
        self.server: TcpServer | None = None
        self.held: dict[str, float | None] = {}
        """What registers read when it was over."""

    async def __aenter__(self) -> Self:
        clock = SystemClock()
        begin_s = clock.boot_s()
        own = (self.folder / "device_profiles",)
        batteries = {one: load_profile(f"battery/acme_{one}", own) for one in ("quick", "blind")}
        meter = load_profile("meter/abb_b23")
        now: Callable[[], float] = lambda: clock.boot_s() - begin_s  # noqa: E731 - a clock in one line
        units = {1: self._unit("pcc", meter, now)}
        for number, name in enumerate(self._names, start=2):
            units[number] = self._unit(name, batteries[kind_of(name)], now)
            self.values.batteries.append(name)
        if self.wrong_order:
            units[40] = self._unit("cellar", load_profile("meter/eastron_sdm630"), now)
        if self.lamp:
            units[41] = self._unit("lamp", load_profile("lighting/acme_dimmer"), now)
        self.server = TcpServer(units)
        port = await self.server.start()
        self.site.write_text(self._text(port))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        await self.server.stop()

    def reads(self, device: str, quantity: str) -> float | None:
        """What a quantity is, without a bus between."""
        return self.values.read(device, quantity)

    def _unit(self, name: str, profile: Profile, now: Callable[[], float]) -> Unit:
        known = "battery/acme_200" if profile.device_class == "battery" else profile.name
        vectors = shipped("device_profiles") / f"{known}.vectors.yaml"
        start: Mapping[str, float] = start_values(profile, vectors)
        if profile.device_class == "battery":
            start = {
                **start,
                "battery.power": 0.0,
                "battery.power.setpoint": 0.0,
                "battery.enable": 0.0,
                "battery.soc": 50.0,
            }
        self.values.add(name, profile, start)
        return Unit(name, profile, self.values, now)

    def _text(self, port: int) -> str:
        devices = ["  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1, poll_s: 0.1}"]
        devices += [
            f"  {name}: {{profile: battery/acme_{kind_of(name)}, on: plant, unit_id: {number}, poll_s: 0.1}}"
            for number, name in enumerate(self._names, start=2)
        ]
        if self.wrong_order:
            devices.append("  cellar: {profile: meter/sdm_swapped, on: plant, unit_id: 40}")
        if self.lamp:
            devices.append("  lamp: {profile: lighting/acme_dimmer, on: plant, unit_id: 41, poll_s: 0.1}")
        assets = [
            f"  {name}: {{kind: battery, device: {name}, max_charge_kw: 40, max_discharge_kw: 40, energy_kwh: 80, safe_kw: 0}}"
            for name in self._names
        ]
        return "\n".join(
            [
                "site: {id: tower, timezone: Asia/Shanghai, meter: pcc}",
                f'connections: {{plant: {{modbus_tcp: "127.0.0.1:{port}", timeout_s: 0.5}}}}',
                "devices:",
                *devices,
                "assets:",
                *assets,
                "limits: {max_import_kw: 1000, max_export_kw: 0}",
                self.more,
            ]
        )


TIMES = Times(lost_s=0.6, hold_s=0.4, ramp_s=0.4, settle_s=0.4, extra_s=0.5)


def wishes(**changes: Any) -> Wishes:
    """A quick commissioning, its times compressed."""
    given: dict[str, Any] = {
        "writes": True,
        "watch_s": 1.2,
        "hold_s": 1.6,
        "quick": True,
        "left_out": {},
        "times": TIMES,
    }
    return Wishes(**given | changes)


async def commissioned(there: Emulated, wanted: Wishes, course: Course | None = None) -> Course:
    """The course of one commissioning on the lines of a building."""
    site, clock, course = load_site(there.site), SystemClock(), course or Course(lambda _line: None)
    async with on_lines(site, profiles_of(site), clock, papers=there.state, writes=wanted.writes) as lines:
        await course_of(lines, course, wanted, clock=clock)
    return course


def rows(course: Course, **wanted: object) -> list[Check]:
    """The rows of which all of this is so."""
    return [check for check in course.checks if all(getattr(check, name) == value for name, value in wanted.items())]
