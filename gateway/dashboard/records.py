"""What the API says of what was: history, events, alarms, the audit trail, the configuration; see `answers`."""

from dataclasses import dataclass
from typing import Literal

from gateway.dashboard.answers import RequestNow
from gateway.dashboard.past import EventPast


@dataclass(frozen=True, slots=True)
class Series:
    """A stretch of one point, as columns of equal length; None where nothing is known: a gap stays a gap.

    `tier`: raw (1 s), minute, quarter (15 min); `step_s` after down-sampling. `min` and `max` are within the step,
    `quality` is the worst in it (good, uncertain, substituted), empty in a gap.
    """

    point: str
    unit: str
    tier: str
    step_s: float
    t_ms: tuple[int, ...]
    mean: tuple[float | None, ...]
    min: tuple[float | None, ...]
    max: tuple[float | None, ...]
    quality: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Events:
    """Running, coming (those that wait) and past, newest first."""

    at_ms: int
    running: tuple[RequestNow, ...]
    coming: tuple[RequestNow, ...]
    past: tuple[EventPast, ...]


@dataclass(frozen=True, slots=True)
class AlarmNow:
    """One alarm: `key` is `cause:place`; active until cleared; acknowledged by a person."""

    key: str
    cause: str
    place: str
    severity: Literal["high", "medium", "low"]
    active: bool
    raised_ms: int
    cleared_ms: int | None
    count: int
    """How often it was raised since the start."""
    detail: str
    """English."""
    acknowledged_by: str | None
    acknowledged_ms: int | None
    shelved_by: str | None = None
    """Put away by a person for a while; None: it is not."""
    shelved_why: str | None = None
    shelved_until_ms: int | None = None
    detail_zh: str = ""
    """The detail in Chinese, as far as there are words for it."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Those that stand and those that have cleared, newest first."""

    at_ms: int
    alarms: tuple[AlarmNow, ...]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record of the chain; `actor` is who did it: a person, an upstream's issuer, or the gateway."""

    n: int
    at_ms: int
    kind: str
    actor: str
    data: dict[str, object]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Records, newest first; `before` asks for the next page, None at the chain's begin; `algorithm` seals new ones."""

    records: tuple[AuditRecord, ...]
    before: int | None
    last: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class AuditState:
    """Whether the chain is whole; if not, where its first bad record is."""

    whole: bool
    records: int
    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Config:
    """The site as it was configured, without secrets; `file` is its text where it can be read."""

    file_name: str
    file: str
    site: dict[str, object]
