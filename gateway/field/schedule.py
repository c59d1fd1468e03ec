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
        heap, turns = self._heap, self._turns
        while heap:
            due_s, job = heap[0]
            if turns[job].due_s == due_s:
                return due_s
            heapq.heappop(heap)
        return inf

    def take(self, now_s: float) -> int | None:
        """The most overdue job, if any is due; its next turn is set."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            due_s, job = heap[0]
            turn = self._turns[job]
            if turn.due_s != due_s:  # it was given another time since
                heapq.heappop(heap)
                continue
            period_s = turn.period_s
            if period_s == inf:
                turn.due_s = inf
                heapq.heappop(heap)
                return job
            if now_s - due_s >= period_s:
                self.missed += floor((now_s - due_s) / period_s)
            turn.due_s = turn.phase_s + period_s * (floor((now_s - turn.phase_s) / period_s + 1e-6) + 1.0)
            heapq.heapreplace(heap, (turn.due_s, job))
            return job
        return None

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
