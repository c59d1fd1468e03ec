"""The lines of a site while it is commissioned: polled and written by the usual code, and silent towards whom we choose.

A line is one task, as in the daemon. To leave a device alone its line's task is ended and begun again without it; to be
as a gateway that lost its power, all of it is dropped and made anew, so that nothing of what was wanted is left.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.cli import commission_guard
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.field.door import Doors
from gateway.field.open import open_bus
from gateway.field.points import members_of, specs_of
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.model.command import Alarm, Command, Outcome
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId
from gateway.model.site import Site
from gateway.profiles.schema import Profile
from gateway.tasks import ended
from gateway.texts import say

FIRST_READ_S = 30.0
LOOK_S = 0.1


class Lines:
    """Every line of a site; a bench for `cli.proving` too."""

    exact = True
    """What is written to a device is what it must read."""

    def __init__(
        self,
        site: Site,
        profiles: Mapping[str, Profile],
        clock: Clock,
        *,
        group: asyncio.TaskGroup,
        papers: Path,
        writes: bool,
        on_alarm: Callable[[Alarm], None] = lambda _alarm: None,
    ) -> None:
        """`writes` False: nothing is written, not even what a profile prepares its device with."""
        self.site = site
        self.members = {member.id: member for line in members_of(site, profiles).values() for member in line}
        self.outcomes: list[Outcome] = []
        self.silent: frozenset[str] = frozenset()
        """Devices that hear nothing of us now."""
        self._profiles = profiles
        self._clock = clock
        self._group = group
        self._papers = papers
        self._writes = writes
        self._on_alarm = on_alarm
        self._doors = Doors()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hearers: list[Callable[[Outcome], None]] = []
        self.image, self.writer = self._fresh(prepares=writes)

    def now_s(self) -> float:
        """Boot time."""
        return self._clock.boot_s()

    def utc_ms(self) -> int:
        """Time of day."""
        return self._clock.utc_ms()

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        return self.image.snapshot(self._clock.boot_s())

    def texts(self) -> Mapping[PointId, str]:
        """What the devices say in words."""
        return self.image.texts

    async def write(self, commands: Sequence[Command]) -> None:
        """Hand commands to the writer, which refreshes them until their lease ends; Unsafe when one must not be written."""
        if not self._writes:
            raise GatewayError(say("refused.read_only"))
        commission_guard.check(self.site, commands, self.snapshot())
        self.writer.post(commands, self._clock.boot_s())

    def watch(self, devices: Sequence[str]) -> None:
        """Every device is read all the while."""

    async def pass_time(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def hear(self, hearer: Callable[[Outcome], None]) -> None:
        """Tell this one, too, what becomes of commands."""
        self._hearers.append(hearer)

    async def open(self) -> None:
        """Begin on every line."""
        for line in self.site.connections:
            await self._begin(line)

    async def silence(self, devices: Collection[str]) -> None:
        """Ask and tell these devices nothing any more; the others of their lines go on."""
        await self._set_silent(self.silent | frozenset(devices))

    async def resume(self, devices: Collection[str]) -> None:
        """Take them up again."""
        await self._set_silent(self.silent - frozenset(devices))

    async def lose_power(self, devices: Collection[str]) -> None:
        """As `silence`, and forget everything that was wanted: nothing is given back, nothing refreshed."""
        await self.silence(devices)
        await self._end(*self._tasks)
        self.image, self.writer = self._fresh(prepares=False)
        await self.open()

    async def close(self) -> None:
        """End every line."""
        await self._end(*self._tasks)
        self._doors.close()

    async def read_all(self, points: Collection[PointId], *, within_s: float = FIRST_READ_S) -> bool:
        """Wait until each of these was read since now; whether they were."""
        since_s = self._clock.boot_s()
        while self._clock.boot_s() < since_s + within_s:
            snapshot = self.snapshot()
            if all(snapshot.reading(point).measured_s >= since_s for point in points):
                return True
            await asyncio.sleep(LOOK_S)
        return False

    async def _set_silent(self, silent: frozenset[str]) -> None:
        changed, self.silent = silent ^ self.silent, silent
        lines = {self.site.devices[device].connection for device in changed}
        await self._end(*lines)
        for line in lines:
            await self._begin(line)

    async def _end(self, *lines: str) -> None:
        tasks = [self._tasks.pop(line) for line in lines if line in self._tasks]
        await ended(*tasks)

    async def _begin(self, line: str) -> None:
        members = [m for m in self.members.values() if m.device.connection == line and m.id not in self.silent]
        if not members:
            return
        poller = Poller(
            open_bus(self.site.connections[line], members, clock=self._clock, doors=self._doors, papers=self._papers),
            members,
            line=line,
            writer=self.writer,
            image=self.image,
            clock=self._clock,
            on_alarm=self._on_alarm,
            rng=random.Random(line),  # noqa: S311 - jitter of back-off
        )
        self._tasks[line] = self._group.create_task(poller.run(), name=f"line {line}")

    def _fresh(self, *, prepares: bool) -> tuple[Image, Writer]:
        image = Image(specs_of(self.site, self._profiles))
        return image, Writer(list(self.members.values()), tell=self._tell, prepares=prepares)

    def _tell(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        for hearer in self._hearers:
            hearer(outcome)


@asynccontextmanager
async def on_lines(
    site: Site,
    profiles: Mapping[str, Profile],
    clock: Clock,
    *,
    papers: Path,
    writes: bool,
) -> AsyncIterator[Lines]:
    """The lines, not open yet; whatever ends the body ends them, and is raised as it is."""
    failure: GatewayError | None = None  # a group would wrap it
    async with asyncio.TaskGroup() as group:
        lines = Lines(site, profiles, clock, group=group, papers=papers, writes=writes)
        try:
            yield lines
        except GatewayError as exc:
            failure = exc
        finally:
            await lines.close()
    if failure is not None:
        raise failure
