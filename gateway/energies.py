"""Energy and evidence as the dashboard asks for them: the history read point by point, the rest worked out off the loop."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict

from gateway.dashboard import energy_records
from gateway.dashboard.jsontext import adapter
from gateway.dashboard.records import EventPast
from gateway.energy_view import Energies, needed
from gateway.event_evidence import BASELINE, case_of, proved
from gateway.insight.settlement import SETTLEMENTS
from gateway.model.point import PointId
from gateway.model.site import Site
from gateway.profiles.schema import Profile
from gateway.store.finding import Stretch
from gateway.store.history import History

RULES = SETTLEMENTS["usual"]


class EnergyView:
    """One per gateway; `dashboard.ports.Energies`. One report at a time."""

    def __init__(self, site: Site, profiles: Mapping[str, Profile], history: History) -> None:
        self._site = site
        self._energies = Energies(site, profiles)
        self._history = history
        self._one = asyncio.Lock()

    def adopt(self, site: Site, profiles: Mapping[str, Profile]) -> None:
        """Take another site over."""
        self._site, self._energies = site, Energies(site, profiles)

    async def energy(self, *, from_ms: int, to_ms: int) -> energy_records.Energy:
        """A period; StoreError."""
        begin_ms, most = needed(from_ms, to_ms)
        async with self._one:
            stretches = {}
            for point in self._energies.points():
                try:
                    stretches[point] = await self._history.find(point, from_ms=begin_ms, to_ms=to_ms, most=most)
                except LookupError:  # nothing was ever kept of it
                    continue
            return await asyncio.to_thread(self._answer, stretches, from_ms, to_ms)

    async def evidence(self, event: EventPast) -> energy_records.EventEvidence:
        """What the history says of an event that is over; LookupError when it is none to be settled. StoreError."""
        case = case_of(event, self._site)
        if case is None:
            raise LookupError(event.id)
        power, baseline = [
            await self._history.find(point, from_ms=case.begin_ms, to_ms=case.end_ms, most=case.most)
            for point in (case.meter, BASELINE)
        ]
        found = proved(case, power, baseline, RULES)
        words = asdict(found) | {"rules": RULES.source, "unconfirmed": RULES.unconfirmed}
        words["delivery"] = None if found.delivery is None else found.delivery.delivery
        answer: energy_records.EventEvidence = adapter(energy_records.EventEvidence).validate_python(words)
        return answer

    def _answer(self, stretches: Mapping[PointId, Stretch], from_ms: int, to_ms: int) -> energy_records.Energy:
        report = self._energies.report(stretches, from_ms=from_ms, to_ms=to_ms)
        found: energy_records.Energy = adapter(energy_records.Energy).validate_python(asdict(report))
        return found
