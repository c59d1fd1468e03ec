"""Effect: whether what was written shows in another point of the device (`confirm` of the profile). Pure."""

from enum import StrEnum
from math import inf

from gateway.profiles.schema import Confirm


class Shown(StrEnum):
    """What a reading of that point says."""

    YES = "yes"
    NOT_YET = "not_yet"
    NO = "no"


class Effect:
    """What one control waits for after each write."""

    def __init__(self, confirm: Confirm | None) -> None:
        self.point = confirm.point if confirm else ""
        self._confirm = confirm
        self._until_s = inf
        """By when it must show; inf: nobody waits."""

    def begin(self, now_s: float) -> None:
        """A value was written."""
        if self._confirm is not None:
            self._until_s = now_s + self._confirm.within_s

    def seen(self, value: float, wanted: float, now_s: float) -> Shown:
        """The point was read; a missing effect is told once."""
        if self._confirm is not None and abs(value - wanted) <= self._confirm.tolerance:
            self._until_s = inf
            return Shown.YES
        if now_s < self._until_s:
            return Shown.NOT_YET
        self._until_s = inf
        return Shown.NO
