"""Alarms: what stands of a line and its devices, told once when it begins and once when it ends.

What comes and goes again and again is told as standing until it has been quiet for a while (U7): nobody is helped by a
line for every time a loose cable touches.
"""

from collections import deque
from collections.abc import Callable

from gateway.clock import Clock
from gateway.log import get_logger
from gateway.model.command import Alarm

MOST_RAISED, WITHIN_S = 3, 60.0
"""So often in a minute a cause may begin; then it stands until it has not been there for as long."""
log = get_logger("field")


class Alarms:
    """One raise and one clear a cause; `scale` is what its times are multiplied with."""

    def __init__(self, on_alarm: Callable[[Alarm], None], clock: Clock, *, scale: float = 1.0) -> None:
        self._on_alarm = on_alarm
        self._clock = clock
        self._within_s = WITHIN_S * scale
        self._began: dict[str, deque[float]] = {}
        """When each cause began, the last few times."""
        self._standing: set[str] = set()
        self._over_s: dict[str, float] = {}
        """Of what is over and is still told as standing: since when."""

    def set(self, key: str, *, raised: bool, detail: str = "") -> None:
        """The cause stands, or does not."""
        now_s = self._clock.boot_s()
        if raised:
            if key in self._standing and self._over_s.pop(key, None) is None:
                return
            self._began.setdefault(key, deque(maxlen=MOST_RAISED)).append(now_s)
            if key not in self._standing:
                self._tell(key, raised=True, detail=detail)
        elif key in self._standing:
            times = self._began[key]
            if len(times) == MOST_RAISED and now_s - times[0] < self._within_s:
                self._over_s.setdefault(key, now_s)
            elif key not in self._over_s:
                self._tell(key, raised=False)

    def settle(self) -> None:
        """Clear what has been over for long enough."""
        now_s = self._clock.boot_s()
        for key in [key for key, over_s in self._over_s.items() if now_s - over_s >= self._within_s]:
            del self._over_s[key], self._began[key]
            self._tell(key, raised=False)

    def forget(self, device: str | None = None) -> None:
        """A device is no longer ours, or with None none is: nothing stands of it."""
        for key in list(self._began):
            if device is None or key.partition(":")[2].partition("/")[0] == device:
                del self._began[key]
                self._over_s.pop(key, None)
                if key in self._standing:
                    self._tell(key, raised=False)

    def _tell(self, key: str, *, raised: bool, detail: str = "") -> None:
        if raised:
            self._standing.add(key)
            log.warning("alarm_raised", key=key, error=str(detail))
        else:
            self._standing.discard(key)
            log.info("alarm_cleared", key=key)
        self._on_alarm(Alarm(key, raised, self._clock.utc_ms(), detail))
