"""`gateway demo`: the main job in real time, watched in the terminal, scored at the end."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.errors import ConfigError, GatewayError
from gateway.texts import text

SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
FACTOR = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
PLAIN_S = 10.0


def demo(
    scenario: Annotated[str, typer.Argument(help="a shipped scenario or a path")] = "demo_tower",
    span: Annotated[str | None, typer.Option("--for", help="how long, e.g. 90s or 20m; without: until Ctrl-C")] = None,
    port: Annotated[int | None, typer.Option(help="port of the dashboard, once there is one")] = None,  # noqa: ARG001
    out: Annotated[Path, typer.Option(help="folder for records and report")] = Path("out"),
    seed: Annotated[int, typer.Option(help="everything random follows from it")] = 1,
    assert_: Annotated[bool, typer.Option("--assert", help="exit 1 when a figure of the report fails")] = False,
) -> None:
    """Devices, an upstream and a gateway as three processes: a building follows a real grid signal."""
    from emulators.scenario import load_scenario

    try:
        seconds = None if span is None else _seconds(span)
        chosen = load_scenario(scenario)
        failed = asyncio.run(_demo(chosen, out, seconds=seconds, seed=seed))
    except ConfigError as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2) from exc
    except GatewayError as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(1) from exc
    if assert_ and failed:
        raise typer.Exit(1)


def _seconds(span: str) -> float:
    found = SPAN.fullmatch(span.strip())
    if found is None:
        raise typer.BadParameter(text("demo.bad_span", span=span))
    return float(found[1]) * FACTOR[found[2]]


async def _demo(scenario, out: Path, *, seconds: float | None, seed: int) -> bool:  # type: ignore[no-untyped-def]  # emulators are imported late
    from gateway import demo as stage
    from gateway.clock import SystemClock
    from gateway.insight.report import make_report
    from gateway.insight.verdict import Promise, figures, report_lines

    console, clock = Console(), SystemClock()
    console.print(text("demo.starting", scenario=scenario.id))
    started = await stage.start(scenario, out, clock, run_s=seconds, seed=seed)
    console.print(text("demo.processes", list=", ".join(f"{part.name} {part.process.pid}" for part in started.parts)))
    quit_ = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, quit_.set)
    try:
        await _watch(console, stage, started, clock, seconds=seconds, quit_=quit_)
    finally:
        await stage.stop(started)
    if seconds is None:
        started.run_s = clock.boot_s() - started.origin_s
    stage.write_records(started)
    report = make_report(out)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for line in report_lines(report, Promise()):
        console.print(line, highlight=False)
    console.print(text("demo.written", folder=str(out)))
    return any(not figure.holds for figure in figures(report, Promise()))


async def _watch(console, stage, started, clock, *, seconds, quit_) -> None:  # type: ignore[no-untyped-def]
    columns: Sequence[str] = ()
    row: dict[str, str] = {}
    told_s = -PLAIN_S
    live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
    if live is not None:
        live.start()
    try:
        while not quit_.is_set():
            now_s = clock.boot_s() - started.origin_s
            if seconds is not None and now_s >= seconds:
                return
            if (part := stage.ended(started)) is not None:
                raise stage.DemoFailed(f"{part.name} ended; see {part.log}:\n{stage.tail(part.log)}")
            columns, row = stage.last_row(started.folder / "trace.csv", columns, row)
            if live is not None:
                live.update(_picture(row, now_s, started))
            elif now_s - told_s >= PLAIN_S:
                told_s = now_s
                console.print(_line(row, now_s), highlight=False)
            try:
                async with asyncio.timeout(0.25):
                    await quit_.wait()
            except TimeoutError:
                pass
    finally:
        if live is not None:
            live.stop()


def _kw(row: dict[str, str], name: str) -> str:
    cell = row.get(name, "")
    return f"{float(cell) / 1000.0:8.1f}" if cell else "       –"


def _line(row: dict[str, str], now_s: float) -> str:
    return text(
        "demo.line",
        t=f"{now_s:6.0f}",
        mode=row.get("mode", "–") or "–",
        target=_kw(row, "target_w").strip(),
        site=_kw(row, "site_w").strip(),
    )


def _picture(row: dict[str, str], now_s: float, started) -> Table:  # type: ignore[no-untyped-def]
    table = Table(title=f"{started.scenario.id}   {now_s:6.1f} s   {row.get('mode', '–')}", title_justify="left")
    for name, side in (("kW", "left"), (text("demo.asked"), "right"), (text("demo.draws"), "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column(text("demo.picture"))
    table.add_column(text("demo.binds"))
    table.add_row(
        text("demo.site"), _kw(row, "target_w"), _kw(row, "site_w"), _bar(row, "site_w", "target_w", 1200e3), ""
    )
    for name in started.site.assets if started.site is not None else ():
        asset = started.site.assets[name]
        widest = max(abs(asset.min_w), abs(asset.max_w))
        table.add_row(
            name,
            _kw(row, f"{name}.command_w"),
            _kw(row, f"{name}.power_w"),
            _bar(row, f"{name}.power_w", f"{name}.command_w", widest),
            row.get(f"{name}.reason", ""),
        )
    if signal_ := row.get("signal"):
        table.add_row(text("demo.signal"), f"{float(signal_):8.3f}", "", "", "")
    return table


def _bar(row: dict[str, str], drawn: str, asked: str, widest: float, cells: int = 40) -> str:
    if not row.get(drawn):
        return ""
    watts = float(row[drawn])
    middle = cells // 2
    length = round(min(1.0, abs(watts) / widest) * middle)
    line = [" "] * (cells + 1)
    line[middle] = "│"
    for at in range(1, length + 1):
        line[middle + at if watts >= 0 else middle - at] = "█"
    if row.get(asked):
        place = middle + round(max(-1.0, min(1.0, float(row[asked]) / widest)) * middle)
        line[place] = "┃"
    return "".join(line)
