"""MqttLink: the VPP over MQTT. Commands, receipts and heartbeats in; letters first, then telemetry, out.

A session is four tasks: receiving, letters, telemetry, and a clock that notices overdue receipts. Any of them failing
ends the session; then Backoff says when to dial again. Nothing leaves the outbox before its receipt (or, by setting,
before the broker's acknowledgement). The order of sending is: status, plan, acks, alarms; live telemetry; backlog.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiomqtt

from gateway.clock import EARLIEST_UTC_MS, Clock
from gateway.errors import LinkError, StoreError
from gateway.log import get_logger
from gateway.model.command import Alarm
from gateway.model.request import Arrival
from gateway.model.site import Link
from gateway.uplink.backoff import CAP_S, FIRST_S, Backoff
from gateway.uplink.batch import Batch, Span
from gateway.uplink.lanes import RECEIPT_S, Lanes, Ranges
from gateway.uplink.link import OnArrival, OnRefusal
from gateway.uplink.mqtt_session import TRY_S, VERSIONS, SessionEnded, address_of, session, subscribe, translated
from gateway.uplink.outbox import Outbox
from gateway.uplink.postbox import Postbox
from gateway.uplink.window import Window
from gateway.wire.command import Refusal, parse_command
from gateway.wire.messages import Letter, Message, Status, letter, parse_heartbeat, status_payload
from gateway.wire.strictjson import BadJson
from gateway.wire.telemetry import Receipt, Sample, batch_payload, parse_receipt
from gateway.wire.topics import name_of, topic

log = get_logger("mqtt")

PIECE = 250
"""Samples in one message at most: about 15 kB."""
LETTERS_IN_FLIGHT = 4
FAREWELL_S = 2.0
DOWN_AFTER = 3
"""Failed dials before the alarm."""


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a link; tests compress them all by one factor."""

    keepalive_s: int = 15
    answer_s: float = 10.0
    receipt_s: float = RECEIPT_S
    first_s: float = FIRST_S
    cap_s: float = CAP_S
    look_s: float = 1.0
    """How often overdue receipts, an unset clock and a failing disk are looked at."""


