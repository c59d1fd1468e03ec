"""The reckoning of a period from a state directory: energy, water and gas, events with their evidence, what is known of it.

Only reads, beside a gateway that may be running. Blocks: commands only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.dashboard.past import EventPast
from gateway.energy_view import Energies, needed
from gateway.event_evidence import case_of, proved
from gateway.insight.energy_report import EnergyReport
from gateway.insight.evidence import Evidence
from gateway.insight.settlement import SettlementRules
from gateway.model.site import Site
from gateway.past_events import KIND, event_of
from gateway.profiles.schema import Profile
from gateway.store import audit, audit_page
from gateway.store.reading import Kept

PAGE = 500


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the period; `record` and `seal` are its record in the audit chain."""

    event: EventPast
    evidence: Evidence | None
    record: int
    seal: str


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The whole; `chain` says what is wrong with the audit chain, empty: it is whole."""

    site: str
    energy: EnergyReport
    rules: SettlementRules
    events: tuple[EventRow, ...]
    chain: str


def reckon(
    site: Site, profiles: Mapping[str, Profile], state: Path, *, from_ms: int, to_ms: int, rules: SettlementRules
) -> Reckoning:
    """The reckoning of a period. StoreError when there is no history."""
    energies = Energies(site, profiles)
    with Kept(state) as kept:
        there = set(kept.points())
        begin_ms, most = needed(from_ms, to_ms)
        stretches = {
            point: kept.find(point, from_ms=begin_ms, to_ms=to_ms, most=most)
            for point in energies.points()
            if point in there
        }
        energy = energies.report(stretches, from_ms=from_ms, to_ms=to_ms)
        rows = tuple(_row(site, kept, record, rules) for record in _events(state, from_ms, to_ms))
    return Reckoning(site.id, energy, rules, rows, _chain(state))


def in_json(found: Reckoning) -> dict[str, Any]:
    """The same as plain words; energy in kWh or m³, powers in W, times in UTC ms."""
    energy = asdict(found.energy)
    events = []
    for row in found.events:
        evidence = None if row.evidence is None else asdict(row.evidence)
        if evidence is not None and row.evidence is not None:
            for quarter, of in zip(evidence["quarters"], row.evidence.quarters, strict=True):
                quarter["shed_w"] = of.shed_w
        events.append(asdict(row.event) | {"evidence": evidence, "record": row.record, "seal": row.seal})
    rules = {"source": found.rules.source, "unconfirmed": found.rules.unconfirmed}
    return {"site": found.site, "energy": energy, "events": events, "settlement_rules": rules, "chain": found.chain}


def _events(state: Path, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
    """The chain's records of events that began within the period, oldest first."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        records, before = audit_page.page(state / "audit", before=before, limit=PAGE, kind=KIND)
        found += [record for record in records if from_ms <= record["data"].get("begin_ms", -1) < to_ms]
        if before is None or (records and records[-1]["at"] < from_ms):
            return found[::-1]


def _row(site: Site, kept: Kept, record: dict[str, Any], rules: SettlementRules) -> EventRow:
    event = event_of(record)
    if event is None:
        raise ValueError(f"record {record['n']} is no event")
    return EventRow(event, _evidence(site, kept, event, rules), int(record["n"]), str(record["hash"]))


def _evidence(site: Site, kept: Kept, event: EventPast, rules: SettlementRules) -> Evidence | None:
    """None for what is no event to settle, or of which nothing was kept."""
    case = case_of(event, site)
    if case is None:
        return None
    try:
        power, reference = (
            kept.find(point, from_ms=case.begin_ms, to_ms=case.end_ms, most=case.most)
            for point in (case.meter, case.reference)
        )
    except LookupError:
        return None
    return proved(case, power, reference, rules)


def _chain(state: Path) -> str:
    bad = audit.verify(state / "audit")
    return "" if bad is None else str(bad)
