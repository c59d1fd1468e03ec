"""The published names of points, each with its inside unit; vendor extras live under `x.`.

`quantity[.part][.phase][.direction]`; a box that serves several places puts the place first: `bay07.ev.plugged`.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, get_args

from gateway.model.point import Unit

_PHASES = ("", ".l1", ".l2", ".l3")
PlaceName = Literal[
    "bay", "channel", "connector", "meter", "module", "pack", "port", "relay", "socket", "string", "unit", "zone"
]
"""What a place of a box may be called."""
_PLACE = re.compile(rf"^({'|'.join(get_args(PlaceName))})[0-9]{{2}}\.")


def _electrical() -> Iterator[tuple[str, Unit]]:
    units = {"active": Unit.WATT, "reactive": Unit.VAR, "apparent": Unit.VOLT_AMPERE}
    hours = {"active": Unit.WATT_HOUR, "reactive": Unit.VAR_HOUR, "apparent": Unit.VOLT_AMPERE_HOUR}
    for phase in _PHASES:
        yield f"power_factor{phase}", Unit.ONE
        for kind, unit in units.items():
            yield f"power.{kind}{phase}", unit
            for direction in ("import", "export", "total"):
                yield f"energy.{kind}.{direction}{phase}", hours[kind]
    for phase in (".l1", ".l2", ".l3", ".n"):
        yield f"current{phase}", Unit.AMPERE
    for pair in ("l1-n", "l2-n", "l3-n", "l1-l2", "l2-l3", "l3-l1"):
        yield f"voltage.{pair}", Unit.VOLT
    yield from {"voltage.l-n": Unit.VOLT, "voltage.l-l": Unit.VOLT}.items()  # means of the three
    yield from {"current.average": Unit.AMPERE, "current.total": Unit.AMPERE}.items()
    for phase in (".l1", ".l2", ".l3"):
        yield f"voltage.thd{phase}", Unit.PERCENT
        yield f"voltage.angle{phase}", Unit.DEGREE
        yield f"current.thd{phase}", Unit.PERCENT
        yield f"cos_phi{phase}", Unit.ONE
        yield f"grid.power{phase}", Unit.WATT
        yield f"grid.current{phase}", Unit.AMPERE
        yield f"grid.voltage{phase}-n", Unit.VOLT
    for string in range(1, 9):
        yield f"pv.string{string}.power", Unit.WATT
        yield f"pv.string{string}.voltage", Unit.VOLT
        yield f"pv.string{string}.current", Unit.AMPERE


NAMES: Mapping[str, Unit] = MappingProxyType(
    {
        **dict(_electrical()),
        "frequency": Unit.HERTZ,
        "phase_angle": Unit.DEGREE,
        "grid.power": Unit.WATT,
        "grid.energy.import": Unit.WATT_HOUR,
        "grid.energy.export": Unit.WATT_HOUR,
        "grid.power.setpoint": Unit.WATT,
        "grid.export.limit": Unit.WATT,
        "grid.export.limit.percent": Unit.PERCENT,
        "load.power": Unit.WATT,
        "generator.power": Unit.WATT,
        "generator.energy": Unit.WATT_HOUR,
        "pv.power": Unit.WATT,
        "pv.power.limit": Unit.WATT,
        "pv.power.limit.percent": Unit.PERCENT,
        "pv.energy": Unit.WATT_HOUR,
        "pv.energy.day": Unit.WATT_HOUR,
        "pv.state": Unit.ONE,
        "inverter.power": Unit.WATT,
        "inverter.power.rated": Unit.WATT,
        "inverter.energy": Unit.WATT_HOUR,
        "inverter.state": Unit.ONE,
        "dc.power": Unit.WATT,
        "dc.voltage": Unit.VOLT,
        "dc.current": Unit.AMPERE,
        "battery.power": Unit.WATT,
        "battery.power.max.charge": Unit.WATT,
        "battery.power.max.discharge": Unit.WATT,
        "battery.charge.limit": Unit.WATT,
        "battery.discharge.limit": Unit.WATT,
        "battery.voltage": Unit.VOLT,
        "battery.current": Unit.AMPERE,
        "battery.soh": Unit.PERCENT,
        "battery.capacity": Unit.WATT_HOUR,
        "battery.energy.charged": Unit.WATT_HOUR,
        "battery.energy.discharged": Unit.WATT_HOUR,
        "battery.power.setpoint": Unit.WATT,
        "battery.power.setpoint.timeout": Unit.SECOND,
        "battery.power.fallback": Unit.WATT,
        "battery.soc": Unit.PERCENT,
        "battery.soc.min": Unit.PERCENT,
        "battery.soc.max": Unit.PERCENT,
        "battery.enable": Unit.ONE,
        "battery.state": Unit.ONE,
        "battery.alarms": Unit.ONE,
        "battery.temperature": Unit.CELSIUS,
        "ev.power": Unit.WATT,
        "ev.state": Unit.ONE,
        "ev.available": Unit.ONE,
        "ev.phases": Unit.ONE,
        "ev.energy": Unit.WATT_HOUR,
        "ev.energy.owed": Unit.WATT_HOUR,
        "ev.departure": Unit.SECOND,
        "ev.plugged": Unit.ONE,
        "ev.current.limit": Unit.AMPERE,
        "ev.current.limit.remaining": Unit.SECOND,
        "ev.current.limit.in_force": Unit.ONE,
        "ev.current.applied": Unit.AMPERE,
        "ev.current.safe": Unit.AMPERE,
        "fan.power": Unit.WATT,
        "fan.speed": Unit.PERCENT,
        "fan.speed.setpoint": Unit.PERCENT,
        "fan.running": Unit.ONE,
        "fan.tripped": Unit.ONE,
        "motor.speed": Unit.RPM,
        "motor.current": Unit.AMPERE,
        "motor.torque": Unit.PERCENT,
        "chiller.power": Unit.WATT,
        "chiller.running": Unit.ONE,
        "chiller.enable": Unit.ONE,
        "chiller.demand.limit": Unit.PERCENT,
        "chiller.alarm": Unit.ONE,
        "chiller.water.supply": Unit.CELSIUS,
        "chiller.water.return": Unit.CELSIUS,
        "water.volume": Unit.CUBIC_METRE,
        "water.flow": Unit.CUBIC_METRE_PER_HOUR,
        "gas.volume": Unit.CUBIC_METRE,
        "gas.flow": Unit.CUBIC_METRE_PER_HOUR,
        "heat.energy": Unit.WATT_HOUR,
        "heat.power": Unit.WATT,
        "zone.temperature": Unit.CELSIUS,
        "zone.temperature.setpoint": Unit.CELSIUS,
        "zone.humidity": Unit.PERCENT,
        "zone.co2": Unit.PPM,
        "zone.illuminance": Unit.LUX,
        "light.power": Unit.WATT,
        "light.level": Unit.PERCENT,
        "light.level.setpoint": Unit.PERCENT,
        "switch.on": Unit.ONE,
        "switch.power": Unit.WATT,
        "device.vendor": Unit.NONE,
        "device.serial": Unit.NONE,
        "device.firmware": Unit.NONE,
        "device.model": Unit.NONE,
        "device.temperature": Unit.CELSIUS,
    }
)

STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"ev.state": ("A", "B1", "B2", "C1", "C2", "D1", "D2", "E", "F")}
)
"""What a published state can be, by its number; `ev.state` after IEC 61851-1: B to D a car is plugged, E and F are faults."""


def states_of(name: str) -> tuple[str, ...]:
    """The names of a published state's numbers 0, 1, 2 …; nothing for a quantity."""
    return STATES.get(without_place(name), ())


def without_place(name: str) -> str:
    """The name at one place of a box."""
    return _PLACE.sub("", name)


def unit_of(name: str) -> Unit | None:
    """The inside unit a published name stands for; None for a name that is not published."""
    return NAMES.get(without_place(name))


def is_extra(name: str) -> bool:
    """A vendor's own quantity."""
    return without_place(name).startswith("x.")
