"""History: every point once a second into three tiers, and any stretch of it back in so many steps.

All work is done by one thread; the event loop hands over a snapshot and awaits an answer. What is not on the disk yet
is answered from memory. A disk that refuses costs history, never control: it is told once, and tried again.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gateway.clock import EARLIEST_UTC_MS, Clock
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId, PointSpec
from gateway.store.finding import Stretch
from gateway.store.recorder import Recorder

T = TypeVar("T")
log = get_logger("history")

EVERY_S = 1.0
ALARM = "disk_refuses:history"


class History:
    """The event loop's side; `run` is its task."""

    def __init__(self, folder: Path, image: Image, clock: Clock, *, on_alarm: Callable[[Alarm], None]) -> None:
        self._folder, self._image, self._clock, self._on_alarm = folder, image, clock, on_alarm
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._recorder: Recorder | None = None
        self._specs: Mapping[PointId, PointSpec] = {}
        self._failing = False
        self.used_bytes = 0

    async def run(self) -> None:
        """Sample until cancelled; at the start nothing is read yet, and everybody wants the processor."""
        await asyncio.sleep(EVERY_S)
        due_s = self._clock.boot_s()
        while True:
            now_s, utc_ms = self._clock.boot_s(), self._clock.utc_ms()
            if utc_ms >= EARLIEST_UTC_MS:  # F-069: a wall clock that was never set would file it under 1970
                await self._keep(self._image.snapshot(now_s), utc_ms)
            due_s = max(due_s + EVERY_S, now_s + 0.1 * EVERY_S)
            await asyncio.sleep(due_s - now_s)

    async def find(self, point: str, *, from_ms: int, to_ms: int, most: int, fill: bool = False) -> Stretch:
        """A stretch of one point; `fill` lets coarser tiers stand in. LookupError, StoreError."""

        def work() -> Stretch:
            return self._ready().find(point, from_ms=from_ms, to_ms=to_ms, most=most, fill=fill)

        return await self._work(work)

    async def close(self) -> None:
        """The last of it to the disk."""

        def work() -> None:
            if self._recorder is not None:
                self._recorder.close()

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
                self._on_alarm(Alarm(ALARM, raised=True, at_ms=utc_ms, detail=exc.said))
            return
        if self._failing:
            self._failing = False
            self._on_alarm(Alarm(ALARM, raised=False, at_ms=utc_ms))

    def _ready(self) -> Recorder:
        if self._recorder is not None and self._specs is not self._image.specs:  # the image holds other points now
            recorder, self._recorder = self._recorder, None
            recorder.close()
        if self._recorder is None:
            self._specs = self._image.specs
            self._recorder = Recorder(self._folder, list(self._specs.values()))
        return self._recorder

    async def _work(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"history in {self._folder}: {exc}") from exc
