"""`gateway restore`: site and state back from a signed archive, all of it or nothing."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError, StoreError
from gateway.texts import text, told


def restore(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="option.restore.archive")],
    folder: Annotated[Path, typer.Option(help="option.restore.folder")],
    state: Annotated[Path, typer.Option(help="option.restore.state")] = Path("state"),
    trust: Annotated[list[str] | None, typer.Option(help="option.restore.trust")] = None,
    older_version: Annotated[bool, typer.Option("--older-version", help="option.restore.older_version")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Restore; the gateway must be stopped. Exit 1 the archive is refused, 2 its site file is bad, 3 state unusable."""
    from gateway import statelock
    from gateway.backup import restore as bring_back
    from gateway.clock import SystemClock
    from gateway.store.archive import BadArchive

    try:
        lock = statelock.take(state)
        try:
            known = frozenset(trust or ())
            manifest, aside = bring_back(
                archive, state, folder, trust=known, older=older_version, utc_ms=SystemClock().utc_ms()
            )
        finally:
            os.close(lock)
    except BadArchive as exc:
        print(f"{archive}: {exc.code}: {exc.in_words(told)}", file=sys.stderr)
        raise typer.Exit(1) from exc
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    except StoreError as exc:
        complain(exc)
        raise typer.Exit(3) from exc
    print(text("restore.done", count=len(manifest.files), site=manifest.site, version=manifest.version))
    for path in aside:
        print(text("restore.aside", path=path))
