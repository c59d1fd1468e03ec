"""`gateway emulate SCENARIO | PROFILE…`: devices alone, for a test bench; the matching site file is written."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError
from gateway.texts import text, told


def emulate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCENARIO|PROFILE…", help="option.emulate.targets"),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="option.emulate.out")] = Path(),
    base_port: Annotated[int, typer.Option(min=0, max=65000, help="option.emulate.base_port")] = 0,
    fault: Annotated[list[str] | None, typer.Option(metavar="SPEC", help="option.emulate.fault")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="option.emulate.replay"),
    ] = None,
    seed: Annotated[int, typer.Option(help="option.seed")] = 1,
    perturb: Annotated[float, typer.Option(min=0.0, max=0.9, help="option.perturb")] = 0.0,
    origin: Annotated[float | None, typer.Option(help="option.emulate.origin")] = None,
    load_start: Annotated[str | None, typer.Option(help="option.emulate.load_start")] = None,
    *,
    dial_in: Annotated[bool, typer.Option("--dial-in", help="option.emulate.dial_in")] = False,
    noise: Annotated[bool, typer.Option("--noise/--no-noise", help="option.emulate.noise")] = True,
    load_steps: Annotated[bool, typer.Option("--load-steps/--no-load-steps", help="option.emulate.load_steps")] = True,
    plant_csv: Annotated[bool, typer.Option("--plant-csv", help="option.emulate.plant_csv")] = False,
    ledger: Annotated[bool, typer.Option("--ledger", help="option.emulate.ledger")] = False,
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
        raise typer.BadParameter(told(exc.args[0]), param_hint="--load-start") from exc
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
