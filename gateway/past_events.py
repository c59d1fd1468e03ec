"""What was asked and is over: the last requests that ended or were refused, and how each ended."""

from collections import deque

from gateway.control.decision import Inputs
from gateway.control.state import ControlState
from gateway.dashboard.answers import EventPast
from gateway.model.request import Kind, Request, Result, Verdict

MOST = 200


class PastEvents:
    """One per gateway; newest first. A signal's setpoints are not remembered one by one."""

    def __init__(self) -> None:
        self._past: deque[EventPast] = deque(maxlen=MOST)

    def hear(self, before: ControlState, inputs: Inputs, verdicts: tuple[Verdict, ...]) -> None:
        """Take over what a step answered."""
        if not verdicts:
            return
        known = {(held.request.issuer, held.request.id): held.request for held in before.book.entries}
        for arrival in inputs.arrivals:
            if arrival.request is not None:
                known[arrival.request.issuer, arrival.request.id] = arrival.request
        for verdict in verdicts:
            request = known.get((verdict.issuer, verdict.id))
            if request is not None and verdict.result is not Result.ACCEPTED and _counts(request):
                self._past.appendleft(_past(request, verdict))

    def newest(self) -> tuple[EventPast, ...]:
        """All that are remembered."""
        return tuple(self._past)


def _counts(request: Request) -> bool:
    return request.signal is None and request.kind is not Kind.CANCEL


def _past(request: Request, verdict: Verdict) -> EventPast:
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
        delivery=None,
    )
