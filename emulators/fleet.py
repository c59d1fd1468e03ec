"""Chargers with one outstanding command each, their cars' needs, and the booking system that tells of them."""

from emulators.cars import Session, Traffic
from emulators.events import Events, Expiry, factor, stream
from emulators.spec import FleetSpec

STATE_A, STATE_B1, STATE_B2, STATE_C1, STATE_C2 = 0, 1, 2, 3, 4
"""IEC 61851: no car; car, not offered; car full; car wants but is not offered; charging."""


class ChargerPlant:
    """One charger: whole amperes, 0 or 6..32; a car that is full or absent draws nothing."""

    __slots__ = (
        "_answer_s", "_delivered_wh", "_events", "_expiry", "_full_number", "_limit_a", "_power_w", "_random",
        "_settled_s", "_waiting", "fleet", "session", "setpoint_a", "spec",
    )  # fmt: skip

    def __init__(self, spec: FleetSpec, fleet: "FleetPlant", device: str, events: Events, *, seed: int) -> None:
        self.spec = spec
        self.fleet = fleet
        self._events = events
        self._random = stream(seed, f"charger/{device}")
        self._answer_s = (spec.command_s[0] * fleet.slow, spec.command_s[1] * fleet.slow)
        self._expiry = Expiry(events, spec.validity_s, self._lapse)
        self._waiting = False
        self._limit_a = self.setpoint_a = int(spec.safe_current_a)
        self._power_w = 0.0
        self._delivered_wh = 0.0
        self._settled_s = 0.0
        self._full_number = 0
        self.session: Session | None = None

    @property
    def limit_a(self) -> int:
        """The current limit in force; `setpoint_a` is what it will be once the charger has answered."""
        return self._limit_a

    def begin_at(self, amps: int) -> None:
        """Set the limit in force at the run's begin; it lapses like any other."""
        self._limit_a = self.setpoint_a = amps
        self._expiry.refresh(0.0)
        self._redraw(0.0)

    def power_w(self) -> float:
        """What the car draws."""
        return self._power_w

    def owed_wh(self, now_s: float) -> float:
        """What the car still needs; 0 without a car."""
        if self.session is None:
            return 0.0
        return max(0.0, self.session.owed_wh - self._delivered(now_s))

    def state(self) -> int:
        """The state of IEC 61851."""
        if self.session is None:
            return STATE_A
        if self._delivered_wh >= self.session.owed_wh:
            return STATE_B2 if self._limit_a else STATE_B1
        return STATE_C2 if self._limit_a else STATE_C1

    def set_limit(self, value: float | None, now_s: float) -> bool:
        """Take a current limit; refused while a command is outstanding, unless it says the same again."""
        if value is None:
            self._expiry.stop()
            value = self.spec.safe_current_a
        elif 0.0 <= value <= 80.0:
            amps = self.whole(value)
            if self._waiting and amps != self.setpoint_a:
                return False
            self._expiry.refresh(now_s)
        else:
            return False
        amps = self.whole(value)
        if amps != self.setpoint_a:
            self._command(amps, now_s)
        return True

    def whole(self, amps: float) -> int:
        """Whole amperes in the charger's range; less than its minimum is 0."""
        if amps < self.spec.min_current_a:
            return 0
        return int(min(amps, self.spec.max_current_a))

    def plug(self, session: Session, now_s: float) -> None:
        """A car comes."""
        self.session = session
        self._delivered_wh = 0.0
        self._settled_s = now_s
        self._redraw(now_s)

    def unplug(self, now_s: float) -> None:
        """The car goes, full or not."""
        self._settle(now_s)
        if self.session is not None:
            self.fleet.departed(self.session, self._delivered_wh)
        self.session = None
        self._redraw(now_s)

    def _command(self, amps: int, now_s: float) -> None:
        self.setpoint_a = amps
        if self._waiting:
            return  # the answer that is due takes the newest setpoint along
        self._waiting = True
        self._events.at(now_s + self._random.uniform(*self._answer_s), self._take)

    def _take(self, now_s: float) -> None:
        self._waiting = False
        self._limit_a = self.setpoint_a
        self._redraw(now_s)

    def _lapse(self, now_s: float) -> None:
        amps = self.whole(self.spec.safe_current_a)
        if amps != self.setpoint_a:
            self._command(amps, now_s)

    def _delivered(self, now_s: float) -> float:
        return self._delivered_wh + self._power_w * (now_s - self._settled_s) / 3600.0

    def _settle(self, now_s: float) -> None:
        self._delivered_wh = self._delivered(now_s)
        self._settled_s = now_s

    def _redraw(self, now_s: float) -> None:
        """Work out the power anew; when the car will be full, be there."""
        self._settle(now_s)
        need_wh = 0.0 if self.session is None else self.session.owed_wh - self._delivered_wh
        power_w = self._limit_a * self.spec.volts * self.spec.phases if need_wh > 0.0 else 0.0
        self.fleet.add(power_w - self._power_w)
        self._power_w = power_w
        self._full_number += 1
        if power_w > 0.0:
            number = self._full_number
            self._events.at(now_s + need_wh * 3600.0 / power_w, lambda t_s: self._full(t_s, number))

    def _full(self, now_s: float, number: int) -> None:
        if number == self._full_number and self.session is not None:
            self._settle(now_s)
            self._delivered_wh = self.session.owed_wh
            self._redraw(now_s)


