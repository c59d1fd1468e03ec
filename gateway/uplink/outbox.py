"""Outbox: store and forward. Samples wait in memory for at most one commit, then on the disk until they are confirmed.

All disk work happens in one worker thread; `add` and `confirm` never wait. While the disk refuses, samples stay in a
bounded queue in memory, what falls out of it is counted per point, and nothing is called stored that is not.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.point import PointId
from gateway.texts import say
from gateway.uplink.batch import Batch, Lot, Span, Stamp
from gateway.uplink.outbox_file import OutboxFile
from gateway.wire.telemetry import Receipt

T = TypeVar("T")
log = get_logger("outbox")

CAP_BYTES = 256 * 2**20
MAX_WAITING = 100_000
"""Samples in memory while the disk refuses."""
COMMIT_S = 1.0
SOON_S = 0.15
"""Between two commits while a link waits for them: a sample is on its way that much sooner, at the price of more writes."""
STRIKES = 3
"""Failed commits before the alarm; after them the disk is tried every RETRY_S."""
RETRY_S = 5.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Health:
    """What the gateway tells about its outbox, as points of the device `gateway`."""

    waiting: int
    """Samples in memory, not yet on the disk."""
    stored: int
    """Samples on the disk that some link still lacks."""
    used_bytes: int
    oldest_s: float | None
    """Boot time of the oldest batch some link lacks."""
    dropped: int
    """Samples dropped since the start: queue full or cap reached."""


class Outbox:
    """The one outbox of a gateway; `open`, then `run` as a task, then `close`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        links: Sequence[str],
        on_alarm: Callable[[Alarm], None],
        cap_bytes: int = CAP_BYTES,
        commit_s: float = COMMIT_S,
        max_waiting: int = MAX_WAITING,
        boot_id: str | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._links = tuple(links)
        self._served = False
        """The file knows of these links."""
        self._on_alarm = on_alarm
        self._cap_bytes = cap_bytes
        self._commit_s = commit_s
        self._max_waiting = max_waiting
        self._boot_id = boot_id
        self._waiting: deque[Lot] = deque()
        self._count = 0
        """Samples in it."""
        self._gone = 0
        """Samples that ever left it, stored or lost: the number of the one that is first in it."""
        self._hurry = asyncio.Event()
        self._lost: Counter[PointId] = Counter()
        self._receipts: dict[tuple[str, int], Receipt] = {}
        self._strikes = 0
        self._raised: set[str] = set()
        self._listeners: list[Callable[[list[Batch]], None]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._file: OutboxFile | None = None
        self._one_at_a_time = asyncio.Lock()
        self._commits: set[asyncio.Task[None]] = set()
        self._dropped_waiting = 0

    @property
    def box(self) -> str:
        """The UUID of this state directory."""
        return self._open_file.found.box

    @property
    def epoch(self) -> int:
        """The epoch of the samples taken now."""
        return self._open_file.found.epoch

    def now(self) -> Stamp:
        """This instant on both clocks."""
        return Stamp(self._boot_id or "", self._clock.boot_s(), self._clock.utc_ms())

    async def open(self) -> None:
        """Open or begin the file; raises StoreError when the state directory cannot be used."""
        if self._boot_id is None:
            self._boot_id = await self._work(_boot_id)
        now = self.now()
        self._file = await self._work(
            lambda: OutboxFile(self._folder, now, links=self._links, cap_bytes=self._cap_bytes)
        )
        found = self._file.found
        log.info("outbox_open", box=found.box, epoch=found.epoch, clean=found.clean, salvaged=found.salvaged)
        if found.damaged:
            self._alarm(
                "outbox_damaged", detail=say("alarm.outbox_damaged", file=found.damaged, samples=found.salvaged)
            )

    def add(self, taken: Lot, *, soon: bool = False) -> None:
        """Accept samples; never waits. Beyond the bound the oldest fall out and are counted per point.

        `soon`: a link waits for them, so they are committed as soon as the last commit is SOON_S old.
        """
        if taken:
            self._waiting.append(taken)
            self._count += len(taken)
        if soon:
            self.hurry()
        if (over := self._count - self._max_waiting) > 0:
            self._dropped_waiting += over
            for lot in self._take_out(over):
                self._lost.update(lot.points)

    def hurry(self) -> None:
        """Somebody waits for what was added, as if it had been `soon`."""
        if self._count:
            self._hurry.set()

    def confirm(self, link: str, receipt: Receipt) -> None:
        """Take over a receipt; never waits, the deletion follows with the next commit."""
        key = (link, receipt.epoch)
        earlier = self._receipts.get(key)
        if receipt.box == self.box and receipt.epoch <= self.epoch and (earlier is None or earlier.seq < receipt.seq):
            self._receipts[key] = receipt

    def serve(self, links: Sequence[str]) -> None:
        """Keep samples for these links from now on; never waits, the file follows with the next commit.

        A link that is gone holds nothing back any more; a new one gets what is kept still, and all that comes.
        """
        self._links, self._served = tuple(links), False

    def on_commit(self, listener: Callable[[list[Batch]], None]) -> None:
        """Call `listener` with the batches of every commit, once they are on the disk."""
        self._listeners.append(listener)

    def off_commit(self, listener: Callable[[list[Batch]], None]) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    async def run(self) -> None:
        """Commit every `commit_s`, sooner where samples are to go soon, until cancelled."""
        while True:
            if self._strikes:
                await asyncio.sleep(RETRY_S if self._strikes >= STRIKES else self._commit_s)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._commit_s - SOON_S):
                        await self._hurry.wait()
            self._hurry.clear()
            await self.commit()
            if not self._strikes:
                await asyncio.sleep(min(SOON_S, self._commit_s))

    async def commit(self) -> None:
        """Put what waits on the disk; on failure it keeps waiting and the connection is renewed.

        A commit that began is carried through also when its caller is cancelled: else it would be done twice.
        """
        task = asyncio.create_task(self._commit(), name="outbox-commit")
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        await asyncio.shield(task)

    async def _commit(self) -> None:
        async with self._one_at_a_time:
            first, taken = self._gone, list(self._waiting)
            lost, receipts = self._lost.copy(), dict(self._receipts)
            links = None if self._served else self._links
            if not (taken or lost or receipts or links is not None):
                return
            file, now = self._open_file, self.now()
            given = [(link, receipt) for (link, _), receipt in receipts.items()]
            try:
                batches = await self._work(lambda: self._store(file, taken, now, lost, given, links))
            except StoreError as exc:
                self._strikes += 1
                if self._strikes >= STRIKES:
                    self._alarm("outbox_disk", detail=exc.said)
                return
            self._strikes = 0
            self._served = self._served or links == self._links
            self._clear("outbox_disk")
            self._stored(taken, first)
            self._lost -= lost
            self._receipts = {key: one for key, one in self._receipts.items() if receipts.get(key) is not one}
            self._tell_drops(file)
            for listener in self._listeners:
                listener(batches)

    def _stored(self, taken: list[Lot], first: int) -> None:
        """These, the first of them of this number, need not wait any more; those that fell out meanwhile are not lost."""
        count = sum(map(len, taken))
        if fallen := min(self._gone - first, count):
            self._lost.subtract(Lot.joined(taken).points[:fallen])
            self._dropped_waiting -= fallen
        self._take_out(count - fallen)

    def _take_out(self, count: int) -> list[Lot]:
        """The oldest samples, so many of them, out of the queue."""
        self._count -= count
        self._gone += count
        found = []
        while count:
            lot = self._waiting.popleft()
            if len(lot) > count:
                self._waiting.appendleft(lot.part(count, len(lot)))
                lot = lot.part(0, count)
            count -= len(lot)
            found.append(lot)
        return found

    async def pending(self, link: str, *, after: Span | None = None, limit: int = 64) -> list[Span]:
        """The oldest batches this link has not confirmed, behind `after`; raises StoreError."""
        file = self._open_file
        return await self._work(lambda: file.pending(link, after=after, limit=limit))

    async def read(self, span: Span) -> Batch | None:
        """One batch, or None when it is gone; raises StoreError."""
        file = self._open_file
        return await self._work(lambda: file.read(span))

    async def health(self) -> Health:
        """Depth, age and drops; raises StoreError."""
        file = self._open_file
        stored, used, oldest_s = await self._work(file.depth)
        return Health(self._count, stored, used, oldest_s, self._dropped_waiting + file.dropped)

    async def close(self) -> None:
        """Commit what waits and stop cleanly: the next start goes on with the same epoch."""
        if self._file is not None:
            await self.commit()
            file, self._file = self._file, None
            try:
                if self._count or self._lost:
                    log.error("outbox_not_emptied", samples=self._count)
                else:
                    await self._work(file.close)
            except StoreError as exc:
                log.exception("outbox_not_closed", error=str(exc))
        self._thread.shutdown(wait=False)

    @property
    def _open_file(self) -> OutboxFile:
        if self._file is None:
            raise StoreError("the outbox is not open")
        return self._file

    async def _work(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    @staticmethod
    def _store(
        file: OutboxFile,
        taken: list[Lot],
        now: Stamp,
        lost: Counter[PointId],
        receipts: list[tuple[str, Receipt]],
        links: tuple[str, ...] | None,
    ) -> list[Batch]:
        """In the worker: commit; after a failure find out on a fresh connection what the disk really holds."""
        first = file.next_span_first
        try:
            if links is not None:
                file.serve(links)
            return file.commit(Lot.joined(taken), now, lost=lost, receipts=receipts)
        except StoreError:
            if not file.reopen(first):
                raise
            return []

    def _tell_drops(self, file: OutboxFile) -> None:
        if file.full:
            self._alarm("outbox_full", detail=say("alarm.outbox_full", cap=self._cap_bytes))
        else:
            self._clear("outbox_full")

    def _alarm(self, key: str, *, detail: str) -> None:
        if key not in self._raised:
            self._raised.add(key)
            log.error("alarm", alarm=key, detail=str(detail))
            self._on_alarm(Alarm(key, raised=True, at_ms=self._clock.utc_ms(), detail=detail))

    def _clear(self, key: str) -> None:
        if key in self._raised:
            self._raised.discard(key)
            log.info("over", alarm=key)
            self._on_alarm(Alarm(key, raised=False, at_ms=self._clock.utc_ms()))


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
