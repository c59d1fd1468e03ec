"""PointId, Unit: a named quantity of one device."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NewType

PointId = NewType("PointId", str)
"""`<device>/<quantity>`, e.g. `pcc/power.active`; the quantity is of the dotted vocabulary."""


class Unit(StrEnum):
    """The units values have inside; other units are converted at the edge (`profiles.units`)."""

    WATT = "W"
    WATT_HOUR = "Wh"
    VAR = "var"
    VAR_HOUR = "varh"
    VOLT_AMPERE = "VA"
    VOLT_AMPERE_HOUR = "VAh"
    VOLT = "V"
    AMPERE = "A"
    HERTZ = "Hz"
    CELSIUS = "degC"
    KELVIN = "K"
    PERCENT = "%"
    ONE = "1"
    SECOND = "s"
    CUBIC_METRE = "m3"
    CUBIC_METRE_PER_HOUR = "m3/h"
    PASCAL = "Pa"
    LUX = "lx"
    PPM = "ppm"
    RPM = "rpm"
    METRE_PER_SECOND = "m/s"
    WATT_PER_SQUARE_METRE = "W/m2"
    DEGREE = "deg"
    NONE = ""


@cache
def point_id(device: str, quantity: str) -> PointId:
    """Name a quantity of a device."""
    return PointId(f"{device}/{quantity}")


def device_of(point: PointId) -> str:
    """The device part of a point's name."""
    return point.partition("/")[0]


def quantity_of(point: PointId) -> str:
    """The quantity part of a point's name."""
    return point.partition("/")[2]


@dataclass(frozen=True, slots=True)
class PointSpec:
    """What the image must know of a point: its unit, and the age at which its value is stale."""

    id: PointId
    unit: Unit
    stale_after_s: float
