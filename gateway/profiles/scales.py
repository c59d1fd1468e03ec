"""Scale against unit: whether what a register can hold, times its scale, can be the quantity its name stands for. Pure.

A frequency whose register counts to 6.5 Hz, or in steps of 100 Hz, has its scale or its unit wrong by a power of ten.
Only whole numbers with a fixed scale can be judged.
"""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.profiles.schema import Point
from gateway.texts import say

USUAL: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "frequency": (45.0, 65.0),
        "voltage.l1-n": (90.0, 300.0),
        "voltage.l2-n": (90.0, 300.0),
        "voltage.l3-n": (90.0, 300.0),
        "power_factor": (0.5, 1.0),
        "battery.soc": (20.0, 100.0),
        "battery.soh": (20.0, 100.0),
        "zone.temperature": (10.0, 40.0),
        "zone.humidity": (20.0, 90.0),
        "fan.speed": (20.0, 100.0),
        "light.level": (20.0, 100.0),
        "ev.current.limit": (6.0, 32.0),
        "device.temperature": (10.0, 60.0),
    }
)
"""Inside units: such a quantity must be able to lie between these."""
COARSE = 0.5
"""A step larger than this part of the upper end says nothing of it."""


def scale_problem(point: Point) -> str:
    """What is wrong with the scale of a point, or ''."""
    usual = USUAL.get(point.name)
    if not _judged(point):
        return ""
    low, high = _reach(point)
    if usual is not None and (high < usual[0] or low > usual[1]):
        return say("problem.scale_never", kind=point.kind, low=low, high=high, unit=point.unit.value, usual=usual[0])
    if usual is not None and abs(point.factor) > COARSE * usual[1]:
        return say("problem.scale_steps", step=abs(point.factor), unit=point.unit.value)
    if point.low is not None and point.high is not None and (high < point.low or low > point.high):
        return say("problem.scale_range", kind=point.kind, low=low, high=high, unit=point.unit.value)
    return ""


def _judged(point: Point) -> bool:
    varies = point.pow10 or point.scale_by or point.scale_params or point.sign_from or point.sunspec
    coded = point.codec or point.codes or point.enum or point.bits or point.derived or point.is_virtual
    return point.kind.is_integer and not varies and not coded


def _reach(point: Point) -> tuple[float, float]:
    """The least and the greatest value its register can mean."""
    ends = sorted(raw * point.factor + point.offset for raw in point.kind.bounds)
    return ends[0], ends[1]
