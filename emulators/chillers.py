"""Chillers on one common zone: demand limits, trips, minimum on and off times, starts per hour, heat in the zone.

A demand limit of 100 % is no limit: the machine's own controller then holds the operating point. Each machine's own
controller also keeps the machine from being switched too often, whatever it is told. The zone follows
dT/dt = -COP (P - P_op) / C - (T - T_set) / leak and is solved exactly: the machines' powers are constants plus decaying
exponentials.
"""

from collections import deque
from math import exp

from emulators.events import Events, Expiry, Reading, Setter, factor
from emulators.lag import Lag
from emulators.spec import ChillersSpec

NO_LIMIT_PCT = 100.0


class Zone:
    """The zones' common temperature."""

    def __init__(self, spec: ChillersSpec) -> None:
        self.spec = spec
        self.machines: list[ChillerPlant] = []
        self._settled_s = 0.0
        self._above_k = 0.0
        self.readings: dict[str, Reading] = {
            "zone.temperature": lambda now_s: round(self.temperature_c(now_s), 1),
            "zone.humidity": lambda _: 50.0,
        }

    def temperature_c(self, now_s: float) -> float:
        """Degrees Celsius at an instant not before the last settlement."""
        return self.spec.setpoint_c + self._after(now_s - self._settled_s)

    def settle(self, now_s: float) -> None:
        """Take the temperature over before a machine changes its course."""
        self._above_k = self._after(now_s - self._settled_s)
        self._settled_s = now_s

    def _after(self, span_s: float) -> float:
        spec = self.spec
        leak = 1.0 / spec.leak_s
        fade = exp(-leak * span_s)
        kelvin_per_ws = -spec.cop / (spec.zone_wh_per_k * 3600.0)
        steady_w = sum(machine.course.target for machine in self.machines) - spec.operating_w
        above = self._above_k * fade + kelvin_per_ws * steady_w * spec.leak_s * (1.0 - fade)
        for machine in self.machines:
            gap = machine.course.gap(self._settled_s)
            if gap != 0.0:
                rate = 1.0 / machine.course.tau_s
                above += kelvin_per_ws * gap * (exp(-rate * span_s) - fade) / (leak - rate)
        return above


class ChillerPlant:
    """One machine: off, or on with a power that follows its demand limit."""

    def __init__(self, spec: ChillersSpec, zone: Zone, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self._zone = zone
        self._events = events
        self._dead_s = spec.dead_time_s * factor(seed, "chillers.dead_time", perturb)
        self.natural_pct = 100.0 * spec.operating_w / len(spec.devices) / spec.rated_w
        lag_s = spec.lag_s * factor(seed, "chillers.lag", perturb)
        self.course = Lag(spec.rated_w * self.natural_pct / 100.0, lag_s)
        zone.machines.append(self)
        self.limit_pct = NO_LIMIT_PCT
        """As written; what the machine follows came through the dead time."""
        self.enabled = True
        self.running = True
        self.trips = 0
        self.switched: list[tuple[float, bool]] = []
        """Every start (True) and stop (False) with its instant."""
        self._followed_pct = self.natural_pct
        self._wanted = True
        self._changed_s = -spec.min_on_s
        self._starts: deque[float] = deque(maxlen=spec.max_starts_per_h)
        self.controls: dict[str, Setter] = {
            "chiller.demand.limit": self.set_limit,
            "chiller.enable": self.set_enable,
        }
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "chiller.power": lambda now_s: round(self.course.at(now_s), -2),
            "chiller.running": lambda _: float(self.running),
            "chiller.alarm": lambda _: float(self.trips > 0 and not self.running),
            "chiller.water.supply": lambda _: 7.0,
            "chiller.water.return": lambda now_s: round(7.0 + 5.0 * self.course.at(now_s) / spec.rated_w, 1),
            "chiller.demand.limit": lambda _: self.limit_pct,
            "chiller.enable": lambda _: float(self.enabled),
        }
        self._expiry = Expiry(events, spec.reversion_s, self._lose)

    def power_w(self, now_s: float) -> float:
        """Electrical power."""
        return self.course.at(now_s)

    def set_limit(self, value: float | None, now_s: float) -> bool:
        """Take a demand limit in % of the rating; None or 100 % leave the machine to its own controller."""
        if value is None:
            self._expiry.stop()
            self._aim(NO_LIMIT_PCT, now_s)
            return True
        if not 0.0 <= value <= 100.0:
            return False
        self._expiry.refresh(now_s)
        self._aim(value, now_s)
        return True

    def set_enable(self, value: float | None, now_s: float) -> bool:
        """Let the machine run, or stop it; its own controller decides when."""
        if value not in (None, 0.0, 1.0):
            return False
        self.enabled = value != 0.0
        wanted = self.enabled
        self._events.at(now_s + self._dead_s, lambda t_s: self._want(t_s, wanted=wanted))
        return True

    def _lose(self, now_s: float) -> None:
        self._aim(NO_LIMIT_PCT, now_s)

    def _aim(self, limit_pct: float, now_s: float) -> None:
        if limit_pct == self.limit_pct:
            return
        self.limit_pct = limit_pct
        part_pct = self.natural_pct if limit_pct >= NO_LIMIT_PCT else limit_pct
        self._events.at(now_s + self._dead_s, lambda t_s: self._follow(t_s, part_pct))

    def _follow(self, now_s: float, limit_pct: float) -> None:
        self._followed_pct = limit_pct
        if self.running and limit_pct < self.spec.min_part_pct:
            self.trips += 1
            self._switch(now_s, running=False)
        elif self.running:
            self._move(now_s, self.spec.rated_w * limit_pct / 100.0)
        else:
            self._consider(now_s)

    def _want(self, now_s: float, *, wanted: bool) -> None:
        self._wanted = wanted
        self._consider(now_s)

    def _consider(self, now_s: float) -> None:
        """Start or stop when that is wanted and allowed; else look again at the first instant it may be."""
        spec = self.spec
        wanted = self._wanted and self._followed_pct >= spec.min_part_pct
        if wanted == self.running:
            return
        allowed_s = self._changed_s + (spec.min_on_s if self.running else spec.min_off_s)
        if wanted and len(self._starts) == spec.max_starts_per_h:
            allowed_s = max(allowed_s, self._starts[0] + 3600.0)
        if now_s < allowed_s:
            self._events.at(allowed_s, self._consider)
        else:
            self._switch(now_s, running=wanted)

    def _switch(self, now_s: float, *, running: bool) -> None:
        self.running = running
        self._changed_s = now_s
        self.switched.append((now_s, running))
        if running:
            self._starts.append(now_s)
            self._move(now_s, self.spec.rated_w * self._followed_pct / 100.0)
        else:
            self._zone.settle(now_s)
            self.course.jump(now_s, 0.0)
            self._consider(now_s)

    def _move(self, now_s: float, target_w: float) -> None:
        self._zone.settle(now_s)
        self.course.move(now_s, target_w)
