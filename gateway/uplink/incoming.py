"""Incoming: what a broker brings us: commands at their pace, receipts, heartbeats; what cannot be read is refused."""

import asyncio
from collections.abc import Callable

import aiomqtt

from gateway.clock import Clock
from gateway.model.request import Arrival, Request, Result, Verdict
from gateway.uplink.link import OnArrival, OnRefusal
from gateway.uplink.pace import Pace, Paced
from gateway.wire.command import UNSIGNED, Refusal, Verify, parse_command
from gateway.wire.messages import parse_heartbeat
from gateway.wire.strictjson import BadJson
from gateway.wire.telemetry import Receipt, parse_receipt
from gateway.wire.topics import name_of, topic

OVER_S = 60.0
"""What people are told of is over when it has not happened for so long."""
Told = Callable[[str | None], None]
"""What happens now; None: it is over."""


class Lasting:
    """Something that happens again and again: `tell` hears of every time, and when it is over."""

    def __init__(self, tell: Told) -> None:
        self._tell = tell
        self._calm: asyncio.TimerHandle | None = None

    def happened(self, what: str) -> None:
        """Just now."""
        self.close()
        self._tell(what)
        self._calm = asyncio.get_running_loop().call_later(OVER_S, self._tell, None)

    def close(self) -> None:
        """Nobody is told any more."""
        if self._calm is not None:
            self._calm.cancel()
            self._calm = None


class Incoming:
    """The messages of one link; `flooded` is told who sends too much, `forged` whose commands are not signed as they must be."""

    def __init__(
        self,
        site: str,
        clock: Clock,
        *,
        pace: Pace,
        on_arrival: OnArrival,
        on_refusal: OnRefusal,
        on_receipt: Callable[[Receipt], None],
        answer: Callable[[Verdict], None],
        flooded: Told,
        forged: Told,
    ) -> None:
        self.topics = {topic(site, "command"): 1, topic(site, "receipt"): 1, topic(site, "heartbeat"): 0}
        """What to subscribe to, and with which quality of service."""
        self._site = site
        self._clock = clock
        self._pace = pace
        self._on_arrival = on_arrival
        self._on_refusal = on_refusal
        self._on_receipt = on_receipt
        self._answer = answer
        self._flood, self._forgery = Lasting(flooded), Lasting(forged)
        self._waiting: asyncio.TimerHandle | None = None
        self.verify: Verify | None = None
        """Who may command; None: everybody whom the broker lets."""

    def message(self, message: aiomqtt.Message) -> None:
        """One message; never raises on any payload."""
        full_topic, payload, retained = message.topic.value, message.payload, message.retain
        name = name_of(self._site, full_topic)
        try:
            if name == "receipt":
                self._on_receipt(parse_receipt(payload))
            elif name == "heartbeat":
                self._on_arrival(self._arrival(parse_heartbeat(payload, retained=retained)))
            elif full_topic.endswith("/command"):
                self._command(full_topic, payload, retained=retained)
        except BadJson as exc:
            self._on_refusal(Refusal(None, None, exc.reason, f"{name}: {exc.text}"))

    def close(self) -> None:
        """Nothing that waits for its turn is taken any more."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._flood.close()
        self._forgery.close()

    def _arrival(self, issuer: str, request: Request | None = None) -> Arrival:
        return Arrival(issuer, self._clock.boot_s(), self._clock.utc_ms(), request)

    def _command(self, full_topic: str, payload: bytes, *, retained: bool) -> None:
        found = parse_command(payload, full_topic, site=self._site, retained=retained, verify=self.verify)
        if isinstance(found, Refusal):
            if found.reason in UNSIGNED:
                self._forgery.happened(f"{found.issuer}: {found.reason}")
            self._on_refusal(found)
        else:
            self._settle(self._pace.take(self._arrival(found.issuer, found), self._clock.boot_s()))

    def _settle(self, paced: Paced) -> None:
        for arrival in paced.passed:
            self._on_arrival(arrival)
        at_ms = self._clock.utc_ms()
        for request, by in paced.superseded:
            self._answer(Verdict(request.id, request.issuer, Result.SUPERSEDED, by, at_ms))
        for request in paced.refused:
            self._on_refusal(Refusal(request.id, request.issuer, "too_many", "more commands than are taken"))
        over = [*(request for request, _ in paced.superseded), *paced.refused]
        if over:
            self._flood.happened(f"{over[0].issuer} for {over[0].target}")
        if self._waiting is None and (due_s := self._pace.due_s()) is not None:
            wait_s = max(0.0, due_s - self._clock.boot_s())
            self._waiting = asyncio.get_running_loop().call_later(wait_s, self._due)

    def _due(self) -> None:
        self._waiting = None
        self._settle(self._pace.due(self._clock.boot_s()))
