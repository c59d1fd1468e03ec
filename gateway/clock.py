"""The only module that reads a clock: boot-time monotonic for everything that decides, UTC for people."""

import time
from typing import Protocol

EARLIEST_UTC_MS = 1_793_491_200_000
"""2026-11-01, before this release: a wall clock that shows less has not been set yet (FAULTS F-069)."""


class Clock(Protocol):
    """Both clocks. Never compare one with the other."""

    def boot_s(self) -> float:
        """Seconds since boot, suspend included; never steps."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC; may step."""
        ...


class SystemClock:
    """The machine's clocks."""

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME where there is one."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def utc_ms(self) -> int:
        """CLOCK_REALTIME."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """A clock that is moved by hand: simulation and tests."""

    def __init__(self, boot_s: float = 0.0, utc_ms: int = 0) -> None:
        self.now_s = boot_s
        self._offset_ms = utc_ms - boot_s * 1000.0

    def boot_s(self) -> float:
        """Where the clock was moved to."""
        return self.now_s

    def utc_ms(self) -> int:
        """UTC that runs along with it."""
        return round(self.now_s * 1000.0 + self._offset_ms)

    def step_utc(self, by_ms: int) -> None:
        """Step the wall clock, as NTP or a person would."""
        self._offset_ms += by_ms
