"""What a profile says may be set: steps, keep-alive, what happens without us, and the control they make together."""

from dataclasses import dataclass

from gateway.model.point import Unit
from gateway.profiles.kinds import Then, Wear, Zero
from gateway.profiles.relations import BySign, FromParam


@dataclass(frozen=True, slots=True)
class Set:
    """Write points; None is the commanded value, a `BySign` what its sign chooses. `together`: one request or none.

    A `FromParam` is a number of the site, and gone once the profile is a device's (`frames.for_device`).
    """

    writes: tuple[tuple[str, float | BySign | FromParam | None], ...]
    together: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Pause before the next step."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Until:
    """Read a point until it lies between `low` and `high`, else the sequence fails."""

    point: str
    low: float
    high: float
    within_s: float


@dataclass(frozen=True, slots=True)
class Mask:
    """Read, change these bits of the raw word, write."""

    point: str
    set_bits: int
    clear_bits: int


@dataclass(frozen=True, slots=True)
class Count:
    """Write the last value read plus one, beginning again at 0 after `modulo` - 1: a heartbeat."""

    point: str
    modulo: int


Step = Set | Wait | Until | Mask | Count


@dataclass(frozen=True, slots=True)
class Keepalive:
    """What holds the device's reversion timer off: `steps` at least every `every_s`; it runs out after `timeout_s`."""

    every_s: float
    timeout_s: float
    steps: tuple[Step, ...]
    timeout_param: str | None = None
    """The device parameter that gives `timeout_s`, where an installer sets it in the device."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What happens at the device when the gateway falls silent; `value` is the fallback, `after_s` the delay."""

    then: Then
    value: float | None = None
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """How the effect shows: this point comes within `tolerance` of the command in `within_s`."""

    point: str
    tolerance: float
    within_s: float


@dataclass(frozen=True, slots=True)
class Control:
    """One thing the gateway may set: lawful values, how, for how long, what happens without us, how to give back."""

    name: str
    unit: Unit
    low: float
    high: float
    step: float
    zero: Zero
    apply: tuple[Step, ...]
    release: tuple[Step, ...]
    lost: Lost
    keepalive: Keepalive | None = None
    confirm: Confirm | None = None
    interval_s: float = 0.0
    write_function: str = "any"
    wear: Wear = Wear.VOLATILE
    daily_writes: int | None = None
    at_most: str | None = None
    at_least: str | None = None
    """Points of the device that say how far it may be set now; unknown refuses the command."""
