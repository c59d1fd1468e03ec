"""Poller: the one owner task of a line: writes first, then the reads that are due; failures become quality.

What a failed read does to its points:
- one or two failures in a row: nothing; the last value ages and goes stale by itself after three periods;
- the third in a row, or the breaker of the unit or line opening: INVALID with the cause (offline, busy, mismatch);
- a block the device says it does not have (exceptions 1, 2, 3): INVALID (source) at once, asked again once a minute.
While a unit is offline only its smallest block is asked, with back-off; while the line is, only one unit's.
A device that does not answer is not asked for its other blocks before its next turn.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import inf

from gateway.clock import Clock
from gateway.errors import BusDown, BusError, BusMismatch, BusRefused
from gateway.field.breaker import PACING, Breaker, Pacing, State
from gateway.field.bus import Bus, Fetched, Member
from gateway.field.roster import Job, Unit, jobs_of, unit_of
from gateway.field.schedule import Schedule
from gateway.field.writer import Work, Writer
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.reading import Cause, Quality
from gateway.profiles.schema import Mask, Set, Until

ABSENT = (1, 2, 3)
GATEWAY_FAILED = (10, 11)
BUSY = 6
FAILURES = 3
MOST_WRITES_IN_A_ROW = 8
LEAST_SLEEP_S = 0.0005

log = get_logger("field")


class Poller:
    """One line."""

    def __init__(
        self,
        bus: Bus,
        members: Sequence[Member],
        *,
        line: str,
        writer: Writer,
        image: Image,
        clock: Clock,
        on_alarm: Callable[[Alarm], None],
        rng: random.Random,
        place: int = 0,
        pacing: Pacing = PACING,
    ) -> None:
        self.counters: Counter[str] = Counter()
        """polls, missed, read_errors, writes, write_errors; with the bus's own in `health`."""
        self._bus = bus
        self._line = line
        self._writer = writer
        self._image = image
        self._clock = clock
        self._on_alarm = on_alarm
        self._schedule = Schedule()
        self._jobs: list[Job] = []
        self._pacing = pacing
        self._breaker = Breaker(rng, cap_s=pacing.line_cap_s, pacing=pacing)
        self._units: dict[str, Unit] = {}
        self._readback: dict[tuple[str, str], int] = {}
        self._clear_s = -inf
        self._writes_in_a_row = 0
        self._probed = 0
        self._raised: set[str] = set()
        self._sleeper: asyncio.Future[None] | None = None
        for member in members:
            self._add(member, rng, place)

    def health(self) -> dict[str, int]:
        """Every counter of the line."""
        return {**self._bus.counters, **self.counters, "missed": self._schedule.missed}

    def online(self, device: str) -> bool:
        """Whether a device is in use."""
        unit_open = self._units[device].breaker.state is State.OPEN
        return not unit_open and self._breaker.state is not State.OPEN

    async def run(self) -> None:
        """Serve the line until cancelled."""
        for device in self._units:
            self._writer.watch(device, self.wake)
        try:
            while True:
                await self._turn(self._clock.boot_s())
        finally:
            await self._bus.close()

    def wake(self) -> None:
        """There is something to write."""
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def _turn(self, now_s: float) -> None:
        if self._breaker.state is State.OPEN:
            if self._breaker.allows(now_s):
                await self._probe_line()
            else:
                await self._sleep(self._breaker.next_probe_s - now_s)
            return
        if now_s < self._clear_s:
            await self._sleep(self._clear_s - now_s)
            return
        online = [unit.id for unit in self._units.values() if unit.breaker.state is not State.OPEN]
        read_first = self._writes_in_a_row >= MOST_WRITES_IN_A_ROW and self._schedule.next_due_s() <= now_s
        work = None if read_first else self._writer.take(online, now_s)
        if work is not None:
            self._writes_in_a_row += 1
            await self._carry_out(work)
            return
        self._writes_in_a_row = 0
        job = self._schedule.take(now_s)
        if job is not None:
            await self._read(job)
            return
        due_s = min(self._schedule.next_due_s(), self._writer.next_due_s(online, now_s))
        await self._sleep(due_s - now_s)

    async def _sleep(self, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = loop.call_later(max(for_s, LEAST_SLEEP_S), self.wake) if for_s < inf else None
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()

    async def _read(self, number: int) -> bool:
        job = self._jobs[number]
        asked_s = self._clock.boot_s()
        self.counters["polls"] += 1
        try:
            fetched = await self._bus.read(job.device, job.batch)
        except BusError as error:
            self.counters["read_errors"] += 1
            self._failed(number, error, asked_s)
            return False
        self._answered(job.device)
        job.failures = 0
        if job.refused:
            job.refused = False
            self._alarm(f"block_refused:{job.device}/{job.batch}", raised=False)
        self._post(job, fetched)
        return True

    def _post(self, job: Job, fetched: Fetched) -> None:
        self._image.post_block(job.columns, fetched.values, fetched.qualities, fetched.causes, fetched.started_s)
        if not job.watched:
            return
        now_s = self._clock.boot_s()
        for at, name in job.watched:
            value = fetched.values[at]
            if value is not None:
                self._writer.seen(job.device, name, value, started_s=fetched.started_s, now_s=now_s)

    def _failed(self, number: int, error: BusError, asked_s: float) -> None:
        job = self._jobs[number]
        unit = self._units[job.device]
        now_s = self._clock.boot_s()
        if isinstance(error, BusDown):
            self._schedule.sooner(number, now_s)
            self._line_failed(error, now_s, asked_s)
            return
        self._line_answered(now_s)
        self._schedule.sooner(number, asked_s + unit.period_s)
        if isinstance(error, BusRefused) and error.code not in GATEWAY_FAILED:
            self._answered(job.device)
            self._refused(number, error, now_s)
        elif isinstance(error, BusMismatch):
            self._count(job, Cause.MISMATCH, now_s)
        else:
            self._unit_failed(unit, error, now_s, asked_s)

    def _refused(self, number: int, error: BusRefused, now_s: float) -> None:
        job = self._jobs[number]
        if error.code not in ABSENT:
            self._count(job, Cause.BUSY if error.code == BUSY else Cause.SOURCE, now_s)
            return
        self._schedule.delay(number, now_s + self._pacing.quarantine_s)
        self._invalidate([job], Cause.SOURCE, now_s)
        if not job.refused:
            job.refused = True
            self._alarm(f"block_refused:{job.device}/{job.batch}", raised=True, detail=str(error))

    def _count(self, job: Job, cause: Cause, now_s: float) -> None:
        job.failures += 1
        if job.failures >= FAILURES:
            self._invalidate([job], cause, now_s)

    def _invalidate(self, jobs: Iterable[Job], cause: Cause, now_s: float) -> None:
        for job in jobs:
            count = len(job.columns)
            self._image.post_block(job.columns, [None] * count, [Quality.INVALID] * count, [cause] * count, now_s)

    def _answered(self, device: str) -> None:
        now_s = self._clock.boot_s()
        unit = self._units[device]
        dead = all(other.breaker.state is State.OPEN for other in self._units.values())
        self._line_answered(now_s)
        if unit.breaker.answered():
            self._alarm(f"device_offline:{device}", raised=False)
            self._back(unit, now_s)
            for other in self._units.values() if dead else ():
                if other.breaker.state is State.OPEN:
                    other.breaker.hurry(now_s)
                    self._schedule.hurry((other.probe,), now_s)

    def _line_answered(self, now_s: float) -> None:
        if self._breaker.answered():
            self._alarm(f"line_offline:{self._line}", raised=False)
            for unit in self._units.values():
                self._back(unit, now_s)

    def _back(self, unit: Unit, now_s: float) -> None:
        still_open = unit.breaker.state is State.OPEN
        self._schedule.hurry((unit.probe,) if still_open else unit.jobs, now_s)
        self._writer.device_back(unit.id)

    def _unit_failed(self, unit: Unit, error: BusError, now_s: float, asked_s: float) -> None:
        others = [other for other in self._units.values() if other is not unit]
        alone = all(other.breaker.state is State.OPEN for other in others)
        unit.breaker.cap_s = self._pacing.line_cap_s if alone else self._pacing.unit_cap_s
        if unit.breaker.failed(now_s, asked_s=asked_s):
            self._alarm(f"device_offline:{unit.id}", raised=True, detail=str(error))
            self._invalidate((self._jobs[number] for number in unit.jobs), Cause.OFFLINE, now_s)
        if unit.breaker.state is State.OPEN:
            for number in unit.jobs:
                self._schedule.move(number, unit.breaker.next_probe_s if number == unit.probe else inf)
        else:
            for number in unit.jobs:
                self._schedule.delay(number, asked_s + unit.period_s)

    def _line_failed(self, error: BusError, now_s: float, asked_s: float) -> None:
        self._clear_s = now_s + self._pacing.least_wait_s
        if self._breaker.failed(now_s, asked_s=asked_s):
            self._alarm(f"line_offline:{self._line}", raised=True, detail=str(error))
            self._invalidate(self._jobs, Cause.OFFLINE, now_s)

    async def _probe_line(self) -> None:
        units = list(self._units.values())
        unit = units[self._probed % len(units)]
        self._probed += 1
        await self._read(unit.probe)

    async def _carry_out(self, work: Work) -> None:
        asked_s = self._clock.boot_s()
        self.counters["writes"] += 1
        try:
            await self._one_request(work)
        except BusError as error:
            self.counters["write_errors"] += 1
            now_s = self._clock.boot_s()
            self._writer.failed(work, error, now_s)
            if isinstance(error, BusDown):
                self._line_failed(error, now_s, asked_s)
        else:
            if not isinstance(work.step, Until):
                self._writer.done(work, self._clock.boot_s())
        if (number := self._readback.get((work.device, work.control))) is not None:
            self._schedule.hurry((number,), self._clock.boot_s())
        key = f"overruled:{work.device}/{work.control}"
        self._alarm(key, raised=self._writer.fighting(work.device))

    async def _one_request(self, work: Work) -> None:
        step = work.step
        if isinstance(step, Set):
            values = {name: value for name, value in step.writes if isinstance(value, float | int)}
            await self._bus.write(work.device, values, function=work.function)
        elif isinstance(step, Mask):
            await self._bus.change_bits(work.device, step.point, set_bits=step.set_bits, clear_bits=step.clear_bits)
        elif isinstance(step, Until):
            number = self._readback[work.device, step.point]
            self._post(self._jobs[number], await self._bus.read(work.device, self._jobs[number].batch))

    def _add(self, member: Member, rng: random.Random, place: int) -> None:
        first, now_s = len(self._jobs), self._clock.boot_s()
        batches = self._bus.batches(member.id)
        jobs = jobs_of(member, batches, image=self._image, watched=self._writer.watched(member.id))
        for job in jobs:
            number = self._schedule.add(job.period_s, place=place + len(self._units), now_s=now_s)
            self._readback.update({(member.id, name): number for _, name in job.watched})
        self._jobs += jobs
        breaker = Breaker(rng, cap_s=self._pacing.unit_cap_s, pacing=self._pacing)
        self._units[member.id] = unit_of(member.id, jobs, batches, first=first, breaker=breaker)

    def _alarm(self, key: str, *, raised: bool, detail: str = "") -> None:
        if (key in self._raised) == raised:
            return
        if raised:
            self._raised.add(key)
            log.warning("alarm_raised", key=key, error=detail)
        else:
            self._raised.discard(key)
            log.info("alarm_cleared", key=key)
        self._on_alarm(Alarm(key, raised, self._clock.utc_ms(), detail))
