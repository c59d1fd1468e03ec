"""Rooms that are cooled by indoor units with thermostats of their own, and the meter of what the units draw together.

A thermostat is a PI controller that looks at its room every `sample_s`: it asks for kp x (error + its integral over ti),
which the unit follows after a dead time with a lag. The room is one heat store:
dT/dt = -COP (P - P_op) / C - (T - T_0) / leak, solved exactly between two looks, because the power is a constant plus a
decaying exponential. P_op holds the balance at the room's own set-point T_0 and follows the day: most at three o'clock.
"""

from math import cos, exp, pi

from emulators.events import Events, Reading, Setter, factor, stream
from emulators.lag import Lag
from emulators.spec import RoomsSpec

HOTTEST_S, DAY_S = 54_000.0, 86_400.0
COOL, OK = 2.0, 0.0
STEP_K = 0.5
"""A set-point is told in such steps at the wall; the register takes any."""


class RoomPlant:
    """One room with its unit."""

    def __init__(
        self, spec: RoomsSpec, device: str, events: Events, *, seed: int, perturb: float, clock_s: float
    ) -> None:
        random = stream(seed, f"rooms/{device}")
        self.spec = spec
        self._events = events
        self._clock_s = clock_s
        self._size = 1.0 + spec.spread * random.uniform(-1.0, 1.0)
        self._rated_w = spec.rated_w * self._size
        self._kelvin_per_ws = -spec.cop / (spec.wh_per_k * self._size * factor(seed, "rooms.store", perturb) * 3600.0)
        self._kp = spec.w_per_k * self._size * factor(seed, "rooms.gain", perturb)
        self._dead_s = spec.dead_time_s * factor(seed, "rooms.dead_time", perturb)
        self.own_c = spec.setpoint_c + STEP_K * random.choice((-1, 0, 0, 1))
        """What was set at the wall."""
        self.setpoint_c = self.own_c
        self.course = Lag(self._balance_w(0.0), spec.lag_s * factor(seed, "rooms.lag", perturb))
        self._integral_k = self._balance_w(0.0) / self._kp
        self._above_k = 0.0
        self._settled_s = 0.0
        self._asked_w = self.course.target
        self.written: list[tuple[float, float]] = []
        """Every set-point that was taken, with its instant."""
        self.controls: dict[str, Setter] = {"zone.temperature.setpoint": self.set_point}
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "zone.temperature": lambda now_s: round(self.temperature_c(now_s), 1),
            "zone.temperature.setpoint": lambda _: self.setpoint_c,
            "x.units": lambda _: 16.0,
            "x.baud": lambda _: 9600.0,
            "x.mode.setpoint": lambda _: COOL,
            "x.mode": lambda _: COOL,
            "x.thermostat_state": lambda now_s: COOL if self.power_w(now_s) > 0.0 else OK,
            "x.fan_speed": lambda _: 2.0,
            "x.vane": lambda _: 2.0,
            "x.external.temperature": lambda now_s: round(self.temperature_c(now_s), 1),
            "x.on": lambda _: 1.0,
            "x.connected": lambda _: 1.0,
            "x.error": lambda _: OK,
        }
        events.at(random.uniform(0.0, spec.sample_s), self._look)

    def power_w(self, now_s: float) -> float:
        """Electrical power of the unit."""
        return self.course.at(now_s)

    def temperature_c(self, now_s: float) -> float:
        """Degrees Celsius at an instant not before the last settlement."""
        return self.own_c + self._after(now_s - self._settled_s)

    def set_point(self, value: float | None, now_s: float) -> bool:
        """Take a set-point and keep it; None is the one that was set at the wall."""
        if value is not None and not 16.0 <= value <= 32.0:
            return False
        self.setpoint_c = self.own_c if value is None else value
        self.written.append((now_s, self.setpoint_c))
        return True

    def natural_w(self, now_s: float) -> float:
        """What the unit draws in balance at the room's own set-point."""
        return self._balance_w(now_s)

    def _balance_w(self, now_s: float) -> float:
        day = cos(2.0 * pi * ((self._clock_s + now_s) % DAY_S - HOTTEST_S) / DAY_S)
        return self.spec.operating_w / len(self.spec.devices) * (1.0 + self.spec.swing * day) * self._size

    def _after(self, span_s: float) -> float:
        leak = 1.0 / self.spec.leak_s
        fade = exp(-leak * span_s)
        steady_w = self.course.target - self._balance_w(self._settled_s)
        above = self._above_k * fade + self._kelvin_per_ws * steady_w / leak * (1.0 - fade)
        gap_w = self.course.gap(self._settled_s)
        if gap_w != 0.0:
            rate = 1.0 / self.course.tau_s
            above += self._kelvin_per_ws * gap_w * (exp(-rate * span_s) - fade) / (leak - rate)
        return above

    def _settle(self, now_s: float) -> None:
        self._above_k = self._after(now_s - self._settled_s)
        self._settled_s = now_s

    def _look(self, now_s: float) -> None:
        """The thermostat's turn."""
        spec = self.spec
        self._settle(now_s)
        error_k = self.own_c + self._above_k - self.setpoint_c
        wanted_w = self._kp * (error_k + self._integral_k)
        asked_w = min(max(wanted_w, 0.0), self._rated_w)
        if wanted_w == asked_w:  # no wind-up at either end
            self._integral_k += error_k * spec.sample_s / spec.integral_s
        if abs(asked_w - self._asked_w) >= spec.resolution_w or asked_w in (0.0, self._rated_w):
            self._asked_w = asked_w
            self._events.at(now_s + self._dead_s, lambda t_s: self._move(t_s, asked_w))
        self._events.at(now_s + spec.sample_s, self._look)

    def _move(self, now_s: float, target_w: float) -> None:
        self._settle(now_s)
        self.course.move(now_s, target_w)


class RoomsMeter:
    """The meter in front of the outdoor unit."""

    def __init__(self, rooms: list[RoomPlant], *, resolution_w: float) -> None:
        def power_w(now_s: float) -> float:
            total_w = sum(room.power_w(now_s) for room in rooms)
            return resolution_w * round(total_w / resolution_w)

        self.controls: dict[str, Setter] = {}
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "power.active": power_w,
            "energy.active.import": lambda _: 0.0,
            "energy.active.export": lambda _: 0.0,
            "frequency": lambda _: 50.0,
            "power_factor": lambda _: 1.0,
            **{f"voltage.l{phase}-n": lambda _: 230.0 for phase in (1, 2, 3)},
            **{f"current.l{phase}": lambda now_s: round(power_w(now_s) / 690.0, 2) for phase in (1, 2, 3)},
            **{f"power.active.l{phase}": lambda now_s: round(power_w(now_s) / 3.0, 2) for phase in (1, 2, 3)},
        }
