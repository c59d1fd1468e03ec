"""A scenario file -> Scenario: a plant, how its devices are reached, what the upstream does, which site file controls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.fault_table import FaultSpec, fault_problem
from emulators.load import DAY_S, Load, seconds
from emulators.scenario_form import EventForm, LineForm, ScenarioForm
from emulators.scenario_plant import plant_of
from emulators.spec import PlantSpec, Range
from emulators.upstream import EventSpec, RegulationSpec, UpstreamSpec, Window
from gateway.errors import ConfigError, Problem
from gateway.shipped import shipped
from gateway.texts import say
from gateway.yamltext import Document, read_file
from gateway.yamltext.form import fit, nearest

STEERED = frozenset({"battery", "chargers"})
"""Groups whose devices' power a fault can hold."""


@dataclass(frozen=True, slots=True)
class LineSpec:
    """How one group of devices is reached, in a simulation and by the emulated servers alike."""

    poll_s: float
    delay_s: Range
    """From a request to its answer; for the meter: the age of its value."""
    refresh_s: float
    """Period at which the device renews the values it answers with; 0: at each request."""
    lost_share: float
    """Share of requests that are never answered."""
    refused_share: float
    """Share of writes answered with an error."""
    ignored_share: float
    """Share of writes answered as done and not done."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything of one run but its seed."""

    id: str
    doc: str
    file: Path
    site: Path
    load_file: Path
    load_start_s: float
    plant: PlantSpec
    lines: Mapping[str, LineSpec]
    """By group: meter, battery, chargers, bookings, fans, chillers, zone, lights, flows, pv, relays, rooms, rooms_meter."""
    upstream: UpstreamSpec
    faults: tuple[FaultSpec, ...]

    def load(
        self, path: Path | None = None, start_s: float | None = None, *, duration_s: float = DAY_S, scaled: bool = True
    ) -> Load:
        """The uncontrolled load of a run; another file or start replaces the scenario's, not `scaled` keeps its watts."""
        return Load.from_csv(
            self.load_file if path is None else path,
            self.load_start_s if start_s is None and path is None else start_s or 0.0,
            mean_w=self.plant.building.mean_w if scaled else None,
            duration_s=duration_s,
        )

    def group_of(self, device: str) -> str:
        """The group a device belongs to; KeyError for a device that is not of this plant."""
        return self.groups()[device]

    def groups(self) -> dict[str, str]:
        """Device -> group, for all devices of the plant."""
        plant = self.plant
        found = {plant.meter.device: "meter"}
        if plant.battery is not None:
            found[plant.battery.device] = "battery"
        if plant.fleet is not None:
            found.update(dict.fromkeys(plant.fleet.devices, "chargers"))
            if plant.fleet.bookings is not None:
                found[plant.fleet.bookings] = "bookings"
        if plant.chillers is not None and plant.chillers.zone is not None:
            found[plant.chillers.zone] = "zone"
        for group, single in (("lights", plant.lights), ("flows", plant.flows)):
            if single is not None:
                found[single.device] = group
        if plant.rooms is not None:
            found[plant.rooms.meter] = "rooms_meter"
        parts = {"fans": plant.fans, "chillers": plant.chillers, "pv": plant.pv, "relays": plant.relays}
        for group, part in {**parts, "rooms": plant.rooms}.items():
            found.update(dict.fromkeys(() if part is None else part.devices, group))
        return found

    def line_of(self, device: str) -> LineSpec:
        """How a device is reached; KeyError for a device that is not of this plant."""
        return self.lines[self.group_of(device)]


