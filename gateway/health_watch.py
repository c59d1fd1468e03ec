"""The task that posts the gateway's own health: gathers it from all parts once a second."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from gateway import health
from gateway.clock import Clock
from gateway.control.watched import meter_point
from gateway.errors import StoreError
from gateway.field.poller import Poller
from gateway.keeper import Keeper
from gateway.loop import Loop
from gateway.model.image import Image
from gateway.model.site import Site
from gateway.uplink.outbox import Outbox

HEALTH_S = 1.0


class Connected(Protocol):
    """What is asked of a link here."""

    @property
    def connected(self) -> bool:
        """There is a session now."""
        ...


class HealthWatch:
    """One per gateway; `run` is its task."""

    def __init__(
        self,
        site: Site,
        image: Image,
        clock: Clock,
        *,
        loop: Loop,
        keeper: Keeper,
        outbox: Outbox,
        pollers: Mapping[str, Poller],
        links: Mapping[str, Connected],
        more: Callable[[], Mapping[str, float | None]],
    ) -> None:
        """`more`: values of parts this one does not know."""
        self._site, self._image, self._clock = site, image, clock
        self._loop, self._keeper, self._outbox = loop, keeper, outbox
        self._pollers, self._links, self._more = pollers, links, more
        self._names = tuple(health.units(site.assets))

    def adopt(self, site: Site) -> None:
        """Take another site over, its points in the image already."""
        self._site, self._names = site, tuple(health.units(site.assets))

    async def run(self) -> None:
        """Post until cancelled."""
        lateness = health.Lateness()
        while True:
            now_s = self._clock.boot_s()
            if alarm := lateness.look(self._loop.pace, now_s=now_s, utc_ms=self._clock.utc_ms()):
                self._keeper.alarm(alarm)
            health.post(self._image, await self._values(now_s), names=self._names, now_s=now_s)
            await asyncio.sleep(HEALTH_S)

    async def _values(self, now_s: float) -> dict[str, float | None]:
        values: dict[str, float | None] = {**health.pace_values(self._loop.pace)}
        values |= health.line_values(poller.health() for poller in self._pollers.values())
        snapshot = self._image.snapshot(now_s)
        values |= self._more()
        values["mode"] = float(health.MODES.index(self._loop.state.mode.mode))
        values["inputs.oldest"] = now_s - snapshot.stored(meter_point(self._site)).measured_s
        values["links.up"] = float(sum(link.connected for link in self._links.values()))
        values["tasks"] = float(len(asyncio.all_tasks()))
        values["fds"] = health.descriptors()
        try:
            outbox = await self._outbox.health()
        except StoreError:
            return values
        values["outbox.depth"] = float(outbox.waiting + outbox.stored)
        values["outbox.dropped"] = float(outbox.dropped)
        values["outbox.oldest"] = 0.0 if outbox.oldest_s is None else now_s - outbox.oldest_s
        return values
