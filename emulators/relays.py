"""Loads behind the relays of a box: each is on or off some moment after its coil, and draws about its rating."""

from emulators.events import Events, Reading, Setter, factor, stream
from emulators.spec import RelaysSpec


class RelayPlant:
    """One relay and its load; the coil shows what was written, the load follows it."""

    def __init__(self, spec: RelaysSpec, device: str, events: Events, *, on: bool, seed: int, perturb: float) -> None:
        self.spec = spec
        self._events = events
        self._delay_s = spec.delay_s * factor(seed, "relays.delay", perturb)
        self._draws_w = spec.rated_w * (1.0 + spec.spread * stream(seed, f"relays/{device}").uniform(-1.0, 1.0))
        self.coil = on
        self.on = on
        self.switched: list[tuple[float, bool]] = []
        """Every start (True) and stop (False) of the load with its instant."""
        self.controls: dict[str, Setter] = {"switch.on": self.set_coil}
        self.registers = self.controls
        self.readings: dict[str, Reading] = {
            "switch.on": lambda _: float(self.coil),
            "switch.power": lambda _: spec.rated_w * self.coil,
            "x.unit_id": lambda _: 1.0,
            "x.firmware": lambda _: 2.05,
        }

    def power_w(self, _now_s: float) -> float:
        """What the load really draws."""
        return self._draws_w * self.on

    def set_coil(self, value: float | None, now_s: float) -> bool:
        """Close (1) or open (0) the relay; None lets it fall."""
        if value not in (None, 0.0, 1.0):
            return False
        on = value == 1.0
        if on is not self.coil:
            self.coil = on
            self._events.at(now_s + self._delay_s, lambda t_s: self._follow(t_s, on=on))
        return True

    def _follow(self, now_s: float, *, on: bool) -> None:
        if on is not self.on:
            self.on = on
            self.switched.append((now_s, on))
