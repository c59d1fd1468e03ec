"""Small sites, snapshots from plain dicts, and a toy plant that closes the loop around `step` in virtual time."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, inf
from typing import Any

from gateway.control.copies import from_json, to_json
from gateway.control.decision import Curve, Decision, Inputs
from gateway.control.kinds import ENABLE, RUNNING, SWITCH, power_point
from gateway.control.state import Age, ControlState
from gateway.control.step import begin, step
from gateway.control.watched import control_points, meter_point
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.site import (
    Asset,
    AutomaticResponse,
    Battery,
    Chiller,
    Control,
    DemandResponse,
    Dimmer,
    EvFleet,
    Fans,
    Limits,
    Pv,
    Regulation,
    Services,
    Site,
    Switched,
    Zones,
)

UTC_MS = 1_800_000_000_000
"""The wall clock when a toy begins: a whole multiple of five minutes."""
ALL_SERVICES = Services(Regulation(200_000.0), DemandResponse(200_000.0), AutomaticResponse(200_000.0))

# -- sites ---------------------------------------------------------------------------------------------------------


def asset(name: str, detail: Any, **changes: Any) -> Asset:
    """An asset with plain bounds; everything can be changed by name."""
    given: dict[str, Any] = {
        "devices": (name,), "min_w": 0.0, "max_w": 100_000.0, "operating_w": 50_000.0, "safe_w": None,
        "dead_time_s": 0.0, "lag_s": 0.0,
    }  # fmt: skip
    return Asset(id=name, detail=detail, **{**given, **changes})


def battery(name: str = "battery", **changes: Any) -> Asset:
    """± 200 kW, 400 kWh."""
    given = {
        "min_w": -200_000.0,
        "max_w": 200_000.0,
        "operating_w": 0.0,
        "safe_w": 0.0,
        "dead_time_s": 0.45,
        "lag_s": 0.3,
    }
    return asset(name, Battery(400_000.0), **{**given, **changes})


def fans(name: str = "fans", count: int = 2, **changes: Any) -> Asset:
    """Drives of 25 kW at 80 %."""
    given = {
        "devices": tuple(f"{name}{at + 1}" for at in range(count)), "min_w": count * 5_300.0, "max_w": count * 20_300.0,
        "operating_w": count * 12_800.0, "dead_time_s": 10.0, "lag_s": 30.0,
    }  # fmt: skip
    return asset(name, Fans(25_000.0, 55.0), **{**given, **changes})


def chiller(name: str = "chiller", zone: str | None = None, min_on_s: float = 900.0, **changes: Any) -> Asset:
    """Two machines of 150 kW."""
    given = {
        "devices": (f"{name}1", f"{name}2"), "min_w": 80_000.0, "max_w": 240_000.0, "operating_w": 160_000.0,
        "dead_time_s": 30.0, "lag_s": 120.0,
    }  # fmt: skip
    return asset(name, Chiller(150_000.0, zone=zone, min_on_s=min_on_s, min_off_s=min_on_s), **{**given, **changes})


def dimmer(name: str = "lighting", **changes: Any) -> Asset:
    """60 kW of lamps, 40 kW usual."""
    given = {"min_w": 20_000.0, "max_w": 60_000.0, "operating_w": 40_000.0, "dead_time_s": 0.5, "lag_s": 0.5}
    return asset(name, Dimmer(60_000.0, 30.0), **{**given, **changes})


def ev(name: str = "ev", count: int = 4, bookings: str | None = None, **changes: Any) -> Asset:
    """Chargers of 22 kW; a car at 6 A draws 4.14 kW."""
    given = {
        "devices": tuple(f"{name}{at + 1}" for at in range(count)), "min_w": 0.0, "max_w": count * 22_080.0,
        "operating_w": None,
    }  # fmt: skip
    return asset(name, EvFleet(bookings=bookings), **{**given, **changes})


def pv(name: str = "pv", count: int = 1, rated_w: float = 100_000.0, **changes: Any) -> Asset:
    """Inverters of 100 kW."""
    given = {
        "devices": tuple(f"{name}{at + 1}" for at in range(count)), "min_w": -count * rated_w, "max_w": 0.0,
        "operating_w": None, "dead_time_s": 1.0, "lag_s": 1.0,
    }  # fmt: skip
    return asset(name, Pv(rated_w), **{**given, **changes})


def switched(name: str = "boilers", count: int = 5, running: int = 5, **changes: Any) -> Asset:
    """Boilers of 3 kW, all running; what is not a key of an asset is one of its loads."""
    own = {
        key: changes.pop(key)
        for key in ("min_on_s", "min_off_s", "max_starts_per_h", "longest_off_s")
        if key in changes
    }
    given = {
        "devices": tuple(f"{name}{at + 1}" for at in range(count)), "min_w": 0.0, "max_w": count * 3_000.0,
        "operating_w": running * 3_000.0, "dead_time_s": 0.5, "lag_s": 0.0,
    }  # fmt: skip
    return asset(name, Switched(3_000.0, **own), **{**given, **changes})


def zones(name: str = "rooms", count: int = 4, **changes: Any) -> Asset:
    """Rooms at 24 °C that draw 40 kW together and answer 16 kW/K; what is no key of an asset is one of its rooms."""
    own = {key: changes.pop(key) for key in Zones.__dataclass_fields__ if key in changes}
    rooms = {
        "meter": "cooling", "setpoint_c": 24.0, "occupied_c": (22.0, 26.0), "unoccupied_c": (18.0, 30.0),
        "w_per_k": 16_000.0, "wh_per_k": 12_000.0,
    }  # fmt: skip
    given = {
        "devices": tuple(f"room{at + 1}" for at in range(count)), "min_w": 0.0, "max_w": 60_000.0, "operating_w": None,
        "dead_time_s": 30.0, "lag_s": 90.0, "command_period_s": 60.0,
    }  # fmt: skip
    return asset(name, Zones(**{**rooms, **own}), **{**given, **changes})


def site(
    *assets: Asset,
    limits: Limits | None = None,
    services: Services = ALL_SERVICES,
    control: Control | None = None,
    **more: Any,
) -> Site:
    """A site of these assets, meter `pcc`."""
    return Site(
        id="toy",
        timezone="Asia/Shanghai",
        meter="pcc",
        connections={},
        devices={},
        assets={one.id: one for one in assets},
        limits=limits or Limits(),
        services=services,
        links={},
        control=control or Control(),
        **more,
    )


# -- snapshots -----------------------------------------------------------------------------------------------------

Value = float | Reading | None


def snapshot(values: Mapping[str, Value], *, now_s: float, stale_after_s: float = 5.0) -> Snapshot:
    """A snapshot of plain values measured now; None is an invalid reading, a Reading is taken as it is."""
    image = Image([PointSpec(PointId(name), Unit.NONE, stale_after_s) for name in values])
    for name, value in values.items():
        image.post(PointId(name), as_reading(value, now_s))
    return image.snapshot(now_s)


def as_reading(value: Value, at_s: float) -> Reading:
    """A plain value as a reading of this instant."""
    if isinstance(value, Reading):
        return value
    if value is None:
        return Reading(None, Quality.INVALID, Cause.OFFLINE, at_s)
    return Reading(float(value), Quality.GOOD, Cause.NONE, at_s)


# -- requests ------------------------------------------------------------------------------------------------------

_numbers = itertools.count(1)


def request(**changes: Any) -> Request:
    """A demand-response setpoint for the whole site, valid a minute, sequence numbers rising."""
    number = next(_numbers)
    issued_ms = changes.pop("issued_ms", UTC_MS)
    given: dict[str, Any] = {
        "id": f"r{number}", "issuer": "vpp", "source": Source.REMOTE, "seq": number, "service": Service.DR,
        "kind": Kind.SETPOINT, "target": "site", "issued_ms": issued_ms, "begin_ms": issued_ms, "end_ms": issued_ms + 60_000,
    }  # fmt: skip
    if changes.get("kind") is Kind.LIMIT:
        given |= {"service": Service.LIMIT, "end_ms": None}
    if changes.get("source") is Source.INTERLOCK:
        given |= {"end_ms": None}
    return Request(**{**given, **changes})


def arrival(wish: Request, *, at_s: float = 0.0, at_ms: int | None = None) -> Arrival:
    """A request that arrives at the moment it was issued, unless told."""
    return Arrival(wish.issuer, at_s, wish.issued_ms if at_ms is None else at_ms, wish)


# -- the toy plant -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Machine:
    """One device: its power follows what it was told after its dead time, by a first-order lag."""

    watts: float
    wanted_w: float
    dead_time_s: float
    lag_s: float
    coming: list[tuple[float, float]] = field(default_factory=list)

    def tell(self, watts: float, at_s: float) -> None:
        self.coming.append((at_s + self.dead_time_s, watts))

    def move(self, from_s: float, to_s: float) -> None:
        for at_s, watts in [*self.coming, (inf, 0.0)]:
            until_s = min(max(at_s, from_s), to_s)
            part = 1.0 if self.lag_s <= 0.0 else 1.0 - exp(-(until_s - from_s) / self.lag_s)
            self.watts += part * (self.wanted_w - self.watts) if until_s > from_s else 0.0
            from_s = until_s
            if at_s > to_s:
                break
            self.wanted_w = watts
        self.coming = [entry for entry in self.coming if entry[0] > to_s]


@dataclass(slots=True)
class Roof(Machine):
    """One inverter: bound by what it was told after its dead time and lag, and by the sun."""

    sun_w: float = 0.0
    bound_w: float = 0.0

    def move(self, from_s: float, to_s: float) -> None:
        self.watts = self.bound_w
        Machine.move(self, from_s, to_s)
        self.bound_w = self.watts
        self.watts = max(self.bound_w, -self.sun_w)


class Toy:
    """A plant that follows its commands by nameplate, metered without error a quarter of a second late.

    `values` is what the devices show besides their power; set `meter_good`, `deaf` (devices that do not follow),
    `shown` (readings that stand in for the true ones) and `load_w` at will. Time moves by `step`.
    """

    def __init__(self, where: Site, *, load_w: float = 600_000.0, now_s: float = 5_000.0) -> None:
        self.site = where
        self.now_s = now_s
        self.wall_ms = UTC_MS - round(now_s * 1000.0)
        self.load_w = load_w
        self.state: ControlState = begin(where, now_s=now_s)
        self.meter_good = True
        self.deaf: set[str] = set()
        self.told: dict[str, float | None] = {}
        self.shown: dict[str, Value] = {}
        self.decisions: list[Decision] = []
        self.values: dict[str, float] = {}
        self.machines: dict[str, Machine] = {}
        self._queue: list[Arrival] = []
        self._curves: list[Curve] = []
        for name in control_points(where)[1:]:
            self.values[name] = _first(name)
        for one in where.assets.values():
            rest_w = 6.0 * 690.0 if one.operating_w is None else one.operating_w / len(one.devices)
            for at, device in enumerate(one.devices):
                self.machines[device] = Machine(rest_w, rest_w, one.dead_time_s, one.lag_s)
                if isinstance(one.detail, Pv):
                    free_w = -one.detail.rated_w
                    self.machines[device] = Roof(0.0, free_w, one.dead_time_s, one.lag_s, bound_w=free_w)
                elif isinstance(one.detail, Switched):
                    on = at < round((one.operating_w or 0.0) / one.detail.rated_w)
                    watts = on * one.detail.rated_w
                    self.machines[device] = Machine(watts, watts, one.dead_time_s, one.lag_s)
                    self.values[f"{device}/{SWITCH}"] = float(on)

    def shine(self, watts: float) -> None:
        """What the sun would give on every inverter from now on."""
        for machine in self.machines.values():
            if isinstance(machine, Roof):
                machine.sun_w = watts

    @property
    def utc_ms(self) -> int:
        """The wall clock."""
        return self.wall_ms + round(self.now_s * 1000.0)

    @property
    def mode(self) -> str:
        """The site's mode."""
        return self.state.mode.mode.value

    @property
    def last(self) -> Decision:
        """The newest decision."""
        return self.decisions[-1]

    @property
    def site_w(self) -> float:
        """What the site draws."""
        return self.load_w + sum(machine.watts for machine in self.machines.values())

    def power_w(self, name: str) -> float:
        """What one asset draws."""
        return sum(self.machines[device].watts for device in self.site.assets[name].devices)

    def ask(self, **changes: Any) -> Request:
        """Send a request now; the next step judges it."""
        wish = request(issued_ms=changes.pop("issued_ms", self.utc_ms), **changes)
        self.send(wish)
        return wish

    def send(self, wish: Request) -> None:
        """Deliver a request as it is."""
        self._queue.append(Arrival(wish.issuer, self.now_s, self.utc_ms, wish))

    def beat(self, issuer: str = "vpp") -> None:
        """A bare heartbeat."""
        self._queue.append(Arrival(issuer, self.now_s, self.utc_ms))

    def attach(self, curve: Curve) -> None:
        """A contractual baseline was worked out."""
        self._curves.append(curve)

    def restart(self) -> None:
        """What the disk would give back, times unchanged."""
        self.state = from_json(to_json(self.state))

    def step(self, dt_s: float = 0.25) -> Decision:
        """Move time, measure, decide, and let the devices follow."""
        before_s, self.now_s = self.now_s, self.now_s + dt_s
        metered_s = max(before_s, self.now_s - Age().age_s)
        for machine in self.machines.values():
            machine.move(before_s, metered_s)
        metered_w = self.site_w
        for machine in self.machines.values():
            machine.move(metered_s, self.now_s)
        inputs = Inputs(
            self.now_s,
            self.utc_ms,
            snapshot(
                {**self._readings(), meter_point(self.site): metered_w if self.meter_good else None, **self.shown},
                now_s=self.now_s,
            ),
            tuple(self._queue),
            (),
            tuple(self._curves),
        )
        self._queue, self._curves = [], []
        self.state, decision = step(self.site, self.state, inputs)
        self.decisions.append(decision)
        for command in decision.commands:
            self.told[f"{command.device}/{command.control}"] = command.value
            if command.device not in self.deaf:
                self._follow(command.device, command.control, command.value)
        return decision

    def run(self, for_s: float, *, dt_s: float = 0.25, each: Callable[["Toy"], None] | None = None) -> list[Decision]:
        """Step for a span; `each` is called before every step. The decisions of the span come back."""
        first = len(self.decisions)
        for _ in range(round(for_s / dt_s)):
            if each is not None:
                each(self)
            self.step(dt_s)
        return self.decisions[first:]

    def until(self, mode: str, *, most_s: float = 1000.0, dt_s: float = 0.25) -> float:
        """Step until a mode is entered; how long that took."""
        began_s = self.now_s
        while self.mode != mode:
            assert self.now_s - began_s < most_s, f"{mode} never came, still {self.mode}"
            self.step(dt_s)
        return self.now_s - began_s

    def _readings(self) -> dict[str, Value]:
        powers = {
            str(power_point(one, device)): self.machines[device].watts
            for one in self.site.assets.values()
            for device in one.devices
        }
        return {**self.values, **powers}

    def _follow(self, device: str, control: str, value: float | None) -> None:
        one = next(one for one in self.site.assets.values() if device in one.devices)
        rest_w = 6.0 * 690.0 if one.operating_w is None else one.operating_w / len(one.devices)
        machine = self.machines[device]
        if value is None:
            machine.tell(-one.detail.rated_w if isinstance(one.detail, Pv) else rest_w, self.now_s)
            return
        match one.detail:
            case Pv(rated_w=rated_w):
                machine.tell(-rated_w * value / 100.0, self.now_s)
            case Switched(rated_w=rated_w):
                self.values[f"{device}/{SWITCH}"] = value
                machine.tell(value * rated_w, self.now_s)
            case Battery():
                machine.tell(value, self.now_s)
            case EvFleet():
                machine.tell(690.0 * value, self.now_s + one.detail.command_s)
            case Fans(rated_w=rated_w):
                machine.tell(rated_w * (value / 100.0) ** 3, self.now_s)
            case Chiller(rated_w=rated_w) if control == ENABLE:
                self.values[f"{device}/{RUNNING}"] = value
                machine.tell(value * rated_w / 4.0, self.now_s)
            case Chiller(rated_w=rated_w) | Dimmer(rated_w=rated_w):
                machine.tell(rated_w * value / 100.0, self.now_s)


def _first(name: str) -> float:
    quantity = name.split("/")[1]
    shown = {"battery.soc": 50.0, "chiller.running": 1.0, "zone.temperature": 24.0, "ev.state": 3.0}
    owed = quantity.endswith("energy.owed")
    if name.startswith("panel/"):  # a digital input that is clear
        return 0.0
    return 20_000.0 if owed else shown.get(quantity, 4 * 3600.0)
