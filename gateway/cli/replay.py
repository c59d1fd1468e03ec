"""`gateway replay`: run the steps of a decision log again; the same decisions must come out, byte for byte."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.complain import complain
from gateway.errors import ConfigError
from gateway.texts import text

SHOWN = 3
"""Differing lines that are printed."""


def replay(
    log: Annotated[Path, typer.Argument(metavar="DECISIONS.jsonl", help="option.replay.log")],
    site: Annotated[Path, typer.Argument(metavar="SITE.yaml", help="option.replay.site")],
) -> None:
    """Compare a decision log with what the control code decides today. Exit 1 when a line differs."""
    from gateway.config.read import load_site
    from gateway.decisions import replay as again

    try:
        configured = load_site(site)
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    differing = 0
    lines = _Lines(log)
    try:
        for number, recorded, replayed in again(lines, configured):
            differing += 1
            if differing <= SHOWN:
                print(text("replay.differs", line=number))
                print(f"- {recorded[:2000]}\n+ {replayed[:2000]}")
    except (OSError, EOFError, ValueError, KeyError) as exc:
        print(text("replay.unreadable", file=log, line=lines.read, why=exc), file=sys.stderr)
        raise typer.Exit(2) from exc
    if not lines.read:
        print(text("replay.empty", file=log), file=sys.stderr)
        raise typer.Exit(2)
    print(text("replay.done", lines=lines.read, differing=differing))
    if differing:
        raise typer.Exit(1)


class _Lines:
    """The lines of a log, plain or compressed, counted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        packed = self._path.suffix == ".gz"
        with gzip.open(self._path, "rt", encoding="utf-8") if packed else self._path.open(encoding="utf-8") as file:
            for line in file:
                self.read += 1
                yield line
