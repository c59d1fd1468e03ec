"""Command, Outcome: a value on its way to an actuator, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Command:
    """One write on its way to one actuator: `control` names a control of the device's profile.

    `value` is in the control's unit, consumption positive (battery: + charges); None releases the device to its own
    controller by the profile's release steps. Never written after `expires_s` (boot time).
    """

    device: str
    control: str
    value: float | None
    reason: str
    issued_s: float
    expires_s: float
    back: float | None = None
    """What the device had before; on its release, or when the command expires, it gets that and not the release steps."""


class Fate(StrEnum):
    """What became of a command."""

    WRITTEN = "written"
    """Answered by the device; not yet read back."""
    CONFIRMED = "confirmed"
    """Read back as commanded."""
    DIFFERS = "differs"
    """Read back as something else."""
    UNKNOWN = "unknown"
    """The write timed out: applied or not, the next read-back tells."""
    REFUSED = "refused"
    EXPIRED = "expired"
    SHADOW = "shadow"
    """Not written because the gateway only watches."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command, at one time."""

    device: str
    control: str
    value: float | None
    fate: Fate
    at_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One cause raised or cleared; `key` names cause and place, e.g. `device_offline:battery`."""

    key: str
    raised: bool
    at_ms: int
    detail: str = ""
