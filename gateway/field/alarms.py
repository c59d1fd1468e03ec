"""Alarms: what stands of a line and its devices, told once when it begins and once when it ends."""

from collections.abc import Callable

from gateway.clock import Clock
from gateway.log import get_logger
from gateway.model.command import Alarm

log = get_logger("field")


class Alarms:
    """One raise and one clear a cause."""

    def __init__(self, on_alarm: Callable[[Alarm], None], clock: Clock) -> None:
        self._on_alarm = on_alarm
        self._clock = clock
        self._raised: set[str] = set()

    def set(self, key: str, *, raised: bool, detail: str = "") -> None:
        """The cause stands, or does not."""
        if (key in self._raised) == raised:
            return
        if raised:
            self._raised.add(key)
            log.warning("alarm_raised", key=key, error=str(detail))
        else:
            self._raised.discard(key)
            log.info("alarm_cleared", key=key)
        self._on_alarm(Alarm(key, raised, self._clock.utc_ms(), detail))

    def forget(self, device: str | None = None) -> None:
        """A device is no longer ours, or with None none is: nothing stands of it."""
        for key in list(self._raised):
            if device is None or key.partition(":")[2].partition("/")[0] == device:
                self.set(key, raised=False)
