"""Window: how many telemetry messages may be unanswered; it grows while answers come fast and halves when they do not.

A slow line would otherwise hold a queue of bulk in front of every acknowledgement (F-054).
"""

from dataclasses import dataclass

MOST = 8
"""With the letters still under the 20 a broker may allow (MQTT 5 Receive Maximum as mosquitto sets it)."""
FAST_S = 0.5
SLOW_S = 2.0


@dataclass(slots=True)
class Window:
    """Messages in flight and allowed."""

    allowed: int = 2
    in_flight: int = 0

    @property
    def open(self) -> bool:
        """One more may go."""
        return self.in_flight < self.allowed

    @property
    def wide(self) -> bool:
        """The last answers all came fast."""
        return self.allowed == MOST

    def sent(self) -> None:
        """One more is on its way."""
        self.in_flight += 1

    def answered(self, after_s: float) -> None:
        """The broker answered one, so long after it was sent."""
        self.in_flight -= 1
        if after_s < FAST_S:
            self.allowed = min(MOST, self.allowed + 1)
        elif after_s > SLOW_S:
            self.allowed = max(1, self.allowed // 2)
