"""`gateway lines SITE`: how each line and each device of a running gateway does; `--trace LINE` shows the bytes on one."""

import json
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from gateway.cli.asking import ask_daemon, exits, open_place
from gateway.clock import SystemClock
from gateway.texts import text, told

EVERY_S = 0.5
COLUMNS = ("device", "reads", "good", "p50", "p95", "p99", "since_good", "errors", "writes")


def lines(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.site")],
    *,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    trace: Annotated[str | None, typer.Option(metavar="LINE", help="option.lines.trace")] = None,
    for_s: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="option.lines.for")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="option.lines.json")] = False,
) -> None:
    """Tell how the lines of a running gateway do, or trace one until Ctrl-C.

    Exit 2 for a line that is not there, 3 when no gateway runs here.
    """
    with exits():
        place = open_place(site, state, direct=False)
        if trace is None:
            found = ask_daemon(place, {"do": "health"})["lines"]
            print(json.dumps(found, indent=1) if as_json else table(found))
            return
        clock, pause = SystemClock(), Event()
        end_s = inf if for_s is None else clock.boot_s() + for_s
        after = 0
        while clock.boot_s() < end_s:
            for number, at_ms, way, data in ask_daemon(place, {"do": "trace", "line": trace, "after": after})["frames"]:
                if number > after + 1 and after:
                    print(shown(at_ms, "note", text("lines.lost", number=number - after - 1)))
                print(json.dumps([number, at_ms, way, data]) if as_json else shown(at_ms, way, data), flush=True)
                after = number
            pause.wait(EVERY_S)


def shown(at_ms: int, way: str, data: str) -> str:
    """One line of a trace: time, direction, bytes in pairs."""
    clock = datetime.fromtimestamp(at_ms / 1000.0, UTC).strftime("%H:%M:%S.%f")[:-3]
    mark = {"out": ">", "in": "<"}.get(way, "#")
    return f"{clock} {mark} {told(data) if way == 'note' else ' '.join(data[at : at + 2] for at in range(0, len(data), 2))}"


def table(found: dict[str, dict[str, Any]]) -> str:
    """Every line with its load, and below it its devices."""
    texts = []
    for name, line in found.items():
        own = line["line"]
        load = f"{own['load']:.1%}" if "load" in own else "–"
        key = "lines.line" if own["online"] else "lines.line_offline"
        planned, missed = f"{own['planned_load']:.1%}", f"{own['missed']:.0f}"
        texts.append(text(key, line=name, load=load, planned=planned, missed=missed))
        rows = [
            tuple(text(f"lines.column.{column}") for column in COLUMNS),
            *(_row(device, figures) for device, figures in line["devices"].items()),
        ]
        widths = [max(cell_len(row[at]) for row in rows) for at in range(len(COLUMNS))]
        texts += [
            "  " + "  ".join(c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
    return "\n".join(texts)


def _row(device: str, figures: dict[str, float]) -> tuple[str, ...]:
    def milliseconds(name: str) -> str:
        return f"{1000.0 * figures[name]:.0f} ms" if name in figures else "–"

    errors = {name.removeprefix("errors_"): n for name, n in figures.items() if name.startswith("errors_")}
    writes = {
        name.removeprefix("writes_day_"): n for name, n in figures.items() if name.startswith("writes_day_") and n
    }
    return (
        device if figures["online"] else text("lines.offline", device=device),
        f"{figures['reads']:.0f}",
        f"{figures['availability']:.2%}" if "availability" in figures else "–",
        milliseconds("latency_p50"),
        milliseconds("latency_p95"),
        milliseconds("latency_p99"),
        f"{figures['since_good']:.1f} s" if "since_good" in figures else "–",
        ", ".join(f"{name} {count:.0f}" for name, count in errors.items()),
        ", ".join(f"{name} {count:.0f}" for name, count in writes.items()),
    )
