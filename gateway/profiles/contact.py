"""A relay whose contact lets its load run while the coil is off: what it switches is the other way round. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.profiles.schema import Control, Kind, Param, Point, Set, Step

CONTACT = "contact"
NORMALLY_CLOSED = "normally_closed"
PARAM = Param(
    CONTACT,
    "normally_open",
    choices=("normally_open", NORMALLY_CLOSED),
    doc="normally_closed: the load runs while the relay is off",
)
ON = "switch.on"


def is_switch(points: Mapping[str, Point]) -> bool:
    """Whether one of the points is a relay's."""
    return any(map(_is_contact, points.values()))


def closed(points: Mapping[str, Point], controls: Mapping[str, Control]) -> tuple[dict[str, Point], dict[str, Control]]:
    """Points and controls of a box whose relays are wired by their closed contacts."""
    turned = {name for name, point in points.items() if _is_contact(point)}
    return (
        {name: _turned(point) if name in turned else point for name, point in points.items()},
        {
            name: replace(control, apply=_steps(control.apply, turned), release=_steps(control.release, turned))
            for name, control in controls.items()
        },
    )


def _is_contact(point: Point) -> bool:
    return point.kind is Kind.BOOL and (point.name == ON or point.name.endswith(f".{ON}"))


def _turned(point: Point) -> Point:
    return replace(point, factor=-point.factor, offset=point.factor + point.offset)


def _steps(steps: tuple[Step, ...], turned: set[str]) -> tuple[Step, ...]:
    """The same states of the relay, told as what its load does."""
    return tuple(
        replace(
            step,
            writes=tuple(
                (name, 1.0 - given if name in turned and isinstance(given, int | float) else given)
                for name, given in step.writes
            ),
        )
        if isinstance(step, Set)
        else step
        for step in steps
    )
