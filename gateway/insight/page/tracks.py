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


class _Changes:
    """What one asset's cells say, kept without an object a row: a day has a million of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self._t_s, self._command_w, self._power_w = array("d"), array("d"), array("d")
        self._reasons: list[tuple[float, str]] = []
        self._reason: str | None = None

    def take(self, t_s: float, row: list[str]) -> None:
        """A row with cells of this asset's."""
        command, power, reason = row[self.at], row[self.at + 1], row[self.at + 4]
        self._t_s.append(t_s)
        self._command_w.append(float(command) if command else np.nan)
        self._power_w.append(float(power) if power else np.nan)
        if reason != self._reason:
            self._reason = reason
            self._reasons.append((t_s, reason))

    def track(self, end_s: float) -> Track | None:
        """The whole; None when there was nothing."""
        if not self._t_s:
            return None
        t_s = np.array(self._t_s)
        command_w, power_w = (Held(t_s, np.array(column), end_s) for column in (self._command_w, self._power_w))
        return Track(command_w, power_w, _words(self._reasons, end_s))


def _changes(header: list[str], rows: Iterable[list[str]]) -> tuple[dict[str, Track], Words, str, float]:
    ends = ".command_w"
    kept = {name.removesuffix(ends): _Changes(at) for at, name in enumerate(header) if name.endswith(ends)}
    places = [(one.at, one.take) for one in kept.values()]
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
        for at, take in places:
            if row[at] or row[at + 1]:
                take(t_s, row)
    tracks = {name: track for name, one in kept.items() if (track := one.track(t_s)) is not None}
    return tracks, _words(modes, t_s), begin_utc, t_s


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
