"""Finding: one device that answered a scan, what it may be, and what it showed of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.commission.known import Candidate
from gateway.model.site import Connection


@dataclass(frozen=True, slots=True)
class Finding:
    """One device at one address of one line."""

    connection: Connection
    unit_id: int | None
    """None: an object of an OPC UA server."""
    candidates: tuple[Candidate, ...] = ()
    """Surest first; none: it answers, and nothing told what it is."""
    said: Mapping[str, str] = field(default_factory=dict)
    """What it says of itself, by name: vendor, model, serial."""
    shown: tuple[str, ...] = ()
    """A few of its values as the first candidate's profile reads them."""
    doubts: tuple[str, ...] = ()
    """Why the first candidate may be wrong."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the profile that the scan learnt."""

    @property
    def best(self) -> Candidate | None:
        """The surest candidate."""
        return self.candidates[0] if self.candidates else None


@dataclass(frozen=True, slots=True)
class Scanned:
    """One line after its scan: what was found, how much was asked, and what a person should know of the line."""

    connection: Connection
    findings: tuple[Finding, ...]
    asked: int
    note: str = ""
    """Key of a text: `silent`, `down`, `closed`, `all_units`, `no_objects`; empty when there is nothing to say."""
    detail: str = ""
