"""Simulated figures of regulation and automatic response: `python -m tools.figures reg|late|k|ar|loss PLANT [--for 6h]`.

reg     the PJM score of a RegD day (`--signal`, `--perturb`, `--seed`, `--load CSV --start 5d`; 24 h take ten minutes)
late    the same with a site meter `--late` seconds later than stated, by quarters of an hour
k       Hunan K on a step every four minutes, noise and load steps off, the error from 10 s means
ar      twenty automatic steps of four minutes inside a block of the base point, noise and load steps off, medians
loss    twenty times two fans die in an automatic response, noise and load steps off

Judged by the plant's true power and the plans as they were published, each in time; nothing the gateway says counts.
"""

import argparse
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from emulators.load import Load, seconds
from emulators.plant import Plant
from emulators.scenario import load_scenario
from emulators.upstream import EventSpec
from gateway.config import load_site
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.insight.events import Event, Step, step
from gateway.insight.held import Floats, Held
from gateway.insight.instructions import extract
from gateway.insight.pjm import pjm
from gateway.insight.regions import HUNAN, composite_of
from gateway.shipped import shipped
from gateway.simulate import Simulation
from gateway.simulated_run import HeadEnd, Order, begin_ms
from gateway.upstream_script import Signal, read_signal, script

SIGNAL = "regulation_pjm/regd_2020-07-16_2s.csv"
MEAN_S = 10.0
STEPS, BEGIN_S, EVERY_S, HELD_S = 20, 620.0, 600.0, 240.0
LOSSES, APART_S, DEAD_S = 20, 300.0, 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A run as the market sees it: true site power, declared base points and the signal as sent, each held."""

    site_w: Held
    basepoint_w: Held
    signal: Held
    target_w: Held
    capacity_w: float
    soc_pct: float | None
    """Of the battery's cells at the end."""
    traffic_s: tuple[float, ...]
    """When cars came or went."""

    @property
    def response(self) -> Held:
        """(base point - site) / capacity."""
        t_s = self.site_w.t_s
        values = (self.basepoint_w.at(t_s) - self.site_w.value) / self.capacity_w
        return Held(t_s, values, self.site_w.end_s)


def run(
    name: str,
    run_s: float,
    *,
    signal: Signal | None = None,
    events: tuple[EventSpec, ...] = (),
    seed: int = 1,
    perturb: float = 0.0,
    calm: bool = False,
    late_s: float = 0.0,
    load: Load | None = None,
    prepare: Callable[[Plant], None] = lambda _plant: None,
) -> Ran:
    """Simulate a plant without writing anything down."""
    scenario = load_scenario(name)
    site, load = load_site(scenario.site), load or scenario.load()
    if late_s:
        line = scenario.lines["meter"]
        slower = replace(line, delay_s=(line.delay_s[0] + late_s, line.delay_s[1] + late_s))
        scenario = replace(scenario, lines={**scenario.lines, "meter": slower})
    if signal is None:
        scenario = replace(scenario, upstream=replace(scenario.upstream, regulation=None))
    order = Order(scenario, site, load, run_s, seed, perturb, signal, events)
    utc_ms = begin_ms(load)
    plant = Plant(scenario.plant, load, seed=seed, perturb=perturb, noise=not calm, load_steps=not calm)
    prepare(plant)
    sendings = script(scenario, signal, list(events), run_s=run_s, utc_ms=utc_ms, seed=seed)
    simulation = Simulation(site, scenario, plant, sendings, utc_ms=utc_ms, seed=seed)
    head_end = HeadEnd(order, plant.declared_basepoints(scenario.upstream.declared_blocks), sendings)
    rows: list[tuple[float, float, float]] = []
    bays = [] if plant.parts.fleet is None else list(plant.parts.fleet.chargers.values())
    cars, traffic = [bay.session for bay in bays], list[float]()

    def on_step(_before: ControlState, _inputs: Inputs, decision: Decision) -> None:
        target_w = np.nan if decision.target_w is None else decision.target_w
        rows.append((decision.now_s, plant.true_site_w(), target_w))
        if any(bay.session is not car for bay, car in zip(bays, cars, strict=True)):
            traffic.append(decision.now_s)
            cars[:] = [bay.session for bay in bays]
        if decision.plan is not None:
            head_end.receive(decision.plan, at_s=decision.now_s, utc_ms=utc_ms)

    def progress(now_s: float) -> None:
        if sys.stderr.isatty():
            print(f"\r{now_s / run_s:4.0%}", end="", file=sys.stderr, flush=True)

    simulation.run(run_s, on_step, progress)
    t_s, site_w, target_w = np.array(rows).T
    base = head_end.basepoints()
    sent = {sending.issued_s: sending.request.signal for sending in sendings if sending.request.signal is not None}
    regulation = site.services.regulation
    return Ran(
        Held(t_s, site_w, run_s),
        Held(np.array(list(base)), np.array(list(base.values())), run_s),
        Held(np.array(sorted(sent)), np.array([sent[at_s] for at_s in sorted(sent)], dtype=float), run_s),
        Held(t_s, target_w, run_s),
        0.0 if regulation is None else regulation.capacity_w,
        None if plant.parts.battery is None else plant.parts.battery.soc_pct(run_s),
        tuple(traffic),
    )


