"""`gateway write SITE DEVICE POINT VALUE`: one control written once, after asking; guarded, read back and audited."""

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.asking import exits, open_place, write_value
from gateway.cli.read import show
from gateway.cli.spoken import Spoken
from gateway.texts import text, told

if TYPE_CHECKING:
    from gateway.oneshot import Row

RELEASE = "release"

# a value such as -50000 is no option
app = typer.Typer(add_completion=False, context_settings={"ignore_unknown_options": True})


@app.command(cls=Spoken)
def write(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.site")],
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="option.device")],
    point: Annotated[str, typer.Argument(metavar="POINT", help="option.write.point")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="option.write.value")],
    *,
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    yes: Annotated[bool, typer.Option("--yes", help="option.yes")] = False,
    direct: Annotated[bool, typer.Option("--direct", help="option.write.direct")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="option.write.json")] = False,
) -> None:
    """Write one control of a device once, after asking; `release` gives it back to the device.

    Exit 1 when it was not written or does not read back, 2 bad arguments, 3 when the state directory is unusable.
    """
    number = _number(value)
    if number is None and value != RELEASE:
        print(text("write.no_number", value=value), file=sys.stderr)
        raise typer.Exit(2)

    def may(rows: "list[Row]") -> bool:
        if yes:
            return True
        unit = rows[0].unit if rows else ""
        now = show(rows[0].value, unit) if rows else "–"
        wanted = RELEASE if number is None else show(number, unit)
        print(
            text("write.ask", point=f"{device}/{point}", now=now, wanted=wanted), end=" ", file=sys.stderr, flush=True
        )
        return sys.stdin.readline().strip().lower() in ("y", "yes", "是")

    with exits():
        place = open_place(site, state, direct=direct)
        written = write_value(place, device, point, value=number, may=may)
    if written is None:
        print(text("write.not_asked"), file=sys.stderr)
        raise typer.Exit(1)
    if as_json:
        print(json.dumps(asdict(written)))
    else:
        shown = RELEASE if written.value is None else show(written.value, written.unit)
        detail = f" ({told(written.detail)})" if written.detail else ""
        print(f"{written.point}  {shown}  {written.fate}{detail}")
        if written.good and written.reverts_s is not None:
            print(text("write.reverts", seconds=f"{written.reverts_s:g}"))
    if not written.good:
        raise typer.Exit(1)


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
