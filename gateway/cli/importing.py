"""`gateway profile import TABLE`: a table of registers (CSV, TSV, XLSX) -> a profile to begin with."""

import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.cli.completed import write_completed
from gateway.errors import ConfigError, ProfileError
from gateway.texts import text, told

LEFT_OUT, BAD_ARGUMENTS = 1, 2
_ID = re.compile(r"[a-z0-9]+(\.[a-z0-9]+)+")


def import_table(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="option.import.table")],
    *,
    device: Annotated[str, typer.Option("--id", help="option.import.device")],
    device_class: Annotated[str, typer.Option("--class", help="option.import.class")],
    vendor: Annotated[str, typer.Option(help="option.import.vendor")] = "",
    model: Annotated[str, typer.Option(help="option.import.model")] = "",
    document: Annotated[str, typer.Option(help="option.import.document")] = "",
    first: Annotated[int | None, typer.Option(help="option.import.first")] = None,
    space: Annotated[str, typer.Option("--table", help="option.import.space")] = "holding",
    order: Annotated[str, typer.Option(help="option.import.order")] = "abcd",
    out: Annotated[Path, typer.Option(metavar="DIR", help="option.import.out")] = Path("device_profiles"),
    force: Annotated[bool, typer.Option("--force", help="option.import.force")] = False,
) -> None:
    """Make a profile of confidence C (read only) from a table of registers.

    Exit 1 when rows were left out or the profile does not pass `gateway check` yet, 2 when nothing could be made.
    """
    from gateway.commission.registertable import Head, profile_of
    from gateway.commission.spreadsheet import read_cells
    from gateway.profiles.load import load_profile_file

    file = out / device_class / f"{device.replace('.', '_')}.yaml"
    if not _ID.fullmatch(device):
        raise typer.BadParameter(text("importing.bad_id", id=device), param_hint="--id")
    if file.exists() and not force:
        raise typer.BadParameter(text("importing.exists", file=file), param_hint="--out")
    try:
        head = Head(
            device, device_class, vendor or device.partition(".")[0], model or device.partition(".")[2],
            document or table.name, first, space, order,
        )  # fmt: skip
        made = profile_of(read_cells(table), head)
    except ProfileError as exc:
        complain(exc)
        raise typer.Exit(BAD_ARGUMENTS) from exc
    file.parent.mkdir(parents=True, exist_ok=True)
    write_completed(file, made.text, kind="profile", folder=out)
    for number, why in made.left:
        typer.echo(f"{table}:{number}: {told(why)}", err=True)
    typer.echo(
        text("importing.written", file=file, taken=made.taken, left=len(made.left), checks=made.text.count("# check:"))
    )
    try:
        load_profile_file(file)
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(LEFT_OUT) from exc
    typer.echo(text("importing.next", file=file))
    if made.left:
        raise typer.Exit(LEFT_OUT)
