"""Reading the audit chain backwards, a page at a time; knows nothing of what the records mean. Blocks: use a thread."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PIECE = 64 * 1024
MOST_LOOKED_AT = 50_000
"""Records looked at for one page of a rare kind."""


def page(folder: Path, *, before: int | None, limit: int, kind: str | None) -> tuple[list[dict[str, Any]], int | None]:
    """(records newest first, the number to go on before; None at the chain's begin)."""
    found: list[dict[str, Any]] = []
    looked = 0
    for record in _backwards(folder):
        if before is not None and record["n"] >= before:
            continue
        looked += 1
        if kind is None or record["kind"] == kind:
            found.append(record)
        if len(found) >= limit or looked >= MOST_LOOKED_AT:
            return found, record["n"] if record["n"] > 1 else None
    return found, None


def _backwards(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("audit-*.jsonl"), reverse=True):
        for line in _lines_backwards(path):
            try:
                record = json.loads(line)
            except ValueError:  # a record that is being written, or damage: `verify` tells
                continue
            if isinstance(record, dict) and isinstance(record.get("n"), int):
                yield record


def _lines_backwards(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        rest = b""
        while at > 0:
            size = min(PIECE, at)
            at -= size
            file.seek(at)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest:
            yield rest
