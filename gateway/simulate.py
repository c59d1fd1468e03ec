"""The same control code and a plant in virtual time: a day in minutes.

Polls, writes, the signal and the control period are events of one queue. Devices are reached as the scenario's lines
say: answers late, some lost, some writes refused or without effect; a write that did not take is seen at the next poll
and sent again, as the field's writer does. The scenario's faults play their part: an answer that would be late or wrong
on the wire is a lost poll here.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path

from emulators.fault_table import UNANSWERED, Timetable
from emulators.faulty import FaultyValues
from emulators.plant import Plant
from emulators.scenario import LineSpec, Scenario
from gateway import history
from gateway.control.baseline import blocks_from
from gateway.control.decision import Curve, Decision, Inputs
from gateway.control.state import ControlState
from gateway.control.step import begin, step
from gateway.control.watched import control_points, meter_point
from gateway.decisions import DecisionLog
from gateway.insight.baseline import SLOT_MS
from gateway.model.command import Command, Fate, Outcome
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit, device_of, quantity_of
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival
from gateway.model.site import Site
from gateway.trace import TraceWriter
from gateway.upstream_script import Sending

STALE_POLLS = 3.0
LEAST_GAP_S = 0.005
"""A step due less than this after the last waits until then; later triggers join it."""
KEEPALIVE_S = {"battery": 5.0, "chillers": 40.0, "rooms": inf}
USUAL_KEEPALIVE_S = 20.0
"""How often an unchanged value is written again in a simulation: a third of the reversion time of the scenarios' devices."""
OFFLINE_POLLS = 3
PROGRESS_S = 60.0

OnStep = Callable[[ControlState, Inputs, Decision], None]
TOLD = {"ignored": Fate.WRITTEN, "unanswered": Fate.UNKNOWN, "refused": Fate.REFUSED}
"""What the gateway hears of a write whose fate was not up to the device."""


@dataclass(slots=True)
class _Wanted:
    command: Command
    taken: bool
    written_s: float


