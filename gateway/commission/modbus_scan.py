"""Scan of one Modbus line: who answers, what each says of itself, which profile that makes. Nothing is ever written.

A unit id is asked for one register; whatever comes back, be it a refusal, says that somebody is there. Then: read device
identification (43/14), the SunSpec marker, and the registers that the profiles are known by, surest first, until one of
them makes certain. A few values are read with the profile found: what they say is the best proof for a technician.
Many boxes on TCP ignore the unit id; an id nobody has tells (`STRANGE_UNIT`), and such a box is listed once.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.commission.asker import Asker
from gateway.commission.finding import Finding, Scanned
from gateway.commission.known import ORDER, Candidate, Catalogue, Probe
from gateway.commission.sunspec_look import look
from gateway.errors import BusDown
from gateway.field.modbus import READS, fetches
from gateway.field.open import open_line
from gateway.field.points import member_of
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.derive import Derivations
from gateway.profiles.relations import Sure
from gateway.profiles.schema import Every, Profile
from gateway.profiles.traits import Seen

STRANGE_UNIT = 173
ASKED_AGAIN = 32
"""Of at most so many unit ids those that were silent are asked once more: an answer may be lost, a device be busy."""
MOST_SHOWN = 3
MOST_READS = 3
MOST_TRIED = 3
TABLES = {function: table for table, function in READS.items()}
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
        return await _LineScan(connection, manner, asker).scanned()
    except BusDown as exc:
        return Scanned(connection, (), asker.asked, "down", exc.said)
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


class _LineScan:
    """The scan of one line."""

    def __init__(self, connection: Connection, manner: Manner, asker: Asker) -> None:
        self._connection = connection
        self._manner = manner
        self._asker = asker
        self._elsewhere: dict[Probe, bytes | None] = {}
        """What was read at unit ids that profiles name, once for the line."""

    async def scanned(self) -> Scanned:
        """Who is there, one after the other."""
        connection, asker = self._connection, self._asker
        units, note = self._manner.units, ""
        tcp = connection.transport is not Transport.MODBUS_RTU
        if tcp and len(units) > 1 and STRANGE_UNIT not in units and await asker.answers(STRANGE_UNIT):
            units, note = units[:1], "all_units"
        found: dict[int, Finding] = {}
        for round_of in (units, units if len(units) <= ASKED_AGAIN else ()):
            for unit in round_of:
                if unit in found:
                    continue
                self._manner.progress(f"{connection.address} {unit}", asker.asked)
                if note == "all_units" or await asker.answers(unit):
                    found[unit] = await self._identified(unit)
        findings = tuple(found[unit] for unit in dict.fromkeys(units) if unit in found)
        return Scanned(connection, findings, asker.asked, note or ("" if findings else "silent"))

    async def _identified(self, unit: int) -> Finding:
        catalogue, asker = self._manner.catalogue, self._asker
        identity = await asker.identity(unit)
        said = {} if identity is None else fc43_of(identity.named())
        sunspec = await look(asker, unit)
        whole = Seen({}, said, {} if sunspec is None else sunspec.common)
        models = () if sunspec is None else sunspec.models
        values: dict[str, dict[str, float | str | None]] = {}
        candidates = catalogue.candidates(values, whole, models)
        if not candidates or candidates[0].sure is not Sure.CERTAIN:
            candidates = await self._by_registers(unit, whole, models, values)
        if besides := catalogue.besides(values, whole):
            for probe in besides:
                await self._learn(unit, probe, values)
            candidates = catalogue.candidates(values, whole, models)
        candidates, shown, doubts = await self._proven(unit, candidates)
        told = {**said, **({} if sunspec is None else {**sunspec.common, "sunspec": _models(sunspec.models)})}
        return Finding(self._connection, unit, tuple(candidates), told, shown, doubts)

    async def _proven(
        self, unit: int, candidates: list[Candidate]
    ) -> tuple[list[Candidate], tuple[str, ...], tuple[str, ...]]:
        """The candidates again, those that the device does not answer like less sure; what it shows as the first of them."""
        proven: list[tuple[Candidate, tuple[str, ...], tuple[str, ...]]] = []
        for one in candidates[:MOST_TRIED]:
            shown, doubts = await self._shown(unit, self._manner.catalogue.profiles[one.profile])
            proven.append((_doubted(one) if doubts else one, shown, doubts))
            if not doubts:
                break
        proven.sort(key=lambda entry: ORDER.index(entry[0].sure))
        rest = candidates[len(proven) :]
        if not proven:
            return [], (), ()
        first, shown, doubts = proven[0]
        return [first, *(one for one, *_ in proven[1:]), *rest], shown, doubts

    async def _by_registers(
        self, unit: int, whole: Seen, models: Sequence[int], values: dict[str, dict[str, float | str | None]]
    ) -> list[Candidate]:
        """Read what tells profiles apart into `values` until one is certain."""
        catalogue = self._manner.catalogue
        candidates = catalogue.candidates(values, whole, models)
        rank = 0
        for probe in catalogue.probes:
            if candidates and probe.rank > max(rank, ORDER.index(candidates[0].sure)):
                break  # no later one makes surer
            if candidates and candidates[0].sure is Sure.CERTAIN:
                break
            rank = probe.rank
            if await self._learn(unit, probe, values):
                candidates = catalogue.candidates(values, whole, models)
        return candidates

    async def _learn(self, unit: int, probe: Probe, values: dict[str, dict[str, float | str | None]]) -> bool:
        """Read one more thing into `values`; whether there was an answer."""
        data = await self._read(unit, probe)
        if data is None:
            return False
        for name, seen in self._manner.catalogue.decoded(probe, data).items():
            values.setdefault(name, {}).update(seen)
        return True

    async def _read(self, unit: int, probe: Probe) -> bytes | None:
        at = probe.unit_at(unit)
        if at == unit:
            return await self._asker.words(unit, probe.table, probe.address, count=probe.count)
        if probe not in self._elsewhere:
            self._elsewhere[probe] = await self._asker.words(at, probe.table, probe.address, count=probe.count)
        return self._elsewhere[probe]

    async def _shown(self, unit: int, profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """A few values as this profile reads them, and what speaks against it."""
        member = member_of(Device("device", profile.name, self._connection.id, unit), {profile.name: profile})
        readings: dict[str, float] = {}
        doubts: list[str] = []
        planned = fetches(member, self._asker.line)
        reads = [one.batch.points for one in planned]
        whole = Derivations(member.profile.points, reads, period_s=member.profile.poll_s)
        often = [at for at, one in enumerate(planned) if one.batch.every in (Every.FAST, Every.NORMAL)]
        for at in often[:MOST_READS]:
            fetch = planned[at]
            address, count = struct.unpack(">HH", fetch.query.pdu[1:5])
            table = TABLES[fetch.query.function]
            data = await self._asker.words(fetch.query.unit, table, address, count=count)
            if data is None:
                doubts.append(f"{table} {address}")
                continue
            decoded = list(zip(*fetch.decode(data), strict=True))
            made = whole.finish(at, reads[at], decoded, asyncio.get_running_loop().time())
            for name, (value, quality, _) in zip((*reads[at], *whole.extra[at]), made, strict=True):
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
        names = point.enum or {int(meaning): str(code) for code, meaning in point.codes.items()}
        meaning = names.get(int(value)) if value.is_integer() else None
        unit = "" if point.unit.value in ("", "1") else f" {point.unit.value}"
        yield f"{name} {meaning or f'{value:.6g}'}{unit}"


def fc43_of(named: Mapping[str, str]) -> dict[str, str]:
    """Identification objects under the names that profiles use."""
    return {("name" if name == "product_name" else name): text for name, text in named.items() if text}


def _doubted(candidate: Candidate) -> Candidate:
    """One step less sure."""
    lower = ORDER[min(ORDER.index(candidate.sure) + 1, len(ORDER) - 1)]
    return replace(candidate, sure=lower)


def _models(models: Iterable[int]) -> str:
    return ", ".join(map(str, models))
