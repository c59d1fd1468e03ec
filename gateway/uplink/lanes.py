"""What telemetry goes next: the live lane sends what was just committed, the backlog lane everything older in order.

A batch is done when the peer's receipt covers it. What was sent on this session is not sent again until no receipt
has come for RECEIPT_S although one was due; what was sent on an earlier session is, because nobody knows what arrived.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

from gateway.uplink.batch import Batch, Span
from gateway.wire.telemetry import Receipt

LIVE_BATCHES = 40
"""Live batches that may wait; what falls out goes by the backlog lane."""
RECEIPT_S = 30.0
AHEAD, AHEAD_SAMPLES = 64, 10_000
"""Backlog batches, and samples in them, sent beyond the last receipt; then the lane waits for one: what waits in front of
a live sample, in the broker or at a peer that is slower than we are, stays a matter of seconds."""


class Ranges:
    """Sample numbers by epoch, kept as merged intervals."""

    def __init__(self) -> None:
        self._by_epoch: dict[int, list[tuple[int, int]]] = {}

    def add(self, epoch: int, first: int, last: int) -> None:
        """Include the numbers first … last."""
        runs = self._by_epoch.setdefault(epoch, [])
        at = bisect_right(runs, (first, last))
        while at > 0 and runs[at - 1][1] >= first - 1:
            at -= 1
        end = at
        while end < len(runs) and runs[end][0] <= last + 1:
            first, last = min(first, runs[end][0]), max(last, runs[end][1])
            end += 1
        runs[at:end] = [(first, last)]

    def covers(self, span: Span) -> bool:
        """Every number of the span is included."""
        runs = self._by_epoch.get(span.epoch, [])
        at = bisect_right(runs, span.first, key=lambda run: run[0]) - 1
        return at >= 0 and runs[at][0] <= span.first and span.last <= runs[at][1]

    def clear(self) -> None:
        """Forget all."""
        self._by_epoch.clear()

    def runs(self) -> int:
        """How many intervals are kept."""
        return sum(map(len, self._by_epoch.values()))


class Lanes:
    """The state of both lanes on one session; time is an argument."""

    def __init__(self, *, receipt_s: float = RECEIPT_S, ahead: int = AHEAD) -> None:
        self._receipt_s = receipt_s
        self._max_ahead = ahead
        self._ahead: dict[Span, int] = {}
        """Backlog batches sent that no receipt covers, and how many samples each has."""
        self._live: deque[Batch] = deque()
        self._sent = Ranges()
        self._held: dict[int, int] = {}
        self._waiting_since_s: float | None = None
        self.after: Span | None = None
        """The backlog lane looks behind this batch; None: from the oldest."""

    def begin(self) -> None:
        """A new session: nothing is known to have arrived."""
        self._live.clear()
        self.begin_again()

    def committed(self, batches: Iterable[Batch]) -> bool:
        """Newly stored batches go by the live lane while it has room; True: the backlog lane has work of them now."""
        self._live.extend(batches)
        full = len(self._live) > LIVE_BATCHES
        while len(self._live) > LIVE_BATCHES:
            missed = self._live.popleft().span
            if self.after is not None and missed < self.after:
                self.after = None
        return full

    def next_live(self) -> Batch | None:
        """The live batch to send now."""
        return self._live.popleft() if self._live else None

    def sending(self, span: Span) -> None:
        """A batch is on its way on this session."""
        self._sent.add(*span)

    def arrived(self, now_s: float) -> None:
        """The broker has a batch: from now on a receipt is due."""
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s

    def receipt(self, receipt: Receipt, now_s: float) -> bool:
        """Take over a receipt; True when it tells something new."""
        if receipt.seq <= self._held.get(receipt.epoch, 0):
            return False
        self._held[receipt.epoch] = receipt.seq
        self._waiting_since_s = now_s
        done = [one for one in self._ahead if one.epoch == receipt.epoch and one.last <= receipt.seq]
        for one in done:
            del self._ahead[one]
        return True

    @property
    def backlog_open(self) -> bool:
        """The backlog lane has not run too far ahead of the receipts."""
        return len(self._ahead) < self._max_ahead and sum(self._ahead.values()) < AHEAD_SAMPLES

    def next_backlog(self, pending: Iterable[Span]) -> Span | None:
        """The oldest of the stored batches behind `after` that this session has not sent."""
        waiting = {batch.span for batch in self._live}
        for span in pending:
            self.after = span
            if span not in waiting and span.last > self._held.get(span.epoch, 0) and not self._sent.covers(span):
                self._ahead[span] = span.last - span.first + 1
                return span
        return None

    def resend(self, now_s: float, *, unconfirmed: bool) -> bool:
        """When a receipt is overdue: begin again with the oldest, True; `unconfirmed` says the outbox holds some."""
        if not unconfirmed or self._waiting_since_s is None or now_s - self._waiting_since_s < self._receipt_s:
            return False
        self.begin_again()
        return True

    def begin_again(self) -> None:
        """Send everything once more from the oldest; live batches keep their place."""
        self._sent.clear()
        self._ahead.clear()
        self._waiting_since_s = None
        self.after = None
