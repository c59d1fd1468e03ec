"""Telemetry of one MQTT link: live batches first, the backlog oldest first, cut into messages, a few in flight.

Nothing leaves the outbox before its receipt or, where the peer sends none by setting, before the broker's
acknowledgement of everything up to it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import aiomqtt

from gateway.clock import EARLIEST_UTC_MS, Clock
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.model.site import Link
from gateway.uplink.batch import Batch, Span
from gateway.uplink.lanes import Lanes, Ranges
from gateway.uplink.mqtt_session import Times, translated
from gateway.uplink.outbox import Outbox
from gateway.uplink.window import Window
from gateway.wire.telemetry import Receipt, Sample, batch_payload

log = get_logger("mqtt")

PIECE, WIDE_PIECE = 250, 1000
"""Samples in one message at most: about 15 kB; live ones on a link that has answered fast for a while, about 60 kB."""


class _Piece:
    """One message of a batch; `rest` is shared by all of them: first numbers not yet acknowledged."""

    __slots__ = ("rest", "samples", "span")

    def __init__(self, span: Span, samples: Sequence[Sample], rest: set[int]) -> None:
        self.span = span
        self.samples = samples
        self.rest = rest


class MqttTelemetry:
    """The telemetry side of a link; `run` and `watch` are tasks of each session."""

    def __init__(self, link: Link, full_topic: str, outbox: Outbox, clock: Clock, *, times: Times) -> None:
        self._link = link
        self._topic = full_topic
        self._outbox = outbox
        self._clock = clock
        self._look_s = times.look_s
        self._lanes = Lanes(receipt_s=times.receipt_s)
        self._acked = Ranges()
        self._told: Receipt | None = None
        """The last that an acknowledgement stood for on this session."""
        self._window = Window()
        self._due = asyncio.Event()
        self._live: deque[_Piece] = deque()
        self._old: deque[_Piece] = deque()
        self._up = False
        self._readable = True
        self._backlog = True
        """The outbox may hold something older to send; looked up again now and then."""
        outbox.on_commit(self._committed)

    def begin(self) -> None:
        """A new session: nothing of it is in flight, and nobody knows what arrived on the last one."""
        self._up = True
        self._lanes.begin()
        self._acked.clear()
        self._told = None
        self._window = Window()
        self._live.clear()
        self._old.clear()
        self._backlog = True
        self._due.set()

    def end(self) -> None:
        """The session is over: what is committed from now on is backlog."""
        self._up = False

    def close(self) -> None:
        """Hear of no commit any more."""
        self._outbox.off_commit(self._committed)

    def receipt(self, receipt: Receipt) -> None:
        """The peer holds everything up to a number."""
        ours = self._link.receipts and receipt.box == self._outbox.box
        if ours and self._lanes.receipt(receipt, self._clock.boot_s()):
            self._outbox.confirm(self._link.id, receipt)
            self._due.set()

    async def run(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        """Send as long as the window is open and there is something to send."""
        while True:
            piece = await self._next() if self._window.open else None
            if piece is None:
                self._due.clear()
                await self._due.wait()
                continue
            self._window.sent()
            group.create_task(self._send(client, piece), name="mqtt-samples")

    async def watch(self) -> None:
        """Notice overdue receipts; also wakes the sender, for a clock that was set or a disk that reads again."""
        while True:
            await asyncio.sleep(self._look_s)
            with suppress(StoreError):
                waiting = bool(await self._outbox.pending(self._link.id, limit=1))
                if self._lanes.resend(self._clock.boot_s(), unconfirmed=waiting):
                    log.warning("receipts_overdue", link=self._link.id)
            self._backlog = True
            self._due.set()

    def _committed(self, batches: list[Batch]) -> None:
        if self._up and self._lanes.committed(batches):
            self._backlog = True
        self._due.set()

    async def _next(self) -> _Piece | None:
        """Live before backlog, looked at anew for every message; nothing while the wall clock is not set (F-069)."""
        if self._clock.utc_ms() < EARLIEST_UTC_MS:
            return None
        if not self._live and (batch := self._lanes.next_live()) is not None:
            self._cut(batch, self._live, historical=False)
        if self._live:
            return self._live.popleft()
        if not self._old and self._backlog:
            await self._refill()
        return self._old.popleft() if self._old else None

    async def _refill(self) -> None:
        """Cut the next batch of the backlog; a disk that does not read now is asked again later."""
        try:
            while self._lanes.backlog_open:
                pending = await self._outbox.pending(self._link.id, after=self._lanes.after)
                if not pending:
                    self._backlog = False
                    return
                span = self._lanes.next_backlog(pending)
                batch = await self._outbox.read(span) if span is not None else None
                if batch is not None:
                    self._cut(batch, self._old, historical=True)
                    return
            self._readable = True
        except StoreError as exc:
            if self._readable:
                log.warning("outbox_unreadable", error=str(exc))
            self._readable = False

    def _cut(self, batch: Batch, pieces: deque[_Piece], *, historical: bool) -> None:
        samples = batch.samples(self._outbox.now(), historical=historical)
        self._lanes.sending(batch.span)
        rest: set[int] = set()
        size = WIDE_PIECE if self._window.wide and not historical else PIECE
        for at in range(0, len(samples), size):
            part = samples[at : at + size]
            rest.add(part[0][0])
            pieces.append(_Piece(batch.span, part, rest))

    async def _send(self, client: aiomqtt.Client, piece: _Piece) -> None:
        began_s = self._clock.boot_s()
        payload = batch_payload(self._outbox.box, piece.span.epoch, piece.samples)
        with translated():
            await client.publish(self._topic, payload, qos=1)
        now_s = self._clock.boot_s()
        self._window.answered(now_s - began_s)
        piece.rest.discard(piece.samples[0][0])
        if not piece.rest:
            self._lanes.arrived(now_s)
            if not self._link.receipts:
                await self._acknowledged(piece.span, now_s)
        self._due.set()

    async def _acknowledged(self, span: Span, now_s: float) -> None:
        """The peer sends no receipts: the broker's acknowledgement stands for one, as far as there is no hole."""
        self._acked.add(*span)
        told = self._told
        if told is not None and (span.epoch, span.first) == (told.epoch, told.seq + 1):
            self._confirm(span, now_s)  # nothing lies between: no need to ask the disk
            return
        with suppress(StoreError):
            for oldest in await self._outbox.pending(self._link.id):
                if not self._acked.covers(oldest):
                    break
                self._confirm(oldest, now_s)

    def _confirm(self, span: Span, now_s: float) -> None:
        self._told = Receipt(self._outbox.box, span.epoch, span.last)
        self._lanes.receipt(self._told, now_s)
        self._outbox.confirm(self._link.id, self._told)
