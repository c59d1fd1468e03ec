"""Inputs and Decision: what one step is given and what it answers."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.model.command import Alarm, Command, Outcome
from gateway.model.image import Snapshot
from gateway.model.mode import Mode
from gateway.model.plan import Plan
from gateway.model.request import Arrival, Verdict


@dataclass(frozen=True, slots=True)
class Curve:
    """The contractual baseline of one event: W, one value a step, beginning `lead_s` before the event."""

    request: str
    watts: tuple[float, ...]
    step_s: float = 900.0
    lead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """All a step may look at besides the state and the site; both clocks are read once, by the caller."""

    now_s: float
    utc_ms: int
    snapshot: Snapshot
    arrivals: tuple[Arrival, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    curves: tuple[Curve, ...] = ()


class Share(NamedTuple):
    """One asset's part: what it is asked for, what it draws (None: unknown), how far it can go, what binds it."""

    asset: str
    command_w: float
    power_w: float | None
    headroom_w: float
    footroom_w: float
    reason: str


class Use(NamedTuple):
    """So much of an asset, W below (up_w, the grid's sign) and above its rest, serves a service or nothing."""

    asset: str
    service: str
    up_w: float
    down_w: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What one step decided."""

    now_s: float
    utc_ms: int
    mode: Mode
    cause: str
    service: str
    signal: float | None
    capacity_w: float | None
    basepoint_w: float | None
    target_w: float | None
    site_w: float | None
    baseline_w: float | None
    shortfall_w: float
    """Target less what the assets can give; positive when the site draws less than asked."""
    shares: tuple[Share, ...]
    commands: tuple[Command, ...]
    verdicts: tuple[Verdict, ...]
    alarms: tuple[Alarm, ...]
    plan: Plan | None
    """The plan when it changed in this step."""
    ledger: tuple[Use, ...] = ()
    """Which kW serves which service, on a site whose services claim some."""
