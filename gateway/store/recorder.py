"""The thread's side of the history: takes a sample a second, keeps three tiers of it, finds any stretch again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gateway.model.columns import Layout
from gateway.model.image import Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Quality
from gateway.store import chunks
from gateway.store.finding import Stretch, find, unpacked
from gateway.store.history_file import HistoryFile
from gateway.store.tiers import MINUTE, NOTHING, QUARTER, RAW, Columns, Sums, Tier, empty, merge

WIDE = frozenset({Unit.WATT_HOUR, Unit.VAR_HOUR, Unit.VOLT_AMPERE_HOUR, Unit.CUBIC_METRE, Unit.SECOND})
"""Counters: 4-byte numbers would lose their last digits."""


Places = NDArray[np.intp]


@dataclass(slots=True)
class Chunk:
    """The chunk of one tier that is under way, in memory."""

    tier: Tier
    begin_ms: int
    columns: Columns
    changed: bool = False


class Recorder:
    """The thread's side: takes samples, keeps them, finds them; not to be called from two threads at once."""

    def __init__(self, folder: Path, specs: Sequence[PointSpec]) -> None:
        self._file = HistoryFile(folder)
        self._points = [spec.id for spec in specs]
        self._wide = [spec.unit in WIDE for spec in specs]
        self._place = {point: at for at, point in enumerate(self._points)}
        self._series = self._file.series((spec.id, spec.unit.value) for spec in specs)
        nowhere = np.empty(0, np.intp)
        self._lies: tuple[Layout | None, Places, Places] = (None, nowhere, nowhere)
        self._open: dict[str, Chunk] = {}
        self._minute, self._quarter = Sums(len(specs)), Sums(len(specs))
        self._under_way = {MINUTE.name: self._minute, QUARTER.name: self._quarter}

    def take(self, snapshot: Snapshot, utc_ms: int) -> None:
        """Take over one sample of every point; stale and invalid ones are gaps."""
        values, marks = np.full(len(self._points), np.nan), np.full(len(self._points), NOTHING, np.uint8)
        here, there = self._columns_in(snapshot.layout)
        found = snapshot.arrays()
        fresh = found.qualities[there] < Quality.STALE
        values[here] = np.where(fresh, found.values[there], np.nan)
        marks[here] = found.qualities[there]
        known = np.isfinite(values)
        sample = Columns(
            values, values, values, known.astype(np.uint16), np.where(known, marks, NOTHING).astype(np.uint8)
        )
        self._roll(utc_ms)
        chunk = self._chunk(RAW, utc_ms)
        slot = utc_ms // RAW.step_ms % RAW.slots
        chunk.columns.mean[slot], chunk.columns.quality[slot] = sample.mean, sample.quality
        chunk.changed = True
        self._minute.slot = utc_ms // MINUTE.step_ms
        self._minute.add(sample)

    def flush(self) -> None:
        """Everything to the disk, also what is not complete."""
        self._end_minute()
        self._end_quarter()
        for chunk in self._open.values():
            self._save(chunk)

    def find(self, point: str, *, from_ms: int, to_ms: int, most: int, fill: bool = False) -> Stretch:
        """A stretch in `most` slots at most; LookupError when nothing was ever kept of the point."""
        return find(self._file, point, from_ms=from_ms, to_ms=to_ms, most=most, in_memory=self._in_memory, fill=fill)

    def used(self) -> int:
        """Bytes it takes on the disk."""
        return self._file.bytes()

    def close(self) -> None:
        """Keep the rest, let go of the file."""
        try:
            self.flush()
        finally:
            self._file.close()

    def _columns_in(self, layout: Layout) -> tuple[Places, Places]:
        """Our places and the snapshot's columns of the points both have; looked up once for a layout."""
        known, here, there = self._lies
        if known is not layout:
            both = [(self._place[name], at) for at, name in enumerate(layout.names) if name in self._place]
            here, there = np.array(both, np.intp).reshape(-1, 2).T
            self._lies = layout, here, there
        return here, there

    def _roll(self, utc_ms: int) -> None:
        """End what is over."""
        if self._minute.slot not in (-1, utc_ms // MINUTE.step_ms):
            minute = self._minute.slot
            self._end_minute()
            if self._quarter.slot not in (-1, minute * MINUTE.step_ms // QUARTER.step_ms):
                self._end_quarter()
        raw = self._open.get(RAW.name)
        if raw is not None and raw.begin_ms != utc_ms // RAW.span_ms * RAW.span_ms:
            for chunk in self._open.values():
                self._save(chunk)

    def _end_minute(self) -> None:
        slot, self._minute.slot = self._minute.slot, -1
        if slot < 0:
            return
        at_ms, done = slot * MINUTE.step_ms, self._minute.take()
        if self._quarter.slot not in (-1, at_ms // QUARTER.step_ms):
            self._end_quarter()
        self._write(MINUTE, at_ms, done)
        self._quarter.slot = at_ms // QUARTER.step_ms
        self._quarter.add(done)

    def _end_quarter(self) -> None:
        slot, self._quarter.slot = self._quarter.slot, -1
        if slot >= 0:
            self._write(QUARTER, slot * QUARTER.step_ms, self._quarter.take())

    def _write(self, tier: Tier, at_ms: int, done: Columns) -> None:
        chunk = self._chunk(tier, at_ms)
        merge(chunk.columns, at_ms // tier.step_ms % tier.slots, done)
        chunk.changed = True

    def _chunk(self, tier: Tier, at_ms: int) -> Chunk:
        """The open chunk an instant lies in; another one is kept first, this one read back where it was begun before."""
        begin_ms = at_ms // tier.span_ms * tier.span_ms
        chunk = self._open.get(tier.name)
        if chunk is not None and chunk.begin_ms == begin_ms:
            return chunk
        if chunk is not None:
            self._save(chunk)
        chunk = self._open[tier.name] = Chunk(tier, begin_ms, empty(tier.slots, len(self._points), plain=tier is RAW))
        numbers = {series: at for at, series in enumerate(self._series)}
        for series, data in self._file.chunk(tier, begin_ms):
            if (at := numbers.get(series)) is not None:
                _put(chunk.columns, at, unpacked(data, tier.slots))
        return chunk

    def _save(self, chunk: Chunk) -> None:
        if not chunk.changed:
            return
        self._file.put(chunk.tier, chunk.begin_ms, self._rows(chunk))
        chunk.changed = False

    def _rows(self, chunk: Chunk) -> Iterable[tuple[int, bytes]]:
        known = np.isfinite(chunk.columns.mean).any(axis=0)
        for at in np.flatnonzero(known).tolist():
            one = _column(chunk.columns, at)
            yield self._series[at], chunks.pack(one, wide=self._wide[at], plain=chunk.tier is RAW)

    def _in_memory(self, tier: Tier, point: str) -> list[tuple[int, Columns]]:
        """The chunk under way, then the slot under way."""
        at = self._place.get(PointId(point))
        if at is None:
            return []
        chunk, under_way = self._open.get(tier.name), self._under_way.get(tier.name)
        found = [] if chunk is None else [(chunk.begin_ms, _column(chunk.columns, at, plain=tier is RAW))]
        if under_way is not None and under_way.slot >= 0:
            found.append((under_way.slot * tier.step_ms, _column(under_way.columns, at)))
        return found


def _column(columns: Columns, at: int, *, plain: bool = False) -> Columns:
    mean = columns.mean[:, at]
    if plain:
        return Columns(mean, mean, mean, np.isfinite(mean).astype(np.uint16), columns.quality[:, at])
    return Columns(mean, columns.low[:, at], columns.high[:, at], columns.count[:, at], columns.quality[:, at])


def _put(columns: Columns, at: int, one: Columns) -> None:
    columns.mean[:, at], columns.low[:, at], columns.high[:, at] = one.mean, one.low, one.high
    columns.count[:, at], columns.quality[:, at] = one.count, one.quality
