"""Backoff: when to dial again. Full jitter under a doubling window, which a short success does not reset."""

from collections.abc import Callable
from dataclasses import dataclass

FIRST_S = 6.0
"""The first window; wide enough that fifty gateways do not return in the same second (F-050)."""
CAP_S = 60.0
KICKS = 5
"""Sessions in a row that were taken over or ended at once, before only the cap is waited (F-051)."""


@dataclass(slots=True)
class Backoff:
    """Counts what failed in a row; `draw` gives numbers in [0, 1)."""

    draw: Callable[[], float]
    first_s: float = FIRST_S
    cap_s: float = CAP_S
    failures: int = 0
    kicks: int = 0

    def failed(self) -> float:
        """A dial failed: seconds to wait."""
        self.failures += 1
        return self.draw() * self._window_s

    def ended(self, *, lasted_s: float, taken_over: bool) -> float:
        """A session ended after `lasted_s`: seconds to wait; only one that lasted longer than the cap starts afresh."""
        if lasted_s > self.cap_s and not taken_over:
            self.failures = self.kicks = 0
        self.failures += 1
        self.kicks = self.kicks + 1 if taken_over or lasted_s < self.first_s else 0
        if taken_over and self.kicks >= KICKS:
            return self.cap_s * (0.5 + self.draw() / 2)
        return self.draw() * self._window_s

    @property
    def contended(self) -> bool:
        """Somebody else seems to use our identity."""
        return self.kicks >= KICKS

    @property
    def _window_s(self) -> float:
        return float(min(self.cap_s, self.first_s * 2.0 ** min(self.failures - 1, 30)))
