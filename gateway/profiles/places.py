"""One place of a box that serves several: its points and controls under their plain names, as a device type of its own.

`ev_charger/phoenix_charx@connector02` is the second connector: `connector02.ev.power` is its `ev.power`. What the box
has only once (its serial number, how many places there are) stays; other places' points, and controls of the whole box,
are left out. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any

from gateway.profiles.schema import Control, Point, Profile

_PLACE = re.compile(r"^([a-z]+[0-9]{2})\.")


def places_of(profile: Profile) -> list[str]:
    """The places a profile repeats something for: `connector01`, `connector02` …"""
    found = (_PLACE.match(name) for name in profile.points)
    return sorted({match[1] for match in found if match})


def commanded_places(profile: Profile) -> list[str]:
    """The places of a box that is commanded place by place, and not as a whole; such a box is a device a place."""
    found = [_PLACE.match(name) for name in profile.controls]
    return sorted({match[1] for match in found if match}) if all(found) else []


def at_place(profile: Profile, place: str) -> Profile:
    """The profile of one place; it is not recognised by itself, only as the box it belongs to."""
    names = {name: name.removeprefix(f"{place}.") for name in profile.points if name.startswith(f"{place}.")}
    own = set(names.values())
    shared = {name for name in profile.points if not _PLACE.match(name) and name not in own}
    kept = {name: point for name, point in profile.points.items() if name in names or name in shared}
    while gone := [name for name, point in kept.items() if not inputs_of(point) <= set(kept)]:
        for name in gone:
            del kept[name]
    points = {names.get(name, name): _renamed(point, names) for name, point in kept.items()}
    controls: dict[str, Control] = {
        names[name]: _renamed(control, names) for name, control in profile.controls.items() if name in names
    }
    return replace(
        profile,
        name=f"{profile.name}@{place}",
        place=place,
        points=MappingProxyType(points),
        controls=MappingProxyType(controls),
        identify=(),
        variants=MappingProxyType({}),
    )


def inputs_of(point: Point) -> set[str]:
    """Every other point that its value depends on."""
    found = {factor.point for factor in point.scale_by} | {one.point for one in point.valid_when}
    found.update(point.derived.inputs if point.derived else ())
    found.update(one for one in (point.pow10, point.sign_from and point.sign_from.point) if one)
    return found


def _renamed(thing: Any, names: Mapping[str, str]) -> Any:
    """The same with every point under its plain name, however deep it is named."""
    if isinstance(thing, str):
        return names.get(thing, thing)
    if isinstance(thing, tuple):
        return tuple(_renamed(one, names) for one in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{one.name: _renamed(getattr(thing, one.name), names) for one in fields(thing)})
    return thing
