"""A poller at work: everything around one line, or several, for tests on real sockets."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.clock import SystemClock
from gateway.field.breaker import PACING
from gateway.field.bus import Bus, Member
from gateway.field.open import open_bus
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.model.command import Alarm, Command, Fate, Outcome
from gateway.model.image import Image
from gateway.model.point import point_id
from gateway.model.reading import Reading
from gateway.model.site import Connection
from tests.field import things

FACTOR = 20.0
"""All times of FAULTS.md divided by this."""


@dataclass
class Rig:
    clock: SystemClock
    image: Image
    writer: Writer
    outcomes: list[Outcome]
    alarms: list[Alarm]
    pollers: list[Poller] = field(default_factory=list)

    def reading(self, device: str, name: str) -> Reading:
        return self.image.snapshot(self.clock.boot_s()).reading(point_id(device, name))

    def command(self, device: str, value: float | None, *, for_s: float = 60.0, control: str = "limit") -> None:
        now_s = self.clock.boot_s()
        self.writer.post([Command(device, control, value, "test", now_s, now_s + for_s)], now_s)

    def fates(self, device: str = "thing") -> list[Fate]:
        return [outcome.fate for outcome in self.outcomes if outcome.device == device]


async def until(true: Callable[[], bool], *, within_s: float) -> float:
    """Wait until it holds; how long that took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not true():
        assert loop.time() - began_s < within_s, f"not within {within_s} s"
        await asyncio.sleep(0.002)
    return loop.time() - began_s


@asynccontextmanager
async def polling(
    *lines: tuple[Connection | Bus, list[Member]], factor: float = FACTOR, stale_after_s: float = 60.0
) -> AsyncIterator[Rig]:
    clock = SystemClock()
    members = [member for _, line in lines for member in line]
    image = Image(things.specs(*members, stale_after_s=stale_after_s))
    outcomes: list[Outcome] = []
    alarms: list[Alarm] = []
    rig = Rig(clock, image, Writer(members, tell=outcomes.append), outcomes, alarms)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, (line, its) in enumerate(lines):
            bus = open_bus(line, its, clock=clock) if isinstance(line, Connection) else line
            poller = Poller(
                bus,
                its,
                line=f"line{number}",
                writer=rig.writer,
                image=image,
                clock=clock,
                on_alarm=alarms.append,
                rng=random.Random(number),
                pacing=PACING.compressed(factor),
            )
            rig.pollers.append(poller)
            tasks.append(group.create_task(poller.run(), name=f"poll line{number}"))
        try:
            yield rig
        finally:
            for task in tasks:
                task.cancel()
