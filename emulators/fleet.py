"""Chargers with one outstanding command each, their cars' needs, and the booking system that tells of them."""

from emulators.cars import Session, Traffic
from emulators.events import Events, Expiry, Reading, Setter, factor, stream
from emulators.spec import FleetSpec

STATE_A, STATE_B1, STATE_B2, STATE_C1, STATE_C2 = 0, 1, 2, 3, 4
"""IEC 61851: no car; car, not offered; car full; car wants but is not offered; charging."""


class ChargerPlant:
    """One charger: whole amperes, 0 or 6..32; a car that is full or absent draws nothing."""

    def __init__(self, spec: FleetSpec, fleet: "FleetPlant", device: str, events: Events, *, seed: int) -> None:
        self.spec = spec
        self.fleet = fleet
        self._events = events
        self._random = stream(seed, f"charger/{device}")
        self._answer_s = (spec.command_s[0] * fleet.slow, spec.command_s[1] * fleet.slow)
        self._expiry = Expiry(events, spec.validity_s, self._lapse)
        self.readings: dict[str, Reading] = {
            "ev.power": lambda _: float(round(self._power_w)),
            "ev.state": lambda _: float(self.state()),
            # the limit as written; `applied` is the one in force
            "ev.current.limit": lambda _: float(self.setpoint_a),
            "ev.current.applied": lambda _: float(self.limit_a),
            "ev.current.limit.remaining": lambda now_s: float(int(self._expiry.left_s(now_s))),
            "ev.current.limit.in_force": lambda now_s: float(self._expiry.left_s(now_s) > 0.0),
            "ev.current.safe": lambda _: spec.safe_current_a,
            "ev.energy": lambda now_s: 0.0 if self.session is None else float(round(self._delivered(now_s))),
            **{f"voltage.l{phase}-n": lambda _: spec.volts for phase in (1, 2, 3)},
            **{f"current.l{phase}": lambda _: self._power_w / spec.volts / spec.phases for phase in (1, 2, 3)},
            "ev.phases": lambda _: float(spec.phases),
            "ev.available": lambda _: 1.0,
        }
        self.controls: dict[str, Setter] = {"ev.current.limit": self.set_limit}
        self.registers = self.controls
        self._waiting = False
        self._held = False
        self.limit_a = self.setpoint_a = int(spec.safe_current_a)
        """The limit in force, and what it will be once the charger has answered."""
        self._power_w = 0.0
        self._delivered_wh = 0.0
        self._settled_s = 0.0
        self._full_number = 0
        self.session: Session | None = None

    def begin_at(self, amps: int) -> None:
        """Set the limit in force at the run's begin; it lapses like any other."""
        self.limit_a = self.setpoint_a = amps
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
            return STATE_B2 if self.limit_a else STATE_B1
        return STATE_C2 if self.limit_a else STATE_C1

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

    def hold(self, now_s: float, *, held: bool) -> None:
        """A fault: limits are taken and not followed."""
        self._held = held
        if not held and not self._waiting:
            self._take(now_s)

    def _take(self, now_s: float) -> None:
        self._waiting = False
        if self._held:
            return
        self.limit_a = self.setpoint_a
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
        power_w = self.limit_a * self.spec.volts * self.spec.phases if need_wh > 0.0 else 0.0
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
        self.bookings: dict[str, Reading] = {
            f"bay{number:02}.{name}": reading
            for number, charger in enumerate(bays, start=1)
            for name, reading in self._booking_of(charger).items()
        }
        """What the booking system answers, e.g. `bay03.ev.energy.owed`."""
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

    def power_w(self, _now_s: float) -> float:
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

    def _booking_of(self, charger: ChargerPlant) -> dict[str, Reading]:
        def departure_s(now_s: float) -> float:
            """Whole minutes, in seconds."""
            return 0.0 if charger.session is None else 60.0 * int(max(0.0, charger.session.departs_s - now_s) / 60.0)

        return {
            "ev.energy.owed": lambda now_s: float(round(charger.owed_wh(now_s))),
            "ev.departure": departure_s,
            "ev.plugged": lambda _: float(charger.session is not None),
        }
