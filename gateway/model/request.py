"""Request, Source, Verdict: what somebody asks of the site, and our answer."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Source(IntEnum):
    """Who asks, in order of authority, weakest first (FAULTS I-12)."""

    DEFAULT = 0
    SCHEDULE = 1
    REMOTE = 2
    MANUAL = 3
    HARD_LIMIT = 4
    INTERLOCK = 5


class Service(StrEnum):
    """What the VPP buys."""

    DR = "dr"
    AR = "ar"
    REG = "reg"
    LIMIT = "limit"


class Kind(StrEnum):
    """What a request is: how long it holds and how it ends (FAULTS.md, Commands)."""

    SETPOINT = "setpoint"
    EVENT = "event"
    LIMIT = "limit"
    CANCEL = "cancel"


class Action(StrEnum):
    """What a hold without a power does to its asset."""

    SAFE = "safe"
    """Its safe value."""
    RELEASE = "release"
    """Given back to its own controller: a smoke extraction takes the fans over."""
    FREEZE = "freeze"
    """Nothing is written any more; what has a timer of its own falls back."""


@dataclass(frozen=True, slots=True)
class Request:
    """One wish, parsed and well formed, its times in UTC ms as sent; `book` judges it and anchors its times.

    Exactly one of signal, power_w, shed_w, ref is given, or for a limit: max_import_w or max_export_w, where
    `withdraws` is true when the sender gave null. Powers are import-positive; shed_w is positive when we consume less.
    """

    id: str
    issuer: str
    source: Source
    seq: int
    service: Service
    kind: Kind
    target: str
    issued_ms: int
    begin_ms: int
    end_ms: int | None = None
    signal: float | None = None
    power_w: float | None = None
    shed_w: float | None = None
    max_import_w: float | None = None
    max_export_w: float | None = None
    withdraws: str | None = None
    """`max_import_w` or `max_export_w`: which of the issuer's earlier limits ends."""
    ref: str | None = None
    replaces: str | None = None
    action: Action = Action.SAFE
    """Of a hold that names no power."""
    note: str = ""
    """A person's reason; the reset of an interlock must give one."""


class Result(StrEnum):
    """What became of a request, as the upstream is told."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer to one request; `reason` is a code in English, e.g. `expired`, `replayed`, `out_of_range`."""

    id: str
    issuer: str
    result: Result
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came from outside, with both clocks at its reception.

    `request` None means a bare heartbeat of `issuer`.
    """

    issuer: str
    received_s: float
    received_ms: int
    request: Request | None = None
