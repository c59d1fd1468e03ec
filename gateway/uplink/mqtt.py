"""MqttLink: the VPP over MQTT. Commands, receipts and heartbeats in; letters first, then telemetry, out.

A session is a few tasks: receiving, letters, telemetry, a watch for overdue receipts. Any of them failing
ends the session; then Backoff says when to dial again. Nothing leaves the outbox before its receipt (or, by setting,
before the broker's acknowledgement). The order of sending is: status, plan, acks, alarms; live telemetry; backlog.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import aiomqtt

from gateway.clock import Clock
from gateway.errors import LinkError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.site import Link
from gateway.texts import say
from gateway.uplink.backoff import Backoff
from gateway.uplink.credentials import Credentials
from gateway.uplink.incoming import Incoming
from gateway.uplink.link import OnArrival, OnRefusal
from gateway.uplink.mqtt_session import (
    TRY_S,
    VERSIONS,
    SessionEnded,
    Times,
    address_of,
    session,
    subscribe,
    translated,
)
from gateway.uplink.mqtt_telemetry import MqttTelemetry
from gateway.uplink.outbox import Outbox
from gateway.uplink.pace import Pace
from gateway.uplink.papers import Papers
from gateway.uplink.postbox import Postbox
from gateway.uplink.resolve import Resolver
from gateway.wire.messages import Letter, Message, Status, letter, status_payload
from gateway.wire.topics import topic

log = get_logger("mqtt")

LETTERS_IN_FLIGHT = 4
FAREWELL_S = 2.0
DOWN_AFTER = 3
"""Failed dials before the alarm."""


class MqttLink:
    """One upstream over MQTT 5 or 3.1.1; `run` is its task."""

    def __init__(
        self,
        link: Link,
        site_id: str,
        outbox: Outbox,
        clock: Clock,
        *,
        on_arrival: OnArrival,
        on_refusal: OnRefusal,
        on_alarm: Callable[[Alarm], None],
        times: Times | None = None,
        draw: Callable[[], float] = random.random,
        postbox: Postbox | None = None,
    ) -> None:
        """`postbox`: what the link before this one was still to deliver, and the newest status and plan."""
        address_of(link.url)
        self._link = link
        self._site = site_id
        self._outbox = outbox
        self._clock = clock
        self._on_alarm = on_alarm
        self._times = times = times or Times()
        self._topics = {name: topic(site_id, name) for name in ("telemetry", "status", "ack", "plan", "alarm")}
        self._backoff = Backoff(draw, first_s=times.first_s, cap_s=times.cap_s)
        self._versions = deque(VERSIONS[link.version])
        self._patient = len(self._versions) == 1
        self.postbox = Postbox() if postbox is None else postbox
        self._telemetry = MqttTelemetry(link, self._topics["telemetry"], outbox, clock, times=times)
        self._incoming = Incoming(
            site_id,
            clock,
            pace=Pace(per_s=times.commands_per_s, burst=times.commands_at_once),
            on_arrival=on_arrival,
            on_refusal=on_refusal,
            on_receipt=self._telemetry.receipt,
            answer=self.tell,
            flooded=self._flooded,
            forged=self._forged,
        )
        self._resolver = Resolver()
        self._papers = Papers(link, clock, every_s=times.papers_s, alarm=self._alarm, clear=self._clear)
        self._letters_due = asyncio.Event()
        self._raised: set[str] = set()
        self.connected = False
        self.sessions = 0
        """Sessions since the start."""

    def tell(self, message: Message) -> None:
        """Queue one message; never waits. Of status and plan only the newest is kept, and told to every new session."""
        self.postbox.put(letter(message, now_ms=self._clock.utc_ms()))
        self._letters_due.set()

    @property
    def letters(self) -> tuple[int, int]:
        """Letters that wait, and letters dropped since the start."""
        return len(self.postbox), self.postbox.dropped

    async def run(self) -> None:
        """Keep a session until cancelled; a cancelled session says good-bye."""
        try:
            await self._sessions()
        finally:
            self.connected = False
            self._telemetry.end()
            self._incoming.close()

    def close(self) -> None:
        """Its task has ended for good: it hears of nothing more, and its alarms do not stand any longer."""
        self._telemetry.close()
        for cause in sorted(self._raised):
            self._clear(cause)

    async def _sessions(self) -> None:
        while True:
            began_s = self._clock.boot_s()
            wait_s = 0.0
            try:
                await self._session()
            except* SessionEnded as group:
                wait_s = self._ended(_first(group), began_s)
            if _cancelled():
                raise asyncio.CancelledError
            await asyncio.sleep(wait_s)

    # -- one session -----------------------------------------------------------------------------------------------

    async def _session(self) -> None:
        times, version = self._times, self._versions[0]
        now_ms = self._clock.utc_ms()
        will = (
            self._topics["status"],
            status_payload(Status(online=False, mode=None, cause="connection_lost", at_ms=now_ms)),
        )
        client_id = f"gateway-{self._site}-{self._link.id}"
        credentials, host = await self._prepare()
        self._incoming.verify = None if credentials.signers is None else credentials.signers.refusal
        async with session(
            self._link,
            client_id,
            credentials=credentials,
            host=host,
            version=version,
            will=will,
            keepalive_s=times.keepalive_s,
            answer_s=times.answer_s if self._patient else min(TRY_S, times.answer_s),
            late=self._incoming.message,
        ) as client:
            client.timeout = times.answer_s
            self._patient = True
            await subscribe(client, self._incoming.topics, version=version)
            self._begin()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._writing(client, group), name="mqtt-letters")
                    group.create_task(self._telemetry.run(client, group), name="mqtt-telemetry")
                    group.create_task(self._telemetry.watch(), name="mqtt-watch")
                    group.create_task(self._settle(), name="mqtt-settle")
                    group.create_task(self._papers.watch(credentials), name="mqtt-papers")
                    # in the body, not as a task: a group that waits in its exit forgets to take back its own
                    # cancellation (Python 3.11), and `_cancelled` could not tell it from one that is meant
                    await self._receiving(client)
            except asyncio.CancelledError:
                await self._farewell(client)
                raise

    async def _prepare(self) -> tuple[Credentials, str]:
        """What a dial needs: credentials as the files are now, and the broker's address."""
        address = address_of(self._link.url)
        try:
            credentials = await self._papers.read()
            return credentials, await self._resolver.address(address.host, address.port, within_s=self._times.resolve_s)
        except SessionEnded:
            raise
        except LinkError as exc:
            raise SessionEnded(str(exc)) from exc

    def _begin(self) -> None:
        self.connected = True
        self.sessions += 1
        self.postbox.begin()
        self._telemetry.begin()
        self._outbox.hurry()  # what was taken before has somebody who waits for it now
        self._letters_due.set()
        log.info("link_up", link=self._link.id, version=self._versions[0].name)

    async def _settle(self) -> None:
        """A link that is back only for a moment is not back."""
        await asyncio.sleep(self._times.first_s)
        self._clear("uplink_down")

    def _ended(self, ended: SessionEnded, began_s: float) -> float:
        """Book-keeping after a session or a dial; seconds until the next dial."""
        was_up, self.connected = self.connected, False
        self._telemetry.end()
        if ended.renewed:
            log.info("credentials_renewed", link=self._link.id)
            wait_s = 0.0
        elif was_up:
            log.warning("link_down", link=self._link.id, error=str(ended))
            wait_s = self._backoff.ended(lasted_s=self._clock.boot_s() - began_s, taken_over=ended.taken_over)
        else:
            wait_s = self._backoff.failed()
            if ended.wrong_version and len(self._versions) > 1:
                self._versions.rotate(-1)
                self._patient = self._backoff.failures > 1
                wait_s = wait_s if self._patient else 0.0
        if self._backoff.failures >= DOWN_AFTER:
            self._alarm("uplink_down", detail=ended.said)
        if self._backoff.contended:
            self._alarm("uplink_contended", detail=say("alarm.uplink_contended"))
        else:
            self._clear("uplink_contended")
        return wait_s

    async def _farewell(self, client: aiomqtt.Client) -> None:
        """A clean end: the broker drops the will, so the status says it instead."""
        payload = status_payload(Status(online=False, mode=None, cause="stopped", at_ms=self._clock.utc_ms()))
        with suppress(LinkError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while (one := self.postbox.take()) is not None:
                    await self._publish(client, one)
                await self._publish(client, Letter("status", payload, retain=True))

    async def _publish(self, client: aiomqtt.Client, one: Letter) -> None:
        with translated():
            await client.publish(self._topics[one.name], one.payload, qos=1, retain=one.retain)
        self.postbox.delivered(one)

    # -- in --------------------------------------------------------------------------------------------------------

    async def _receiving(self, client: aiomqtt.Client) -> None:
        with translated():
            async for message in client.messages:
                self._incoming.message(message)

    # -- letters ---------------------------------------------------------------------------------------------------

    async def _writing(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        places = asyncio.Semaphore(LETTERS_IN_FLIGHT)

        async def send(one: Letter) -> None:
            try:
                await self._publish(client, one)
            finally:
                places.release()

        while True:
            await places.acquire()
            while (one := self.postbox.take()) is None:
                self._letters_due.clear()
                await self._letters_due.wait()
            group.create_task(send(one), name=f"mqtt-{one.name}")

    # -- alarms ----------------------------------------------------------------------------------------------------

    def _flooded(self, who: str | None) -> None:
        if who is None:
            self._clear("command_flood")
        else:
            self._alarm("command_flood", detail=say("alarm.flood", who=who))

    def _forged(self, what: str | None) -> None:
        if what is None:
            self._clear("command_forged")
        else:
            self._alarm("command_forged", detail=say("alarm.forged", what=what))

    def _alarm(self, cause: str, *, detail: str) -> None:
        if cause not in self._raised:
            self._raised.add(cause)
            self._on_alarm(Alarm(f"{cause}:{self._link.id}", raised=True, at_ms=self._clock.utc_ms(), detail=detail))

    def _clear(self, cause: str) -> None:
        if cause in self._raised:
            self._raised.discard(cause)
            self._on_alarm(Alarm(f"{cause}:{self._link.id}", raised=False, at_ms=self._clock.utc_ms()))


def _cancelled() -> bool:
    """Whether this task was cancelled; a task group that fails in the same moment reports only its failure."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(group: BaseExceptionGroup[SessionEnded]) -> SessionEnded:
    """The exception that says most: a takeover if there was one, else the first."""
    leaves: list[SessionEnded] = []
    stack: list[BaseException] = [group]
    while stack:
        one = stack.pop()
        if isinstance(one, BaseExceptionGroup):
            stack.extend(reversed(one.exceptions))
        elif isinstance(one, SessionEnded):
            leaves.append(one)
    return next((leaf for leaf in leaves if leaf.taken_over), leaves[0])
