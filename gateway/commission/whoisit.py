"""Whether a device is what its profile says: its registers, what it says of itself (43/14), its SunSpec model. Pure."""

from collections.abc import Mapping

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.commission.known import by_name, why_of
from gateway.model.image import Snapshot
from gateway.model.point import PointId, point_id
from gateway.model.reading import Quality
from gateway.profiles.relations import Sure
from gateway.profiles.schema import Profile, Protocol
from gateway.profiles.traits import Seen, met


def seen_of(
    device: str,
    profile: Profile,
    snapshot: Snapshot,
    *,
    texts: Mapping[PointId, str],
    fc43: Mapping[str, str],
    sunspec: Mapping[str, str],
) -> Seen:
    """What was seen of a device, for its traits."""
    values: dict[str, float | str | None] = {}
    for name in {trait.point for trait in profile.identify if trait.point is not None}:
        point = point_id(device, name)
        if profile.points[name].is_text:
            values[name] = texts.get(point)
        else:
            reading = snapshot.reading(point)
            values[name] = None if reading.quality is Quality.INVALID else reading.value
    return Seen(values, fc43, sunspec)


def nodes_of(device: str, profile: Profile, snapshot: Snapshot) -> tuple[int, int]:
    """Of an OPC UA device the nodes that are where its profile says, and all; (0, 0) of any other."""
    if profile.protocol is not Protocol.OPCUA:
        return 0, 0
    points = [point_id(device, one.name) for one in profile.points.values() if one.readable and not one.is_text]
    return sum(snapshot.reading(point).quality is not Quality.INVALID for point in points), len(points)


def judge(device: str, profile: Profile, seen: Seen, *, nodes: tuple[int, int] = (0, 0)) -> Check:
    """The row of one device; `nodes` as `nodes_of` gives them: all of them there make it likely."""
    facts: dict[str, Fact] = {"profile": profile.name, "said": ", ".join(f"{k} {v}" for k, v in seen.fc43.items())}
    order = tuple(Sure)
    shown = sorted((trait for trait in profile.identify if met(trait, seen)), key=lambda trait: order.index(trait.sure))
    if shown:
        facts |= {"sure": shown[0].sure.value, "why": why_of(shown[0], profile, seen)}
        return Check(Part.IDENTITY, device, "identity", Verdict.PASSED, "is_it", facts)
    if named := by_name(profile, seen.fc43):
        return Check(
            Part.IDENTITY, device, "identity", Verdict.PASSED, "is_it", facts | {"sure": "likely", "why": named}
        )
    against = [
        trait
        for trait in profile.identify
        if trait.sure is not Sure.MAYBE and trait.point is not None and seen.values.get(trait.point) is not None
    ]
    if against:
        return Check(
            Part.IDENTITY,
            device,
            "identity",
            Verdict.FAILED,
            "is_other",
            facts | {"why": "; ".join(why_of(trait, profile, seen) for trait in against)},
        )
    if nodes[1] and nodes[0] == nodes[1]:
        facts |= {"sure": "likely", "why": f"opcua {nodes[0]}/{nodes[1]}"}
        return Check(Part.IDENTITY, device, "identity", Verdict.PASSED, "is_it", facts)
    reason = "tells_nothing" if profile.identify else "has_no_identity"
    return Check(Part.IDENTITY, device, "identity", Verdict.SKIPPED, reason, facts)
