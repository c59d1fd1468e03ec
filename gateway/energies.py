"""Energy and evidence as the dashboard asks for them, and alarms of what stands out.

The history is read point by point by its own thread; the rest is worked out off the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict

from gateway.clock import Clock
from gateway.dashboard import energy_records
from gateway.dashboard.jsontext import adapter
from gateway.dashboard.past import EventPast
from gateway.energy_view import Energies, needed
from gateway.event_evidence import case_of, proved
from gateway.insight.settlement import SETTLEMENTS
from gateway.model.command import Alarm
from gateway.model.point import PointId
from gateway.model.site import Site
from gateway.profiles.schema import Profile
from gateway.store.finding import Stretch
from gateway.store.history import History
from gateway.texts import say

RULES = SETTLEMENTS["usual"]
LOOK_S = 3600.0
DAY_MS = 86_400_000
CAUSES = {"leak": "water_leak", "night_base": "night_base"}
"""What stands out -> the cause of its alarm."""


class EnergyView:
    """One per gateway; `dashboard.ports.Energies`. One report at a time."""

    def __init__(
        self,
        site: Site,
        profiles: Mapping[str, Profile],
        history: History,
        clock: Clock,
        *,
        on_alarm: Callable[[Alarm], None],
    ) -> None:
        self._site = site
        self._energies = Energies(site, profiles)
        self._history = history
        self._clock, self._on_alarm = clock, on_alarm
        self._raised: frozenset[str] = frozenset()
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Look once an hour for what stands out; it is an alarm until it is gone."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Raise what stands out now, clear what does not any more. StoreError."""
        now_ms = self._clock.utc_ms()
        found = await self.energy(from_ms=now_ms - DAY_MS, to_ms=now_ms)
        standing = {f"{CAUSES[one.kind]}:{one.meter}": one for one in found.findings}
        for key in sorted(standing.keys() | self._raised):
            if (key in standing) is not (key in self._raised):
                detail = _detail(standing[key]) if key in standing else ""
                self._on_alarm(Alarm(key, raised=key in standing, at_ms=now_ms, detail=detail))
        self._raised = frozenset(standing)

    def adopt(self, site: Site, profiles: Mapping[str, Profile]) -> None:
        """Take another site over."""
        self._site, self._energies = site, Energies(site, profiles)

    async def energy(self, *, from_ms: int, to_ms: int) -> energy_records.Energy:
        """A period; StoreError."""
        begin_ms, most = needed(from_ms, to_ms)
        async with self._one:
            energies = self._energies  # the same to the end, also when another site is taken over meanwhile
            stretches = {}
            for point in energies.points():
                try:
                    stretches[point] = await self._history.find(point, from_ms=begin_ms, to_ms=to_ms, most=most)
                except LookupError:  # nothing was ever kept of it
                    continue
            return await asyncio.to_thread(_answer, energies, stretches, from_ms, to_ms)

    async def evidence(self, event: EventPast) -> energy_records.EventEvidence:
        """What the history says of an event that is over; LookupError when it is none to be settled. StoreError."""
        case = case_of(event, self._site)
        if case is None:
            raise LookupError(event.id)
        power, reference = [
            await self._history.find(point, from_ms=case.begin_ms, to_ms=case.end_ms, most=case.most)
            for point in (case.meter, case.reference)
        ]
        found = proved(case, power, reference, RULES)
        words = asdict(found) | {"rules": RULES.source, "unconfirmed": RULES.unconfirmed}
        words["delivery"] = None if found.delivery is None else found.delivery.delivery
        answer: energy_records.EventEvidence = adapter(energy_records.EventEvidence).validate_python(words)
        return answer


def _answer(
    energies: Energies, stretches: Mapping[PointId, Stretch], from_ms: int, to_ms: int
) -> energy_records.Energy:
    report = energies.report(stretches, from_ms=from_ms, to_ms=to_ms)
    found: energy_records.Energy = adapter(energy_records.Energy).validate_python(asdict(report))
    return found


def _detail(one: energy_records.EnergyFinding) -> str:
    if one.kind == "leak":
        return say("alarm.leak", litres=1000.0 * one.value, volume=24.0 * one.value)
    return say("alarm.night", share=100.0 * one.value, usual=100.0 * one.usual)
