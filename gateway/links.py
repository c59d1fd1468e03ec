"""The links of a running gateway, each a task of its own that is restarted when it fails; they open and close one by one.

A link that is spoken in another way from now on hangs up first; what it is told until its successor is there waits in
its postbox, which the successor takes over.
"""

import asyncio
from collections.abc import Callable, Mapping

from gateway.clock import Clock
from gateway.edges import keep_running
from gateway.model.command import Alarm
from gateway.model.site import Link
from gateway.tasks import ended
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.postbox import Postbox

Make = Callable[[Link, Postbox | None], MqttLink]
"""From a link of the site file and its predecessor's postbox."""


class Links:
    """One per gateway; what is opened before `begin` starts with it."""

    def __init__(self, make: Make, clock: Clock, *, on_alarm: Callable[[Alarm], None]) -> None:
        self.by_name: dict[str, MqttLink] = {}
        """Everybody who looks at links looks here."""
        self._make, self._clock, self._on_alarm = make, clock, on_alarm
        self._spoken: dict[str, Link] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """One a link."""
        return tuple(self._tasks.values())

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start every link in this group; those opened later start at once."""
        self._group = group
        for name in self.by_name:
            self._start(name)

    async def let_go(self, wanted: Mapping[str, Link]) -> None:
        """Say good-bye on every link that is not wanted, or not as it is."""
        await ended(*(task for name, task in self._tasks.items() if self._spoken[name] != wanted.get(name)))

    def adopt(self, wanted: Mapping[str, Link]) -> list[str]:
        """Have exactly these links; those that go or change were let go. The names of those that were not there before."""
        for name in [name for name in self.by_name if name not in wanted]:
            self._leave(name)
        new = [name for name in wanted if name not in self.by_name]
        for name, link in wanted.items():
            if self._spoken.get(name) != link:
                postbox = self._leave(name) if name in self.by_name else None
                self._spoken[name], self.by_name[name] = link, self._make(link, postbox)
                self._start(name)
        return new

    def _leave(self, name: str) -> Postbox:
        """Be done with a link; what it still has to deliver."""
        link = self.by_name.pop(name)
        del self._spoken[name]
        self._tasks.pop(name, None)
        link.close()
        return link.postbox

    def _start(self, name: str) -> None:
        if self._group is not None:
            work = keep_running(f"link:{name}", self.by_name[name].run, self._clock, on_alarm=self._on_alarm)
            self._tasks[name] = self._group.create_task(work, name=f"link:{name}")
