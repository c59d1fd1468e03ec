"""What will happen in the plant: a queue of exact instants, and random streams that do not disturb each other."""

import heapq
from collections.abc import Callable
from math import inf
from random import Random

Happening = Callable[[float], None]
"""Called with the instant at which it happens."""
Reading = Callable[[float], float]
"""Called with the instant; what the register answers then."""
Setter = Callable[[float | None, float], bool]
"""Called with a value (None: release) and the instant; whether it was accepted."""


def stream(seed: int, purpose: str) -> Random:
    """A random stream of its own for one purpose, so that drawing for one never moves another."""
    return Random(f"{seed}/{purpose}")  # physics, not secrets


def factor(seed: int, purpose: str, perturb: float) -> float:
    """The factor 1 - perturb .. 1 + perturb by which this seed's plant differs from its nameplate."""
    return 1.0 + perturb * stream(seed, f"perturb/{purpose}").uniform(-1.0, 1.0)


class Events:
    """Instants in order; equal instants in the order they were set."""

    __slots__ = ("_heap", "_set")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Happening]] = []
        self._set = 0

    def at(self, t_s: float, happening: Happening) -> None:
        """Let something happen at `t_s`."""
        self._set += 1
        heapq.heappush(self._heap, (t_s, self._set, happening))

    @property
    def next_s(self) -> float:
        """When something happens next; infinity when nothing will."""
        return self._heap[0][0] if self._heap else inf

    def happen(self) -> float:
        """Take the next instant, let it happen, return it."""
        t_s, _, happening = heapq.heappop(self._heap)
        happening(t_s)
        return t_s


class Expiry:
    """A device's own time-out: `lapse` happens when nobody has refreshed it for `after_s`."""

    __slots__ = ("_events", "_lapse", "_pending", "_until_s", "after_s")

    def __init__(self, events: Events, after_s: float | None, lapse: Happening) -> None:
        self.after_s = after_s
        self._events = events
        self._lapse = lapse
        self._until_s = inf
        self._pending = False

    def refresh(self, now_s: float) -> None:
        """Start counting again."""
        if self.after_s is None:
            return
        self._until_s = now_s + self.after_s
        if not self._pending:
            self._pending = True
            self._events.at(self._until_s, self._look)

    def left_s(self, now_s: float) -> float:
        """Seconds until it lapses; 0 when nothing counts."""
        return 0.0 if self._until_s == inf else max(0.0, self._until_s - now_s)

    def stop(self) -> None:
        """Count no more."""
        self._until_s = inf

    def _look(self, now_s: float) -> None:
        self._pending = False
        if self._until_s == inf:
            return
        if now_s < self._until_s:
            self._pending = True
            self._events.at(self._until_s, self._look)
            return
        self._until_s = inf
        self._lapse(now_s)
