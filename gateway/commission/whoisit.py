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


def judge(device: str, profile: Profile, seen: Seen, *, nodes: tuple[int, int] = (0, 0), asked: bool = True) -> Check:
    """The row of one device; `nodes` as `nodes_of` gives them: all of them there make it likely.

    `asked`: it was asked who it is (43/14, SunSpec), besides reading its registers.
    """
    shown = next(
        (trait for sure in Sure for trait in profile.identify if trait.sure is sure and met(trait, seen)), None
    )
    strong = shown is not None and shown.sure is not Sure.MAYBE
    against = [
        trait
        for trait in profile.identify
        if trait.sure is not Sure.MAYBE and trait.point is not None and seen.values.get(trait.point) is not None
    ]
    said = ", ".join(f"{name} {text}" for name, text in seen.fc43.items())
    if shown is not None and strong:
        return _row(device, profile, Verdict.PASSED, "is_it", said, shown.sure.value, why_of(shown, profile, seen))
    if named := by_name(profile, seen.fc43):
        return _row(device, profile, Verdict.PASSED, "is_it", said, Sure.LIKELY.value, named)
    if against:
        why = "; ".join(why_of(trait, profile, seen) for trait in against)
        return _row(device, profile, Verdict.FAILED, "is_other", said, "", why)
    if nodes[1] and nodes[0] == nodes[1]:
        return _row(device, profile, Verdict.PASSED, "is_it", said, Sure.LIKELY.value, f"opcua {nodes[0]}/{nodes[1]}")
    if shown is not None:  # a plausible value names nobody
        return _row(device, profile, Verdict.NOTED, "is_it", said, shown.sure.value, why_of(shown, profile, seen))
    if not asked and profile.protocol is Protocol.MODBUS:
        return _row(device, profile, Verdict.SKIPPED, "not_asked", said)
    return _row(device, profile, Verdict.SKIPPED, "tells_nothing" if profile.identify else "has_no_identity", said)


def _row(
    device: str, profile: Profile, verdict: Verdict, reason: str, said: str, sure: str = "", why: str = ""
) -> Check:
    facts: dict[str, Fact] = {"profile": profile.name, "said": said, "sure": sure, "why": why}
    return Check(Part.IDENTITY, device, "identity", verdict, reason, facts)
