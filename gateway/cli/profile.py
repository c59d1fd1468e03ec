"""`gateway profile test | import`: try a profile against its vectors or a live device; make one from a table of registers."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.complain import complain
from gateway.cli.importing import import_table
from gateway.cli.read import show
from gateway.cli.spoken import Spoken, group
from gateway.errors import BusError, ConfigError, ProfileError
from gateway.texts import say, text, told

if TYPE_CHECKING:
    from gateway.commission.trial import Trial
    from gateway.model.site import Connection
    from gateway.profiles.schema import Profile

FAILED, BAD_ARGUMENTS = 1, 2
LEAST_WIDTH = 140
VECTORS = ".vectors.yaml"
app = group()
app.command(name="import", cls=Spoken)(import_table)


@app.command(name="test", cls=Spoken)
def try_profile(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="option.profile.profile")],
    *,
    live: Annotated[str | None, typer.Option(metavar="TARGET", help="option.profile.live")] = None,
    unit: Annotated[int, typer.Option(min=0, max=255, help="option.profile.unit")] = 1,
    baud: Annotated[int, typer.Option(help="option.profile.baud")] = 9600,
    parity: Annotated[str, typer.Option(help="option.parity")] = "N",
    stop_bits: Annotated[int, typer.Option(min=1, max=2, help="option.profile.stop_bits")] = 1,
    timeout: Annotated[float, typer.Option(metavar="S", help="option.timeout")] = 1.0,
    param: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="option.profile.param")] = None,
) -> None:
    """Run its vectors; with --live read every point of a device once. Nothing is written.

    Exit 1 when a vector fails or a read is not answered, 2 for a bad profile or arguments.
    """
    try:
        loaded, file = _load(profile)
        failed = _vectors(loaded, file)
        if live is not None:
            line = _line(live, baud, parity.upper(), stop_bits, timeout)
            failed = _live(line, loaded, unit, dict(_param(one) for one in param or ())) or failed
    except (ConfigError, ProfileError) as exc:
        complain(exc)
        raise typer.Exit(BAD_ARGUMENTS) from exc
    except BusError as exc:
        complain(exc)
        raise typer.Exit(FAILED) from exc
    if failed:
        raise typer.Exit(FAILED)


def _load(name: str) -> "tuple[Profile, Path]":
    from gateway.profiles.load import load_profile, load_profile_file
    from gateway.shipped import shipped

    file = Path(name)
    if file.is_file():
        return load_profile_file(file), file
    return load_profile(name), shipped("device_profiles") / f"{name.partition('@')[0]}.yaml"


def _vectors(profile: "Profile", file: Path) -> bool:
    """Say how the vectors went; whether any failed."""
    from gateway.profiles.load import load_profile, load_profile_file
    from gateway.profiles.vectors import check_vectors
    from gateway.yamltext import read_file

    beside = file.with_name(f"{file.stem}{VECTORS}")
    if not beside.is_file():
        typer.echo(text("profile.no_vectors", file=beside))
        return False
    document = read_file(beside)

    def relative(variant: str) -> "Profile":
        name = f"{file.parent.name}/{file.stem}"
        return load_profile(f"{name}@{variant}", [file.parent.parent]) if variant else load_profile_file(file)

    problems = check_vectors(document, relative)
    for problem in problems:
        typer.echo(problem.in_words(told))
    rows = sum(len(document.data.get(part, ())) for part in ("decode", "write"))
    typer.echo(text("profile.vectors", profile=profile.name, rows=rows, failed=len(problems)))
    return bool(problems)


def _live(line: "Connection", profile: "Profile", unit: int, params: dict[str, float | str]) -> bool:
    """Show what the device says; whether any read was not answered."""
    from gateway.clock import SystemClock
    from gateway.commission.trial import try_live

    trial = asyncio.run(try_live(line, profile, unit_id=unit, params=params, rate_per_s=20.0, clock=SystemClock()))
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, LEAST_WIDTH)  # rather broken lines than names cut off
    console.print(_table(trial))
    for one in trial.silent:
        typer.echo(text("profile.silent", read=one.read, why=one.why, points=", ".join(one.points)))
    good = sum(one.good for one in trial.shown)
    typer.echo(text("profile.live", good=good, points=len(trial.shown), silent=len(trial.silent), asked=trial.asked))
    return bool(trial.silent)


def _table(trial: "Trial") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("point", "at", "raw", "value", "quality"):
        table.add_column(text(f"profile.{head}"), justify="right" if head == "value" else "left", no_wrap=True)
    for one in trial.shown:
        value = (
            one.value
            if isinstance(one.value, str)
            else show(one.value, one.point.unit.value, _named(one.point.enum, one.value))
        )
        place = "" if one.point.table is None else f"{one.point.table} {one.point.address}"
        style = "" if one.good else "bright_red"
        table.add_row(one.point.name, place, one.words, value, Text(one.quality, style=style))
    return table


def _named(names: object, value: float | None) -> str:
    return names.get(int(value), "") if isinstance(names, dict) and value is not None and value.is_integer() else ""


def _line(target: str, baud: int, parity: str, stop_bits: int, timeout_s: float) -> "Connection":
    from gateway.commission.target import Hosts, OpcUa, SerialPort, parse_target
    from gateway.model.site import Connection, Transport

    match parse_target(target):
        case SerialPort(path):
            return Connection("live", Transport.MODBUS_RTU, path, baud, parity, stop_bits, timeout_s=timeout_s)
        case OpcUa(url):
            return Connection("live", Transport.OPCUA, url, timeout_s=max(timeout_s, 5.0), connect_timeout_s=10.0)
        case Hosts(hosts, ports, _):
            if len(hosts) != 1:
                raise ProfileError(say("refused.one_device", target=target))
            return Connection("live", Transport.MODBUS_TCP, f"{hosts[0]}:{ports[0]}", timeout_s=timeout_s)


def _param(given: str) -> tuple[str, float | str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise ProfileError(say("refused.name_value", given=given))
    try:
        return name, float(value)
    except ValueError:
        return name, value