def scenario_names() -> list[str]:
    """The scenarios that ship."""
    folder = Path(__file__).parent / "scenarios"
    return sorted(path.stem for path in folder.glob("*.yaml") if not path.name.endswith(".site.yaml"))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read a shipped scenario by name, or a file by path; ConfigError with every problem at once."""
    path = Path(name_or_path)
    if str(name_or_path) in scenario_names():
        path = Path(__file__).parent / "scenarios" / f"{name_or_path}.yaml"
    elif not path.suffix and not path.exists():
        names = scenario_names()
        near = nearest(str(name_or_path), names)
        remedy = say("remedy.nearest", near=near) if near else say("remedy.scenarios", names=", ".join(names))
        problem = Problem(str(path), 1, 1, "", "unknown_scenario", say("problem.no_scenario"), remedy, near)
        raise ConfigError([problem])
    document = read_file(path)
    form, problems = fit(document, ScenarioForm)
    if form is None:
        raise ConfigError(problems)
    return _Checked(document, form, path).scenario()


class _Checked:
    """Turns a well-formed file into a Scenario and collects what is wrong between its parts."""

    def __init__(self, document: Document, form: ScenarioForm, path: Path) -> None:
        self._document = document
        self._form = form
        self._path = path
        self._problems: list[Problem] = []

    def scenario(self) -> Scenario:
        form = self._form
        plant = plant_of(form)
        self._check_plant()
        made = Scenario(
            id=form.scenario.id,
            doc=form.scenario.doc,
            file=self._path,
            site=self._beside(form.scenario.site, ("scenario", "site")),
            load_file=self._data(form.load.file, ("load", "file")),
            load_start_s=seconds(form.load.start),
            plant=plant,
            lines={name: _line(line) for name, line in form.lines if line is not None},
            upstream=self._upstream(),
            faults=tuple(
                FaultSpec(one.device, one.fault, seconds(one.start), None if one.span is None else seconds(one.span))
                for one in form.faults
            ),
        )
        self._check_faults(made)
        if self._problems:
            raise ConfigError(sorted(self._problems, key=lambda one: (one.line, one.column)))
        return made

    def _check_faults(self, made: Scenario) -> None:
        groups = made.groups()
        for at, fault in enumerate(made.faults):
            if wrong := fault_problem(fault.fault):
                message, near, remedy = wrong
                place = ("faults", at, "fault")
                self._problems.append(
                    self._document.problem(place, "unknown_fault", message, nearest=near, remedy=remedy)
                )
            if fault.device not in groups:
                near = nearest(fault.device, list(groups))
                message = say("problem.no_plant_device", device=fault.device)
                self._problem(("faults", at, "device"), "unknown_device", message, near)
            elif fault.fault == "asset_dead" and groups[fault.device] not in STEERED:
                self._problem(("faults", at, "fault"), "conflict", say("problem.only_steered"))

    def _upstream(self) -> UpstreamSpec:
        form = self._form.upstream
        regulation = None
        if form.regulation is not None:
            regulation = RegulationSpec(
                self._data(form.regulation.signal, ("upstream", "regulation", "signal")),
                seconds(form.regulation.signal_start),
                form.regulation.capacity_kw * 1000.0,
                _pair(form.regulation.delay_s),
                tuple(
                    Window(begin := seconds(one.start), None if one.span is None else begin + seconds(one.span))
                    for one in form.regulation.windows
                ),
            )
        repeat_s = None if form.repeat is None else seconds(form.repeat)
        return UpstreamSpec(form.declared_blocks, repeat_s, regulation, tuple(map(_event, form.events)))

    def _check_plant(self) -> None:
        plant, lines = self._form.plant, self._form.lines
        wanted: list[tuple[str, Any]] = [
            (name, getattr(plant, name))
            for name in ("battery", "chargers", "fans", "chillers", "pv", "relays", "rooms")
        ]
        wanted += [("lights", plant.lights), ("flows", plant.flows)]
        wanted.append(("bookings", plant.chargers and plant.chargers.bookings))
        wanted.append(("zone", plant.chillers and plant.chillers.zone))
        wanted.append(("rooms_meter", plant.rooms and plant.rooms.meter))
        for name, part in wanted:
            if part and getattr(lines, name) is None:
                place = ("lines",)
                message = say("problem.line_missing", key=name)
                self._problems.append(
                    self._document.key_problem(
                        place, "missing_key", message, remedy=say("remedy.add_key_value", key=name)
                    )
                )
        battery, fleet = plant.battery, plant.chargers
        if battery and not battery.soc_min_pct < battery.soc_max_pct:
            self._problem(("plant", "battery", "soc_max_pct"), "conflict", say("problem.soc_max"))
        elif battery and not battery.soc_min_pct <= battery.soc_start_pct <= battery.soc_max_pct:
            self._problem(("plant", "battery", "soc_start_pct"), "conflict", say("problem.soc_start"))
        if fleet and fleet.vehicles > len(fleet.devices):
            self._problem(("plant", "chargers", "vehicles"), "conflict", say("problem.few_chargers"))
        if fleet and fleet.cars > fleet.vehicles:
            self._problem(("plant", "chargers", "cars"), "conflict", say("problem.many_cars"))

    def _problem(self, path: tuple[str | int, ...], code: str, message: str, near: str = "") -> None:
        remedy = say("remedy.nearest", near=near) if near else ""
        self._problems.append(self._document.problem(path, code, message, nearest=near, remedy=remedy))

    def _beside(self, name: str, path: tuple[str, ...]) -> Path:
        file = self._path.parent / name
        if not file.is_file():
            near = nearest(name, [one.name for one in self._path.parent.glob("*.yaml")])
            self._problem(path, "no_such_file", say("problem.not_beside", name=name), near)
        return file

    def _data(self, name: str, path: tuple[str, ...]) -> Path:
        """A file beside the scenario, else one of the shipped data."""
        beside = self._path.parent / name
        if beside.is_file():
            return beside
        file = shipped("data") / name
        if not file.is_file():
            known = [str(one.relative_to(shipped("data"))) for one in shipped("data").glob("*/*.csv")]
            self._problem(path, "no_such_file", say("problem.not_shipped", name=name), nearest(name, known))
        return file


def _pair(values: list[float]) -> Range:
    return values[0], values[1]


def _line(form: LineForm) -> LineSpec:
    return LineSpec(
        form.poll_s, _pair(form.delay_s), form.refresh_s, form.lost_share, form.refused_share, form.ignored_share
    )


def _event(form: EventForm) -> EventSpec:
    start_s, for_s, notice_s = seconds(form.start), seconds(form.span), seconds(form.notice)
    return EventSpec(form.id, form.service, start_s, for_s, form.shed_kw * 1000.0, notice_s)
