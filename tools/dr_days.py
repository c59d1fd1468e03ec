"""Demand response on working days of the shipped load: `python -m tools.dr_days [PLANT…] [--days 152,160] [--begin 11h]`.

Each day is simulated from `--begin` (11:00) to 18:15, the event is 14 to 16 h with 30 min notice, 100 kW (60 kW without
a battery). Judged by the head-end's own baseline, the plant's true power, its zone and its cars; nothing the gateway
says counts. Prints a row a day and what the worst day reached.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from emulators.load import DAY_S, seconds
from emulators.plant import Plant
from emulators.scenario import Scenario, load_scenario
from emulators.upstream import EventSpec
from emulators.vpp_baseline import Baseline, History, Rules, baseline
from gateway.config import load_site
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.model.site import Site
from gateway.simulate import Simulation
from gateway.simulated_run import begin_ms
from gateway.upstream_script import script

PLANTS = {"battery_full": 100_000.0, "battery_half": 100_000.0, "no_battery": 60_000.0}
DAYS = (156, 166, 177, 187, 191, 205, 207, 219, 239, 264)
"""Working days of June to September 2006 in the shipped load, days of the file; the hottest (264) among them."""
EVENT_S, FOR_S, AFTER_S, QUARTER_S = 14 * 3600.0, 7200.0, 7200.0, 900.0
NOTICE_S = 1800.0
REBOUND = 1.05


@dataclass(frozen=True, slots=True)
class Day:
    """What one event came to; shares of the commitment, the quarters after it as a share of what they may draw."""

    plant: str
    day: int
    delivery: float
    worst: float
    best: float
    after: float
    """Highest quarter of the two hours after, over max(1.05 x baseline, load without any recovery)."""
    natural: float
    """Highest quarter of the load without any recovery, over the baseline."""
    warm_k: float
    cold_k: float
    """Furthest from the comfort temperature either way, as a share of the band."""
    short_wh: float
    """Most any car left without."""
    soc: tuple[float, ...]
    """State of charge at the run's begin, the event's begin and end, and two hours later, %; empty without a battery."""

    @property
    def holds(self) -> bool:
        """Whether all the marks are met."""
        delivered = 0.97 <= self.delivery <= 1.03 and self.worst >= 0.95 and self.best <= 1.05
        return delivered and self.after <= 1.0 and max(self.warm_k, self.cold_k) <= 1.0


class Quarters:
    """Time-weighted means of quarter hours of a value that holds until the next."""

    def __init__(self) -> None:
        self.area: dict[int, float] = {}
        self._last: tuple[float, float] | None = None

    def add(self, t_s: float, value: float) -> None:
        """From `t_s` on it is `value`."""
        if self._last is not None:
            begin_s, held = self._last
            while begin_s < t_s:
                slot = int(begin_s // QUARTER_S)
                end_s = min(t_s, (slot + 1) * QUARTER_S)
                self.area[slot] = self.area.get(slot, 0.0) + held * (end_s - begin_s)
                begin_s = end_s
        self._last = (t_s, value)

    def mean(self, t_s: float) -> float | None:
        """Of the quarter that `t_s` lies in; None where nothing was measured."""
        area = self.area.get(int(t_s // QUARTER_S))
        return None if area is None else area / QUARTER_S


class Judge:
    """Sees the plant at every step of one day."""

    def __init__(self, scenario: Scenario, plant: Plant, *, start_s: float) -> None:
        self.drawn, self.unasked = Quarters(), Quarters()
        self.above_k: list[float] = []
        self.soc: dict[float, float] = {}
        self._scenario, self._plant, self._start_s = scenario, plant, start_s

    def look(self, now_s: float) -> None:
        """Take the plant's true values down."""
        plant, parts = self._plant, self._plant.parts
        self.drawn.add(now_s, plant.true_site_w())
        fleet = self._scenario.plant.fleet
        usual_w = 0.0 if fleet is None else fleet.cars * fleet.mean_w
        planned_w = 0.0 if parts.fleet is None else parts.fleet.planned_w(now_s)
        self.unasked.add(now_s, (plant.natural_w() - planned_w + usual_w) * plant.meter.gain)
        if parts.zone is not None:
            self.above_k.append(parts.zone.temperature_c(now_s) - parts.zone.spec.setpoint_c)
        if parts.battery is not None:
            soc = parts.battery.soc_pct(now_s)
            for at_s in (0.0, self._start_s, self._start_s + FOR_S, self._start_s + FOR_S + AFTER_S):
                if now_s >= at_s:
                    self.soc.setdefault(at_s, soc)

    def verdict(self, plant: str, day: int, line: Baseline, shed_w: float, band_k: float) -> Day:
        """The day's figures."""
        quarters = [self._start_s + at * QUARTER_S for at in range(int(FOR_S / QUARTER_S))]
        sheds = [(self._line(line, at_s) - self._drawn(at_s)) / shed_w for at_s in quarters]
        later = [self._start_s + FOR_S + at * QUARTER_S for at in range(int(AFTER_S / QUARTER_S))]
        after = [
            self._drawn(at_s) / max(REBOUND * self._line(line, at_s), self.unasked.mean(at_s) or 0.0) for at_s in later
        ]
        natural = [(self.unasked.mean(at_s) or 0.0) / self._line(line, at_s) for at_s in later]
        fleet = self._plant.parts.fleet
        return Day(
            plant,
            day,
            sum(sheds) / len(sheds),
            min(sheds),
            max(sheds),
            max(after),
            max(natural),
            max(self.above_k) / band_k,
            -min(self.above_k) / band_k,
            max(fleet.short_wh, default=0.0) if fleet is not None else 0.0,
            tuple(self.soc.values()),
        )

    def _drawn(self, at_s: float) -> float:
        drawn = self.drawn.mean(at_s)
        assert drawn is not None, "every quarter of the event was simulated"
        return drawn

    @staticmethod
    def _line(line: Baseline, at_s: float) -> float:
        """The mean of the baseline over a quarter: it is held at least as long."""
        value = line.at(at_s + QUARTER_S / 2.0)
        assert value is not None, "the history has days like this one"
        return value