def regulation(
    name: str, run_s: float, signal: Signal, *, seed: int, perturb: float, late_s: float, load: Load | None
) -> None:
    """The PJM score and, quarter by quarter, the mean error."""
    ran = run(name, run_s, signal=signal, seed=seed, perturb=perturb, late_s=late_s, load=load)
    found = pjm(ran.signal, ran.response)
    edges = np.arange(0.0, run_s + 1.0, MEAN_S)
    error = np.abs(ran.response.means(edges) - ran.signal.means(edges)) * ran.capacity_w / 1000.0
    quarters = [f"{error[at : at + 90].mean():.1f}" for at in range(0, len(error), 90)]
    print(f"{name}, seed {seed}, perturbed {perturb:g}, meter {late_s:g} s later: {found}")
    if ran.soc_pct is not None:
        print(f"SOC at the end {ran.soc_pct:.1f} %")
    print(f"mean error of 10 s means by quarters of an hour, kW: {' '.join(quarters)}")


def dispatch(name: str, run_s: float) -> None:
    """K of steps drawn between -1 and 1, one every four minutes."""
    dice, signal = random.Random(3), 0.0  # noqa: S311 - a drawn signal
    rows: list[tuple[float, float]] = []
    for begin_s in range(0, round(run_s) + 240, 240):
        before = signal
        while abs(signal - before) < 0.2:
            signal = round(dice.uniform(-1.0, 1.0), 2)
        rows += [(begin_s + 2.0 * at, signal) for at in range(120)]
    times, values = tuple(at_s for at_s, _ in rows), tuple(value for _, value in rows)
    ran = run(name, run_s, signal=Signal(times, values, 2.0), calm=True)
    edges = np.arange(0.0, run_s + 1.0, MEAN_S)
    means = ran.response.means(edges)
    followed = []
    for one in extract(ran.signal, ran.response):
        inside = (edges[:-1] >= (one.reached_s or one.until_s)) & (edges[1:] <= one.until_s)
        error = float(np.abs(means[inside] - one.goal).mean()) if inside.any() else one.error
        followed.append(replace(one, error=error))
    print(f"{name}, {len(followed)} instructions: {composite_of(followed, HUNAN)}")


def automatic(name: str, shed_w: float) -> None:
    """Medians of the first steps during which no car comes or goes."""
    asked = tuple(EventSpec(f"ar{at}", "ar", BEGIN_S + at * EVERY_S, HELD_S, shed_w, 0.0) for at in range(2 * STEPS))
    ran = run(name, BEGIN_S + 2 * STEPS * EVERY_S, events=asked, calm=True)
    known = [Event(one.id, "ar", one.start_s, one.for_s, one.shed_w) for one in asked]
    known = [one for one in known if not any(one.start_s <= at_s < one.end_s for at_s in ran.traffic_s)][:STEPS]
    found = [one for event in known if (one := step(event, ran.site_w, ran.basepoint_w)) is not None]
    near = [within(event, ran) for event in known]

    def median(read: Callable[[Step], float | None]) -> float:
        return float(np.median([np.inf if (value := read(one)) is None else value for one in found]))

    print(
        f"{name}, {len(found)} steps of {shed_w / 1000.0:g} kW, medians: first move {median(lambda s: s.first_move_s):.2f} s, "
        f"90 % {median(lambda s: s.t90_s):.2f} s, within 2 % for 10 s from {np.median(near):.2f} s on, "
        f"overshoot {median(lambda s: s.overshoot):.3f}, steady error {median(lambda s: s.steady_error):.4f}"
    )


