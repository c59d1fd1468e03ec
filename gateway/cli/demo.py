"""`gateway demo`: the main job in real time, watched in the terminal, scored at the end."""

import asyncio
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live

from gateway.cli.complain import complain
from gateway.cli.live import Strip, line, picture
from gateway.errors import ConfigError, GatewayError
from gateway.texts import text

if TYPE_CHECKING:
    from emulators.scenario import Scenario
    from gateway.clock import Clock
    from gateway.demo import Demo

SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
FACTOR = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
PLAIN_S = 10.0
"""Without a terminal a line this often."""
ASK_S = 1.0
"""How often the gateway is asked whether its dashboard is there."""


def demo(
    scenario: Annotated[str, typer.Argument(help="option.scenario")] = "demo_tower",
    span: Annotated[str | None, typer.Option("--for", help="option.demo.for")] = None,
    port: Annotated[int, typer.Option(help="option.demo.port")] = 8080,
    out: Annotated[Path, typer.Option(help="option.records")] = Path("out"),
    seed: Annotated[int, typer.Option(help="option.seed")] = 1,
    *,
    assert_: Annotated[bool, typer.Option("--assert", help="option.demo.assert")] = False,
) -> None:
    """Devices, an upstream and a gateway as three processes: a building follows a real grid signal."""
    from emulators.scenario import load_scenario

    try:
        seconds = None if span is None else _seconds(span)
        chosen = load_scenario(scenario)
        failed = asyncio.run(_demo(chosen, out, seconds=seconds, seed=seed, port=port))
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    except GatewayError as exc:
        complain(exc)
        raise typer.Exit(1) from exc
    if assert_ and failed:
        raise typer.Exit(1)


def _seconds(span: str) -> float:
    found = SPAN.fullmatch(span.strip())
    if found is None:
        raise typer.BadParameter(text("demo.bad_span", span=span))
    return float(found[1]) * FACTOR[found[2]]


async def _demo(scenario: "Scenario", out: Path, *, seconds: float | None, seed: int, port: int) -> bool:
    """Run it to its end; whether a figure of the report fails."""
    from gateway import demo as stage
    from gateway.cli.reporting import write_report
    from gateway.clock import SystemClock
    from gateway.insight.verdict import Promise, figures, report_lines

    console, clock = Console(), SystemClock()
    console.print(text("demo.starting", scenario=scenario.id))
    started = await stage.start(scenario, out, clock, run_s=seconds, seed=seed, port=port)
    console.print(text("demo.processes", list=", ".join(f"{part.name} {part.process.pid}" for part in started.parts)))
    quit_ = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, quit_.set)
    try:
        await _watch(console, started, clock, seconds=seconds, quit_=quit_)
    finally:
        await stage.stop(started)
    if seconds is None:
        started.run_s = clock.boot_s() - started.origin_s
    stage.write_records(started)
    zone = "" if started.site is None else started.site.timezone
    report = await asyncio.to_thread(write_report, out, scenario.id, zone, Promise())
    for figure in report_lines(report, Promise()):
        console.print(figure, highlight=False)
    console.print(text("demo.written", folder=str(out)))
    return any(not figure.holds for figure in figures(report, Promise()))


@dataclass(slots=True)
class _Link:
    """Tells the dashboard's link once, as soon as there is one."""

    asked_s: float = -1e9
    told: bool = False

    async def look(self, console: Console, started: "Demo", now_s: float) -> None:
        from gateway import demo as stage

        if self.told or now_s - self.asked_s < ASK_S:
            return
        self.asked_s = now_s
        if (url := await stage.dashboard_link(started)) is not None:
            self.told = True
            console.print(text("demo.dashboard", url=url), highlight=False, soft_wrap=True)


async def _watch(
    console: Console, started: "Demo", clock: "Clock", *, seconds: float | None, quit_: asyncio.Event
) -> None:
    """Show how it goes until its time is over or somebody quits; DemoFailed when a process ends by itself."""
    from gateway import demo as stage

    columns: Sequence[str] = ()
    row: dict[str, str] = {}
    strip = Strip()
    assets = started.site.assets.values() if started.site is not None else ()
    ranges = {asset.id: (asset.min_w, asset.max_w) for asset in assets}
    told_s, link = -PLAIN_S, _Link()
    live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
    if live is not None:
        live.start()
    try:
        while not quit_.is_set():
            now_s = clock.boot_s() - started.origin_s
            if seconds is not None and now_s >= seconds:
                return
            if (part := stage.ended(started)) is not None:
                if await stage.start_again(started, part):
                    console.print(text("demo.again", name=part.name, pid=started.gateway.process.pid))
                    continue
                raise stage.DemoFailed(f"{part.name} ended; see {part.log}:\n{stage.tail(part.log)}")
            await link.look(console, started, now_s)
            columns, row = stage.last_row(started.folder / "trace.csv", columns, row)
            if live is not None:
                strip.add(now_s, row)
                live.update(picture(row, strip, title=_title(started.scenario.id, now_s, seconds), ranges=ranges))
            elif now_s - told_s >= PLAIN_S:
                told_s = now_s
                console.print(line(row, now_s), highlight=False, soft_wrap=True)
            try:
                async with asyncio.timeout(0.25):
                    await quit_.wait()
            except TimeoutError:
                pass
    finally:
        if live is not None:
            live.stop()


def _title(name: str, now_s: float, seconds: float | None) -> str:
    of = "" if seconds is None else f" / {seconds:.0f}"
    return f"{name}   {now_s:.0f}{of} s"
