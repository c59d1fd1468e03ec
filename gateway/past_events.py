"""What was asked and is over: the last requests that ended or were refused, and how each ended.

Each event is a record of the audit chain too (kind `event`), from which it is known again after a restart, each stretch of
regulation one of kind `regulation`; a single setpoint is not.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gateway.control.book import active
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState, Held
from gateway.dashboard.past import EventPast
from gateway.model.request import Kind, Request, Result, Verdict
from gateway.past_regulation import PastRegulation

MOST = 200
KIND, REGULATION = "event", "regulation"
"""Of its records in the audit chain."""


@dataclass(slots=True)
class _Shed:
    """What an event under way has delivered: share of the shed asked for, weighted by time."""

    share_s: float = 0.0
    span_s: float = 0.0
    last_s: float | None = None
    last: float = 0.0

    def add(self, now_s: float, share: float | None) -> None:
        if self.last_s is not None:
            self.share_s += self.last * (now_s - self.last_s)
            self.span_s += now_s - self.last_s
        self.last_s = None if share is None else now_s
        self.last = 0.0 if share is None else share

    def mean(self) -> float | None:
        return self.share_s / self.span_s if self.span_s > 0.0 else None


class PastEvents:
    """One per gateway; newest first. A signal's setpoints are not remembered one by one."""

    def __init__(self) -> None:
        self._past: deque[EventPast] = deque(maxlen=MOST)
        self._sheds: dict[tuple[str, str], _Shed] = {}
        self._regulation = PastRegulation()

    def follow(self, decision: Decision, after: ControlState) -> EventPast | None:
        """Measure what is delivered now, as the gateway itself sees it, no settlement; regulation that is over by it."""
        held = active(after.book, decision.now_s)
        self._measure(held, decision)
        over = self._regulation.follow(decision, "" if held is None else held.request.issuer)
        if over is not None:
            self._past.appendleft(over)
        return over

    def _measure(self, held: Held | None, decision: Decision) -> None:
        if held is None or not held.request.shed_w or decision.service != held.request.service.value:
            return
        shed_w, known = held.request.shed_w, decision.target_w is not None and decision.site_w is not None
        share = (decision.target_w + shed_w - decision.site_w) / shed_w if known else None  # type: ignore[operator]  # known
        self._sheds.setdefault((held.request.issuer, held.request.id), _Shed()).add(decision.now_s, share)

    def remember(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Know again what the chain's records say; what has happened since is known already."""
        known = {(event.issuer, event.id, event.over_ms) for event in self._past}
        found = [event for record in records if (event := event_of(record)) is not None]
        for event in sorted(found, key=lambda event: -event.over_ms):
            if (event.issuer, event.id, event.over_ms) not in known and len(self._past) < MOST:
                self._past.append(event)

    def hear(self, before: ControlState, inputs: Inputs, verdicts: tuple[Verdict, ...]) -> list[EventPast]:
        """Take over what a step answered; the events that are over by it."""
        if not verdicts:
            return []
        over = []
        known = {(held.request.issuer, held.request.id): held.request for held in before.book.entries}
        for arrival in inputs.arrivals:
            if arrival.request is not None:
                known[arrival.request.issuer, arrival.request.id] = arrival.request
        for verdict in verdicts:
            request = known.get((verdict.issuer, verdict.id))
            if request is not None and verdict.result is not Result.ACCEPTED and _counts(request):
                shed = self._sheds.pop((request.issuer, request.id), None)
                over.append(_past(request, verdict, None if shed is None else shed.mean()))
                self._past.appendleft(over[-1])
        return over

    def newest(self) -> tuple[EventPast, ...]:
        """All that are remembered."""
        return tuple(self._past)


def event_of(record: Mapping[str, Any]) -> EventPast | None:
    """The event that a record of the audit chain tells of; None when it tells of none."""
    data = record["data"]
    names = [entry.name for entry in fields(EventPast)]
    if (
        record["kind"] not in (KIND, REGULATION)
        or not isinstance(data, dict)
        or any(name not in data for name in names)
    ):
        return None
    return EventPast(**{name: data[name] for name in names})


def _counts(request: Request) -> bool:
    return request.signal is None and request.kind is not Kind.CANCEL


def _past(request: Request, verdict: Verdict, delivery: float | None) -> EventPast:
    return EventPast(
        id=request.id,
        issuer=request.issuer,
        source=request.source.name.lower(),
        service=request.service.value,
        kind=request.kind.value,
        target=request.target,
        begin_ms=request.begin_ms,
        end_ms=request.end_ms,
        shed_w=request.shed_w,
        power_w=request.power_w,
        result=verdict.result.value,
        reason=verdict.reason,
        over_ms=verdict.at_ms,
        delivery=delivery,
    )
