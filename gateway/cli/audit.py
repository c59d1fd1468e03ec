"""`gateway audit verify DIR`: is the audit chain of a state directory whole, and if not, which record is the first bad."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.cli.spoken import Spoken, SpokenGroup, group
from gateway.errors import StoreError
from gateway.store.audit import verify as verify_chain
from gateway.texts import text

app = group()


@app.callback(cls=SpokenGroup)
def audit() -> None:
    """The audit chain."""


@app.command(cls=Spoken)
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="option.audit.folder")],
) -> None:
    """Check every seal. Exit 1 naming the first bad record, 2 when DIR holds no chain."""
    try:
        bad = verify_chain(folder / "audit" if (folder / "audit").is_dir() else folder)
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    if bad is not None:
        print(text("audit.broken", file=bad.file, line=bad.line, number=bad.number, why=bad.why))
        raise typer.Exit(1)
    print(text("audit.whole"))
