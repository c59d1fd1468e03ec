"""Express: the ordinary polls of a line, begun and taken in while the line's task rests.

The wheel calls when something is due; requests go out at once, answers are taken in where they arrive, and the next read
that is due follows from there: no task is woken and no future made for it. Whatever is not ordinary (a write that waits,
a failure, a read the bus cannot begin, somebody who wants the task) ends the rest, once nothing is under way any more.

This is the hottest code of the gateway: every poll of every device goes through `_called`, `_ask` and `_answered` once.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from gateway.clock import Clock
from gateway.field.bus import Bus, Columns, Done, Shortcut
from gateway.field.roster import Job
from gateway.field.schedule import Schedule
from gateway.field.wheel import EARLY_S, Group, Wheel

Take = Callable[[int, Columns, float, float, float], bool]
"""Takes in what job `number` gave, asked at, took, now; False: the task must read it once more."""
Left = tuple[int, float | None]
"""A job the task must read, and when it was asked already, if it was."""

LOOK_S = 2.0
"""How often a line is looked at as a whole."""


class Express:
    """One line."""

    __slots__ = (
        "_booked_s",
        "_bus",
        "_clock",
        "_depth",
        "_group",
        "_jobs",
        "_left",
        "_look",
        "_look_s",
        "_schedule",
        "_sleeper",
        "_take",
        "_under_way",
        "_wanted",
        "_ways",
        "_wheel",
        "until_s",
    )

    def __init__(
        self,
        bus: Bus,
        jobs: Sequence[Job],
        schedule: Schedule,
        *,
        wheel: Wheel,
        clock: Clock,
        take: Take,
        look: Callable[[float], None],
    ) -> None:
        """`look` looks at the line as a whole."""
        self.until_s = -inf
        """The task is needed from then on: something may be written."""
        self._bus = bus
        self._depth = bus.depth
        self._jobs = jobs
        self._schedule = schedule
        self._wheel = wheel
        self._clock = clock
        self._take = take
        self._look = look
        self._look_s = -inf
        self._ways: list[tuple[Shortcut | None, Done]] = []
        """By job: how it is begun, who is told of its answer."""
        self._under_way = 0
        self._group: Group | None = None
        """The one we were called in, as long as we ask for what is due then."""
        self._left: list[Left] = []
        self._wanted = False
        self._booked_s = inf
        self._sleeper: asyncio.Future[None] | None = None

    async def rest(self, now_s: float) -> list[Left]:
        """Begin what is due, and what will be, until the task is needed; what it must read itself."""
        self._wanted = False
        self._sleeper = asyncio.get_running_loop().create_future()
        self._ask(now_s)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
        left, self._left = self._left, []
        return left

    def wake(self) -> None:
        """End the rest as soon as nothing is under way."""
        self._wanted = True
        if not self._under_way:
            self._end()

    def look_around(self, now_s: float) -> None:
        """Look at the line as a whole, now and then."""
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._look(now_s)

    def _called(self, now_s: float) -> None:
        if now_s + EARLY_S < self._booked_s:
            return  # a booking that an earlier one has overtaken
        self._booked_s = inf
        if self._sleeper is None or self._under_way:
            return
        if now_s >= self._look_s:
            self.look_around(now_s)
        if self._group is None:
            self._group = self._wheel.join()
        self._go_on(now_s)

    def _go_on(self, now_s: float) -> None:
        if self._left or self._wanted or self.until_s <= now_s + EARLY_S:
            if not self._under_way:
                self._end()
        else:
            self._ask(now_s)

    def _ask(self, now_s: float) -> None:
        """Ask for what is due, as much at a time as the device allows; with nothing due, have us called."""
        soon_s = now_s + EARLY_S
        while self._under_way < self._depth:
            number = self._schedule.take(soon_s)
            if number is None:
                break
            if number >= len(self._ways):
                self._find_ways()
            short, done = self._ways[number]
            if short is None or not short.begin(done, now_s):
                self._left.append((number, None))
                break
            self._under_way += 1
        if self._under_way:
            return
        if self._left:
            self._end()
            return
        if (group := self._group) is not None:
            self._group = None
            self._wheel.leave(group)
        due_s = self._schedule.next_due_s()
        due_s = min(due_s, self.until_s)
        if due_s < self._booked_s:
            self._booked_s = due_s
            self._wheel.book(due_s, self._called)

    def _answered(self, number: int, columns: Columns | None, started_s: float, took_s: float) -> None:
        self._under_way -= 1
        now_s = self._clock.boot_s()
        taken = False
        try:
            taken = columns is not None and self._take(number, columns, started_s, took_s, now_s)
        finally:  # what fails here fails again in the task, and is its supervisor's
            if not taken:
                self._left.append((number, started_s if columns is None else None))
            if self._sleeper is not None:
                self._go_on(now_s)

    def _find_ways(self) -> None:
        for number, job in enumerate(self._jobs[len(self._ways) :], len(self._ways)):
            short = None if job.gone else self._bus.shortcut(job.device, job.batch)
            self._ways.append((short, partial(self._answered, number)))

    def _end(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
