"""The upstream side of one gateway: its links, what arrives on them, who is told what, and the telemetry that is taken.

Requests reach control through `Loop.arrive` whichever link they came by; an answer goes to the link its issuer spoke on,
everything else to all of them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import floor, inf
from pathlib import Path

from gateway import history
from gateway.clock import Clock
from gateway.control.decision import Inputs
from gateway.control.watched import meter_point
from gateway.errors import StoreError
from gateway.keeper import Keeper
from gateway.links import Links
from gateway.log import get_logger
from gateway.loop import Loop
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.plan import Plan
from gateway.model.request import Arrival, Request, Service, Verdict
from gateway.model.site import Link, Site
from gateway.uplink.mqtt import MqttLink
from gateway.uplink.mqtt_session import Times
from gateway.uplink.outbox import Outbox
from gateway.uplink.postbox import Postbox
from gateway.uplink.sampler import Sampler
from gateway.wire.command import Refusal
from gateway.wire.messages import Status

log = get_logger("upstream")

DRAIN_S = 3.0
EARLY = 0.01
"""Part of a look's interval by which it, or a group of polls, may be early (the event loop's timers are) and still be the next."""
OUTLINE_S = 1.0
LOOK_S, LOOK_WAIT_S = 0.2, 0.02
"""Polls start five times a second on all lines together (`field.schedule`); who has not answered by then is not waited for."""
FIRST_S = 0.1
"""After the start most lines have been dialled and have answered by then: telemetry does not begin with thousands of gaps."""
Message = Verdict | Status | Plan | Alarm


class Upstream:
    """Every link of the site; made before the loop runs, its tasks are `edges`."""

    def __init__(self, site: Site, image: Image, outbox: Outbox, keeper: Keeper, clock: Clock, *, state: Path) -> None:
        self._site = site
        self._image = image
        self._outbox = outbox
        self._keeper = keeper
        self._clock = clock
        self._every_s = _every_s(site)
        self._sampler = Sampler(image.specs.values(), every_s=self._every_s)
        self._history = _history(site, state)
        self._issuers: dict[str, str] = {}
        self._outlined: str | None = None
        self._outlined_s = -OUTLINE_S
        self._newest: dict[type[Message], Message] = {}
        """Status and plan as told last: a link that comes later hears them too."""
        self._links = Links(self._made, clock, on_alarm=keeper.alarm)
        self.links = self._links.by_name
        self._look_s = inf
        """The instant of the polls whose answers telemetry is taken from next (boot time)."""
        self._look = asyncio.Event()
        self.heard_s: dict[str, float] = {}
        """Link -> boot time of its newest command or heartbeat."""

    def connect(self, loop: Loop, times: Times) -> None:
        """Make the links; what arrives on them goes to `loop`."""
        self._loop, self._times = loop, times
        self._image.on_post(meter_point(self._site), lambda _point: self._measure())
        self._links.adopt(self._site.links)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start the links in this group."""
        self._links.begin(group)

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """One a link."""
        return self._links.tasks

    async def let_go(self, site: Site) -> None:
        """Say good-bye on the links that this site has not, or has otherwise."""
        await self._links.let_go(site.links)

    def adopt(self, site: Site) -> None:
        """Take another site over; its points are in the image already, and the links that go or change were let go.

        The outbox keeps what is due to the links that go until the site is `kept`: it may come back yet.
        """
        self._outbox.serve(tuple(dict.fromkeys((*self._site.links, *site.links))))
        self._site = site
        for name in self._links.adopt(site.links):
            for message in self._newest.values():
                self.links[name].tell(message)
        self._every_s = _every_s(site)
        self._sampler.respec(self._image.specs.values(), every_s=self._every_s)

    def kept(self, site: Site) -> None:
        """Nothing goes back behind this site any more."""
        self._outbox.serve(tuple(site.links))
        for name in self.heard_s.keys() - site.links.keys():
            del self.heard_s[name]

    def tell(self, message: Message) -> None:
        """An answer to its issuer's link, anything else to all; what people or the site asked is not theirs."""
        if isinstance(message, Status | Plan):
            self._newest[type(message)] = message
        if isinstance(message, Verdict) and ":" in message.issuer:
            return
        if isinstance(message, Verdict) and (name := self._issuers.get(message.issuer)) in self.links:
            self.links[str(name)].tell(message)
            return
        for link in self.links.values():
            link.tell(message)

    def judged(self, verdicts: tuple[Verdict, ...], inputs: Inputs) -> None:
        """Work out the contractual baseline of every event just accepted that came without; milliseconds, once an event."""
        accepted = {verdict.id for verdict in verdicts if verdict.result == "accepted"}
        for arrival in inputs.arrivals if accepted else ():
            request = arrival.request
            known = request is None or request.id not in accepted or request.id == self._outlined
            if request is not None and not known and request.service is Service.DR:
                self._attach(request, arrival.received_ms)

    async def sample(self) -> None:
        """Take telemetry until cancelled: when a group of polls has its answers, at most LOOK_WAIT_S after its instant."""
        await asyncio.sleep(min(FIRST_S, self._every_s))
        while True:
            now_s, every_s = self._clock.boot_s(), min(LOOK_S, self._every_s)
            if taken := self._sampler.take(self._image.snapshot(now_s)):
                self._outbox.add(taken, soon=any(link.connected for link in self.links.values()))
            self._look_s = (floor(now_s / every_s + EARLY) + 1) * every_s
            self._look.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s + LOOK_WAIT_S - now_s):
                    await self._look.wait()

    def polled(self, instant_s: float) -> None:
        """The polls of an instant are answered, each of them: what they gave is in the image."""
        if abs(instant_s - self._look_s) < EARLY * LOOK_S:
            self._look.set()

    async def drain(self) -> None:
        """Commit what was sampled and give the links a moment to deliver it."""
        await asyncio.sleep(0)  # the sampler ends first
        await self._outbox.commit()
        end_s = self._clock.boot_s() + DRAIN_S
        try:
            while self._clock.boot_s() < end_s and any(
                [link.connected and await self._outbox.pending(name, limit=1) for name, link in self.links.items()]
            ):
                await asyncio.sleep(0.05)
                await self._outbox.commit()  # takes over the receipts that came
        except StoreError as exc:
            log.warning("not_drained", error=str(exc))

    def _made(self, link: Link, postbox: Postbox | None) -> MqttLink:
        return MqttLink(
            link,
            self._site.id,
            self._outbox,
            self._clock,
            on_arrival=self._taker(link.id),
            on_refusal=self._refuser(link.id),
            on_alarm=self._keeper.alarm,
            times=self._times,
            postbox=postbox,
        )

    def _taker(self, link: str) -> Callable[[Arrival], None]:
        def arrived(arrival: Arrival) -> None:
            self._issuers[arrival.issuer] = link
            self.heard_s[link] = arrival.received_s
            self._outline(arrival)
            self._loop.arrive(arrival)

        return arrived

    def _refuser(self, link: str) -> Callable[[Refusal], None]:
        def refused(refusal: Refusal) -> None:
            log.warning("command_refused", link=link, id=refusal.id, reason=refusal.reason)
            self._keeper.refused(refusal)
            if refusal.id is not None and link in self.links:
                self.links[link].tell(refusal)

        return refused

    def _outline(self, arrival: Arrival) -> None:
        """Let an event come with its baseline, so that it can be declined; one a second, whatever is sent."""
        request = arrival.request
        if request is None or not history.is_event(request) or arrival.received_s < self._outlined_s + OUTLINE_S:
            return
        self._outlined, self._outlined_s = request.id, arrival.received_s
        self._attach(request, arrival.received_ms)

    def _attach(self, request: Request, notice_ms: int) -> None:
        if (found := history.curve(self._history, request, self._site, notice_ms=notice_ms)) is not None:
            self._loop.attach(found)

    def _measure(self) -> None:
        watts = self._image.newest(meter_point(self._site)).usable
        if watts is not None and (done := self._history.add(self._clock.utc_ms(), watts)) is not None:
            self._keeper.quarter(*done)
            now_ms, waiting = self._clock.utc_ms(), self._loop.state.book.entries
            for curve in history.renewed(self._history, waiting, self._site, now_ms=now_ms):
                self._loop.attach(curve)


def _every_s(site: Site) -> float:
    """How often a value that changes is sampled: as the quickest link has it."""
    return min((link.telemetry_s for link in site.links.values()), default=1.0)


def _history(site: Site, state: Path) -> history.History:
    service = site.services.demand_response
    found = history.History()
    if service is not None and service.history is not None:
        found = history.read_load(service.history, site.timezone)
    history.read_quarters(state / history.NAME, found)
    return found
