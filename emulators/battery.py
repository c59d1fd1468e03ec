"""A battery and its inverter: dead time, lag, losses, a window it never leaves, a setpoint that lapses.

The cells' energy is integrated exactly: P(s) = T + (P0 - T) exp(-s / tau) is split where it changes sign, charging is
stored at the efficiency, discharging taken at its inverse, the standby loss drains all the time. When the energy reaches
an end of the window the inverter blocks at that very instant.
"""

from math import exp, log, sqrt

from emulators.events import Events, Expiry, Reading, Setter, factor, stream
from emulators.lag import Lag
from emulators.spec import BatterySpec

HYSTERESIS = 0.005
"""Share of the capacity by which a blocked battery must have recovered before it takes the same direction again."""
NEAR_S = 30.0
"""So long before an end of the window can be reached, the instant is computed exactly."""


class BatteryPlant:
    """Setpoint and power in W, + charges."""

    def __init__(self, spec: BatterySpec, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self._events = events
        self._random = stream(seed, "battery")
        slow = factor(seed, "battery.dead_time", perturb)
        self._dead_s = (spec.dead_time_s[0] * slow, spec.dead_time_s[1] * slow)
        self._power = Lag(0.0, spec.lag_s * factor(seed, "battery.lag", perturb))
        lost = factor(seed, "battery.losses", perturb)
        self.efficiency = sqrt(1.0 - (1.0 - spec.round_trip_pct / 100.0) * lost)
        self.standby_w = spec.standby_w * lost
        self._low_wh = spec.energy_wh * spec.soc_min_pct / 100.0
        self._high_wh = spec.energy_wh * spec.soc_max_pct / 100.0
        self._energy_wh = spec.energy_wh * spec.soc_start_pct / 100.0
        self._settled_s = 0.0
        self._segment = 0
        self._sent = 0
        self._applied = 0
        self._blocked = 0
        """+1 charging is blocked (full), -1 discharging is blocked (empty)."""
        self._looking = False
        self._held = False
        self.setpoint_w = 0.0
        self.enabled = False
        self._fallback_w = 0.0
        self.controls: dict[str, Setter] = {"battery.power.setpoint": self.set_power}
        self.registers: dict[str, Setter] = {
            "battery.power.setpoint": self._write_setpoint,
            "battery.power.setpoint.timeout": self._write_reversion,
            "battery.power.fallback": self._write_fallback,
            "battery.enable": self._write_enable,
        }
        self.readings: dict[str, Reading] = {
            "battery.power": lambda now_s: round(self._power.at(now_s), -1),
            "battery.soc": lambda now_s: round(self.soc_pct(now_s), 1),
            "battery.soc.min": lambda _: spec.soc_min_pct,
            "battery.soc.max": lambda _: spec.soc_max_pct,
            "battery.power.setpoint": lambda _: self.setpoint_w,
            "battery.power.setpoint.timeout": lambda _: self._expiry.after_s or 0.0,
            "battery.power.fallback": lambda _: self._fallback_w,
            "battery.enable": lambda _: float(self.enabled),
            "battery.state": lambda now_s: 2.0 if abs(self._power.at(now_s)) >= 1.0 else 1.0,
            "battery.alarms": lambda _: 0.0,
            "battery.temperature": lambda _: 25.0,
        }
        self._expiry = Expiry(events, spec.reversion_s, self._revert)
        self._watch(0.0)

    def power_w(self, now_s: float) -> float:
        """Power at the terminals."""
        return self._power.at(now_s)

    def energy_wh(self, now_s: float) -> float:
        """Energy in the cells."""
        return self._energy_after(now_s - self._settled_s)

    def soc_pct(self, now_s: float) -> float:
        """State of charge."""
        return 100.0 * self.energy_wh(now_s) / self.spec.energy_wh

    def set_power(self, value: float | None, now_s: float) -> bool:
        """Take remote control and a setpoint; None gives remote control back and lets the battery rest."""
        if value is None:
            self.enabled = False
            self.setpoint_w = 0.0
            self._expiry.stop()
            self._send(0.0, now_s)
            return True
        if not -self.spec.max_discharge_w <= value <= self.spec.max_charge_w:
            return False
        self.enabled = True
        return self._write_setpoint(value, now_s)

    def hold(self, now_s: float, *, held: bool) -> None:
        """A fault: the inverter takes setpoints and does not follow them."""
        self._held = held
        if not held:
            self._send(self.setpoint_w if self.enabled else 0.0, now_s)

    def _write_setpoint(self, value: float | None, now_s: float) -> bool:
        if value is None or not -self.spec.max_discharge_w <= value <= self.spec.max_charge_w:
            return False
        self.setpoint_w = value
        self._expiry.refresh(now_s)
        if self.enabled:
            self._send(value, now_s)
        return True

    def _write_enable(self, value: float | None, now_s: float) -> bool:
        if value not in (0.0, 1.0):
            return False
        self.enabled = value == 1.0
        self._send(self.setpoint_w if self.enabled else 0.0, now_s)
        return True

    def _write_reversion(self, value: float | None, _now_s: float) -> bool:
        """The time-out counts from the next setpoint."""
        if value is None or value <= 0.0:
            return False
        self._expiry.after_s = value
        return True

    def _write_fallback(self, value: float | None, _now_s: float) -> bool:
        if value is None or not -self.spec.max_discharge_w <= value <= self.spec.max_charge_w:
            return False
        self._fallback_w = value
        return True

    def _revert(self, now_s: float) -> None:
        self.setpoint_w = self._fallback_w
        self._send(self.setpoint_w, now_s)

    def _send(self, wanted: float, now_s: float) -> None:
        self._sent += 1
        number = self._sent
        self._events.at(now_s + self._random.uniform(*self._dead_s), lambda t_s: self._apply(t_s, number, wanted))

    def _apply(self, now_s: float, number: int, wanted: float) -> None:
        if self._held or number < self._applied:
            return  # a later setpoint was quicker
        self._applied = number
        if wanted == self._power.target and not self._blocked:
            return
        self._settle(now_s)
        if wanted * self._blocked > 0.0 and self._still_blocked():
            return
        self._blocked = 0
        self._power.move(now_s, wanted)
        self._watch(now_s)

    def _still_blocked(self) -> bool:
        room_wh = self._high_wh - self._energy_wh if self._blocked > 0 else self._energy_wh - self._low_wh
        return room_wh < HYSTERESIS * self.spec.energy_wh

    def _settle(self, now_s: float) -> None:
        self._energy_wh = self._energy_after(now_s - self._settled_s)
        power = self._power
        power.move(now_s, power.target)
        self._settled_s = now_s
        self._segment += 1

    def _turn_s(self) -> float:
        """How long after the last settlement the power changes its sign; 0 when it does not."""
        gap, target = self._power.gap(self._settled_s), self._power.target
        return self._power.tau_s * log(-gap / target) if (target + gap) * target < 0.0 else 0.0

    def _unbounded_wh(self, span_s: float) -> float:
        """Energy `span_s` after the last settlement, were there no window."""
        power, eta = self._power, self.efficiency
        target, tau = power.target, power.tau_s
        gap = power.gap(self._settled_s)
        turn_s = min(span_s, self._turn_s()) if gap != 0.0 else 0.0
        stored = 0.0
        for begin, end in ((0.0, turn_s), (turn_s, span_s)):
            if end > begin:
                part = target * (end - begin) + gap * tau * (exp(-begin / tau) - exp(-end / tau))
                stored += part * eta if part > 0.0 else part / eta
        return self._energy_wh + (stored - self.standby_w * span_s) / 3600.0

    def _energy_after(self, span_s: float) -> float:
        # an empty battery does not feed its own standby: that is why the lower end is a stop here
        return min(max(self._unbounded_wh(span_s), self._low_wh), self._high_wh)

    def _watch(self, now_s: float) -> None:
        """Be there when the energy reaches an end of the window; before that, look no sooner than it possibly can."""
        spec = self.spec
        room_up_s = 3600.0 * (self._high_wh - self._energy_wh) / (spec.max_charge_w * self.efficiency)
        drain_w = spec.max_discharge_w / self.efficiency + self.standby_w
        soonest_s = min(room_up_s, 3600.0 * (self._energy_wh - self._low_wh) / drain_w)
        if soonest_s > NEAR_S:
            if not self._looking:
                self._looking = True
                self._events.at(now_s + 0.9 * soonest_s, self._look)
            return
        segment = self._segment
        hit = self._first_hit()
        if hit is not None:
            self._events.at(now_s + hit[0], lambda t_s: self._block(t_s, segment, hit[1]))
        elif not self._looking:
            self._looking = True
            self._events.at(now_s + NEAR_S, self._look)

    def _look(self, now_s: float) -> None:
        self._looking = False
        self._settle(now_s)
        self._watch(now_s)

    def _first_hit(self) -> tuple[float, int] | None:
        """When (from the settlement) and at which end (+1 full, -1 empty) power meets the window soon, if it does."""
        gap = self._power.gap(self._settled_s)
        turn_s = self._turn_s() if gap != 0.0 else 0.0
        start = self._power.target + gap
        for begin, end, sign in ((0.0, turn_s, start), (turn_s, NEAR_S + 1.0, self._power.target or start)):
            if end <= begin or sign == 0.0:
                continue
            way = 1 if sign > 0.0 else -1
            end_wh = self._high_wh if way > 0 else self._low_wh
            if way * (end_wh - self._unbounded_wh(end)) > 0.0:
                continue
            low, high = begin, end
            for _ in range(60):
                middle = (low + high) / 2.0
                if way * (end_wh - self._unbounded_wh(middle)) > 0.0:
                    low = middle
                else:
                    high = middle
            return high, way
        return None

    def _block(self, now_s: float, segment: int, way: int) -> None:
        if segment != self._segment:
            return
        onward = self._power.target
        self._settle(now_s)
        self._energy_wh = self._high_wh if way > 0 else self._low_wh
        self._blocked = way
        self._power.jump(now_s, 0.0)
        if onward * way < 0.0:
            self._blocked = 0
            self._power.move(now_s, onward)
        self._watch(now_s)
