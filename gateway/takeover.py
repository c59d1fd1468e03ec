"""Takeover: the parts of a running gateway turned from one site to another; who was not touched does not notice.

What may take time happens first, in a thread or while everything runs: the new lines are rehearsed, assets are given back,
the touched devices let go. Then, without a pause and so between two steps, every part takes the new site over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway import fieldview, health
from gateway.clock import Clock
from gateway.config.difference import Difference
from gateway.config.read import Configured
from gateway.control.carry import carried
from gateway.field.bus import Member
from gateway.field.open import open_bus
from gateway.field.points import members_of, specs_of
from gateway.field.writer import Writer
from gateway.handback import hand_back
from gateway.lines import Lines
from gateway.loop import Loop
from gateway.model.image import Image
from gateway.model.point import PointSpec
from gateway.model.site import Site
from gateway.profiles.schema import Profile
from gateway.texts import say
from gateway.uplink.mqtt_session import address_of

Profiles = Mapping[str, Profile]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn needs, worked out before anything is touched."""

    members: Mapping[str, tuple[Member, ...]]
    specs: tuple[PointSpec, ...]


def points_of(site: Site, profiles: Profiles) -> list[PointSpec]:
    """Every point a running gateway has: of its devices, and its own."""
    return [*specs_of(site, profiles), *health.specs(site.assets), *fieldview.specs(site)]


class Takeover:
    """One per gateway; `gateway.reload.Running`."""

    def __init__(
        self,
        lines: Lines,
        writer: Writer,
        image: Image,
        loop: Loop,
        clock: Clock,
        *,
        papers: Path,
        let_go: Callable[[Site], Awaitable[None]],
        adopt: Callable[[Configured], None],
        kept: Callable[[Site], None],
    ) -> None:
        """Of the other parts: `let_go` ends what a site does not want any more, `adopt` hands it to them, `kept` says it stays.

        When `adopt` is called, the image and the lines have the site.
        """
        self._lines, self._writer, self._image, self._loop, self._clock = lines, writer, image, loop, clock
        self._papers, self._others_let_go, self._adopt, self._kept = papers, let_go, adopt, kept

    async def turn(self, now: Configured, then: Configured, changed: Difference) -> None:
        """Take `then` over from `now`."""
        plan = await asyncio.to_thread(self._plan, then, changed)
        if changed.released:
            await hand_back(now.site, changed.released, self._writer, self._lines.pollers, self._clock)
        try:
            await self._others_let_go(then.site)
            await self._let_go(now.site, changed)
            self._hand_over(now.site, then, changed, plan)
        finally:
            self._writer.close(())

    def keep(self, then: Configured) -> None:
        """What runs stays: nothing goes back behind it."""
        self._kept(then.site)

    def online(self, device: str) -> bool:
        """Whether a device is in use."""
        return any(poller.online(device) for poller in self._lines.pollers.values())

    def silent(self, devices: frozenset[str]) -> dict[str, str]:
        """Those of the devices that have not answered since they were touched, and what came instead."""
        found = {}
        for name in sorted(devices):
            poller = self._lines.pollers[self._loop.site.devices[name].connection]
            if not poller.heard(name):
                found[name] = poller.came_of(name) or say("bus.not_asked_yet")
        return found

    def _plan(self, then: Configured, changed: Difference) -> Plan:
        """Work out what is needed; whatever a line or a profile could refuse, it refuses here."""
        members = members_of(then.site, then.profiles)
        touched = [(name, line) for name, line in members.items() if changed.devices or name in changed.lines]
        Writer([member for _, line in touched for member in line], tell=lambda _outcome: None)
        for name, line in touched:
            if line and (name in changed.lines or changed.devices.intersection(member.id for member in line)):
                open_bus(then.site.connections[name], line, clock=self._clock, papers=self._papers)
        for link in then.site.links.values():
            address_of(link.url)
        return Plan(members, tuple(points_of(then.site, then.profiles)))

    async def _let_go(self, site: Site, changed: Difference) -> None:
        for name in sorted(changed.lines):
            await self._lines.close(name)
        async with asyncio.TaskGroup() as group:
            for name, poller in self._lines.pollers.items():
                theirs = [device for device in changed.devices if _line_of(site, device) == name]
                if theirs:
                    group.create_task(poller.leave(theirs), name=f"leave {name}")

    def _hand_over(self, before: Site, then: Configured, changed: Difference, plan: Plan) -> None:
        """Everything at once; there is no await in it."""
        site, new = then.site, then.site.devices.keys() - before.devices.keys()
        for device in changed.moved:
            self._writer.leave(device)
        for line in plan.members.values():
            for member in line:
                if member.id in new or member.id in changed.moved:
                    self._writer.join(member)
        self._image.respec(plan.specs, anew=changed.moved | new)
        for name, poller in self._lines.pollers.items():
            poller.replan()
            poller.join([member for member in plan.members[name] if member.id in changed.devices])
        for name, line in plan.members.items():
            if name in changed.lines:
                self._lines.open(site.connections[name], line)
        state, now_s = self._loop.state, self._clock.boot_s()
        self._loop.adopt(
            site, carried(state, before, site, released=changed.released, moved=changed.moved, now_s=now_s)
        )
        self._adopt(then)


def _line_of(site: Site, device: str) -> str | None:
    found = site.devices.get(device)
    return None if found is None else found.connection
