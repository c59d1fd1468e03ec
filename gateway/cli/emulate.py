"""`gateway emulate SCENARIO`: a scenario's devices alone, for a test bench; the matching site file is written."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import ConfigError


def emulate(
    target: Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario or a path.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the site file and the records.")] = Path(),
    base_port: Annotated[int, typer.Option(min=0, max=65000, help="First port; free ports unless given.")] = 0,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 1,
    perturb: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share by which dead times, lags, losses differ.")
    ] = 0.0,
    origin: Annotated[float | None, typer.Option(help="Boot time of the run's second 0; now unless given.")] = None,
    plant_csv: Annotated[bool, typer.Option(help="Write plant.csv, the true site power.")] = False,  # noqa: FBT002  # a flag
    ledger: Annotated[bool, typer.Option(help="Write devices.csv, every request and answer.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Start the devices, print the site file that belongs to them, run until Ctrl-C or SIGTERM.

    Exit 2 for a bad scenario or a port that is taken.
    """
    from emulators.run import Options
    from emulators.run import emulate as serve  # heavy: OPC UA

    options = Options(target, out, base_port, seed, perturb, origin, plant_csv=plant_csv, ledger=ledger)
    try:
        asyncio.run(serve(options))
    except (ConfigError, OSError) as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2) from exc
