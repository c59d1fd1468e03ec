"""What the profiles are known by, as reads to make; and what was seen, as candidates with how sure and why. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.profiles.codec import compile_block
from gateway.profiles.relations import Sure, Trait
from gateway.profiles.schema import Block, Point, Profile, Protocol, Table
from gateway.profiles.traits import Seen, met, variant_of

ORDER = tuple(Sure)
"""Surest first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A profile a device may have: how sure, the trait that says so in words, the variant when one shows."""

    profile: str
    sure: Sure
    why: str
    variant: str = ""

    @property
    def name(self) -> str:
        """As a site file writes it."""
        return f"{self.profile}@{self.variant}" if self.variant else self.profile


@dataclass(frozen=True, slots=True, order=True)
class Probe:
    """One read that tells devices apart."""

    rank: int
    """0: a trait that makes certain hangs on it."""
    table: Table
    address: int
    count: int
    own_unit: int = -1
    """Negative: at the unit id of the device."""

    def unit_at(self, unit: int) -> int:
        """The unit id to ask for a device at `unit`."""
        return unit if self.own_unit < 0 else self.own_unit


class Catalogue:
    """The Modbus profiles, by what tells them."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self.profiles: Mapping[str, Profile] = {p.name: p for p in profiles if p.protocol is Protocol.MODBUS}
        self._points: dict[Probe, list[tuple[str, Point]]] = {}
        for profile in self.profiles.values():
            for trait in (*profile.identify, *(t for v in profile.variants.values() for t in v.when)):
                point = profile.points.get(trait.point or "")
                if point is not None and point.table is not None and point.readable:
                    own = -1 if point.unit_id is None else point.unit_id
                    probe = Probe(ORDER.index(trait.sure), point.table, point.address, point.words, own)
                    self._points.setdefault(probe, []).append((profile.name, point))

    @property
    def probes(self) -> list[Probe]:
        """Every read, those first that make certain."""
        return sorted(self._points)

    def decoded(self, probe: Probe, data: bytes) -> dict[str, dict[str, float | str | None]]:
        """What a reply says to each profile that asked for it: values and texts by profile and point."""
        found: dict[str, dict[str, float | str | None]] = {}
        for name, point in self._points[probe]:
            block = Block(probe.table, probe.address, probe.count, (point.name,))
            decoder = compile_block({point.name: point}, block)
            values: dict[str, float | str | None] = dict(zip(decoder.names, decoder(data)[0], strict=True))
            found.setdefault(name, {}).update(values | decoder.texts(data))
        return found

    def candidates(self, values: Mapping[str, Mapping[str, float | str | None]], whole: Seen) -> list[Candidate]:
        """The profiles that fit, surest first; `values` by profile, the rest of what was seen in `whole`."""
        found = []
        for name, profile in self.profiles.items():
            seen = Seen(values.get(name, {}), whole.fc43, whole.sunspec)
            if (trait := strongest(profile, seen)) is not None:
                found.append(Candidate(name, trait.sure, why_of(trait, profile, seen), variant_of(profile, seen) or ""))
            elif whole.fc43 and (why := by_name(profile, whole.fc43)):
                found.append(Candidate(name, Sure.LIKELY, why))
        return sorted(found, key=lambda one: (ORDER.index(one.sure), one.profile))


def strongest(profile: Profile, seen: Seen) -> Trait | None:
    """The surest trait that was met."""
    shown = [trait for trait in profile.identify if met(trait, seen)]
    return min(shown, key=lambda trait: ORDER.index(trait.sure), default=None)


def why_of(trait: Trait, profile: Profile, seen: Seen) -> str:
    """What was seen, in the words of a register list."""
    if trait.point is None:
        return trait.source + " " + ", ".join(f"{name} {begin}" for name, begin in trait.objects) + trait.ua_type
    point = profile.points[trait.point]
    value = seen.values.get(trait.point)
    shown = repr(value) if isinstance(value, str) else f"{value:g}" if value is not None else "–"
    return f"{point.table} {point.address} {trait.point} = {shown}"


def by_name(profile: Profile, said: Mapping[str, str]) -> str:
    """Whether what a device says by function 43/14 names the vendor and a model of this profile; what it said, or ''."""
    vendor = said.get("vendor", "")
    models = [said[name] for name in ("model", "name", "product") if said.get(name)]
    if not vendor or not models or not _alike(vendor, profile.vendor):
        return ""
    for model in models:
        if any(_alike(model, known) for known in profile.models):
            return f"fc43 {vendor} {model}"
    return ""


def _alike(said: str, known: str) -> bool:
    """One begins with the other, letters and digits only."""
    plain, wanted = ("".join(c for c in text.lower() if c.isalnum()) for text in (said, known))
    return (
        bool(plain and wanted)
        and min(len(plain), len(wanted)) > 1
        and (plain.startswith(wanted) or wanted.startswith(plain))
    )
