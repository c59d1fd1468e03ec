"""The lines of a running gateway, each a task of its own that is restarted when it fails; they open and close one by one."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.edges import keep_running
from gateway.field.breaker import Pacing
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.field.poller import Poller
from gateway.field.wheel import Wheel
from gateway.field.writer import Writer
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.site import Connection
from gateway.tasks import ended

if TYPE_CHECKING:
    from gateway.field.door import Doors


class Lines:
    """One per gateway; what is opened before `begin` starts with it."""

    def __init__(
        self,
        writer: Writer,
        image: Image,
        clock: Clock,
        *,
        on_alarm: Callable[[Alarm], None],
        on_answered: Callable[[float], None],
        pacing: Pacing,
        papers: Path,
    ) -> None:
        """`on_answered` is told the instant of each group of polls when the last of its answers is in the image."""
        self.pollers: dict[str, Poller] = {}
        """By connection; everybody who looks at lines looks here."""
        self._writer, self._image, self._clock = writer, image, clock
        self._on_alarm, self._pacing, self._papers = on_alarm, pacing, papers
        self._wheel = Wheel(clock, on_answered=on_answered)
        self._doors: Doors | None = None
        self._opened = 0
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """One a line."""
        return tuple(self._tasks.values())

    def open(self, connection: Connection, members: Sequence[Member]) -> None:
        """Serve these devices over this connection; one without devices is left alone."""
        place, self._opened = self._opened, self._opened + 1
        if not members:
            return
        if connection.dials_in and self._doors is None:
            from gateway.field.door import Doors  # where devices call us

            self._doors = Doors()
        self.pollers[connection.id] = Poller(
            open_bus(connection, members, clock=self._clock, doors=self._doors, papers=self._papers),
            members,
            line=connection.id,
            writer=self._writer,
            image=self._image,
            clock=self._clock,
            on_alarm=self._on_alarm,
            pacing=self._pacing,
            rng=random.Random(connection.id),  # noqa: S311 - jitter of back-off
            place=place,
            wheel=self._wheel,
        )
        self._start(connection.id)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start every line in this group; those opened later start at once."""
        self._group = group
        for name in self.pollers:
            self._start(name)

    async def close(self, name: str) -> None:
        """Hang up and serve its devices no more; nothing stands of them afterwards."""
        poller = self.pollers.pop(name, None)
        if (task := self._tasks.pop(name, None)) is not None:
            await ended(task)
        if poller is not None:
            poller.silence()

    def leave(self) -> None:
        """Listen for nobody any more; the tasks have ended."""
        if self._doors is not None:
            self._doors.close()

    def _start(self, name: str) -> None:
        if self._group is not None:
            run = self.pollers[name].run
            work = keep_running(f"line:{name}", run, self._clock, on_alarm=self._on_alarm)
            self._tasks[name] = self._group.create_task(work, name=f"line:{name}")
