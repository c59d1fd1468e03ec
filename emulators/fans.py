"""Variable-speed fans: dead time and lag of their own, the cubic law, a ventilation minimum, natural speed on loss."""

from emulators.events import Events, Expiry, Reading, Setter, factor, stream
from emulators.lag import Lag
from emulators.spec import FansSpec


class FanPlant:
    """One drive; speeds in % of rated."""

    def __init__(self, spec: FansSpec, device: str, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self._events = events
        random = stream(seed, f"fan/{device}")
        self._dead_s = random.uniform(*spec.dead_time_s) * factor(seed, "fans.dead_time", perturb)
        lag_s = random.uniform(*spec.lag_s) * factor(seed, "fans.lag", perturb)
        self._speed = Lag(spec.natural_speed_pct, lag_s)
        self._watts_per_cube = spec.rated_w / 1e6
        self.setpoint_pct = spec.natural_speed_pct
        self.controls: dict[str, Setter] = {"fan.speed.setpoint": self.set_speed}
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "fan.power": lambda now_s: round(self.power_w(now_s), -1),
            "fan.speed": lambda now_s: round(self._speed.at(now_s), 1),
            "fan.speed.setpoint": lambda _: self.setpoint_pct,
            "fan.running": lambda _: 1.0,
            "fan.tripped": lambda _: 0.0,
        }
        self._expiry = Expiry(events, spec.comm_loss_s, self._lose)

    def power_w(self, now_s: float) -> float:
        """The affinity law, P = rated (speed / 100)^3."""
        speed = self._speed.at(now_s)
        return self._watts_per_cube * speed * speed * speed

    def set_speed(self, value: float | None, now_s: float) -> bool:
        """Take a speed, raised to the ventilation minimum where it is lower; None returns to the natural speed."""
        if value is None:
            self._expiry.stop()
            self._aim(self.spec.natural_speed_pct, now_s)
            return True
        if not 0.0 <= value <= 100.0:
            return False
        self._expiry.refresh(now_s)
        self._aim(max(value, self.spec.min_speed_pct), now_s)
        return True

    def _aim(self, speed_pct: float, now_s: float) -> None:
        if speed_pct == self.setpoint_pct:
            return
        self.setpoint_pct = speed_pct
        self._events.at(now_s + self._dead_s, lambda t_s: self._speed.move(t_s, speed_pct))

    def _lose(self, now_s: float) -> None:
        self._aim(self.spec.natural_speed_pct, now_s)
