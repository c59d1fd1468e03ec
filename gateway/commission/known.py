"""What the profiles are known by, as reads to make; and what was seen, as candidates with how sure and why. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.profiles.codec import compile_block
from gateway.profiles.relations import Sure, Trait
from gateway.profiles.schema import Block, Point, Profile, Protocol, Table
from gateway.profiles.traits import Seen, begun, met, variant_of

ORDER = tuple(Sure)
BESIDES = len(ORDER)
"""Rank of what is only read of a device that something else speaks for."""
"""Surest first."""
WAYS = ("point", "fc43", "ua_type", "sunspec")
"""Of equally sure ways the one that tells more of the type first."""
SUNSPEC_MODELS: Mapping[str, frozenset[int]] = {
    "meter": frozenset((201, 202, 203, 204, 211, 212, 213, 214)),
    "battery": frozenset((124, 713, 714, 802, 803, 804, 805)),
    "pv": frozenset((101, 102, 103, 111, 112, 113, 120, 701, 702)),
}
"""Models that make a SunSpec device one of a class (SunSpec model registry)."""


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
                for name, rank in (
                    (trait.point, ORDER.index(trait.sure)),
                    (None if trait.also is None else trait.also.point, BESIDES),
                ):
                    probe = probe_of(profile, name, rank)
                    if probe is not None and name is not None:
                        self._points.setdefault(probe, []).append((profile.name, profile.points[name]))

    @property
    def probes(self) -> list[Probe]:
        """Every read that may tell by itself, those first that make certain."""
        return sorted(probe for probe in self._points if probe.rank != BESIDES)

    def besides(self, values: Mapping[str, Mapping[str, float | str | None]], whole: Seen) -> list[Probe]:
        """What is still to be read of devices that may be more than what was seen: a trait is met but for its `also`."""
        found: set[Probe] = set()
        for name, profile in self.profiles.items():
            seen = Seen(values.get(name, {}), whole.fc43, whole.sunspec)
            for trait in profile.identify:
                also = trait.also
                if also is not None and also.point not in seen.values and begun(trait, seen):
                    found |= {probe for probe in (probe_of(profile, also.point, BESIDES),) if probe is not None}
        return sorted(found)

    def decoded(self, probe: Probe, data: bytes) -> dict[str, dict[str, float | str | None]]:
        """What a reply says to each profile that asked for it: values and texts by profile and point."""
        found: dict[str, dict[str, float | str | None]] = {}
        for name, point in self._points[probe]:
            block = Block(probe.table, probe.address, probe.count, (point.name,))
            decoder = compile_block({point.name: point}, block)
            values: dict[str, float | str | None] = dict(zip(decoder.names, decoder(data)[0], strict=True))
            found.setdefault(name, {}).update(values | decoder.texts(data))
        return found

    def candidates(
        self, values: Mapping[str, Mapping[str, float | str | None]], whole: Seen, models: Sequence[int] = ()
    ) -> list[Candidate]:
        """The profiles that fit, surest first; `values` by profile, the rest of what was seen in `whole`.

        `models`: the SunSpec models that are there. What registers and identification both say is certain.
        """
        found: list[tuple[int, int, int, Candidate]] = []
        for name, profile in self.profiles.items():
            seen = Seen(values.get(name, {}), whole.fc43, whole.sunspec)
            trait = strongest(profile, seen, models)
            named = by_name(profile, whole.fc43)
            if trait is not None:
                both = bool(named) and trait.source == "point" and trait.sure is Sure.LIKELY
                sure = Sure.CERTAIN if both else trait.sure
                one = Candidate(name, sure, why_of(trait, profile, seen), variant_of(profile, seen) or "")
                found.append((ORDER.index(sure), int(trait.also is None), WAYS.index(trait.source), one))
            elif named:
                found.append((ORDER.index(Sure.LIKELY), 1, WAYS.index("fc43"), Candidate(name, Sure.LIKELY, named)))
        return [one for *_, one in sorted(found, key=lambda entry: (*entry[:3], entry[3].profile))]


def probe_of(profile: Profile, name: str | None, rank: int) -> Probe | None:
    """The read of one point; None when it has no register."""
    point = profile.points.get(name or "")
    if point is None or point.table is None or not point.readable:
        return None
    return Probe(rank, point.table, point.address, point.words, -1 if point.unit_id is None else point.unit_id)


def strongest(profile: Profile, seen: Seen, models: Sequence[int] = ()) -> Trait | None:
    """The surest trait that was met."""
    shown = [trait for trait in profile.identify if _there(trait, profile, seen, models) and met(trait, seen)]
    return min(shown, key=lambda trait: (ORDER.index(trait.sure), trait.also is None), default=None)


def _there(trait: Trait, profile: Profile, seen: Seen, models: Sequence[int]) -> bool:
    """Whether what the trait speaks of was seen at all; of SunSpec a model of the class too, unless it says more."""
    if trait.source == "fc43":
        return bool(seen.fc43)
    if trait.source == "sunspec":
        wanted = frozenset() if trait.also else SUNSPEC_MODELS.get(profile.device_class, frozenset())
        return bool(seen.sunspec) and (not wanted or not wanted.isdisjoint(models))
    return True


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
