"""Devices -> the text of a site file that can be run; what only a person can know stands in it as a comment. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.commission.finding import Finding, Scanned
from gateway.commission.known import Candidate
from gateway.model.site import Connection, Transport
from gateway.profiles.places import at_place, commanded_places, places_of
from gateway.profiles.relations import Sure
from gateway.profiles.schema import Profile

METER_POINT = "power.active"
USUAL_BAUD, USUAL_PARITY, USUAL_STOP_BITS = 9600, "N", 1
_NAME = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Placed:
    """One device of the site to be."""

    id: str
    profile: str
    connection: str
    unit_id: int | None
    params: Mapping[str, str] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a site file needs: lines by name, devices, the site meter, whole lines for assets and the rest, remarks."""

    site: str
    timezone: str
    meter: str
    connections: Mapping[str, Connection]
    devices: Sequence[Placed]
    more: Sequence[str] = ()
    remarks: Sequence[str] = ()


def name_lines(scanned: Iterable[Scanned]) -> dict[str, Scanned]:
    """Every line that found something, under a name of its own: `tcp`, `tcp2`, `rtu`, `opcua`."""
    named: dict[str, Scanned] = {}
    for one in scanned:
        if one.findings:
            named[free_name(one.connection.id, named)] = one
    return named


def place(named: Mapping[str, Scanned], profiles: Mapping[str, Profile]) -> list[Placed]:
    """A device for everything that is `is_named`, named by its class; the surest candidate's profile."""
    found = [
        (line, one, name)
        for line, seen in named.items()
        for one in seen.findings
        if is_named(one)
        for name in names_of(one.candidates[0], profiles)
    ]
    classes = [profiles[name.partition("@")[0]].device_class for *_, name in found]
    placed: list[Placed] = []
    for line, finding, profile in found:
        device_class = profiles[profile.partition("@")[0]].device_class
        several = classes.count(device_class) > 1
        name = free_name(f"{device_class}1" if several else device_class, [one.id for one in placed])
        placed.append(Placed(name, profile, line, finding.unit_id, finding.params, remark_of(finding)))
    return placed


def names_of(best: Candidate, profiles: Mapping[str, Profile]) -> list[str]:
    """The profile of what was found; of a box that is commanded place by place one for each place."""
    places = [] if best.variant else commanded_places(profiles[best.profile])
    return [f"{best.profile}@{place}" for place in places] or [best.name]


def profile_of(device: Placed, profiles: Mapping[str, Profile]) -> Profile:
    """A device's profile; `profiles` are whole boxes by name, of a variant the one it is a variant of."""
    base, _, part = device.profile.partition("@")
    return at_place(profiles[base], part) if part in places_of(profiles[base]) else profiles[base]


def is_named(finding: Finding) -> bool:
    """Whether it is known well enough to be proposed; what it only may be is a person's to say."""
    return finding.best is not None and finding.best.sure is not Sure.MAYBE


def remark_of(finding: Finding) -> str:
    """How sure, why, and who else it may be."""
    best, *others = finding.candidates
    also = "; or " + ", ".join(one.name for one in others[:3] if one.sure is best.sure) if others else ""
    return f"{best.sure}: {best.why}{also if also != '; or ' else ''}"


def meter_of(devices: Iterable[Placed], profiles: Mapping[str, Profile]) -> str:
    """The device that measures the connection point, as far as one can tell: the first meter; else '' ."""
    metering = [one for one in devices if METER_POINT in profile_of(one, profiles).points]
    meters = [one for one in metering if one.profile.startswith("meter/")] or metering
    return meters[0].id if meters else ""


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """A lawful name not yet taken: the wanted one, else numbered."""
    plain = _NAME.sub("_", wanted.lower()).strip("_")[:28] or "device"
    plain = plain if plain[0].isalpha() else f"d{plain}"
    known = set(taken)
    if plain not in known:
        return plain
    stem, digits = re.fullmatch(r"(.*?)(\d*)", plain).groups()  # type: ignore[union-attr] # matches any text
    number = int(digits or 1) + 1
    while f"{stem}{number}" in known:
        number += 1
    return f"{stem}{number}"


def site_text(proposal: Proposal) -> str:
    """The file."""
    lines = [f"# {remark}" for remark in proposal.remarks]
    meter = proposal.meter or "pcc"
    lines.append(f"site: {{id: {proposal.site}, timezone: {proposal.timezone}, meter: {meter}}}")
    lines += ["", "connections:"]
    width = max((len(name) for name in proposal.connections), default=0) + 1
    for name, line in proposal.connections.items():
        lines.append(f"  {name + ':':<{width}} {{{', '.join(_connection(line))}}}")
    lines += ["", "devices:"]
    rows = [(one.id + ":", f"{{{', '.join(_device(one))}}}", one.remark) for one in proposal.devices]
    widths = [max((len(row[at]) for row in rows), default=0) for at in (0, 1)]
    lines += [f"  {row[0]:<{widths[0]}} {row[1]:<{widths[1]}}  # {row[2]}".rstrip(" #") for row in rows]
    return "\n".join([*lines, *proposal.more]) + "\n"


def _connection(line: Connection) -> list[str]:
    said = [f'{line.transport.value}: "{line.address}"']
    if line.transport is Transport.MODBUS_RTU:
        if line.baud != USUAL_BAUD:
            said.append(f"baud: {line.baud}")
        if line.parity != USUAL_PARITY:
            said.append(f"parity: {line.parity}")
        if line.stop_bits != USUAL_STOP_BITS:
            said.append(f"stop_bits: {line.stop_bits}")
    return said


def _device(one: Placed) -> list[str]:
    said = [f"profile: {one.profile}", f"on: {one.connection}"]
    if one.unit_id is not None:
        said.append(f"unit_id: {one.unit_id}")
    if one.params:
        said.append("params: {" + ", ".join(f"{name}: {value}" for name, value in one.params.items()) + "}")
    return said