class SimField:
    """The devices of a site as the poller and the writer would see them, in virtual time."""

    def __init__(self, plant: Plant, scenario: Scenario, image: Image, points: list[PointId], *, seed: int) -> None:
        self._plant = plant
        self._image = image
        self._random = random.Random(f"field:{seed}")  # noqa: S311  # a simulation's dice
        self._points: dict[str, list[PointId]] = {}
        for point in points:
            self._points.setdefault(device_of(point), []).append(point)
        self._lines: dict[str, LineSpec] = {device: scenario.line_of(device) for device in self._points}
        self._groups = scenario.groups()
        self._faults = Timetable(scenario.faults)
        absent = {device: dict.fromkeys(map(quantity_of, there)) for device, there in self._points.items()}
        self._shown = FaultyValues(plant, self._faults, absent)
        self._keepalive_s = {
            device: KEEPALIVE_S.get(group, USUAL_KEEPALIVE_S) - 0.1 for device, group in self._groups.items()
        }
        self._quantities = {device: [quantity_of(point) for point in own] for device, own in self._points.items()}
        self._columns = {
            device: (image.columns(own), [Quality.GOOD] * len(own), [Cause.NONE] * len(own))
            for device, own in self._points.items()
        }
        self._misses: dict[str, int] = dict.fromkeys(self._points, 0)
        self._wanted: dict[str, dict[str, _Wanted]] = {device: {} for device in self._points}
        """By device and control."""
        sick = {spec.device for spec in scenario.faults}
        self._read = {device: self._shown.read if device in sick else plant.read for device in self._points}
        self.outcomes: list[Outcome] = []
        self.polls = self.writes = self.refused = 0

    def first_polls(self) -> Iterator[tuple[float, str]]:
        """When each device is first asked; polls start spread over the first period."""
        for device, line in self._lines.items():
            yield (0.0 if self._groups[device] == "meter" else self._random.uniform(0.0, line.poll_s)), device

    def period_s(self, device: str) -> float:
        """Poll period of a device."""
        return self._lines[device].poll_s

    def poll(self, device: str, now_s: float) -> tuple[float, Callable[[], None]]:
        """Ask a device: when its answer arrives, and what the answer then does."""
        line = self._lines[device]
        self.polls += 1
        delay_s = self._random.uniform(*line.delay_s)
        if self._random.random() < line.lost_share or not self._faults.of(device, now_s).isdisjoint(UNANSWERED):
            return now_s + 1.0, lambda: self._miss(device, now_s)
        read = self._read[device]
        values = [read(device, quantity) for quantity in self._quantities[device]]
        # the meter's line says how old its value is when it is read, the others' how long an answer takes
        measured_s = now_s + delay_s if self._groups[device] == "meter" else now_s
        return now_s + delay_s, lambda: self._answer(device, values, measured_s)

    def write(self, command: Command, now_s: float) -> tuple[float, Callable[[float], None]] | None:
        """Send a command, unless it is only a renewal whose turn has not come."""
        own = self._wanted[command.device]
        wanted = own.get(command.control)
        if wanted is not None and wanted.command.value == command.value and wanted.taken:
            wanted.command = command  # the same value with a longer lease
            if command.value is None or now_s - wanted.written_s < self._keepalive_s[command.device]:
                return None
        own[command.control] = _Wanted(command, taken=False, written_s=now_s)
        return self._send(command, now_s)

    def _send(self, command: Command, now_s: float) -> tuple[float, Callable[[float], None]]:
        line = self._lines[command.device]
        self.writes += 1
        delay_s = 0.0 if self._groups[command.device] == "meter" else self._random.uniform(*line.delay_s) / 2.0
        dice = self._random.random()
        faults = self._faults.of(command.device, now_s)
        fate = ""
        if not faults.isdisjoint(UNANSWERED):
            fate = "unanswered"
        elif dice < line.refused_share:
            fate = "refused"
        elif dice < line.refused_share + line.ignored_share or "ignore_writes" in faults:
            fate = "ignored"
        return now_s + delay_s, lambda at_s: self._arrive(command, fate, at_s)

    def _arrive(self, command: Command, fate: str, at_s: float) -> None:
        wanted = self._wanted[command.device].get(command.control)
        accepted = fate == "" and self._plant.command(command.device, command.control, command.value)
        self.refused += not accepted
        if wanted is not None and wanted.command.value == command.value:
            wanted.taken = accepted
        told = TOLD.get(fate, Fate.WRITTEN if accepted else Fate.REFUSED)
        self.outcomes.append(Outcome(command.device, command.control, command.value, told, at_s))

    def again(self, device: str, now_s: float) -> Iterator[tuple[float, Callable[[float], None]]]:
        """Commands to a device that did not take and are still wanted: written once more."""
        for wanted in self._wanted[device].values():
            if not wanted.taken and wanted.command.expires_s > now_s > wanted.written_s + 0.5:
                wanted.written_s = now_s
                yield self._send(wanted.command, now_s)

    def _answer(self, device: str, values: list[float | None], measured_s: float) -> None:
        self._misses[device] = 0
        columns, good, none = self._columns[device]
        if None not in values:
            self._image.post_block(columns, values, good, none, measured_s)
            return
        qualities = [Quality.INVALID if value is None else Quality.GOOD for value in values]
        causes = [Cause.SENTINEL if value is None else Cause.NONE for value in values]
        self._image.post_block(columns, values, qualities, causes, measured_s)

    def _miss(self, device: str, asked_s: float) -> None:
        self._misses[device] += 1
        if self._misses[device] >= OFFLINE_POLLS:
            for point in self._points[device]:
                self._image.post(point, Reading(None, Quality.INVALID, Cause.OFFLINE, asked_s))


@dataclass(slots=True)
class Run:
    """What a simulation did."""

    steps: int = 0
    due: int = 0
    """Steps of the period's raster that were due."""
    writes: int = 0
    polls: int = 0
    refused: int = 0
    final: ControlState | None = None


