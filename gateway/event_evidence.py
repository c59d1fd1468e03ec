"""The evidence of an event that is over: which stretches of history it takes, and what is made of them."""

from dataclasses import dataclass

from gateway import health
from gateway.control.watched import meter_point
from gateway.dashboard.past import EventPast
from gateway.energy_view import slots_of
from gateway.insight.evidence import Evidence, evidence_of
from gateway.insight.settlement import SettlementRules
from gateway.model.point import PointId, point_id
from gateway.model.site import Site
from gateway.store.finding import Stretch

REFERENCES = {
    "dr": point_id(health.DEVICE, "baseline.power"),
    "ar": point_id(health.DEVICE, "basepoint.power"),
}
"""What a shed counts from, by service: the contractual baseline; the declared base point."""
SECOND_MS, MINUTE_MS = 1_000, 60_000
SHORT_MS = 30 * MINUTE_MS
"""Events up to this long are looked at by the second, while the history has it."""


@dataclass(frozen=True, slots=True)
class Case:
    """An event that can have evidence: its own time, what was asked, how finely it is looked at."""

    event: EventPast
    shed_w: float
    begin_ms: int
    end_ms: int
    meter: PointId

    @property
    def reference(self) -> PointId:
        """The point it counts from."""
        return REFERENCES[self.event.service]

    @property
    def most(self) -> int:
        """In how many steps the history is read."""
        length_ms = self.end_ms - self.begin_ms
        return max(1, length_ms // (SECOND_MS if length_ms <= SHORT_MS else MINUTE_MS))


def case_of(event: EventPast, site: Site) -> Case | None:
    """None for what was refused, asked for no shed, or has no end."""
    end_ms = event.end_ms
    if event.service not in REFERENCES or event.result == "refused" or not event.shed_w or end_ms is None:
        return None
    if end_ms <= event.begin_ms:
        return None
    return Case(event, event.shed_w, event.begin_ms, end_ms, meter_point(site))


def proved(case: Case, power: Stretch, reference: Stretch, rules: SettlementRules) -> Evidence:
    """What the history of the site meter and of what it counts from says of it."""
    return evidence_of(
        case.event.id,
        case.event.service,
        begin_ms=case.begin_ms,
        end_ms=case.end_ms,
        shed_w=case.shed_w,
        power=slots_of(power),
        baseline=slots_of(reference),
        rules=rules,
    )
