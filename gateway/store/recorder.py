"""The thread's side of the history: takes a sample a second, keeps three tiers of it, finds any stretch again."""

from collections.abc import Iterator, Sequence
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
from gateway.store.tiers import MINUTE, NOTHING, QUARTER, RAW, Columns, Sums, Tier, empty
from gateway.store.underway import Seconds, Slots, lay, of_point

WIDE = frozenset({Unit.WATT_HOUR, Unit.VAR_HOUR, Unit.VOLT_AMPERE_HOUR, Unit.CUBIC_METRE, Unit.SECOND})
"""Counters: 4-byte numbers would lose their last digits."""

Places = NDArray[np.intp]


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
        self._raw = Seconds(self._wide)
        self._minute, self._quarter = Sums(len(specs)), Sums(len(specs))
        self._under_way = {MINUTE.name: self._minute, QUARTER.name: self._quarter}
        self._whole = {tier.name: Slots(tier) for tier in (MINUTE, QUARTER)}
        self._filed_ms = {tier.name: self._file.end_ms(tier) for tier in (MINUTE, QUARTER)}
        """The file may hold something of slots that begin before."""

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
        self._seconds(utc_ms).put(utc_ms, sample.mean, sample.quality)
        self._minute.slot = utc_ms // MINUTE.step_ms
        self._minute.add(sample)

    def flush(self) -> None:
        """Everything to the disk, also what is not complete."""
        self._end_minute()
        self._end_quarter()
        self._save()

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
        if self._raw.begin_ms not in (None, utc_ms // RAW.span_ms * RAW.span_ms):
            self._save()

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
        """A slot that is over waits for the next save; what the file has of it already is part of it."""
        whole = self._whole[tier.name]
        if at_ms not in whole.slots and at_ms < self._filed_ms[tier.name]:
            whole.add(at_ms, self._filed(tier, at_ms))
        whole.add(at_ms, done)

    def _filed(self, tier: Tier, at_ms: int) -> Columns:
        """What the file has of one slot, shape (points,)."""
        found = empty(len(self._points))
        slot = at_ms // tier.step_ms % tier.slots
        for at, data in self._chunk(tier, at_ms // tier.span_ms * tier.span_ms):
            one = unpacked(data, tier.slots)
            found.mean[at], found.low[at], found.high[at] = one.mean[slot], one.low[slot], one.high[slot]
            found.count[at], found.quality[at] = one.count[slot], one.quality[slot]
        return found

    def _chunk(self, tier: Tier, begin_ms: int) -> Iterator[tuple[int, bytes]]:
        """What the file has of one chunk: (place of the point, data)."""
        places = {series: at for at, series in enumerate(self._series)}
        for series, data in self._file.chunk(tier, begin_ms):
            if (at := places.get(series)) is not None:
                yield at, data

    def _seconds(self, at_ms: int) -> Seconds:
        """The raw chunk an instant lies in; another one is kept first, this one read back where it was begun before."""
        begin_ms = at_ms // RAW.span_ms * RAW.span_ms
        if self._raw.begin_ms == begin_ms:
            return self._raw
        self._save()
        before = list(self._chunk(RAW, begin_ms))
        self._raw.begin(begin_ms)
        for at, data in before:
            self._raw.put_column(at, unpacked(data, RAW.slots))
        return self._raw

    def _save(self) -> None:
        """All that is not on the disk."""
        if self._raw.begin_ms is not None and self._raw.changed:
            self._file.put(RAW, self._raw.begin_ms, self._packed(self._raw))
            self._raw.changed = False
        for whole in self._whole.values():
            for begin_ms, begun in whole.chunks().items():
                self._file.put(whole.tier, begin_ms, self._laid(whole, begin_ms, begun))
                for at_ms in begun:
                    del whole.slots[at_ms]
                name = whole.tier.name
                self._filed_ms[name] = max(self._filed_ms[name], begun[-1] + whole.tier.step_ms)
        self._file.spare()

    def _packed(self, raw: Seconds) -> Iterator[tuple[int, bytes]]:
        for at in raw.known():
            yield self._series[at], chunks.pack(raw.column(at), wide=self._wide[at], plain=True)

    def _laid(self, whole: Slots, begin_ms: int, begun: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """A chunk of the file with the slots that are over laid in, point by point."""
        slots = whole.tier.slots
        new, places = whole.together(begun), np.array(begun) // whole.tier.step_ms % slots
        known = frozenset(np.flatnonzero(new.count.sum(axis=0)).tolist())
        for at, series in enumerate(self._series):
            data = self._file.data(whole.tier, begin_ms, series)
            if at in known:
                one = empty(slots) if data is None else unpacked(data, slots)
                lay(one, places, of_point(new, at))
                data = chunks.pack(one, wide=self._wide[at], plain=False)
            if data is not None:
                yield series, data

    def _in_memory(self, tier: Tier, point: str) -> list[tuple[int, Columns]]:
        """The chunk under way, or the slots that are over; then the slot under way."""
        at = self._place.get(PointId(point))
        if at is None:
            return []
        if tier is RAW:
            return [] if self._raw.begin_ms is None else [(self._raw.begin_ms, self._raw.column(at))]
        under_way = self._under_way[tier.name]
        found = list(self._whole[tier.name].column(at))
        if under_way.slot >= 0:
            found.append((under_way.slot * tier.step_ms, of_point(under_way.columns, at)))
        return found
