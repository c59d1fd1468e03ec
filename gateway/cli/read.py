"""`gateway read SITE DEVICE [POINT…]`: the points of a device now, with unit, quality and age."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.asking import exits, open_place, read_rows


def read(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.site")],
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="option.device")],
    points: Annotated[list[str] | None, typer.Argument(metavar="[POINT…]", help="option.all")] = None,
    *,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    direct: Annotated[bool, typer.Option("--direct", help="option.read.direct")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="option.read.json")] = False,
) -> None:
    """Read points of a device once, through the gateway when it runs.

    Exit 1 when a point has no good value, 2 bad arguments, 3 when the gateway that runs does not answer.
    """
    with exits():
        place = open_place(site, state, direct=direct)
        rows = read_rows(place, device, points or [])
    from gateway.oneshot import is_usable

    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        table = [
            (row.point, show(row.value, row.unit, row.name), word(row.quality, row.cause), age(row.age_s))
            for row in rows
        ]
        widths = [max(len(cells[at]) for cells in table) for at in range(4)]
        for cells in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    if not all(is_usable(row) for row in rows):
        raise typer.Exit(1)


def show(value: float | None, unit: str, name: str = "") -> str:
    """A value with its unit, words, or a dash."""
    if value is None:
        return name or "–"
    value += 0.0  # a sign turned round makes -0 of nothing
    number = f"{value:.10g}" if unit in ("", "1") else f"{value:.10g} {unit}"
    return f"{number} ({name})" if name else number


def word(quality: str, cause: str) -> str:
    """Quality and cause, `invalid (offline)`."""
    return f"{quality} ({cause})" if cause else quality


def age(age_s: float | None) -> str:
    """How old a value is."""
    return "" if age_s is None else f"{age_s:.1f} s"
