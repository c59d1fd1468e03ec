"""`gateway export`: history out as CSV or Parquet, a file a point, as finely as it is still kept."""

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import StoreError
from gateway.texts import text

if TYPE_CHECKING:
    from gateway.dashboard.records import Series
    from gateway.store.reading import Kept

DAY_MS = 86_400_000
STEPS = {"second": 1_000, "minute": 60_000, "quarter": 900_000}


def export(
    points: Annotated[list[str], typer.Argument(metavar="POINT…", help="option.export.points")],
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    out: Annotated[Path, typer.Option(help="option.export.out")] = Path(),
    from_: Annotated[datetime | None, typer.Option("--from", help="option.export.from")] = None,
    to: Annotated[datetime | None, typer.Option(help="option.export.to")] = None,
    step: Annotated[str, typer.Option(help="option.export.step")] = "minute",
    format_: Annotated[str, typer.Option("--format", help="option.export.format")] = "csv",
) -> None:
    """Write one file a point; the gateway may run meanwhile. Exit 1 nothing was kept, 2 bad arguments, 3 no history."""
    if step not in STEPS:
        raise typer.BadParameter(text("refused.choice", given=step, known=", ".join(STEPS)))
    if format_ not in WRITERS:
        raise typer.BadParameter(text("refused.choice", given=format_, known=", ".join(WRITERS)))
    from gateway.clock import SystemClock

    now = datetime.fromtimestamp(SystemClock().utc_ms() / 1000.0, tz=UTC)
    end = now if to is None else to.replace(tzinfo=UTC)
    begin = end - timedelta(days=1) if from_ is None else from_.replace(tzinfo=UTC)
    window = (round(begin.timestamp() * 1000.0), round(end.timestamp() * 1000.0))
    if window[0] >= window[1]:
        raise typer.BadParameter(text("export.window"))
    try:
        written = _write(points, state, out, window=window, step_ms=STEPS[step], form=format_)
    except (StoreError, sqlite3.Error, OSError) as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    for path, rows in written:
        print(text("export.written", file=path, rows=rows))
    if not written:
        print(text("export.nothing"), file=sys.stderr)
        raise typer.Exit(1)


def _write(
    wanted: list[str], state: Path, out: Path, *, window: tuple[int, int], step_ms: int, form: str
) -> list[tuple[Path, int]]:
    from gateway.store.reading import Kept

    out.mkdir(parents=True, exist_ok=True)
    written = []
    with Kept(state) as kept:
        for point in kept.points():
            if any(point == name or (name.endswith("/") and point.startswith(name)) for name in wanted):
                path = out / f"{point.replace('/', '_')}.{form}"
                written.append((path, WRITERS[form](path, point, _days(kept, point, window, step_ms))))
    return written


def _days(kept: "Kept", point: str, window: tuple[int, int], step_ms: int) -> Iterator["Series"]:
    """A stretch day by day, so that years need no more memory than a day."""
    from gateway.history_view import series_of

    for begin_ms in range(window[0], window[1], DAY_MS):
        end_ms = min(begin_ms + DAY_MS, window[1])
        most = max(1, (end_ms - begin_ms) // step_ms)
        yield series_of(point, kept.find(point, from_ms=begin_ms, to_ms=end_ms, most=most))


def _csv(path: Path, _point: str, days: Iterator["Series"]) -> int:
    from gateway.dashboard.csvtext import HEAD, rows_of

    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEAD + "\n")
        for day in days:
            lines = list(rows_of(day))
            rows += len(lines)
            file.writelines(line + "\n" for line in lines)
    return rows


def _parquet(path: Path, point: str, days: Iterator["Series"]) -> int:
    from gateway.store.parquet import Kind, Parquet

    number = Kind.NUMBER
    columns = {"t": Kind.TIME_MS, "mean": number, "min": number, "max": number, "quality": Kind.TEXT}
    first = next(days)
    about = {"point": point, "unit": first.unit, "step_s": f"{first.step_s:g}", "time": "UTC"}
    with Parquet(path, columns, about=about) as file:
        for day in chain((first,), days):
            known = [at for at, mean in enumerate(day.mean) if mean is not None]
            file.write([[column[at] for at in known] for column in (day.t_ms, day.mean, day.min, day.max, day.quality)])
        return file.rows


WRITERS = {"csv": _csv, "parquet": _parquet}
