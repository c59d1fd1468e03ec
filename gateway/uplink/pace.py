"""Pace: how many commands of one issuer for one target are taken: two a second after five at once; pure.

Theory. A token bucket a stream (issuer and target). A command that finds no token waits if it is a setpoint or a limit:
the newest of its sort waits alone, the one it replaces is superseded and never judged. So a flood costs two judgements a
second and the last word still gets through, at most one token later. An event or a cancellation cannot stand in for
another; without a token it is refused. Copies of a command take no token: they get the answer the command had (A-047).
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.model.request import Arrival, Kind, Request

PER_S, BURST = 2.0, 5
MOST_STREAMS = 500
"""Issuers and targets with a bucket of their own; beyond, everything is refused until one is full again."""
MOST_KNOWN = 1000
WHOLE = 1.0 - 1e-9
"""A token, rounding left out."""
MOST_COPIES = 20
"""Copies of a waiting command that are answered with it."""
WAITING_KINDS = (Kind.SETPOINT, Kind.LIMIT)


@dataclass(slots=True)
class Paced:
    """What becomes of the commands looked at: passed on, superseded (by which id), refused."""

    passed: list[Arrival] = field(default_factory=list)
    superseded: list[tuple[Request, str]] = field(default_factory=list)
    refused: list[Request] = field(default_factory=list)


@dataclass(slots=True)
class _Stream:
    tokens: float
    at_s: float
    waiting: list[Arrival] = field(default_factory=list)
    """The newest command that found no token, and copies of it."""


class Pace:
    """The streams of one link; times are boot time, handed in."""

    def __init__(self, *, per_s: float = PER_S, burst: int = BURST) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._streams: dict[str, _Stream] = {}
        self._passed: OrderedDict[str, None] = OrderedDict()
        self._superseded: OrderedDict[str, str] = OrderedDict()

    def take(self, arrival: Arrival, now_s: float) -> Paced:
        """A command came; what becomes of it, and of the one it takes the place of."""
        request, paced = arrival.request, Paced()
        if request is None:
            paced.passed.append(arrival)
            return paced
        name = f"{request.issuer}>{request.id}"
        if (by := self._superseded.get(name)) is not None:
            paced.superseded.append((request, by))
        elif name in self._passed:
            paced.passed.append(arrival)
        elif (stream := self._stream(request, now_s)) is None:
            paced.refused.append(request)
        elif stream.tokens >= WHOLE and not stream.waiting:
            self._pass(stream, [arrival], paced)
        else:
            self._wait(stream, arrival, request, paced)
        return paced

    def due(self, now_s: float) -> Paced:
        """What need not wait any longer."""
        paced = Paced()
        for stream in self._streams.values():
            if stream.waiting:
                self._refill(stream, now_s)
                if stream.tokens >= WHOLE:
                    waiting, stream.waiting = stream.waiting, []
                    self._pass(stream, waiting, paced)
        return paced

    def due_s(self) -> float | None:
        """When the next one that waits may be passed on; None: nobody waits."""
        waits = [
            stream.at_s + (1.0 - stream.tokens) / self._per_s for stream in self._streams.values() if stream.waiting
        ]
        return min(waits, default=None)

    def _wait(self, stream: _Stream, arrival: Arrival, request: Request, paced: Paced) -> None:
        before = stream.waiting[0].request if stream.waiting else None
        if before is not None and before.id == request.id:
            if len(stream.waiting) < MOST_COPIES:
                stream.waiting.append(arrival)
        elif request.kind not in WAITING_KINDS or (before is not None and _sort(before) != _sort(request)):
            paced.refused.append(request)
        else:
            for older in stream.waiting:
                if older.request is not None:
                    paced.superseded.append((older.request, request.id))
                    _know(self._superseded, f"{older.issuer}>{older.request.id}", request.id)
            stream.waiting = [arrival]

    def _pass(self, stream: _Stream, arrivals: list[Arrival], paced: Paced) -> None:
        stream.tokens -= 1.0
        paced.passed += arrivals
        for arrival in arrivals:
            if arrival.request is not None:
                self._passed[f"{arrival.issuer}>{arrival.request.id}"] = None
        while len(self._passed) > MOST_KNOWN:
            self._passed.popitem(last=False)

    def _stream(self, request: Request, now_s: float) -> _Stream | None:
        key = f"{request.issuer}>{request.target}"
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= MOST_STREAMS:
                self._forget(now_s)
            if len(self._streams) >= MOST_STREAMS:
                return None
            stream = self._streams[key] = _Stream(self._burst, now_s)
        self._refill(stream, now_s)
        return stream

    def _refill(self, stream: _Stream, now_s: float) -> None:
        stream.tokens = min(self._burst, stream.tokens + self._per_s * (now_s - stream.at_s))
        stream.at_s = now_s

    def _forget(self, now_s: float) -> None:
        """Streams that are full again say nothing a new one would not."""
        full_s = self._burst / self._per_s
        self._streams = {k: one for k, one in self._streams.items() if one.waiting or now_s - one.at_s < full_s}


def _sort(request: Request) -> tuple[object, ...]:
    """Commands alike in this replace each other."""
    bound = request.withdraws or ("max_import_w" if request.max_import_w is not None else "max_export_w")
    return (request.kind, request.service, bound if request.kind is Kind.LIMIT else "")


def _know(known: OrderedDict[str, str], name: str, by: str) -> None:
    known[name] = by
    while len(known) > MOST_KNOWN:
        known.popitem(last=False)
