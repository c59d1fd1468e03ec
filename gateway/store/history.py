"""History: every point once a second into three tiers, and any stretch of it back in so many steps.

All work is done by one thread; the event loop hands over a snapshot and awaits an answer. What is not on the disk yet
is answered from memory. A disk that refuses costs history, never control: it is told once, and tried again.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from gateway.clock import EARLIEST_UTC_MS, Clock
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Quality
from gateway.store import chunks
from gateway.store.history_file import HistoryFile
from gateway.store.tiers import MINUTE, NOTHING, QUARTER, RAW, TIERS, Columns, Sums, Tier, empty, merge, thinned

T = TypeVar("T")
log = get_logger("history")

EVERY_S = 1.0
WIDE = frozenset({Unit.WATT_HOUR, Unit.VAR_HOUR, Unit.VOLT_AMPERE_HOUR, Unit.CUBIC_METRE, Unit.SECOND})
"""Counters: 4-byte numbers would lose their last digits."""
ALARM = "disk_refuses:history"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found: one slot every `step_ms` from `begin_ms`, columns of shape (slots,)."""

    unit: str
    tier: str
    step_ms: int
    begin_ms: int
    columns: Columns


@dataclass(slots=True)
class Open:
    """The chunk of one tier that is under way, in memory."""

    tier: Tier
    begin_ms: int
    columns: Columns
    changed: bool = False


