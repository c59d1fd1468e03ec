"""Dimmable lighting: quick, proportional, never darker than its minimum."""

from emulators.events import Events, Expiry, Reading, Setter, factor
from emulators.lag import Lag
from emulators.spec import LightsSpec


class LightsPlant:
    """One lighting controller; levels in %."""

    def __init__(self, spec: LightsSpec, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self._events = events
        self._dead_s = spec.dead_time_s * factor(seed, "lights.dead_time", perturb)
        self.natural_pct = 100.0 * spec.operating_w / spec.rated_w
        self._level = Lag(self.natural_pct, spec.lag_s * factor(seed, "lights.lag", perturb))
        self.setpoint_pct = self.natural_pct
        self.controls: dict[str, Setter] = {"light.level.setpoint": self.set_level}
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "light.power": lambda now_s: round(self.power_w(now_s), -1),
            "light.level": lambda now_s: round(self._level.at(now_s), 1),
            "light.level.setpoint": lambda _: self.setpoint_pct,
        }
        self._expiry = Expiry(events, spec.reversion_s, self._lose)

    def power_w(self, now_s: float) -> float:
        """Proportional to the level."""
        return self.spec.rated_w * self._level.at(now_s) / 100.0

    def set_level(self, value: float | None, now_s: float) -> bool:
        """Take a level, raised to the minimum where it is lower; None releases it to the fallback."""
        if value is None:
            self._expiry.stop()
            self._aim(self.spec.fallback_pct, now_s)
            return True
        if not 0.0 <= value <= 100.0:
            return False
        self._expiry.refresh(now_s)
        self._aim(max(value, self.spec.min_level_pct), now_s)
        return True

    def _aim(self, level_pct: float, now_s: float) -> None:
        if level_pct == self.setpoint_pct:
            return
        self.setpoint_pct = level_pct
        self._events.at(now_s + self._dead_s, lambda t_s: self._level.move(t_s, level_pct))

    def _lose(self, now_s: float) -> None:
        self._aim(self.spec.fallback_pct, now_s)