def run_day(
    name: str,
    day: int,
    *,
    begin_s: float,
    seed: int,
    shed_w: float,
    notice_s: float = NOTICE_S,
    perturb: float = 0.0,
    period_s: float | None = None,
) -> Day:
    """One event on one plant; ValueError when the load holds no such day."""
    scenario = load_scenario(name)
    site = load_site(scenario.site)
    if period_s is not None:
        site = replace(site, control=replace(site.control, period_s=period_s))
    start_s = EVENT_S - begin_s
    run_s = start_s + FOR_S + AFTER_S + 5.0
    load = scenario.load(scenario.load_file, day * DAY_S + begin_s, duration_s=DAY_S)
    plant = Plant(scenario.plant, load, seed=seed, perturb=perturb)
    quiet = replace(scenario, upstream=replace(scenario.upstream, regulation=None))
    event = EventSpec("dr1", "dr", start_s, FOR_S, shed_w, notice_s)
    utc_ms = begin_ms(load)
    sendings = script(quiet, None, [event], run_s=run_s, utc_ms=utc_ms, seed=seed)
    simulation = Simulation(site, quiet, plant, sendings, utc_ms=utc_ms, seed=seed)
    judge = Judge(scenario, plant, start_s=start_s)

    def on_step(_before: ControlState, _inputs: Inputs, decision: Decision) -> None:
        judge.look(decision.now_s)

    simulation.run(run_s, on_step)
    line = settled(site, scenario, judge, load=(load.file, load.start_s, load.scale), start_s=start_s)
    return judge.verdict(name, day, line, shed_w, comfort_band_k(site))


def settled(site: Site, scenario: Scenario, judge: Judge, *, load: tuple, start_s: float) -> Baseline:  # type: ignore[type-arg]
    """The head-end's baseline: its own history, its own measurement of the day. ValueError without like days."""
    service = site.services.demand_response
    if service is None:
        raise ValueError(f"{site.id} offers no demand response")
    file, begin_s, scale = load
    past = History(file, start_s=begin_s, scale=scale, add_w=scenario.plant.operating_w, measured=judge.drawn.mean)
    rules = Rules(service.baseline_days, adjust_begin_s=service.adjust_begin_s, adjust_end_s=service.adjust_end_s)
    line = baseline(past, start_s=start_s, end_s=start_s + FOR_S, rules=rules)
    if line is None:
        raise ValueError("no like days before the event")
    return line


def comfort_band_k(site: Site) -> float:
    """The narrowest comfort band of the site's chillers."""
    return min(getattr(asset.detail, "comfort_band_k", 9.9) for asset in site.assets.values())


def rows(days: Sequence[Day]) -> Iterator[str]:
    """The table, and a line a plant with its worst figures."""
    yield "plant         day  delivery  worst  best   after  unasked/B  warm   cold   car short Wh  SOC %"
    for one in days:
        soc = " ".join(f"{value:.0f}" for value in one.soc)
        yield (
            f"{one.plant:12} {one.day:4}  {one.delivery:8.4f}  {one.worst:.3f}  {one.best:.3f}  {one.after:.3f}"
            f"  {one.natural:9.3f}  {one.warm_k:5.2f}  {one.cold_k:5.2f}  {one.short_wh:12.0f}  {soc:12}"
            f"  {'ok' if one.holds else 'FAILS'}"
        )
    for plant in dict.fromkeys(one.plant for one in days):
        own = [one for one in days if one.plant == plant]
        yield (
            f"{plant}: {sum(one.holds for one in own)} of {len(own)} hold; delivery "
            f"{min(one.delivery for one in own):.4f} to {max(one.delivery for one in own):.4f}, quarters "
            f"{min(one.worst for one in own):.3f} to {max(one.best for one in own):.3f}, after "
            f"{max(one.after for one in own):.3f}, comfort {max(max(one.warm_k, one.cold_k) for one in own):.2f} of the band"
        )


def main() -> int:
    """Run what was asked for; 1 when a day fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plants", nargs="*", default=list(PLANTS), metavar="PLANT", help=", ".join(PLANTS))
    parser.add_argument("--days", default=",".join(map(str, DAYS)), help="days of the load file, from 0")
    parser.add_argument("--begin", default="11h", help="when a day's simulation begins")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shed-kw", type=float, default=None, help="commitment; the plant's own unless given")
    parser.add_argument("--notice", default="30m")
    parser.add_argument("--perturb", type=float, default=0.0)
    parser.add_argument("--period", type=float, default=None, help="control period, s; the site file's unless given")
    asked = parser.parse_args()
    done = []
    for plant in asked.plants:
        for day in asked.days.split(","):
            done.append(
                run_day(
                    plant,
                    int(day),
                    begin_s=seconds(asked.begin),
                    seed=asked.seed,
                    perturb=asked.perturb,
                    shed_w=PLANTS[plant] if asked.shed_kw is None else 1000.0 * asked.shed_kw,
                    notice_s=seconds(asked.notice),
                    period_s=asked.period,
                )
            )
            print(list(rows(done[-1:]))[1], flush=True)
    print("\n".join(rows(done)))
    return 0 if all(one.holds for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
