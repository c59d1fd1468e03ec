"""`gateway simulate`: a day in minutes, with the same control code."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.complain import complain
from gateway.clock import SystemClock
from gateway.errors import ConfigError, Problem
from gateway.texts import text
from gateway.texts.causes import cause

DAY_S = 86400.0


def simulate(
    scenario: Annotated[str, typer.Argument(help="option.scenario")],
    signal: Annotated[Path | None, typer.Option(metavar="CSV", help="option.simulate.signal")] = None,
    capacity_kw: Annotated[float | None, typer.Option(min=0.1, help="option.simulate.capacity_kw")] = None,
    event: Annotated[list[str] | None, typer.Option(help="option.simulate.event")] = None,
    load: Annotated[Path | None, typer.Option(metavar="CSV", help="option.simulate.load")] = None,
    load_scale: Annotated[float | None, typer.Option(help="option.simulate.load_scale")] = None,
    start: Annotated[str | None, typer.Option(help="option.simulate.start")] = None,
    span: Annotated[str, typer.Option("--for", help="option.simulate.for")] = "24h",
    seed: Annotated[int, typer.Option(help="option.seed")] = 1,
    perturb: Annotated[float, typer.Option(min=0.0, max=0.9, help="option.perturb")] = 0.0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="option.records")] = Path("out"),
    as_json: Annotated[bool, typer.Option("--json", help="option.simulate.json")] = False,  # noqa: FBT002 - a flag
) -> None:
    """The control code against a plant in virtual time; writes its records, report.json and report.html."""
    from emulators.load import seconds
    from emulators.scenario import load_scenario
    from gateway.cli.reporting import write_report
    from gateway.config import load_site
    from gateway.insight.verdict import Promise, report_lines
    from gateway.simulate import with_capacity
    from gateway.simulated_run import Order
    from gateway.simulated_run import simulate as run
    from gateway.upstream_script import parse_event, read_signal

    began_s = SystemClock().boot_s()
    console = Console(stderr=as_json)
    try:
        chosen = load_scenario(scenario)
        site = load_site(chosen.site)
        if capacity_kw is not None:
            site = with_capacity(site, capacity_kw * 1000.0)
        run_s = _span(span, "--for", seconds)
        start_s = None if start is None else _span(start, "--start", seconds)
        events = tuple(parse_event(one, number) for number, one in enumerate(event or (), start=1))
        given = None if signal is None else read_signal(signal)
        try:
            curve = chosen.load(load, start_s, duration_s=max(run_s, DAY_S), scaled=load_scale is None)
        except (OSError, ValueError) as exc:
            raise ConfigError(
                [_problem(str(load or chosen.load_file), cause(exc) if isinstance(exc, OSError) else exc.args[0])]
            ) from exc
        own = () if given is not None else chosen.upstream.events
        if events and given is None:  # who names events wants these, as who names a signal wants that
            chosen = replace(chosen, upstream=replace(chosen.upstream, regulation=None))
        order = Order(chosen, site, curve, run_s, seed, perturb, given, events or own)
        with _Progress(console, run_s) as progress:
            done = run(order, out, progress.tell)
        report = write_report(out, chosen.id, site.timezone, Promise(samples=False))
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    if as_json:
        print(json.dumps(report, indent=2))
        return
    for line in report_lines(report, Promise(samples=False)):
        console.print(line, highlight=False)
    took_s = SystemClock().boot_s() - began_s
    console.print(
        text(
            "simulate.done", steps=done.steps, due=done.due, writes=done.writes, took=f"{took_s:.1f}", folder=str(out)
        ),
        soft_wrap=True,
    )


def _span(given: str, name: str, seconds: Callable[[str], float]) -> float:
    try:
        return seconds(given)
    except ValueError as exc:
        raise ConfigError([_problem(name, exc.args[0])]) from exc


def _problem(place: str, message: str) -> Problem:
    return Problem(place, 1, 1, "", "bad_argument", message)


class _Progress:
    """A bar on a terminal, a line every tenth elsewhere."""

    def __init__(self, console: Console, total_s: float) -> None:
        self._console = console
        self._total_s = total_s
        self._told = 0
        self._bar = Progress(
            TextColumn(text("simulate.progress")), BarColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=total_s)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._bar.stop()

    def tell(self, now_s: float) -> None:
        """How far the run is."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=now_s)
        elif (tenth := int(10 * now_s / self._total_s)) > self._told:
            self._told = tenth
            self._console.print(text("simulate.tenth", percent=10 * tenth, hours=f"{now_s / 3600.0:.1f}"))
