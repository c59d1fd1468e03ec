"""Schedule: which reads of a line are due, on a raster all lines share (pure; time is an argument).

Theory. A process that wakes for every poll by itself spends most of its time waking: polls therefore start in groups,
five a second, at the same instants on every line. Each job keeps its own place on that raster, chosen when it is
added, so that a line's jobs are spread over its period. A poll that is late is done once and the missed turns are
skipped and counted; the raster does not shift.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, inf

GROUPS_PER_S = 5.0


@dataclass(slots=True)
class Turn:
    """When one job is due next; `period_s` inf is once."""

    period_s: float
    phase_s: float
    due_s: float
    missed: int = 0


class Schedule:
    """The turns of the jobs of one line, jobs named by their number."""

    def __init__(self) -> None:
        self.missed = 0
        """Turns skipped because the line was late."""
        self._turns: list[Turn] = []
        self._heap: list[tuple[float, int]] = []

    def add(self, period_s: float, *, place: int, now_s: float) -> int:
        """Add a job due at once, then every `period_s` at its place on the raster; returns its number."""
        slots = max(1, round(period_s * GROUPS_PER_S)) if period_s < inf else 1
        phase_s = 0.0 if period_s == inf else (place % slots) * period_s / slots
        job = len(self._turns)
        self._turns.append(Turn(period_s, phase_s, now_s))
        heapq.heappush(self._heap, (now_s, job))
        return job

    def next_due_s(self) -> float:
        """When the next job is due; inf when none ever is."""
        while self._heap and self._turns[self._heap[0][1]].due_s != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else inf

    def take(self, now_s: float) -> int | None:
        """The most overdue job, if any is due; its next turn is set."""
        if self.next_due_s() > now_s:
            return None
        _, job = heapq.heappop(self._heap)
        turn = self._turns[job]
        if turn.period_s < inf:
            self.missed += max(0, floor((now_s - turn.due_s) / turn.period_s))
        self._set(job, turn.phase_s + turn.period_s * (floor((now_s - turn.phase_s) / turn.period_s + 1e-6) + 1.0))
        return job

    def hurry(self, jobs: Iterable[int], now_s: float) -> None:
        """Make jobs due now, the later turns staying where they are (read back after a write, device back)."""
        for job in jobs:
            self.sooner(job, now_s)

    def sooner(self, job: int, due_s: float) -> None:
        """Not later than `due_s`: another try of a read that failed."""
        if self._turns[job].due_s > due_s:
            self._set(job, due_s)

    def delay(self, job: int, until_s: float) -> None:
        """Not again before `until_s`: a block the device refuses, the other blocks of a unit that is silent."""
        if self._turns[job].due_s < until_s:
            self._set(job, until_s)

    def move(self, job: int, due_s: float) -> None:
        """At `due_s` and not before: the next probe of what is offline."""
        self._set(job, due_s)

    def _set(self, job: int, due_s: float) -> None:
        self._turns[job].due_s = due_s
        if due_s < inf:
            heapq.heappush(self._heap, (due_s, job))
