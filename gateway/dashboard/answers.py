"""What the API says of the site now: one dataclass an answer, so that code, OpenAPI description and documentation are one thing.

Powers are W and positive when the site or asset consumes; None is unknown, never zero. Ages are seconds, instants are
UTC milliseconds. Words (mode, reason, quality, cause) are codes in English; the pages have their texts.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Power:
    """The site meter's reading; `age_s` None: never read."""

    w: float | None
    quality: str
    cause: str
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A person, an interlock or the upstream has taken one asset over; `power_w` None: its safe value."""

    id: str
    source: str
    issuer: str
    power_w: float | None
    ends_ms: int | None


@dataclass(frozen=True, slots=True)
class AssetNow:
    """One asset: what is asked of it, what it does, how far it can go (headroom: less, footroom: more), what binds it."""

    id: str
    name: str
    kind: str
    asked_w: float | None
    does_w: float | None
    headroom_w: float | None
    footroom_w: float | None
    reason: str
    min_w: float
    max_w: float
    operating_w: float | None
    """What it draws when nobody asks; None where that is worked out."""
    safe_w: float | None
    """None: released to its own controller."""
    settles_s: float
    """How long a change takes: dead time and three lags."""
    soc_pct: float | None
    devices: tuple[str, ...]
    answering: int
    """How many of its devices answer."""
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class RequestNow:
    """A request in force or to come; exactly one of the quantities is given."""

    id: str
    issuer: str
    source: str
    service: str
    kind: str
    target: str
    waits: bool
    """Its begin has not come."""
    begin_ms: int
    end_ms: int | None
    signal: float | None
    power_w: float | None
    shed_w: float | None
    max_import_w: float | None
    max_export_w: float | None
    reference_w: float | None
    """What its shed counts from now: contractual baseline, declared base point or the mean before it began."""


@dataclass(frozen=True, slots=True)
class BlockNow:
    """One declared block: base point, and how far we offered to shed (up) or take up (down) from it."""

    start_ms: int
    end_ms: int
    basepoint_w: float
    up_w: float
    down_w: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the connection: the strictest in force, and the site's own; None: no limit."""

    max_import_w: float | None
    max_export_w: float | None
    own_import_w: float | None
    own_export_w: float | None


@dataclass(frozen=True, slots=True)
class Offered:
    """What the site sells; None is not offered."""

    regulation_w: float | None
    demand_response_w: float | None
    automatic_response_w: float | None


@dataclass(frozen=True, slots=True)
class LinkNow:
    """One upstream; `heard_s`: seconds since its newest command or heartbeat, None: nothing yet."""

    id: str
    connected: bool
    heard_s: float | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What stands on top of every page: is what control needs there."""

    links: tuple[LinkNow, ...]
    devices_answering: int
    devices: int
    control_late_s: float | None
    """99th percentile of how late ticks ran."""
    control_steps: int


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """How many alarms stand, by severity, and how many nobody has acknowledged."""

    high: int
    medium: int
    low: int
    unacknowledged: int


@dataclass(frozen=True, slots=True)
class Now:
    """The site at this moment."""

    at_ms: int
    site: str
    timezone: str
    version: str
    shadow: bool
    """Decides and writes nothing."""
    mode: str
    cause: str
    mode_since_ms: int
    mode_until_ms: int | None
    """When HOLD ends."""
    stopped: bool
    """An emergency stop is in force."""
    service: str
    """reg, ar, dr, limit, hold, ramp or empty: what the target comes from."""
    power: Power
    target_w: float | None
    baseline_w: float | None
    basepoint_w: float | None
    signal: float | None
    capacity_w: float | None
    shortfall_w: float
    limits: Limits
    offered: Offered
    assets: tuple[AssetNow, ...]
    requests: tuple[RequestNow, ...]
    plan: tuple[BlockNow, ...]
    inputs: Inputs
    alarms: AlarmCount


@dataclass(frozen=True, slots=True)
class PointNow:
    """One point; `value` None exactly when invalid; `age_s` None: never read."""

    id: str
    device: str
    quantity: str
    unit: str
    value: float | None
    name: str
    """Of the value where it is one of a list, else empty."""
    quality: str
    cause: str
    age_s: float | None
    stale_after_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Points by quality."""

    good: int
    uncertain: int
    substituted: int
    stale: int
    invalid: int


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """One box: is it answering, how good its points are, the ages of its newest and oldest value."""

    id: str
    profile: str
    line: str
    unit_id: int
    asset: str | None
    online: bool
    points: Counts
    newest_s: float | None
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class LineNow:
    """One connection and its counters since the start."""

    id: str
    transport: str
    address: str
    devices: int
    answering: int
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class Devices:
    """Lines and what is on them."""

    at_ms: int
    lines: tuple[LineNow, ...]
    devices: tuple[DeviceNow, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """Every point that was asked for."""

    at_ms: int
    points: tuple[PointNow, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether control runs in time on fresh inputs, and what keeps it from that."""

    ready: bool
    reasons: tuple[str, ...]
