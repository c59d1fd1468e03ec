"""`gateway emulate SCENARIO | PROFILE…`: devices alone, for a test bench; the matching site file is written."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError
from gateway.texts import text


def emulate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO|PROFILE…", help="A scenario; or profiles: meter/abb_b23 battery/acme_200 …"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the site file and the records.")] = Path(),
    base_port: Annotated[int, typer.Option(min=0, max=65000, help="First port; free ports unless given.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="device=battery,fault=late,start=10s,for=20s; repeatable.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A recorded bus answers again: `gateway lines SITE --trace LINE --json`."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 1,
    perturb: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share by which dead times, lags, losses differ.")
    ] = 0.0,
    origin: Annotated[float | None, typer.Option(help="Boot time of the run's second 0; now unless given.")] = None,
    load_start: Annotated[
        str | None, typer.Option(help="Where in the load file, e.g. 198d14h; the scenario's unless given.")
    ] = None,
    *,
    dial_in: Annotated[
        bool, typer.Option("--dial-in", help="The devices of profiles call the gateway, as behind a mobile router.")
    ] = False,
    noise: Annotated[bool, typer.Option("--noise/--no-noise", help="The building's noise.")] = True,
    load_steps: Annotated[bool, typer.Option("--load-steps/--no-load-steps", help="Its switching loads.")] = True,
    plant_csv: Annotated[bool, typer.Option("--plant-csv", help="Write plant.csv, the true site power.")] = False,
    ledger: Annotated[bool, typer.Option("--ledger", help="Write devices.csv, every request and answer.")] = False,
) -> None:
    """Start the devices, print the site file that belongs to them, run until Ctrl-C or SIGTERM.

    Exit 2 for a bad scenario, profile, fault or recording, or a port that is taken.
    """
    if bool(targets) == (replay is not None):
        raise typer.BadParameter(text("refused.name_what"))
    from emulators.fault_table import parse_fault
    from emulators.load import seconds
    from emulators.serving import Options
    from emulators.serving import emulate as serve

    try:
        load_start_s = None if load_start is None else seconds(load_start)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--load-start") from exc
    try:
        options = Options(
            tuple(targets or ()),
            out,
            base_port,
            seed,
            perturb,
            origin,
            noise=noise,
            load_steps=load_steps,
            plant_csv=plant_csv,
            ledger=ledger,
            load_start_s=load_start_s,
            faults=tuple(map(parse_fault, fault or ())),
            replay=replay,
            dial_in=dial_in,
        )
        asyncio.run(serve(options))
    except (ConfigError, OSError) as exc:
        complain(exc)
        raise typer.Exit(2) from exc