class _Piece:
    """One telemetry message of a batch."""

    __slots__ = ("batch", "rest", "samples")

    def __init__(self, batch: Batch, samples: Sequence[Sample], rest: set[int]) -> None:
        self.batch = batch
        self.samples = samples
        self.rest = rest
        """First numbers of the batch's messages that are not acknowledged yet; shared by its pieces."""


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
        on_alarm: Callable[[Alarm], None] = lambda alarm: None,
        times: Times = Times(),  # noqa: B008 - frozen
        draw: Callable[[], float] = random.random,
    ) -> None:
        address_of(link.url)
        self._link = link
        self._site = site_id
        self._outbox = outbox
        self._clock = clock
        self._on_arrival = on_arrival
        self._on_refusal = on_refusal
        self._on_alarm = on_alarm
        self._times = times
        self._topics = {name: topic(site_id, name) for name in ("telemetry", "status", "ack", "plan", "alarm")}
        self._incoming = {topic(site_id, "command"): 1, topic(site_id, "receipt"): 1, topic(site_id, "heartbeat"): 0}
        self._backoff = Backoff(draw, first_s=times.first_s, cap_s=times.cap_s)
        self._versions = deque(VERSIONS[link.version])
        self._patient = len(self._versions) == 1
        self._postbox = Postbox()
        self._lanes = Lanes(receipt_s=times.receipt_s)
        self._acked = Ranges()
        self._window = Window()
        self._letters_due = asyncio.Event()
        self._telemetry_due = asyncio.Event()
        self._live_pieces: deque[_Piece] = deque()
        self._old_pieces: deque[_Piece] = deque()
        self._raised: set[str] = set()
        self.connected = False
        self.sessions = 0
        """Sessions since the start."""
        outbox.on_commit(self._committed)

    def tell(self, message: Message) -> None:
        """Queue one message; never waits. Of status and plan only the newest is kept, and told to every new session."""
        self._postbox.put(letter(message, now_ms=self._clock.utc_ms()))
        self._letters_due.set()

    @property
    def letters(self) -> tuple[int, int]:
        """Letters that wait, and letters dropped since the start."""
        return len(self._postbox), self._postbox.dropped

    async def run(self) -> None:
        """Keep a session until cancelled; a cancelled session says good-bye."""
        while True:
            began_s = self._clock.boot_s()
            wait_s = 0.0
            try:
                await self._session()
            except* SessionEnded as group:
                wait_s = self._ended(_first(group), began_s)
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
        async with session(
            self._link,
            client_id,
            version=version,
            will=will,
            keepalive_s=times.keepalive_s,
            answer_s=times.answer_s if self._patient else min(TRY_S, times.answer_s),
            late=self._message,
        ) as client:
            client.timeout = times.answer_s
            self._patient = True
            await subscribe(client, self._incoming, version=version)
            self._begin()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._receiving(client), name="mqtt-receive")
                    group.create_task(self._writing(client, group), name="mqtt-letters")
                    group.create_task(self._reporting(client, group), name="mqtt-telemetry")
                    group.create_task(self._looking(), name="mqtt-look")
            except asyncio.CancelledError:
                await self._farewell(client)
                raise

    def _begin(self) -> None:
        self.connected = True
        self.sessions += 1
        self._postbox.begin()
        self._lanes.begin()
        self._acked.clear()
        self._window = Window()
        self._live_pieces.clear()
        self._old_pieces.clear()
        self._letters_due.set()
        self._telemetry_due.set()
        self._clear("uplink_down")
        log.info("link_up", link=self._link.id, version=self._versions[0].name)

    def _ended(self, ended: SessionEnded, began_s: float) -> float:
        """Book-keeping after a session or a dial; seconds until the next dial."""
        was_up, self.connected = self.connected, False
        if was_up:
            log.warning("link_down", link=self._link.id, error=str(ended))
            wait_s = self._backoff.ended(lasted_s=self._clock.boot_s() - began_s, taken_over=ended.taken_over)
        else:
            wait_s = self._backoff.failed()
            if ended.wrong_version and len(self._versions) > 1:
                self._versions.rotate(-1)
                self._patient = self._backoff.failures > 1
                return wait_s if self._patient else 0.0
        if self._backoff.failures >= DOWN_AFTER:
            self._alarm("uplink_down", detail=str(ended))
        if self._backoff.contended:
            self._alarm("uplink_contended", detail="another client seems to use our identity")
        else:
            self._clear("uplink_contended")
        return wait_s

    async def _farewell(self, client: aiomqtt.Client) -> None:
        """A clean end: the broker drops the will, so the status says it instead."""
        payload = status_payload(Status(online=False, mode=None, cause="stopped", at_ms=self._clock.utc_ms()))
        with suppress(LinkError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while (one := self._postbox.take()) is not None:
                    await self._publish(client, one)
                await self._publish(client, Letter("status", payload, retain=True))

    async def _publish(self, client: aiomqtt.Client, one: Letter) -> None:
        with translated():
            await client.publish(self._topics[one.name], one.payload, qos=1, retain=one.retain)
        self._postbox.delivered(one)

    # -- in --------------------------------------------------------------------------------------------------------

    async def _receiving(self, client: aiomqtt.Client) -> None:
        with translated():
            async for message in client.messages:
                self._message(message)

    def _message(self, message: aiomqtt.Message) -> None:
        full_topic, retained = message.topic.value, message.retain
        payload = message.payload
        name = name_of(self._site, full_topic)
        try:
            if name == "receipt":
                self._receipt(parse_receipt(payload))
            elif name == "heartbeat":
                self._arrived(Arrival(parse_heartbeat(payload, retained=retained), *self._both_clocks()))
            else:
                self._command(full_topic, payload, retained=retained)
        except BadJson as exc:
            self._on_refusal(Refusal(None, None, exc.reason, f"{name}: {exc.text}"))

    def _command(self, full_topic: str, payload: bytes, *, retained: bool) -> None:
        found = parse_command(payload, full_topic, site=self._site, retained=retained)
        if isinstance(found, Refusal):
            self._on_refusal(found)
        else:
            self._arrived(Arrival(found.issuer, *self._both_clocks(), found))

    def _arrived(self, arrival: Arrival) -> None:
        self._on_arrival(arrival)

    def _both_clocks(self) -> tuple[float, int]:
        return self._clock.boot_s(), self._clock.utc_ms()

    def _receipt(self, receipt: Receipt) -> None:
        ours = self._link.receipts and receipt.box == self._outbox.box
        if ours and self._lanes.receipt(receipt, self._clock.boot_s()):
            self._outbox.confirm(self._link.id, receipt)
            self._telemetry_due.set()

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
            while (one := self._postbox.take()) is None:
                self._letters_due.clear()
                await self._letters_due.wait()
            group.create_task(send(one), name=f"mqtt-{one.name}")

    # -- telemetry -------------------------------------------------------------------------------------------------

    def _committed(self, batches: list[Batch]) -> None:
        if self.connected:
            self._lanes.committed(batches)
        self._telemetry_due.set()

    async def _reporting(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        while True:
            piece = await self._next_piece() if self._window.open else None
            if piece is None:
                self._telemetry_due.clear()
                await self._telemetry_due.wait()
                continue
            self._window.sent()
            group.create_task(self._send(client, piece), name="mqtt-samples")

    async def _next_piece(self) -> _Piece | None:
        """Live before backlog, looked at anew for every message; nothing while the wall clock is not set (F-069)."""
        if self._clock.utc_ms() < EARLIEST_UTC_MS:
            return None
        if not self._live_pieces and (batch := self._lanes.next_live()) is not None:
            self._cut(batch, self._live_pieces, historical=False)
        if self._live_pieces:
            return self._live_pieces.popleft()
        if not self._old_pieces:
            await self._refill()
        return self._old_pieces.popleft() if self._old_pieces else None

    async def _refill(self) -> None:
        """Cut the next batch of the backlog; a disk that does not read now is asked again later."""
        try:
            while self._lanes.backlog_open:
                pending = await self._outbox.pending(self._link.id, after=self._lanes.after)
                if not pending:
                    return
                span = self._lanes.next_backlog(pending)
                batch = await self._outbox.read(span) if span is not None else None
                if batch is not None:
                    return self._cut(batch, self._old_pieces, historical=True)
        except StoreError as exc:
            log.warning("outbox_unreadable", error=str(exc))

    def _cut(self, batch: Batch, pieces: deque[_Piece], *, historical: bool) -> None:
        samples = batch.samples(self._outbox.now(), historical=historical)
        self._lanes.sending(batch.span)
        rest: set[int] = set()
        for at in range(0, len(samples), PIECE):
            part = samples[at : at + PIECE]
            rest.add(part[0].seq)
            pieces.append(_Piece(batch, part, rest))

    async def _send(self, client: aiomqtt.Client, piece: _Piece) -> None:
        began_s = self._clock.boot_s()
        payload = batch_payload(self._outbox.box, piece.batch.span.epoch, piece.samples)
        with translated():
            await client.publish(self._topics["telemetry"], payload, qos=1)
        now_s = self._clock.boot_s()
        self._window.answered(now_s - began_s)
        piece.rest.discard(piece.samples[0].seq)
        if not piece.rest:
            self._lanes.arrived(now_s)
            if not self._link.receipts:
                await self._acknowledged(piece.batch.span, now_s)
        self._telemetry_due.set()

    async def _acknowledged(self, span: Span, now_s: float) -> None:
        """The peer sends no receipts: the broker's acknowledgement stands for one, as far as there is no hole."""
        self._acked.add(*span)
        with suppress(StoreError):
            for oldest in await self._outbox.pending(self._link.id):
                if not self._acked.covers(oldest):
                    break
                receipt = Receipt(self._outbox.box, oldest.epoch, oldest.last)
                self._lanes.receipt(receipt, now_s)
                self._outbox.confirm(self._link.id, receipt)

    async def _looking(self) -> None:
        while True:
            await asyncio.sleep(self._times.look_s)
            with suppress(StoreError):
                waiting = bool(await self._outbox.pending(self._link.id, limit=1))
                if self._lanes.resend(self._clock.boot_s(), unconfirmed=waiting):
                    log.warning("receipts_overdue", link=self._link.id)
            self._telemetry_due.set()

    # -- alarms ----------------------------------------------------------------------------------------------------

    def _alarm(self, cause: str, *, detail: str) -> None:
        if cause not in self._raised:
            self._raised.add(cause)
            self._on_alarm(Alarm(f"{cause}:{self._link.id}", raised=True, at_ms=self._clock.utc_ms(), detail=detail))

    def _clear(self, cause: str) -> None:
        if cause in self._raised:
            self._raised.discard(cause)
            self._on_alarm(Alarm(f"{cause}:{self._link.id}", raised=False, at_ms=self._clock.utc_ms()))


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
