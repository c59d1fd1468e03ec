"""What stands above every service: interlocks, limits inside the building, what happens when an interface is lost."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from gateway.model.point import PointId
from gateway.model.request import Action


@dataclass(frozen=True, slots=True)
class Feeder:
    """A cable or board inside the building with limits of its own; `devices` are all of assets below it.

    Without a meter, and while its meter is not known, what else hangs on it counts with its rated sums, `other_…_w`.
    """

    id: str
    devices: frozenset[str]
    max_import_w: float = inf
    max_export_w: float = inf
    max_phase_w: float = inf
    """Of each phase, either way."""
    volts: float = 230.0
    meter: str | None = None
    other_import_w: float = 0.0
    other_export_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Interlock:
    """A digital input that stands above everything: fire, smoke, gas. Latched; unknown is not clear."""

    id: str
    point: PointId
    assets: tuple[str, ...]
    action: Action = Action.SAFE
    clear: float = 0.0
    """The value that means that all is well; a closed loop that opens on alarm says 1."""


class Loss(StrEnum):
    """What the assets do at first when the site meter is lost."""

    SAFE = "safe"
    """Their safe values at once."""
    HOLD = "hold"
    """What they were asked for last, then the way to their safe values."""
    OPEN_LOOP = "open_loop"
    """The target goes on with the last load that was known, then the way to their safe values."""


@dataclass(frozen=True, slots=True)
class MeterLoss:
    """Loss of the site meter; worst-case limits hold from the first moment (FAULTS, mode FAULT)."""

    then: Loss = Loss.SAFE
    hold_s: float = 30.0
    ramp_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Failsafe:
    """What is done about each interface that is lost; the upstream's times are in `Control`."""

    meter: MeterLoss = field(default_factory=MeterLoss)
    device_return_s: float = 0.0
    """How long a device that was gone must answer before its asset counts on it again."""
    longest_hold_s: float = inf
    """A manual hold without an end is over after this: whoever set it may be gone."""
