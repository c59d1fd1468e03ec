"""A self-test's bench on the real lines: the asset's devices and the site meter, polled and written by the usual code."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from gateway.clock import Clock
from gateway.control.kinds import inputs_of
from gateway.control.watched import meter_point
from gateway.errors import GatewayError
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.field.points import member_of, specs_of
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.model.command import Command
from gateway.model.image import Image, Snapshot
from gateway.model.point import device_of
from gateway.model.site import Asset, Site
from gateway.profiles.schema import Profile


class LineBench:
    """The devices of one asset on their lines, in real time."""

    def __init__(self, image: Image, writer: Writer, clock: Clock) -> None:
        self._image = image
        self._writer = writer
        self._clock = clock

    def now_s(self) -> float:
        """Boot time."""
        return self._clock.boot_s()

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        return self._image.snapshot(self._clock.boot_s())

    async def write(self, commands: Sequence[Command]) -> None:
        """Hand commands to the writer, which refreshes them until their lease ends."""
        self._writer.post(commands, self._clock.boot_s())

    async def pass_time(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@asynccontextmanager
async def on_lines(site: Site, profiles: Mapping[str, Profile], asset: Asset, clock: Clock) -> AsyncIterator[LineBench]:
    """A bench while its lines are open; every other device of the site is left alone."""
    devices = dict.fromkeys(device_of(point) for point in (meter_point(site), *inputs_of(asset)))
    by_line: dict[str, list[Member]] = {}
    for device in devices:
        member = member_of(site.devices[device], profiles)
        by_line.setdefault(site.devices[device].connection, []).append(member)
    image = Image(specs_of(site, profiles))
    writer = Writer([member for members in by_line.values() for member in members], tell=lambda _outcome: None)
    failure: GatewayError | None = None  # a group would wrap it
    async with asyncio.TaskGroup() as group:
        lines = [
            group.create_task(
                Poller(
                    open_bus(site.connections[line], members, clock=clock),
                    members,
                    line=line,
                    writer=writer,
                    image=image,
                    clock=clock,
                    on_alarm=lambda _alarm: None,
                    rng=random.Random(line),  # noqa: S311 - jitter of back-off
                ).run(),
                name=f"line {line}",
            )
            for line, members in by_line.items()
        ]
        try:
            yield LineBench(image, writer, clock)
        except GatewayError as exc:
            failure = exc
        finally:
            for task in lines:
                task.cancel()
    if failure is not None:
        raise failure