class Tiers:
    """The thread's side: takes samples, keeps them, finds them; not to be called from two threads at once."""

    def __init__(self, folder: Path, specs: Sequence[PointSpec]) -> None:
        self._file = HistoryFile(folder)
        self._points = [spec.id for spec in specs]
        self._wide = [spec.unit in WIDE for spec in specs]
        self._place = {point: at for at, point in enumerate(self._points)}
        self._series = self._file.series((spec.id, spec.unit.value) for spec in specs)
        self._open: dict[str, Open] = {}
        self._minute, self._quarter = Sums(len(specs)), Sums(len(specs))

    def take(self, snapshot: Snapshot, utc_ms: int) -> None:
        """Take over one sample of every point; stale and invalid ones are gaps."""
        values, marks = np.full(len(self._points), np.nan), np.full(len(self._points), NOTHING, np.uint8)
        place = self._place
        for point, value, quality, _ in snapshot.rows():
            if value is not None and quality < Quality.STALE and (at := place.get(point)) is not None:
                values[at], marks[at] = value, quality
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

    def find(self, point: str, *, from_ms: int, to_ms: int, most: int) -> Stretch:
        """A stretch in `most` slots at most; LookupError when nothing was ever kept of the point."""
        found = self._file.find(point)
        if found is None:
            raise LookupError(point)
        series, unit = found
        tier = self._tier(from_ms, (to_ms - from_ms) / most)
        every = _every(tier.step_ms, from_ms, to_ms, most)
        step_ms = tier.step_ms * every
        begin_ms = from_ms // step_ms * step_ms
        slots = (-(-to_ms // step_ms) - begin_ms // step_ms) * every
        columns = empty(slots)
        for chunk_ms, one in self._pieces(
            tier, series, point, begin_ms=begin_ms, end_ms=begin_ms + slots * tier.step_ms
        ):
            _lay(columns, one, at=(chunk_ms - begin_ms) // tier.step_ms)
        return Stretch(unit, tier.name, step_ms, begin_ms, columns if every == 1 else thinned(columns, every))

    def used(self) -> int:
        """Bytes it takes on the disk."""
        return self._file.bytes()

    def close(self) -> None:
        """Keep the rest, let go of the file."""
        try:
            self.flush()
        finally:
            self._file.close()

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

    def _chunk(self, tier: Tier, at_ms: int) -> Open:
        """The open chunk an instant lies in; another one is kept first, this one read back where it was begun before."""
        begin_ms = at_ms // tier.span_ms * tier.span_ms
        chunk = self._open.get(tier.name)
        if chunk is not None and chunk.begin_ms == begin_ms:
            return chunk
        if chunk is not None:
            self._save(chunk)
        chunk = self._open[tier.name] = Open(tier, begin_ms, empty(tier.slots, len(self._points)))
        numbers = {series: at for at, series in enumerate(self._series)}
        for series, data in self._file.chunk(tier, begin_ms):
            if (at := numbers.get(series)) is not None:
                _put(chunk.columns, at, _unpacked(data, tier.slots))
        return chunk

    def _save(self, chunk: Open) -> None:
        if not chunk.changed:
            return
        self._file.put(chunk.tier, chunk.begin_ms, self._rows(chunk))
        chunk.changed = False

    def _rows(self, chunk: Open) -> Iterable[tuple[int, bytes]]:
        known = np.isfinite(chunk.columns.mean).any(axis=0)
        for at in np.flatnonzero(known).tolist():
            one = _column(chunk.columns, at)
            yield self._series[at], chunks.pack(one, wide=self._wide[at], plain=chunk.tier is RAW)

    def _pieces(
        self, tier: Tier, series: int, point: str, *, begin_ms: int, end_ms: int
    ) -> Iterable[tuple[int, Columns]]:
        for chunk_ms, data in self._file.chunks(tier, series, from_ms=begin_ms, to_ms=end_ms):
            yield chunk_ms, _unpacked(data, tier.slots)
        chunk, at = self._open.get(tier.name), self._place.get(PointId(point))
        if (
            chunk is not None
            and at is not None
            and begin_ms < chunk.begin_ms + tier.span_ms
            and chunk.begin_ms < end_ms
        ):
            yield chunk.begin_ms, _column(chunk.columns, at, plain=tier is RAW)

    def _tier(self, from_ms: int, step_ms: float) -> Tier:
        """The coarsest tier fine enough; a coarser one where it has lost that time already."""
        first = next((at for at in range(len(TIERS) - 1, 0, -1) if TIERS[at].step_ms <= step_ms), 0)
        for at in range(first, len(TIERS) - 1):
            mine, next_ms = self._file.oldest_ms(TIERS[at]), self._file.oldest_ms(TIERS[at + 1])
            if mine is None or mine <= from_ms or next_ms is None or mine < next_ms + TIERS[at + 1].span_ms:
                return TIERS[at]
        return TIERS[max(first, len(TIERS) - 1)]


class History:
    """The event loop's side; `run` is its task."""

    def __init__(self, folder: Path, image: Image, clock: Clock, *, on_alarm: Callable[[Alarm], None]) -> None:
        self._folder, self._image, self._clock, self._on_alarm = folder, image, clock, on_alarm
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._tiers: Tiers | None = None
        self._failing = False
        self.used_bytes = 0

    async def run(self) -> None:
        """Sample until cancelled."""
        due_s = self._clock.boot_s()
        while True:
            now_s, utc_ms = self._clock.boot_s(), self._clock.utc_ms()
            if utc_ms >= EARLIEST_UTC_MS:  # F-069: a wall clock that was never set would file it under 1970
                await self._keep(self._image.snapshot(now_s), utc_ms)
            due_s = max(due_s + EVERY_S, now_s + 0.1 * EVERY_S)
            await asyncio.sleep(due_s - now_s)

    async def find(self, point: str, *, from_ms: int, to_ms: int, most: int) -> Stretch:
        """A stretch of one point; LookupError, StoreError."""

        def work() -> Stretch:
            return self._ready().find(point, from_ms=from_ms, to_ms=to_ms, most=most)

        return await self._work(work)

    async def close(self) -> None:
        """The last of it to the disk."""

        def work() -> None:
            if self._tiers is not None:
                self._tiers.close()

        try:
            await self._work(work)
        except StoreError as exc:
            log.warning("history_not_closed", error=str(exc))
        self._thread.shutdown(wait=False)

    async def _keep(self, snapshot: Snapshot, utc_ms: int) -> None:
        def work() -> int:
            self._ready().take(snapshot, utc_ms)
            return self._ready().used() if utc_ms // 1000 % 60 == 0 else self.used_bytes

        try:
            self.used_bytes = await self._work(work)
        except StoreError as exc:
            if not self._failing:
                self._failing = True
                log.warning("history_refused", error=str(exc))
                self._on_alarm(Alarm(ALARM, raised=True, at_ms=utc_ms, detail=str(exc)))
            return
        if self._failing:
            self._failing = False
            self._on_alarm(Alarm(ALARM, raised=False, at_ms=utc_ms))

    def _ready(self) -> Tiers:
        if self._tiers is None:
            self._tiers = Tiers(self._folder, list(self._image.specs.values()))
        return self._tiers

    async def _work(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"history in {self._folder}: {exc}") from exc


def _every(step_ms: int, from_ms: int, to_ms: int, most: int) -> int:
    """How many slots make one step, so that a stretch is `most` steps on the raster of UTC at most."""
    every = max(1, (to_ms - from_ms) // (step_ms * most))
    while -(-to_ms // (step_ms * every)) - from_ms // (step_ms * every) > most:
        every += 1
    return every


def _column(columns: Columns, at: int, *, plain: bool = False) -> Columns:
    mean = columns.mean[:, at]
    if plain:
        return Columns(mean, mean, mean, np.isfinite(mean).astype(np.uint16), columns.quality[:, at])
    return Columns(mean, columns.low[:, at], columns.high[:, at], columns.count[:, at], columns.quality[:, at])


def _put(columns: Columns, at: int, one: Columns) -> None:
    columns.mean[:, at], columns.low[:, at], columns.high[:, at] = one.mean, one.low, one.high
    columns.count[:, at], columns.quality[:, at] = one.count, one.quality


def _lay(columns: Columns, one: Columns, *, at: int) -> None:
    """Lay a chunk over a stretch from its slot `at` on, which may begin before it or end behind it."""
    first, last = max(0, -at), min(len(one.mean), len(columns.mean) - at)
    if first >= last:
        return
    here, there = slice(at + first, at + last), slice(first, last)
    columns.mean[here], columns.low[here], columns.high[here] = one.mean[there], one.low[there], one.high[there]
    columns.count[here], columns.quality[here] = one.count[there], one.quality[there]


def _unpacked(data: bytes, slots: int) -> Columns:
    try:
        return chunks.unpack(data, slots)
    except ValueError as exc:
        log.warning("history_chunk_damaged", error=str(exc))
        return empty(slots)
