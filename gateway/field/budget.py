"""Budget: how often a value may be written that wears out where it lands (FAULTS F-037)."""

from collections import deque
from math import inf

DAY_S, HOUR_S = 86400.0, 3600.0
UNLIMITED_KEPT = 1000
"""Writes remembered for the count where there is no limit."""


class Budget:
    """At most `daily` writes in any day and a sixth of them in any hour; None is no limit."""

    def __init__(self, daily: int | None) -> None:
        self._daily = daily
        self._writes: deque[float] = deque(maxlen=daily or UNLIMITED_KEPT)

    def spend(self, now_s: float) -> None:
        """One was written."""
        self._writes.append(now_s)

    def written(self, now_s: float) -> int:
        """How many in the last day."""
        return sum(at > now_s - DAY_S for at in self._writes)

    def due_s(self, now_s: float) -> float:
        """From when on another may be written."""
        if self._daily is None:
            return -inf
        hourly = max(1, self._daily // 6)
        recent = [at for at in self._writes if at > now_s - HOUR_S]
        due_s = self._writes[0] + DAY_S if len(self._writes) == self._daily else -inf
        return max(due_s, recent[-hourly] + HOUR_S) if len(recent) >= hourly else due_s
