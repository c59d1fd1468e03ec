"""`gateway backup`: site and state in one signed archive."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, StoreError
from gateway.texts import text


def backup(
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.site")],
    out: Annotated[Path, typer.Option(help="option.backup.out")],
    state: Annotated[Path, typer.Option(help="option.state")] = Path("state"),
    history: Annotated[str, typer.Option(help="option.backup.history")] = "quarter",
) -> None:
    """Write the archive; the gateway may run meanwhile. Exit 2 bad site file, 3 state unusable."""
    from gateway.backup import HISTORY, make
    from gateway.clock import SystemClock

    if history not in HISTORY:
        raise typer.BadParameter(text("refused.choice", given=history, known=", ".join(HISTORY)))
    try:
        manifest, key = make(site, state, out, utc_ms=SystemClock().utc_ms(), history=history)
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    print(text("backup.written", file=out, count=len(manifest.files), trust=key))
