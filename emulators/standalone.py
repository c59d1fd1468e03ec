"""Devices without a plant: values of their test vectors, setpoints that read back as written and revert by themselves.

A value no vector knows is a plausible one of its unit. A setpoint with a reversion timer falls back when it is not
written again in time; a power that has a setpoint follows it at once.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from emulators.events import Events, Expiry, Happening
from gateway.model.point import Unit
from gateway.profiles.schema import Control, Point, Profile, Set, Trait
from gateway.yamltext import read_file

PLAUSIBLE: Mapping[Unit, float] = MappingProxyType(
    {
        Unit.VOLT: 230.0,
        Unit.AMPERE: 10.0,
        Unit.HERTZ: 50.0,
        Unit.WATT: 1000.0,
        Unit.CELSIUS: 21.0,
        Unit.PERCENT: 50.0,
        Unit.SECOND: 60.0,
    }
)
FOLLOWS: Mapping[str, str] = MappingProxyType(
    {
        "battery.power": "battery.power.setpoint",
        "fan.speed": "fan.speed.setpoint",
        "light.level": "light.level.setpoint",
    }
)
"""Reading -> the setpoint it follows."""
ENABLES: Mapping[str, str] = MappingProxyType({"battery.power": "battery.enable"})
"""Reading -> the switch without which it rests at 0."""


def start_values(profile: Profile, vectors: Path | None) -> dict[str, float]:
    """What a device of this type shows first: good values of its vectors, what it is known by, else plausible ones."""
    known: dict[str, float] = {}
    rows = [] if vectors is None or not vectors.is_file() else read_file(vectors).data.get("decode", [])
    for row in rows:
        for name, value in row["expect"].items():
            if isinstance(value, int | float):
                known.setdefault(name, float(value))
    for trait in _known_by(profile):
        if trait.values or (trait.low is not None and trait.high is not None):
            middle = trait.values[0] if trait.values else round(((trait.low or 0.0) + (trait.high or 0.0)) / 2.0)
            known.setdefault(trait.point or "", middle)
    numbers = [point for point in profile.points.values() if not point.is_text]
    return {point.name: known.get(point.name, _plausible(point)) for point in numbers}


def start_texts(profile: Profile, vectors: Path | None) -> dict[str, str]:
    """What its text points say: the first text of each in its vectors, else what it is known by."""
    known: dict[str, str] = {}
    rows = [] if vectors is None or not vectors.is_file() else read_file(vectors).data.get("decode", [])
    for row in rows:
        for name, value in row["expect"].items():
            if isinstance(value, str) and name in profile.points and profile.points[name].is_text:
                known.setdefault(name, value)
    for trait in _known_by(profile):
        if trait.starts:
            known.setdefault(trait.point or "", trait.starts[-1])
    return known


def _known_by(profile: Profile) -> list[Trait]:
    """What tells this device type in points of its own."""
    traits = [one for trait in profile.identify for one in (trait, trait.also) if one is not None]
    return [trait for trait in traits if trait.point is not None]


def _plausible(point: Point) -> float:
    if point.enum:
        return float(min(point.enum))
    if point.codes:
        return float(min(point.codes.values()))
    if point.counter is not None or point.bits is not None:
        return 0.0
    value = PLAUSIBLE.get(point.unit, 0.0)
    if point.factor < 0.0 and point.kind.is_integer and point.kind.bounds[0] == 0:
        value = -value  # a magnitude of what counts as negative inside: generation
    low, high = point.low, point.high
    if (low is None or low <= value) and (high is None or value <= high):
        return value
    return (low + high) / 2.0 if low is not None and high is not None else (low if high is None else high) or 0.0


class StandAlone:
    """Devices by name; time moves by `advance` only."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._events = Events()
        self._values: dict[tuple[str, str], float] = {}
        self._controls: dict[tuple[str, str], Control] = {}
        self._timers: dict[tuple[str, str], Expiry] = {}
        self._writable: set[tuple[str, str]] = set()
        self._held: dict[tuple[str, str], float] = {}
        self.steered: set[str] = set()
        """Devices with a power that follows a setpoint."""

    def add(self, device: str, profile: Profile, values: Mapping[str, float]) -> None:
        """One more device, as it is after switching on."""
        for name, value in values.items():
            self._values[device, name] = value
            if profile.points[name].writable:
                self._writable.add((device, name))
            if name in FOLLOWS and FOLLOWS[name] in values:
                self.steered.add(device)
        for name, control in profile.controls.items():
            self._controls[device, name] = control
            if control.keepalive is not None:
                lapse = partial(self._lapse, (device, name))
                self._timers[device, name] = timer = Expiry(self._events, control.keepalive.timeout_s, lapse)
                timer.refresh(self.now_s)

    def at(self, t_s: float, happening: Happening) -> None:
        """Let something happen at an instant."""
        self._events.at(t_s, happening)

    def advance(self, t_s: float) -> None:
        """Be at an instant, not before `now_s`."""
        while self._events.next_s <= t_s:
            self.now_s = self._events.happen()
        self.now_s = t_s

    def read(self, device: str, quantity: str) -> float | None:
        """The value of a quantity now."""
        key = (device, quantity)
        if key in self._held:
            return self._held[key]
        setpoint = self._values.get((device, FOLLOWS.get(quantity, "")))
        if setpoint is None:
            return self._values.get(key)
        return setpoint if self._values.get((device, ENABLES.get(quantity, "")), 1.0) else 0.0

    def takes(self, device: str, quantity: str) -> bool:
        """Whether it can be written."""
        return (device, quantity) in self._writable

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """Store it, and start its reversion timer again; a point `<control>.timeout` sets that timer."""
        self._values[device, quantity] = value
        if (timer := self._timers.get((device, quantity.removesuffix(".timeout")))) is not None:
            if quantity.endswith(".timeout"):
                timer.after_s = value
            else:
                timer.refresh(self.now_s)
        return True

    def reset(self, device: str, now_s: float) -> None:
        """Let a device be as after switching on: its setpoints at their fallbacks."""
        for key in self._controls:
            if key[0] == device:
                self._lapse(key, now_s)

    def hold_power(self, device: str, _now_s: float, *, held: bool) -> None:
        """Let what follows a setpoint stay as it is, or follow again."""
        for name in FOLLOWS:
            if held and (value := self.read(device, name)) is not None:
                self._held[device, name] = value
            else:
                self._held.pop((device, name), None)

    def _lapse(self, key: tuple[str, str], _now_s: float) -> None:
        control = self._controls[key]
        if control.lost.value is not None:
            self._values[key] = control.lost.value
            return
        for step in control.release:
            for point, value in step.writes if isinstance(step, Set) else ():
                if isinstance(value, float | int):
                    self._values[key[0], point] = value
