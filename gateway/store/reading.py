"""The history of a state directory, read only: for commands, beside a gateway that may be writing it."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import StoreError
from gateway.store.finding import Stretch, find
from gateway.store.history_file import NAME, HistoryFile


class Kept:
    """What is on the disk; use it as a context. StoreError when there is none."""

    def __init__(self, state: Path) -> None:
        path = state / NAME
        if not path.is_file():
            raise StoreError(f"{path}: there is no history")
        self._base = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._file = HistoryFile.over(self._base, path)

    def points(self) -> list[str]:
        """Every point anything was kept of."""
        return [str(point) for (point,) in self._base.execute("SELECT point FROM series ORDER BY point")]

    def find(self, point: str, *, from_ms: int, to_ms: int, most: int) -> Stretch:
        """A stretch of one point in `most` steps at most; LookupError."""
        return find(self._file, point, from_ms=from_ms, to_ms=to_ms, most=most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()
