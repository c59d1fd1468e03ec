"""What the trace says of each asset, and what the decision log says of charge and temperatures, read row by row.

A day has 400,000 rows whose asset cells are mostly empty because they repeat: only the changes are kept.
"""

import csv
import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gateway.insight.held import Held
from gateway.insight.page.axis import wall_clock

SOC, ZONE = "battery.soc", "zone.temperature"
GAUGES = (SOC, ZONE)
FULL = b'"stale_after_s"'
"""Stands at the begin of the decision log's full lines, which hold every input."""
HEAD = 96
INVALID = 4


@dataclass(frozen=True, slots=True)
class Words:
    """A word that holds from each time until the next."""

    t_s: tuple[float, ...]
    word: tuple[str, ...]
    end_s: float

    def shares(self) -> dict[str, float]:
        """The share of the time of each word, largest first."""
        spans = np.diff((*self.t_s, self.end_s))
        total = float(spans.sum())
        found: dict[str, float] = {}
        for word, span in zip(self.word, spans.tolist(), strict=True):
            found[word] = found.get(word, 0.0) + (span / total if total else 0.0)
        return dict(sorted(found.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class Track:
    """One asset: what it was told, what it drew, and what bound it."""

    command_w: Held
    power_w: Held
    reason: Words


@dataclass(frozen=True, slots=True)
class Tracks:
    """Every asset of a trace, its modes, its first UTC time, and the gauges of the decision log by point."""

    assets: Mapping[str, Track]
    mode: Words
    begin_utc: str
    gauges: Mapping[str, Held]


def read_tracks(folder: Path) -> Tracks:
    """From trace.csv, which was checked when it was scored, and decisions.jsonl where there is one."""
    with (folder / "trace.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        assets, mode, begin_utc, end_s = _changes(next(rows), rows)
    began = wall_clock(begin_utc, "")
    origin_ms = None if began is None else began.timestamp() * 1000.0
    log = folder / "decisions.jsonl"
    gauges = {}
    if log.exists():
        with log.open("rb") as lines:
            gauges = _gauges(lines, origin_ms, end_s)
    return Tracks(assets, mode, begin_utc, gauges)


def _changes(header: list[str], rows: Iterable[list[str]]) -> tuple[dict[str, Track], Words, str, float]:
    names = [name[: -len(".command_w")] for name in header if name.endswith(".command_w")]
    times: dict[str, array[float]] = {name: array("d") for name in names}
    cells: dict[str, list[list[str]]] = {name: [] for name in names}
    places = [(header.index(f"{name}.command_w"), times[name], cells[name]) for name in names]
    t_at, width = header.index("t_s"), len(header)
    mode_at = header.index("mode") if "mode" in header else t_at
    modes: list[tuple[float, str]] = []
    begin_utc, mode, t_s = "", "", 0.0
    for row in rows:
        if len(row) != width:
            continue
        t_s = float(row[t_at])
        if not begin_utc and "utc" in header:
            begin_utc = row[header.index("utc")]
        if row[mode_at] != mode and mode_at != t_at:
            mode = row[mode_at]
            modes.append((t_s, mode))
        for at, when, kept in places:
            if row[at] or row[at + 1]:
                when.append(t_s)
                kept.append(row[at : at + 5])
    assets = {name: _track(times[name], cells[name], t_s) for name in names if cells[name]}
    return assets, _words(modes, t_s), begin_utc, t_s


def _track(times: "array[float]", cells: list[list[str]], end_s: float) -> Track:
    t_s = np.array(times)
    command, power, _, _, reason = zip(*cells, strict=True)

    def held(column: tuple[str, ...]) -> Held:
        return Held(t_s, np.array([float(cell) if cell else np.nan for cell in column]), end_s)

    return Track(held(command), held(power), _words(list(zip(times, reason, strict=True)), end_s))


def _words(changes: list[tuple[float, str]], end_s: float) -> Words:
    kept = [one for at, one in enumerate(changes) if at == 0 or changes[at - 1][1] != one[1]]
    return Words(tuple(t for t, _ in kept), tuple(word for _, word in kept), end_s)


def _gauges(lines: Iterable[bytes], origin_ms: float | None, end_s: float) -> dict[str, Held]:
    """The log counts the box's own time: it is laid beside the trace by UTC, from the trace's first row on."""
    times: dict[str, array[float]] = {}
    values: dict[str, array[float]] = {}
    for line in lines:
        if FULL not in line[:HEAD]:
            continue
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError:
            continue  # cut off where the process ended
        origin_ms = record["utc_ms"] if origin_ms is None else origin_ms
        t_s = (record["utc_ms"] - origin_ms) / 1000.0
        for point, (value, quality, *_) in record["in"]["readings"].items():
            if str(point).endswith(GAUGES):
                known = value is not None and quality < INVALID
                times.setdefault(point, array("d")).append(t_s)
                values.setdefault(point, array("d")).append(float(value) if known else np.nan)
    return {point: Held(np.array(times[point]), np.array(values[point]), end_s) for point in times}