class FleetPlant:
    """All chargers together."""

    def __init__(self, spec: FleetSpec, events: Events, *, seed: int, perturb: float) -> None:
        self.spec = spec
        self.slow = factor(seed, "fleet.command", perturb)
        self._total_w = 0.0
        self.short_wh: list[float] = []
        """Energy that cars left without, one entry per departure."""
        self.chargers = {device: ChargerPlant(spec, self, device, events, seed=seed) for device in spec.devices}
        bays = list(self.chargers.values())
        self._bays = bays
        Traffic(
            spec,
            events,
            seed=seed,
            plug=lambda bay, session, now_s: bays[bay].plug(session, now_s),
            unplug=lambda bay, now_s: bays[bay].unplug(now_s),
        )
        per_amp_w = spec.volts * spec.phases
        for charger in bays:
            if charger.session is not None:
                plan_w = charger.owed_wh(0.0) * 3600.0 / charger.session.departs_s
                charger.begin_at(charger.whole(max(plan_w / per_amp_w, spec.min_current_a)))

    def power_w(self) -> float:
        """What all cars draw."""
        return self._total_w

    def planned_w(self, now_s: float) -> float:
        """Sum over the cars of energy owed / time left, each within its charger's range."""
        spec = self.spec
        per_amp_w = spec.volts * spec.phases
        total = 0.0
        for charger in self._bays:
            if charger.session is not None and (owed_wh := charger.owed_wh(now_s)) > 0.0:
                left_s = max(charger.session.departs_s - now_s, 1.0)
                wanted_w = owed_wh * 3600.0 / left_s
                total += min(max(wanted_w, spec.min_current_a * per_amp_w), spec.max_current_a * per_amp_w)
        return total

    def add(self, change_w: float) -> None:
        """A charger's power changed."""
        self._total_w += change_w
        if abs(self._total_w) < 1e-6:
            self._total_w = 0.0

    def departed(self, session: Session, delivered_wh: float) -> None:
        """A car left."""
        self.short_wh.append(max(0.0, session.owed_wh - delivered_wh))

    def read(self, device: str, quantity: str, _now_s: float) -> float | None:
        """A charger's register."""
        charger = self.chargers[device]
        match quantity:
            case "ev.power":
                return round(charger.power_w())
            case "ev.state":
                return float(charger.state())
            case "ev.current.limit":
                return float(charger.limit_a)
            case _:
                return None

    def booking(self, quantity: str, now_s: float) -> float | None:
        """A register of the booking system, e.g. `bay03.ev.energy.owed`."""
        bay, _, what = quantity.partition(".")
        if not (bay.startswith("bay") and bay[3:].isdecimal() and 1 <= int(bay[3:]) <= len(self._bays)):
            return None
        charger = self._bays[int(bay[3:]) - 1]
        session = charger.session
        match what:
            case "ev.energy.owed":
                return float(round(charger.owed_wh(now_s)))
            case "ev.departure":
                return 0.0 if session is None else float(round(max(0.0, session.departs_s - now_s)))
            case "ev.plugged":
                return float(session is not None)
            case _:
                return None
