"""A meter that is mounted the other way round: its powers change sign, its counters of import and export change places. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import ProfileError
from gateway.profiles.schema import Param, Point
from gateway.texts import say

MOUNTING = "mounting"
REVERSED = "reversed"
PARAM = Param(
    MOUNTING,
    "as_documented",
    choices=("as_documented", REVERSED),
    doc="reversed: what the meter calls import is export",
)
_POWERS = ("power.active", "power.reactive")
_OTHER = {"import": "export", "export": "import"}


def is_reversible(points: Mapping[str, Point]) -> bool:
    """Whether the points are those of a meter with a direction."""
    return "power.active" in points


def reversed_meter(points: Mapping[str, Point]) -> dict[str, Point]:
    """The points of the meter mounted the other way; ProfileError when it counts one direction only."""
    turned = {name for name in points if _is_power(name)}
    made: dict[str, Point] = {}
    for name, point in points.items():
        other = _counterpart(name)
        if other is not None:
            if other not in points:
                raise ProfileError(say("problem.one_direction", point=name))
            made[other] = replace(point, name=other)
        elif name in turned and not _made_of(point, turned):
            made[name] = _turned(point)
        else:
            made[name] = point
    return made


def _is_power(name: str) -> bool:
    return any(name == power or name.startswith(f"{power}.") for power in _POWERS)


def _counterpart(name: str) -> str | None:
    parts = name.split(".")
    where = 2
    if len(parts) <= where or parts[0] != "energy" or parts[where] not in _OTHER:
        return None
    return ".".join([*parts[:where], _OTHER[parts[where]], *parts[where + 1 :]])


def _made_of(point: Point, turned: set[str]) -> bool:
    """Derived of points that are turned themselves."""
    return point.derived is not None and set(point.derived.inputs) <= turned


def _turned(point: Point) -> Point:
    low, high = (None if end is None else -end for end in (point.high, point.low))
    return replace(point, factor=-point.factor, offset=-point.offset, low=low, high=high)