def within(event: Event, ran: Ran) -> float:
    """From when on the response stays within 2 % of what was asked for `MEAN_S`, s: later a write may fail again."""
    inside = (ran.site_w.t_s >= event.start_s) & (ran.site_w.t_s < event.end_s)
    since_s = ran.site_w.t_s[inside] - event.start_s
    shed_w = ran.basepoint_w.at(ran.site_w.t_s[inside]) - ran.site_w.value[inside]
    outside_s = [0.0, *since_s[np.abs(shed_w / event.shed_w - 1.0) > 0.02], event.for_s]
    return next((before_s for before_s, next_s in pairwise(outside_s) if next_s - before_s >= MEAN_S), np.inf)


def losses(name: str, shed_w: float, fans: int) -> None:
    """How soon what dies is made good."""
    times = [940.0 + at * APART_S + 37.3 * at % 60.0 for at in range(LOSSES)]
    dead = [False]

    def prepare(plant: Plant) -> None:
        for fan in plant.parts.fans[:fans]:
            real = fan.power_w

            def drawn_w(now_s: float, real: Callable[[float], float] = real) -> float:
                return 0.0 if dead[0] else real(now_s)

            plant.parts.powers[plant.parts.powers.index(fan.power_w)] = drawn_w
            fan.power_w = drawn_w  # type: ignore[method-assign]  # its reading shows it too
        for at_s in times:
            plant.at(at_s, lambda _now_s: dead.__setitem__(0, True))
            plant.at(at_s + DEAD_S, lambda _now_s: dead.__setitem__(0, False))

    run_s = 1100.0 + LOSSES * APART_S
    ran = run(
        name, run_s, events=(EventSpec("ar1", "ar", 600.0, run_s - 700.0, shed_w, 0.0),), calm=True, prepare=prepare
    )
    closed, quiet = [], 0
    for at_s in times:
        inside = (ran.site_w.t_s >= at_s) & (ran.site_w.t_s < at_s + 100.0)
        since_s: Floats = ran.site_w.t_s[inside] - at_s
        gap_w = (ran.site_w.value - ran.target_w.value)[inside]
        size_w = float(np.abs(gap_w[:3]).max())
        small = np.flatnonzero((np.abs(gap_w) <= 0.1 * size_w) & (since_s > 0.3))
        closed.append(float(since_s[small[0]]) if small.size else np.inf)
        means = Held(since_s, gap_w, 100.0).means(np.arange(10.0, 100.0, 5.0))
        quiet += bool((np.abs(means) < 5000.0).all())
    print(
        f"{name}, {len(closed)} losses: 90 % of the gap closed after {np.median(closed):.2f} s (median), "
        f"{max(closed):.2f} s (worst); 5 s means within 5 kW after 10 s in {quiet} of {len(closed)}"
    )


def main(argv: list[str] | None = None) -> None:
    """Print one figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("reg", "late", "k", "ar", "loss"))
    parser.add_argument("plant", nargs="?", default="battery_full")
    parser.add_argument("--for", dest="run", type=seconds, default=3600.0)
    parser.add_argument("--signal", type=Path, default=shipped("data") / SIGNAL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--perturb", type=float, default=0.0)
    parser.add_argument("--late", type=float, default=4.0)
    parser.add_argument("--load", type=Path)
    parser.add_argument("--start", type=seconds, default=0.0)
    parser.add_argument("--shed-kw", type=float)
    given = parser.parse_args(argv)
    battery = given.plant != "no_battery"
    match given.figure:
        case "reg" | "late":
            late_s = given.late if given.figure == "late" else 0.0
            load = load_scenario(given.plant).load(given.load, given.start) if given.load else None
            regulation(
                given.plant, given.run, read_signal(given.signal), seed=given.seed, perturb=given.perturb, late_s=late_s,
                load=load,
            )  # fmt: skip
        case "k":
            dispatch(given.plant, given.run)
        case "ar":
            automatic(given.plant, 1000.0 * (given.shed_kw or (200.0 if battery else 150.0)))
        case _:
            losses(given.plant, 1000.0 * (given.shed_kw or (60.0 if battery else 30.0)), 2 if battery else 1)


if __name__ == "__main__":
    main()