class Simulation:
    """One run of the control code against a plant."""

    def __init__(
        self, site: Site, scenario: Scenario, plant: Plant, sendings: list[Sending], *, utc_ms: int, seed: int
    ) -> None:
        self.site = site
        self.plant = plant
        self._utc_ms = utc_ms
        points = control_points(site)
        self.image = Image(_specs(points, scenario))
        self.field = SimField(plant, scenario, self.image, points, seed=seed)
        self.history = _past(plant, utc_ms=utc_ms)
        self.state = begin(site, now_s=0.0)
        if scenario.upstream.declared_blocks:
            self.state.plan.blocks = blocks_from(
                plant.declared_basepoints(scenario.upstream.declared_blocks), origin_s=0.0
            )
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._run = Run()
        self._told_s = 0.0
        self._count = 0
        self._due_s: float | None = None
        self._arrivals: list[Arrival] = []
        self._curves: list[Curve] = []
        self._last_s = -1.0
        self.log = DecisionLog(site, self.image)
        for at_s, device in self.field.first_polls():
            self._at(at_s, partial(self._poll, device))
        for sending in sendings:
            self._at(sending.at_s, partial(self._take, sending))
        self._at(0.0, self._tick)

    def run(self, until_s: float, on_step: OnStep, progress: Callable[[float], None] = lambda _t: None) -> Run:
        """Run to an instant; every step is handed to `on_step` with the state before it."""
        self._on_step, self._progress = on_step, progress
        self.image.on_post(meter_point(self.site), lambda _point: self._metered())
        while self._queue and self._queue[0][0] <= until_s:
            now_s, _, happen = heapq.heappop(self._queue)
            self.plant.advance(now_s)
            happen(now_s)
        self.plant.advance(until_s)
        run = self._run
        run.writes, run.polls, run.refused = self.field.writes, self.field.polls, self.field.refused
        run.final = self.state
        return run

    # -- what happens ------------------------------------------------------------------------------------------------

    def _tick(self, now_s: float) -> None:
        self._run.due += 1
        self._at(self._run.due * self.site.control.period_s, self._tick)
        self._want(now_s)

    def _poll(self, device: str, now_s: float) -> None:
        at_s, answer = self.field.poll(device, now_s)
        self._at(at_s, partial(self._answered, device, answer))
        self._at(now_s + self.field.period_s(device), partial(self._poll, device))

    def _answered(self, device: str, answer: Callable[[], None], now_s: float) -> None:
        answer()
        for at_s, arrive in self.field.again(device, now_s):
            self._at(at_s, arrive)

    def _metered(self) -> None:
        """A fresh value of the site meter: into the history, and a step at once."""
        now_s = self.plant.now_s
        watts = self.image.newest(meter_point(self.site)).usable
        if watts is not None and self.history.add(self._ms(now_s), watts) is not None:
            waiting = self.state.book.entries
            self._curves += history.renewed(self.history, waiting, self.site, now_ms=self._ms(now_s))
        self._want(now_s)

    def _want(self, now_s: float) -> None:
        if self._due_s is None:
            self._due_s = max(now_s, self._last_s + LEAST_GAP_S)
            self._at(self._due_s, self._step)

    def _take(self, sending: Sending, now_s: float) -> None:
        request = sending.request
        self._arrivals.append(Arrival(request.issuer, now_s, self._ms(now_s), request))
        if history.is_event(request):
            found = history.curve(self.history, request, self.site, notice_ms=self._ms(now_s))
            self._curves += [] if found is None else [found]
        self._want(now_s)

    def _step(self, now_s: float) -> None:
        self._due_s = None
        self._run.steps += 1
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            self._progress(now_s)
        inputs = Inputs(
            now_s=now_s,
            utc_ms=self._ms(now_s),
            snapshot=self.image.snapshot(now_s),
            arrivals=tuple(self._arrivals),
            outcomes=tuple(self.field.outcomes),
            curves=tuple(self._curves),
        )
        self._arrivals.clear()
        self.field.outcomes.clear()
        self._curves.clear()
        before = self.state
        self.state, decision = step(self.site, before, inputs)
        self._last_s = now_s
        for command in decision.commands:
            sent = self.field.write(command, now_s)
            if sent is not None:
                self._at(*sent)
        self._on_step(before, inputs, decision)

    def _ms(self, now_s: float) -> int:
        return self._utc_ms + round(now_s * 1000.0)

    def _at(self, at_s: float, happen: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_s, self._count, happen))


def _past(plant: Plant, *, utc_ms: int) -> history.History:
    """The building's recorded load before the run, with the assets' operating points, on the 15-minute raster."""
    found = history.History()
    interval_s = plant.load.file.interval_s
    for t_s, watts in zip(*plant.load.history(plant.spec.operating_w), strict=True):
        if watts is not None:
            first_ms = utc_ms + round(t_s * 1000.0)
            for at_ms in range(first_ms, first_ms + round(interval_s * 1000.0), SLOT_MS):
                found.slots[at_ms // SLOT_MS * SLOT_MS] = watts
    return found


def _specs(points: list[PointId], scenario: Scenario) -> Iterator[PointSpec]:
    for point in points:
        slow = quantity_of(point).startswith("zone.")
        stale_s = 60.0 if slow else min(STALE_POLLS * scenario.line_of(device_of(point)).poll_s, 60.0)
        yield PointSpec(point, Unit.NONE, stale_s)


def with_capacity(site: Site, capacity_w: float) -> Site:
    """The site offering another regulation capacity."""
    regulation = site.services.regulation
    if regulation is None:
        return site
    return replace(site, services=replace(site.services, regulation=replace(regulation, capacity_w=capacity_w)))


class Recorder:
    """Writes trace.csv and decisions.jsonl of a run into a folder."""

    def __init__(self, folder: Path, simulation: Simulation) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._trace_file = (folder / "trace.csv").open("w", encoding="utf-8", newline="")
        self._log_file = (folder / "decisions.jsonl").open("w", encoding="utf-8")
        self._trace = TraceWriter(self._trace_file, simulation.site, origin_s=0.0)
        self._simulation = simulation

    def step(self, before: ControlState, inputs: Inputs, decision: Decision, true_site_w: float) -> None:
        """Record one step."""
        self._trace.row(decision, true_site_w)
        self._log_file.write(self._simulation.log.line(before, inputs, decision) + "\n")

    def close(self) -> None:
        """Finish both files."""
        self._trace_file.close()
        self._log_file.close()
