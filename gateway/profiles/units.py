"""Documented units -> inside units: the only place a unit is converted; sign words -> the inside sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.model.point import Unit


@dataclass(frozen=True, slots=True)
class Conversion:
    """inside = documented * factor + offset, in `unit`."""

    unit: Unit
    factor: float = 1.0
    offset: float = 0.0


def _scaled(unit: Unit, symbol: str, **prefixes: float) -> dict[str, Conversion]:
    return {prefix + symbol: Conversion(unit, factor) for prefix, factor in prefixes.items()}


_KILO_MEGA = {"k": 1e3, "M": 1e6}
CONVERSIONS: Mapping[str, Conversion] = MappingProxyType(
    {
        **{unit.value: Conversion(unit) for unit in Unit if unit is not Unit.NONE},
        **_scaled(Unit.WATT, "W", m=1e-3, G=1e9, **_KILO_MEGA),
        **_scaled(Unit.WATT_HOUR, "Wh", m=1e-3, G=1e9, **_KILO_MEGA),
        **_scaled(Unit.VAR, "var", **_KILO_MEGA),
        **_scaled(Unit.VAR_HOUR, "varh", **_KILO_MEGA),
        **_scaled(Unit.VOLT_AMPERE, "VA", **_KILO_MEGA),
        **_scaled(Unit.VOLT_AMPERE_HOUR, "VAh", **_KILO_MEGA),
        **_scaled(Unit.VOLT, "V", m=1e-3, k=1e3),
        **_scaled(Unit.AMPERE, "A", m=1e-3, k=1e3),
        **_scaled(Unit.HERTZ, "Hz", m=1e-3, k=1e3),
        **_scaled(Unit.PASCAL, "Pa", h=1e2, k=1e3),
        "bar": Conversion(Unit.PASCAL, 1e5),
        "mbar": Conversion(Unit.PASCAL, 1e2),
        "dWs": Conversion(Unit.WATT_HOUR, 10 / 3600),
        "J": Conversion(Unit.WATT_HOUR, 1 / 3600),
        "kJ": Conversion(Unit.WATT_HOUR, 1 / 3.6),
        "MJ": Conversion(Unit.WATT_HOUR, 1e3 / 3.6),
        "°C": Conversion(Unit.CELSIUS),
        "degF": Conversion(Unit.CELSIUS, 5 / 9, -160 / 9),
        "°F": Conversion(Unit.CELSIUS, 5 / 9, -160 / 9),
        "K.abs": Conversion(Unit.CELSIUS, 1.0, -273.15),
        "%RH": Conversion(Unit.PERCENT),
        "ms": Conversion(Unit.SECOND, 1e-3),
        "min": Conversion(Unit.SECOND, 60.0),
        "h": Conversion(Unit.SECOND, 3600.0),
        "d": Conversion(Unit.SECOND, 86400.0),
        "L": Conversion(Unit.CUBIC_METRE, 1e-3),
        "L/h": Conversion(Unit.CUBIC_METRE_PER_HOUR, 1e-3),
        "L/s": Conversion(Unit.CUBIC_METRE_PER_HOUR, 3.6),
        "klx": Conversion(Unit.LUX, 1e3),
    }
)

SIGNS: Mapping[str, float] = MappingProxyType(
    {"import": 1.0, "consumption": 1.0, "charge": 1.0, "export": -1.0, "generation": -1.0, "discharge": -1.0}
)
"""What a positive documented value means -> factor to the inside sign (I-33; its own inverse)."""
