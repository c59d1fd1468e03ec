"""One device served without a daemon, for a moment: its line opened, polled and written by the same code as always."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.field.open import open_bus
from gateway.field.points import member_of, specs_of
from gateway.field.poller import Poller
from gateway.field.writer import Writer
from gateway.model.command import Outcome
from gateway.model.image import Image
from gateway.model.point import PointId, point_id
from gateway.model.reading import Cause
from gateway.model.site import Site
from gateway.oneshot import OneShot, Record
from gateway.profiles.schema import Profile

FIRST_READ_S = 6.0
"""How long the first pass over the wanted points may take."""
WORDS_S = 1.0
LOOK_S = 0.02


@asynccontextmanager
async def alone(
    site: Site,
    profiles: Mapping[str, Profile],
    device: str,
    clock: Clock,
    *,
    wanted: list[PointId],
    record: Record,
    papers: Path | None = None,
) -> AsyncIterator[OneShot]:
    """A OneShot over one device, after its wanted points were read once or FIRST_READ_S passed."""
    configured = site.devices[device]
    member = member_of(configured, profiles)
    image = Image(specs_of(site, profiles))
    hearers: list[OneShot] = []

    def tell(outcome: Outcome) -> None:
        for one in hearers:
            one.hear(outcome)

    writer = Writer([member], tell=tell, prepares=False)
    poller = Poller(
        open_bus(site.connections[configured.connection], [member], clock=clock, papers=papers),
        [member],
        line=configured.connection,
        writer=writer,
        image=image,
        clock=clock,
        on_alarm=lambda _alarm: None,
        rng=random.Random(device),  # noqa: S311 - jitter of back-off
    )
    one_shot = OneShot(site, profiles, image, writer, clock, record=record, steering=False)
    hearers.append(one_shot)
    failure: GatewayError | None = None  # a group would wrap it
    async with asyncio.TaskGroup() as group:
        line = group.create_task(poller.run(), name="line")
        said = [point_id(device, point.name) for point in member.profile.points.values() if point.is_text]
        await _first_read(image, clock, wanted, said=said)
        try:
            yield one_shot
        except GatewayError as exc:
            failure = exc
        finally:
            line.cancel()
    if failure is not None:
        raise failure


async def _first_read(image: Image, clock: Clock, wanted: list[PointId], *, said: list[PointId]) -> None:
    """Until every number was read; what the device says in words may be missing, so it is waited for only a little."""
    end_s, words_s = clock.boot_s() + FIRST_READ_S, inf
    while clock.boot_s() < min(end_s, words_s):
        snapshot = image.snapshot(clock.boot_s())
        if all(snapshot.reading(point).cause is not Cause.NEVER_READ for point in wanted):
            if all(point in image.texts for point in said):
                return
            words_s = min(words_s, clock.boot_s() + WORDS_S)
        await asyncio.sleep(LOOK_S)
