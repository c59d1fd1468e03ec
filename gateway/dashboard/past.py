"""What is told of a request that is over; every gateway remembers the last of them, with a dashboard or without."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventPast:
    """A request of the upstream or a person that is over, or was refused."""

    id: str
    issuer: str
    source: str
    service: str
    kind: str
    target: str
    begin_ms: int
    end_ms: int | None
    shed_w: float | None
    power_w: float | None
    result: str
    reason: str
    over_ms: int
    delivery: float | None
    """Mean shed over the shed asked for, of regulation its precision; None where it is not known."""
