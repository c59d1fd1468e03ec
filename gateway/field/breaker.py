"""Breaker: when a line or a unit counts as offline, and when it may be tried again (FAULTS T_off, T_back).

Closed: asked whenever something is due. Open: asked one cheap probe at a time, the waits between them growing and
drawn with full jitter, so that many gateways do not return in step. One answer closes it.
"""

import random
from dataclasses import dataclass, fields
from enum import StrEnum

OFFLINE_AFTER_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Pacing:
    """The times of losing and finding devices again; tests compress them all by one factor."""

    offline_after_s: float = 5.0
    first_wait_s: float = 1.0
    least_wait_s: float = 0.5
    line_cap_s: float = 8.0
    unit_cap_s: float = 30.0
    """A unit behind a gateway whose other units answer."""
    quarantine_s: float = 60.0
    """How long a block is left alone that the device says it does not have."""
    scale: float = 1.0
    """What every other time of a line is multiplied with."""

    def compressed(self, factor: float) -> "Pacing":
        """Every time divided by `factor`."""
        return Pacing(**{given.name: getattr(self, given.name) / factor for given in fields(self)})


PACING = Pacing()


class State(StrEnum):
    """Closed: in use. Doubtful: failing, not long enough to say so. Open: declared offline."""

    CLOSED = "closed"
    DOUBTFUL = "doubtful"
    OPEN = "open"


class Breaker:
    """One line, or one unit of a line; times are boot time, handed in."""

    __slots__ = ("_failed_since_s", "_failures", "_pacing", "_probes", "_rng", "cap_s", "next_probe_s", "state")

    def __init__(self, rng: random.Random, *, cap_s: float, pacing: Pacing = PACING) -> None:
        self.cap_s = cap_s
        self.state = State.CLOSED
        self.next_probe_s = 0.0
        self._rng = rng
        self._pacing = pacing
        self._failures = 0
        self._failed_since_s = 0.0
        self._probes = 0

    def allows(self, now_s: float) -> bool:
        """Whether it may be asked now; while open only for a probe."""
        return self.state is not State.OPEN or now_s >= self.next_probe_s

    def answered(self) -> bool:
        """It answered, with whatever; true when that ends being offline."""
        was, self.state = self.state, State.CLOSED
        self._failures = self._probes = 0
        return was is State.OPEN

    def failed(self, now_s: float, *, asked_s: float) -> bool:
        """It did not answer what it was asked at `asked_s`; true when that makes it offline."""
        if self.state is State.OPEN:
            self._probes += 1
            self._wait(now_s)
            return False
        if self._failures == 0:
            self._failed_since_s = asked_s
        self._failures += 1
        self.state = State.DOUBTFUL
        if self._failures < OFFLINE_AFTER_FAILURES and now_s - self._failed_since_s < self._pacing.offline_after_s:
            return False
        self.state = State.OPEN
        self._wait(now_s)
        return True

    def hurry(self, now_s: float) -> None:
        """Something else on the line came back: probe at once."""
        self.next_probe_s = min(self.next_probe_s, now_s)

    def _wait(self, now_s: float) -> None:
        ceiling_s = min(self.cap_s, self._pacing.first_wait_s * 2.0 ** min(self._probes, 16))
        self.next_probe_s = now_s + max(self._pacing.least_wait_s, self._rng.uniform(0.0, ceiling_s))
