"""A device's parameters in its registers: factors that its profile leaves to the site (a rating, a transformer ratio)."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.profiles.schema import Point, Profile


def with_params(profile: Profile, params: Mapping[str, float | str]) -> Profile:
    """The profile with these parameters, or their defaults, in its scales; one without a value counts as 1."""
    given = {name: params.get(name, param.default) for name, param in profile.params.items()}
    if not any(point.scale_params for point in profile.points.values()):
        return profile
    return replace(profile, points={name: _scaled(point, given) for name, point in profile.points.items()})


def _scaled(point: Point, given: Mapping[str, float | str | None]) -> Point:
    factor = point.factor
    for one in point.scale_params:
        value = given.get(one.point)
        number = float(value) if isinstance(value, int | float) else 1.0
        factor = factor / number if one.inverse else factor * number
    return replace(point, factor=factor, scale_params=())
