"""What the head-end writes down: headend.csv, the ledgers, and the base points that hold because they came in time."""

import json
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

BLOCK_S = 300.0


class Declared:
    """Base points by interval: the scenario's own first; a plan's where it came `lead_s` before the interval."""

    def __init__(self, declared: Sequence[tuple[float, float, float]], *, lead_s: float) -> None:
        self._lead_s = lead_s
        self._by_start: dict[float, tuple[float, float]] = {
            start_s: (end_s, watts) for start_s, end_s, watts in declared
        }
        self._fixed = frozenset(self._by_start)
        self.late = 0
        """Intervals whose base point a plan wanted to change when it was too late, or that the scenario declares."""

    def plan(self, intervals: Sequence[tuple[float, float, float]], at_s: float) -> None:
        """Take over (start_s, end_s, basepoint_w) as received at a time of the run."""
        for start_s, end_s, watts in intervals:
            start_s, end_s = round(start_s, 1), round(end_s, 1)  # noqa: PLW2901  # UTC ms to run time: two clocks
            if start_s not in self._fixed and start_s - at_s >= self._lead_s:
                self._by_start[start_s] = (end_s, watts)
            elif self._by_start.get(start_s, (0.0, None))[1] != watts and end_s > at_s:
                self.late += 1

    def at(self, t_s: float) -> float | None:
        """The base point in force."""
        for start_s, (end_s, watts) in self._by_start.items():
            if start_s <= t_s < end_s:
                return watts
        return None

    def next_edge(self, t_s: float) -> float:
        """The next instant at which the base point may change: a whole multiple of 5 min of the run."""
        return (t_s // BLOCK_S + 1) * BLOCK_S


class HeadendCsv:
    """`t_s,signal,basepoint_w,capacity_w,baseline_w`: a row whenever one of them changes, rising in time."""

    def __init__(self, path: Path, *, capacity_w: float | None) -> None:
        self._file: TextIOWrapper = path.open("w", encoding="utf-8", newline="")
        self._file.write("t_s,signal,basepoint_w,capacity_w,baseline_w\n")
        self._capacity = _cell(capacity_w, 0)
        self._t_s = -1.0
        self._cells: tuple[str, ...] = ()

    def note(self, t_s: float, *, signal: float | None, basepoint_w: float | None, baseline_w: float | None) -> None:
        """What holds from `t_s` on."""
        cells = (_cell(signal, 6), _cell(basepoint_w, 1), self._capacity, _cell(baseline_w, 1))
        if cells != self._cells and t_s > self._t_s:
            self._t_s, self._cells = t_s, cells
            self._file.write(",".join((f"{t_s:.3f}", *cells)) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Done."""
        self._file.close()


class Ledger:
    """A file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def note(self, row: dict[str, Any]) -> None:
        """Add a line; it is in the file when this returns."""
        self._file.write(json.dumps(row, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Done."""
        self._file.close()


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
