"""Scan of one Modbus line: who answers, what each says of itself, which profile that makes. Nothing is ever written.

A unit id is asked for one register; whatever comes back, be it a refusal, says that somebody is there. Then: read device
identification (43/14), the SunSpec marker, and the registers that the profiles are known by, surest first, until one of
them makes certain. A few values are read with the profile found: what they say is the best proof for a technician.
Many boxes on TCP ignore the unit id; an id nobody has tells (`STRANGE_UNIT`), and such a box is listed once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.commission.asker import Asker
from gateway.commission.finding import Finding, Scanned
from gateway.commission.known import ORDER, Candidate, Catalogue
from gateway.commission.sunspec_look import look
from gateway.errors import BusDown
from gateway.field.modbus import fetches
from gateway.field.open import open_line
from gateway.field.points import member_of
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.relations import Sure
from gateway.profiles.schema import Every, Profile, Table
from gateway.profiles.traits import Seen

STRANGE_UNIT = 173
MOST_SHOWN = 3
SHOWN_FIRST = ("power", "soc", "state", "voltage", "temperature", "current", "energy")
"""What a technician recognises, best first."""

Progress = Callable[[str, int], None]
"""Hears what is looked at now and how many requests were made."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a line is scanned."""

    units: tuple[int, ...]
    rate_per_s: float
    catalogue: Catalogue
    progress: Progress


async def scan_line(connection: Connection, manner: Manner) -> Scanned:
    """Everything on one line; a line that cannot be opened is told, not raised."""
    asker = _asker(connection, manner)
    try:
        return await _scan(connection, manner, asker)
    except BusDown as exc:
        return Scanned(connection, (), asker.asked, "down", str(exc))
    finally:
        await asker.close()


async def who_answers(connection: Connection, manner: Manner) -> tuple[int | None, int]:
    """The first unit id that answers, and the requests made; BusDown when the line cannot be opened."""
    asker = _asker(connection, manner)
    try:
        for unit in manner.units:
            manner.progress(f"{connection.address} {unit}", asker.asked)
            if await asker.answers(unit):
                return unit, asker.asked
        return None, asker.asked
    finally:
        await asker.close()


def _asker(connection: Connection, manner: Manner) -> Asker:
    return Asker(open_line(connection, units=2), rate_per_s=manner.rate_per_s)


async def _scan(connection: Connection, manner: Manner, asker: Asker) -> Scanned:
    units, note = manner.units, ""
    tcp = connection.transport is not Transport.MODBUS_RTU
    if tcp and len(units) > 1 and STRANGE_UNIT not in units and await asker.answers(STRANGE_UNIT):
        units, note = units[:1], "all_units"
    findings = []
    for unit in units:
        manner.progress(f"{connection.address} {unit}", asker.asked)
        if note == "all_units" or await asker.answers(unit):
            findings.append(await _identify(connection, unit, manner, asker))
    return Scanned(connection, tuple(findings), asker.asked, note or ("" if findings else "silent"))


async def _identify(connection: Connection, unit: int, manner: Manner, asker: Asker) -> Finding:
    catalogue = manner.catalogue
    identity = await asker.identity(unit)
    said = {} if identity is None else fc43_of(identity.named())
    sunspec = await look(asker, unit)
    whole = Seen({}, said, {} if sunspec is None else sunspec.common)
    candidates = catalogue.candidates({}, whole)
    if not candidates or candidates[0].sure is not Sure.CERTAIN:
        candidates = await _by_registers(unit, catalogue, asker, whole)
    shown: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    if candidates:
        shown, doubts = await _show(connection, unit, catalogue.profiles[candidates[0].profile], asker)
        if doubts:
            candidates = [_doubted(candidates[0]), *candidates[1:]]
    told = {**said, **({} if sunspec is None else {**sunspec.common, "sunspec": _models(sunspec.models)})}
    return Finding(connection, unit, tuple(candidates), told, shown, doubts)


async def _by_registers(unit: int, catalogue: Catalogue, asker: Asker, whole: Seen) -> list[Candidate]:
    """Read what tells profiles apart until one is certain."""
    values: dict[str, dict[str, float | str | None]] = {}
    candidates = catalogue.candidates(values, whole)
    rank = 0
    for probe in catalogue.probes:
        if candidates and (
            candidates[0].sure is Sure.CERTAIN or probe.rank > max(rank, ORDER.index(candidates[0].sure))
        ):
            break
        rank = probe.rank
        data = await asker.words(probe.unit_at(unit), probe.table, probe.address, count=probe.count)
        if data is None:
            continue
        for name, seen in catalogue.decoded(probe, data).items():
            values.setdefault(name, {}).update(seen)
        candidates = catalogue.candidates(values, whole)
    return candidates


async def _show(
    connection: Connection, unit: int, profile: Profile, asker: Asker
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A few values as this profile reads them, and what speaks against it."""
    member = member_of(Device("device", profile.name, connection.id, unit), {profile.name: profile})
    readings: dict[str, float] = {}
    doubts: list[str] = []
    wanted = [fetch for fetch in fetches(member) if fetch.batch.every in (Every.FAST, Every.NORMAL)]
    for fetch in wanted[:3]:
        table = next(table for table in Table if _function(table) == fetch.query.function)
        address = int.from_bytes(fetch.query.pdu[1:3])
        data = await asker.words(fetch.query.unit, table, address, count=int.from_bytes(fetch.query.pdu[3:5]))
        if data is None:
            doubts.append(f"{table} {address}")
            continue
        values, qualities, _ = fetch.decode(data)
        for name, value, quality in zip(fetch.batch.points, values, qualities, strict=True):
            if value is not None and quality is Quality.GOOD:
                readings[name] = value
    return tuple(shown_of(profile, readings)), tuple(doubts)


def shown_of(profile: Profile, readings: Mapping[str, float]) -> Iterable[str]:
    """The most telling values, as `name value unit`."""

    def rank(name: str) -> tuple[int, int]:
        return next((at for at, word in enumerate(SHOWN_FIRST) if word in name), len(SHOWN_FIRST)), len(name)

    for name in sorted(readings, key=rank)[:MOST_SHOWN]:
        point = profile.points[name]
        value = readings[name] + 0.0
        meaning = point.enum.get(int(value)) if value.is_integer() else None
        unit = "" if point.unit.value in ("", "1") else f" {point.unit.value}"
        yield f"{name} {meaning or f'{value:.6g}'}{unit}"


def fc43_of(named: Mapping[str, str]) -> dict[str, str]:
    """Identification objects under the names that profiles use."""
    return {("name" if name == "product_name" else name): text for name, text in named.items() if text}


def _function(table: Table) -> int:
    return {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}[table]


def _doubted(candidate: Candidate) -> Candidate:
    """One step less sure."""
    lower = ORDER[min(ORDER.index(candidate.sure) + 1, len(ORDER) - 1)]
    return replace(candidate, sure=lower)


def _models(models: Iterable[int]) -> str:
    return ", ".join(map(str, models))
