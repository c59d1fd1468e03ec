"""`gateway replay`: run the steps of a decision log again; the same decisions must come out, byte for byte."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import ConfigError
from gateway.texts import text


def replay(
    log: Annotated[Path, typer.Argument(metavar="DECISIONS.jsonl", help="a decision log, or a piece of one (.gz)")],
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file it was made with")],
) -> None:
    """Compare a decision log with what the control code decides today. Exit 1 when a line differs."""
    from gateway.config.read import load_site
    from gateway.decisions import replay as again

    try:
        configured = load_site(site)
    except ConfigError as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2) from exc
    differing = 0
    for number, recorded, replayed in again(_lines(log), configured):
        differing += 1
        if differing <= 3:
            print(text("replay.differs", line=number))
            print(f"- {recorded[:2000]}\n+ {replayed[:2000]}")
    print(text("replay.done", differing=differing))
    if differing:
        raise typer.Exit(1)


def _lines(path: Path) -> Iterator[str]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from file
    else:
        with path.open(encoding="utf-8") as file:
            yield from file
