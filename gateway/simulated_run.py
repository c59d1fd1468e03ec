"""A whole simulated run into a folder: trace, decision log, the head-end's record, report.

The head-end's record is made from what was sent and from the plans as they were published, the baseline from the
scenario's history and the true power, by the head-end's own rules; the report from these files only.
"""

import gc
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emulators.load import Load
from emulators.plant import Plant
from emulators.scenario import Scenario
from emulators.upstream import EventSpec
from emulators.vpp_baseline import Baseline, History, Rules, baseline
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.model.plan import Plan
from gateway.model.request import Kind, Service
from gateway.model.site import Site
from gateway.simulate import Recorder, Run, Simulation
from gateway.upstream_script import Sending, Signal, script

MONDAY_MS = round(datetime(2026, 6, 29, tzinfo=UTC).timestamp() * 1000.0)
BLOCK_MS = 300_000
SLOT_S = 900.0
LEAD_MS = 300_000
"""A plan counts for a block when it is received this long before the block begins."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be simulated."""

    scenario: Scenario
    site: Site
    load: Load
    run_s: float
    seed: int = 1
    perturb: float = 0.0
    signal: Signal | None = None
    events: tuple[EventSpec, ...] = ()


class HeadEnd:
    """The upstream's own record of a simulated run."""

    def __init__(self, order: Order, declared: list[float], sendings: list[Sending]) -> None:
        self._order = order
        self._base: dict[int, float] = {at * BLOCK_MS: watts for at, watts in enumerate(declared)}
        self._sendings = sendings
        self._slots: dict[int, list[float]] = {}
        self._last: tuple[float, float] | None = None

    def receive(self, plan: Plan, *, at_s: float, utc_ms: int) -> None:
        """Take over the intervals that begin late enough."""
        for interval in plan.intervals:
            start_ms = interval.start_ms - utc_ms
            if start_ms - at_s * 1000.0 >= LEAD_MS:
                self._base.setdefault(start_ms, interval.basepoint_w)

    def basepoints(self) -> dict[float, float]:
        """Begin of each block, s of the run, and its declared base point, W."""
        return {start_ms / 1000.0: self._base[start_ms] for start_ms in sorted(self._base)}

    def meter(self, t_s: float, watts: float) -> None:
        """The settlement meter: a value holds until the next."""
        if self._last is not None:
            begin_s, held = self._last
            slot = self._slots.setdefault(int(begin_s // SLOT_S), [0.0, 0.0])
            slot[0] += held * (t_s - begin_s)
            slot[1] += t_s - begin_s
        self._last = (t_s, watts)

    def write(self, path: Path) -> None:
        """headend.csv: a row whenever the signal, the base point or a baseline may change."""
        order = self._order
        regulation = order.site.services.regulation
        capacity = "" if regulation is None else f"{regulation.capacity_w:.0f}"
        signals = self._signals()
        curves = [(event, self._curve(event)) for event in order.events if event.service == "dr"]
        times = {0.0, *signals}
        times |= {start_ms / 1000.0 for start_ms in self._base if start_ms / 1000.0 <= order.run_s}
        for event, _ in curves:
            end_s = event.start_s + event.for_s
            times |= {event.start_s, end_s}
            times |= {at * SLOT_S for at in range(int(event.start_s // SLOT_S) + 1, int(end_s // SLOT_S) + 1)}
        signal: float | None = None
        with path.open("w", encoding="utf-8") as file:
            file.write("t_s,signal,basepoint_w,capacity_w,baseline_w\n")
            for t_s in sorted(times):
                signal = signals.get(t_s, signal)
                base = self._base.get(int(t_s * 1000.0) // BLOCK_MS * BLOCK_MS)
                line = next((c.at(t_s) for e, c in curves if c and e.start_s <= t_s < e.start_s + e.for_s), None)
                file.write(f"{t_s:.3f},{_cell(signal, 6)},{_cell(base, 1)},{capacity},{_cell(line, 1)}\n")

    def _signals(self) -> dict[float, float | None]:
        found: dict[float, float | None] = {}
        for sending in self._sendings:
            if sending.request.service is Service.REG:
                cancelled = sending.request.kind is Kind.CANCEL
                found[sending.issued_s] = None if cancelled else sending.request.signal
        return found

    def _curve(self, event: EventSpec) -> Baseline | None:
        load, service = self._order.load, self._order.site.services.demand_response
        if service is None:
            return None
        past = History(
            load.file,
            start_s=load.start_s,
            scale=load.scale,
            add_w=self._order.scenario.plant.operating_w,
            measured=self._measured,
        )
        rules = Rules(service.baseline_days, adjust_begin_s=service.adjust_begin_s, adjust_end_s=service.adjust_end_s)
        return baseline(past, start_s=event.start_s, end_s=event.start_s + event.for_s, rules=rules)

    def _measured(self, t_s: float) -> float | None:
        slot = self._slots.get(int(t_s // SLOT_S))
        return slot[0] / slot[1] if slot is not None and slot[1] > 0.0 else None


def simulate(order: Order, folder: Path, progress: Callable[[float], None] = lambda _t: None) -> Run:
    """Run the order and write trace.csv, decisions.jsonl, headend.csv and the ledgers into the folder."""
    gc.set_threshold(100_000, 50, 50)  # millions of short-lived records, no cycles: collecting often costs a tenth
    folder.mkdir(parents=True, exist_ok=True)
    utc_ms = begin_ms(order.load)
    plant = Plant(order.scenario.plant, order.load, seed=order.seed, perturb=order.perturb)
    sendings = script(
        order.scenario, order.signal, list(order.events), run_s=order.run_s, utc_ms=utc_ms, seed=order.seed
    )
    simulation = Simulation(order.site, order.scenario, plant, sendings, utc_ms=utc_ms, seed=order.seed)
    recorder = Recorder(folder, simulation)
    head_end = HeadEnd(order, plant.declared_basepoints(order.scenario.upstream.declared_blocks), sendings)

    def on_step(before: ControlState, inputs: Inputs, decision: Decision) -> None:
        true_w = plant.true_site_w()
        recorder.step(before, inputs, decision, true_w)
        head_end.meter(decision.now_s, true_w)
        if decision.plan is not None:
            head_end.receive(decision.plan, at_s=decision.now_s, utc_ms=utc_ms)

    try:
        run = simulation.run(order.run_s, on_step, progress)
    finally:
        recorder.close()
    head_end.write(folder / "headend.csv")
    events = [
        {"id": e.id, "service": e.service, "start_s": e.start_s, "for_s": e.for_s, "shed_w": e.shed_w}
        for e in order.events
    ]
    (folder / "events.json").write_text(json.dumps(events))
    settings = {"seed": order.seed, "tick_s": order.site.control.period_s, "steps": run.steps}
    (folder / "run.json").write_text(json.dumps(settings))
    (folder / "plant.ledger.json").write_text(json.dumps({"limit_violations": plant.limit_violations}))
    return run


def begin_ms(load: Load) -> int:
    """UTC of the run's begin: where the load file says it lies, else counted from a Monday."""
    t0_ms = MONDAY_MS if load.file.t0 is None else round(load.file.t0.timestamp() * 1000.0)
    return t0_ms + round(load.start_s * 1000.0)


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
