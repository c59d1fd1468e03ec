"""Insistence: how often a value is written again that somebody else overrules (FAULTS F-027, F-036). Pure.

A device that restarted gets its value back at once; a second controller that writes its own is not fought more than
five times a minute, and from the third time on the asset counts as not ours to control.
"""

from collections import deque

MOST, WITHIN_S = 5, 60.0
FIGHTING = 3


class Insistence:
    """One control."""

    def __init__(self) -> None:
        self.fighting = False
        """Something keeps overruling our value: the asset is not ours to control."""
        self._times: deque[float] = deque(maxlen=MOST)

    def due_s(self, written_s: float, interval_s: float) -> float:
        """From when on the value may be written again."""
        return written_s + interval_s if len(self._times) < MOST else self._times[0] + WITHIN_S

    def insisted(self, now_s: float) -> None:
        """It is written again."""
        self._times.append(now_s)
        self.fighting = sum(at > now_s - WITHIN_S for at in self._times) >= FIGHTING

    def obeyed(self, now_s: float) -> None:
        """The device has it."""
        if self._times and self._times[-1] < now_s - WITHIN_S:
            self.fighting = False
