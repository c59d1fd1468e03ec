"""Reading, Quality, Cause: a value, how good it is and why, when it was measured."""

from dataclasses import dataclass
from enum import IntEnum


class Quality(IntEnum):
    """How far a value may be trusted, best first (IEC 60870-5 NT, SB, IV; OPC UA severity)."""

    GOOD = 0
    UNCERTAIN = 1
    SUBSTITUTED = 2
    STALE = 3
    INVALID = 4


HUGE = 1e30
"""No quantity of a plant: sums, products and squares of numbers below it are finite (I-17)."""


class AllGood(tuple[Quality, ...]):
    """The qualities of a column of values that are all good and all finite: who made them vouches, nobody looks again."""

    __slots__ = ()


class Cause(IntEnum):
    """Why a value is not good."""

    NONE = 0
    OFFLINE = 1
    BUSY = 2
    SENTINEL = 3
    FROZEN = 4
    ASLEEP = 5
    OUT_OF_RANGE = 6
    MISMATCH = 7
    NEVER_READ = 8
    SOURCE = 9
    AGE = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one point; `value` is None exactly when the quality is INVALID.

    `measured_s` is boot-time: the start of the request that fetched it, or its source time where that is older.
    """

    value: float | None
    quality: Quality
    cause: Cause
    measured_s: float

    def __post_init__(self) -> None:
        if (self.value is None) != (self.quality is Quality.INVALID):
            raise ValueError(f"a reading has no value exactly when it is invalid: {self.value!r} {self.quality.name}")

    @property
    def usable(self) -> float | None:
        """The value where control may use it, else None (invariants I-16, I-17: not a number is not a value)."""
        if self.quality is not Quality.GOOD or self.value is None or not abs(self.value) < HUGE:
            return None
        return self.value


NEVER_READ = Reading(None, Quality.INVALID, Cause.NEVER_READ, 0.0)
