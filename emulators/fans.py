"""Variable-speed fans: dead time and lag of their own, the cubic law, a ventilation minimum, natural speed on loss."""

from emulators.events import Events, Expiry, Reading, Setter, factor, stream
from emulators.lag import Lag
from emulators.spec import FansSpec

WORD_READY, WORD_RUN = 0x047E, 0x047F
"""Control words of the drive's profile: own control, and run at the setpoint."""


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
        self.setpoint_pct = self._aimed_pct = spec.natural_speed_pct
        self._word = WORD_READY
        self.controls: dict[str, Setter] = {"fan.speed.setpoint": self.set_speed}
        self.registers: dict[str, Setter] = {
            "fan.speed.setpoint": self._write_setpoint,
            "x.control_word": self._write_word,
        }
        step_w = spec.power_resolution_w
        self.readings: dict[str, Reading] = {
            "fan.power": lambda now_s: step_w * round(self.power_w(now_s) / step_w),
            "fan.speed": lambda now_s: round(self._speed.at(now_s), 1),
            "fan.speed.setpoint": lambda _: self.setpoint_pct,
            "motor.current": lambda now_s: float(round(self.power_w(now_s) / 600.0)),
            "motor.torque": lambda now_s: float(round((self._speed.at(now_s) / 10.0) ** 2)),
            "x.control_word": lambda _: float(self._word),
            "x.status_word": lambda _: 0x0237 if self._word == WORD_RUN else 0x0231,
            "fan.running": lambda _: 1.0,
            "fan.tripped": lambda _: 0.0,
            "x.comm_loss_time": lambda _: spec.comm_loss_s,
        }
        self._expiry = Expiry(events, spec.comm_loss_s, self._lose)

    def power_w(self, now_s: float) -> float:
        """The affinity law, P = rated (speed / 100)^3."""
        speed = self._speed.at(now_s)
        return self._watts_per_cube * speed * speed * speed

    def set_speed(self, value: float | None, now_s: float) -> bool:
        """Take remote control and a speed, raised to the ventilation minimum; None returns to the natural speed."""
        if value is None:
            return self._write_word(WORD_READY, now_s)
        return self._write_setpoint(value, now_s) and self._write_word(WORD_RUN, now_s)

    def _write_setpoint(self, value: float | None, now_s: float) -> bool:
        if value is None or not 0.0 <= value <= 100.0:
            return False
        self.setpoint_pct = max(value, self.spec.min_speed_pct)
        self._expiry.refresh(now_s)
        self._choose(now_s)
        return True

    def _write_word(self, value: float | None, now_s: float) -> bool:
        if value is None:
            return False
        self._word = int(value)
        if self._word == WORD_RUN:
            self._expiry.refresh(now_s)
        else:
            self._expiry.stop()
        self._choose(now_s)
        return True

    def _choose(self, now_s: float) -> None:
        """Follow the setpoint while the control word says run, else the drive's own controller."""
        self._aim(self.setpoint_pct if self._word == WORD_RUN else self.spec.natural_speed_pct, now_s)

    def _aim(self, speed_pct: float, now_s: float) -> None:
        if speed_pct == self._aimed_pct:
            return
        self._aimed_pct = speed_pct
        self._events.at(now_s + self._dead_s, lambda t_s: self._speed.move(t_s, speed_pct))

    def _lose(self, now_s: float) -> None:
        self._word = WORD_READY
        self._choose(now_s)
