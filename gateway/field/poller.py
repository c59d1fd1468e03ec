"""Poller: the one owner of a line: writes first, then the reads that are due; `standing` says what comes of them.

Reads that are due together travel together: one after the other without a pause or, where the device allows several
requests at a time, side by side. What a write concerns is read at once. The task does writes, probes and what went wrong;
while it rests, the ordinary polls go by `express`.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from gateway.clock import Clock
from gateway.errors import BusDown, BusError
from gateway.field.alarms import Alarms
from gateway.field.breaker import PACING, Breaker, Pacing, State
from gateway.field.bus import Bus, Columns, Fetched, Member
from gateway.field.express import Express
from gateway.field.roster import Job, Unit, jobs_of, unit_of
from gateway.field.schedule import Schedule
from gateway.field.standing import Standing
from gateway.field.tap import Frame, Tap
from gateway.field.wheel import LEAST_SLEEP_S, Wheel
from gateway.field.writer import Work, Writer
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.point import point_id
from gateway.profiles.codec import listed
from gateway.profiles.schema import Mask, Set, Until

MOST_WRITES_IN_A_ROW = 8


@dataclass(frozen=True, slots=True)
class LineFigures:
    """What a line's health is made of, by name; `units` by device."""

    line: dict[str, float]
    units: dict[str, dict[str, float]]


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
        wheel: Wheel | None = None,
    ) -> None:
        """Lines of one process share a `wheel`, so that their polls start together."""
        self.counters: Counter[str] = Counter()
        """polls, missed, read_errors, writes, write_errors; with the bus's own in `health`."""
        self._bus = bus
        self._line = line
        self._rng, self._pacing, self._place = rng, pacing, place
        self._writer = writer
        self._image = image
        self._clock = clock
        self._schedule = Schedule()
        self._jobs: list[Job] = []
        self._readback: dict[tuple[str, str], int] = {}
        self._writes_in_a_row = 0
        self._troubles: set[str] = set()
        self._tap: Tap | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._doubted: dict[int, Fetched] = {}
        """By job, what looked torn and must be read again."""
        self._express = Express(
            bus,
            self._jobs,
            self._schedule,
            wheel=wheel or Wheel(clock),
            clock=clock,
            take=self._take,
            look=self._look,
        )
        self._running = False
        self._leaving: set[str] = set()
        self._left = asyncio.Event()
        self._alarms = Alarms(on_alarm, clock, scale=pacing.scale)
        units = [self._add(member, place + at) for at, member in enumerate(members)]
        self._standing = Standing(
            line,
            self._jobs,
            units,
            schedule=self._schedule,
            image=image,
            alarms=self._alarms,
            pacing=pacing,
            rng=rng,
            on_back=self._back,
        )

    def health(self) -> dict[str, int]:
        """Every counter of the line."""
        return {**self._bus.counters, **self.counters, "missed": self._schedule.missed}

    def figures(self, now_s: float) -> LineFigures:
        """How the line and each of its units do."""
        health = self._standing.health
        load = health.load(now_s)
        line = {name: float(count) for name, count in self.health().items()}
        line |= health.totals() | ({} if load is None else {"load": load})
        line["online"] = float(self._standing.breaker.state is not State.OPEN)
        units = {
            name: {**unit.figures(now_s), "online": float(self.online(name)), **self._writer.wear(name, now_s)}
            for name, unit in health.units.items()
        }
        return LineFigures(line, units)

    def trace(self, after: int) -> Sequence[Frame]:
        """The bytes on the line after this number; looking switches the tap on, not looking for a while off."""
        if self._tap is None:
            self._tap = Tap(self._clock)
            self._bus.tap(self._tap)
        return self._tap.since(after)

    def online(self, device: str) -> bool:
        """Whether a device is in use."""
        return self._standing.is_online(device)

    async def run(self) -> None:
        """Serve the line until cancelled."""
        for device in self._standing.units:
            self._writer.watch(device, self.wake)
        self._running = True
        try:
            while True:
                if self._leaving:
                    self._let_go()
                await self._turn(self._clock.boot_s())
        finally:
            self._running = False
            self._let_go()
            await self._bus.close()

    def join(self, members: Iterable[Member]) -> None:
        """Serve these devices too; they are read as soon as the line is free."""
        for member in members:
            self._bus.join(member)
            self._standing.join(self._add(member, self._place + len(self._standing.units)))
            self._writer.watch(member.id, self.wake)
        self._end_sleep()

    async def leave(self, devices: Iterable[str]) -> None:
        """Serve these devices no more; returns when nothing of theirs is under way. One device at least stays."""
        self._leaving |= self._standing.units.keys() & set(devices)
        if not self._leaving:
            return
        self._left.clear()
        self._end_sleep()
        if not self._running:
            self._let_go()
        await self._left.wait()

    def replan(self) -> None:
        """The image has other columns: look them up again."""
        for unit in self._standing.units.values():
            batches = self._bus.batches(unit.id)
            for job in (self._jobs[number] for number in unit.jobs):
                job.columns = self._image.columns(point_id(unit.id, name) for name in batches[job.batch].points)

    def silence(self) -> None:
        """The line is closed: nothing stands of it any more."""
        self._alarms.forget()

    def came_of(self, device: str) -> str:
        """What the reads of a device came to that did not succeed, by kind of error."""
        health = self._standing.health.units.get(device)
        return "" if health is None else ", ".join(f"{count} {kind}" for kind, count in sorted(health.errors.items()))

    def heard(self, device: str) -> bool:
        """Whether a device has answered a read since it joined."""
        health = self._standing.health.units.get(device)
        return health is not None and health.good_s is not None

    def wake(self) -> None:
        """There is something to write."""
        self._express.until_s = -inf
        self._end_sleep()

    async def _turn(self, now_s: float) -> None:
        standing = self._standing
        self._express.look_around(now_s)
        if standing.breaker.state is State.OPEN:
            if standing.breaker.allows(now_s):
                await self._read(standing.probe())
            else:
                await self._sleep(standing.breaker.next_probe_s - now_s)
        elif now_s < standing.clear_s:
            await self._sleep(standing.clear_s - now_s)
        elif (work := self._next_write(now_s)) is not None:
            self._writes_in_a_row += 1
            await self._carry_out(work)
        else:
            await self._rest(now_s)

    def _next_write(self, now_s: float) -> Work | None:
        if now_s < self._express.until_s:
            return None
        if self._writes_in_a_row >= MOST_WRITES_IN_A_ROW and self._schedule.next_due_s() <= now_s:
            return None
        online = self._standing.online
        work = self._writer.take(online, now_s)
        if work is None:
            self._express.until_s = self._writer.next_due_s(online, now_s)
        return work

    async def _rest(self, now_s: float) -> None:
        """Nothing is to be written: polls go by themselves until something needs the task."""
        self._writes_in_a_row = 0
        if self._bus.hangs_up and self._schedule.next_due_s() > now_s:
            await self._bus.close()
        for number, asked_s in await self._express.rest(now_s):
            if self._standing.clear_s > self._clock.boot_s():
                self._schedule.hurry((number,), now_s)
            else:
                await self._read(number, asked_s=asked_s)

    async def _sleep(self, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = loop.call_later(max(for_s, LEAST_SLEEP_S), self._end_sleep) if for_s < inf else None
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer is not None:
                timer.cancel()

    def _end_sleep(self) -> None:
        self._express.wake()
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    def _take(self, number: int, columns: Columns, started_s: float, took_s: float, now_s: float) -> bool:
        """Take in a poll that went by itself; False: it looks torn and must be read again."""
        job = self._jobs[number]
        if job.past is not None or job.watched:
            columns = listed(columns)
        if job.past is not None:
            fetched = Fetched(*columns, started_s, took_s)
            if job.past.suspicious(fetched):
                self._doubted[number] = fetched
                return False
            fetched = job.past.judged(fetched, started_s)
            columns = fetched.columns
        if job.eyes:
            columns = self._standing.seen(number, columns, now_s)
        self.counters["polls"] += 1
        self._standing.answered(number, now_s, asked_s=started_s, took_s=took_s)
        values, qualities, causes = columns
        self._image.post_block(job.columns, values, qualities, causes, started_s)
        if job.watched:
            self._show(job, values, started_s, now_s)
        return True

    async def _read(self, number: int, *, asked_s: float | None = None) -> None:
        """Read by the task; `asked_s`: it was begun already, and must be ended."""
        job = self._jobs[number]
        if asked_s is None:
            asked_s = self._clock.boot_s()
        self.counters["polls"] += 1
        try:
            fetched = await self._bus.read(job.device, job.batch)
            if job.past is not None:
                fetched = await self._held_against_past(number, fetched)
        except BusError as error:
            self.counters["read_errors"] += 1
            now_s = self._clock.boot_s()
            self._standing.health.busy(asked_s, now_s)
            self._standing.failed(number, error, now_s, asked_s=asked_s)
            return
        now_s = self._clock.boot_s()
        self._standing.answered(number, now_s, asked_s=asked_s, took_s=fetched.took_s)
        if job.eyes:
            fetched = replace(fetched, causes=self._standing.seen(number, fetched.columns, now_s)[2])
        self._post(job, fetched, now_s)
        if fetched.texts:
            self._image.texts.update({point_id(job.device, name): text for name, text in fetched.texts.items()})

    async def _held_against_past(self, number: int, fetched: Fetched) -> Fetched:
        """The batch with what its past says against it; one that looks torn is read again first (F-031)."""
        job, first = self._jobs[number], self._doubted.pop(number, None)
        past = job.past
        assert past is not None
        if first is not None:
            self.counters["read_again"] += 1
        elif past.suspicious(fetched):
            self.counters["read_again"] += 1
            first, fetched = fetched, await self._bus.read(job.device, job.batch)
        return past.judged(fetched, fetched.started_s, first=first)

    def _post(self, job: Job, fetched: Fetched, now_s: float) -> None:
        self._image.post_block(job.columns, *fetched.columns, fetched.started_s)
        self._show(job, fetched.values, fetched.started_s, now_s)

    def _show(self, job: Job, values: Sequence[float | None], started_s: float, now_s: float) -> None:
        """Show the writer what it watches."""
        for at, name in job.watched:
            value = values[at]
            if value is not None:
                self._writer.seen(job.device, name, value, started_s=started_s, now_s=now_s)
                self._express.until_s = -inf

    def _back(self, device: str) -> None:
        """A device answers again after it was away."""
        self._writer.device_back(device)
        self._express.until_s = -inf

    def _look(self, now_s: float) -> None:
        """Raise and clear the alarms of what is wrong with the line for longer."""
        if self._tap is not None and self._tap.forgotten(now_s):
            self._tap = None
            self._bus.tap(None)
        self._alarms.settle()
        found = self._bus.trouble()
        for name in self._troubles | found.keys():
            self._alarms.set(f"{name}:{self._line}", raised=name in found, detail=found.get(name, ""))
        self._troubles = set(found)
        for device in self._standing.units:
            self._tell_troubles(device, now_s)

    def _tell_troubles(self, device: str, now_s: float) -> None:
        for key, detail in self._writer.troubles(device, now_s).items():
            self._alarms.set(key, raised=bool(detail), detail=detail)

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
                self._standing.line_failed(error, now_s, asked_s=asked_s)
        else:
            now_s = self._clock.boot_s()
            if not isinstance(work.step, Until):
                self._writer.done(work, now_s)
        self._standing.health.busy(asked_s, now_s)
        if (number := self._readback.get((work.device, work.control))) is not None:
            self._schedule.hurry((number,), now_s)
        self._tell_troubles(work.device, now_s)

    async def _one_request(self, work: Work) -> None:
        step = work.step
        if isinstance(step, Set):
            values = {name: value for name, value in step.writes if isinstance(value, float | int)}
            await self._bus.write(work.device, values, function=work.function)
        elif isinstance(step, Mask):
            await self._bus.change_bits(
                work.device, step.point, set_bits=step.set_bits, clear_bits=step.clear_bits, function=work.function
            )
        elif isinstance(step, Until):
            job = self._jobs[self._readback[work.device, step.point]]
            self._post(job, await self._bus.read(work.device, job.batch), self._clock.boot_s())

    def _let_go(self) -> None:
        """Forget the devices that leave; the numbers of their jobs stay taken."""
        for device in self._leaving:
            unit = self._standing.leave(device)
            for number in unit.jobs:
                self._jobs[number].columns, self._jobs[number].gone = (), True
                self._schedule.move(number, inf)
            self._readback = {key: number for key, number in self._readback.items() if key[0] != device}
            self._bus.leave(device)
            self._alarms.forget(device)
        self._leaving.clear()
        self._left.set()

    def _add(self, member: Member, place: int) -> Unit:
        first, now_s = len(self._jobs), self._clock.boot_s()
        batches = self._bus.batches(member.id)
        jobs = jobs_of(member, batches, image=self._image, watched=self._writer.watched(member.id))
        for job in jobs:
            number = self._schedule.add(job.period_s, place=place, now_s=now_s)
            self._readback.update({(member.id, name): number for _, name in job.watched})
        self._jobs += jobs
        breaker = Breaker(self._rng, cap_s=self._pacing.unit_cap_s, pacing=self._pacing)
        return unit_of(member, jobs, batches, first=first, breaker=breaker, scale=self._pacing.scale)
