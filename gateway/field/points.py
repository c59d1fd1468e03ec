"""Which points a site has, and from what age on each is stale (FAULTS T_stale)."""

from collections.abc import Mapping
from math import inf

from gateway.field.bus import Member
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.site import Device, Site
from gateway.profiles.frames import for_device
from gateway.profiles.schema import Point, Profile

MISSED_POLLS = 3.0
METER_STALE_S = 5.0
TEMPERATURE_STALE_S = 60.0


def members_of(site: Site, profiles: Mapping[str, Profile]) -> dict[str, tuple[Member, ...]]:
    """The devices of each connection, with their profiles; `profiles` by the name devices use."""
    members: dict[str, list[Member]] = {line: [] for line in site.connections}
    alike: dict[tuple[str, frozenset[tuple[str, float | str]]], Profile] = {}
    for device in site.devices.values():
        key = device.profile, frozenset(device.params.items())
        if key not in alike:  # devices of one type with the same parameters share one profile, and what is made of it
            alike[key] = member_of(device, profiles).profile
        members[device.connection].append(Member(device, alike[key]))
    return {line: tuple(found) for line, found in members.items()}


def member_of(device: Device, profiles: Mapping[str, Profile]) -> Member:
    """One device with its profile, its parameters filled in."""
    return Member(device, for_device(profiles[device.profile], device.params))


def specs_of(site: Site, profiles: Mapping[str, Profile]) -> list[PointSpec]:
    """Every readable number of every device, for the image."""
    alike: dict[tuple[int, float | None, bool], list[tuple[str, Unit, float]]] = {}
    found: list[PointSpec] = []
    for member in (member for line in members_of(site, profiles).values() for member in line):
        key = id(member.profile), member.device.poll_s, member.id == site.meter
        if key not in alike:
            alike[key] = _numbers(member, meter=site.meter)
        found += [PointSpec(point_id(member.id, name), unit, stale_s) for name, unit, stale_s in alike[key]]
    return found


def _numbers(member: Member, *, meter: str) -> list[tuple[str, Unit, float]]:
    """Name, unit and age limit of every readable number."""
    points = (point for point in member.profile.points.values() if point.readable and not point.is_text)
    return [(point.name, point.unit, stale_after_s(member, point, meter=meter)) for point in points]


def stale_after_s(member: Member, point: Point, *, meter: str) -> float:
    """Three periods of its poll class; at most 60 s for temperatures, 5 s for the site meter's power."""
    age_s = MISSED_POLLS * member.period_s(point.every)
    if point.unit is Unit.CELSIUS:
        return min(age_s, TEMPERATURE_STALE_S) if age_s < inf else inf
    if member.id == meter and point.unit is Unit.WATT:
        return min(age_s, METER_STALE_S)
    return age_s
