"""Preparer: settings a device must have before its values mean anything, written where they differ, and then left. Pure.

Nothing is written before the device was read. A setting that does not take after three tries is given up: a selector on
the device may be locked; what depends on it stays invalid, and that is told once.
"""

from collections import Counter

from gateway.field.bus import Member
from gateway.log import get_logger
from gateway.profiles.schema import Set

TRIES = 3
log = get_logger("field")


class Preparer:
    """One device."""

    def __init__(self, member: Member) -> None:
        self._device = member.id
        self._wanted = {
            name: value
            for step in member.profile.prepare
            if isinstance(step, Set)
            for name, value in step.writes
            if isinstance(value, float | int)
        }
        self._pending: list[str] = []
        self._tries: Counter[str] = Counter()
        self.watched = frozenset(self._wanted)
        """The points it wants to see."""

    def seen(self, point: str, value: float) -> None:
        """One of its points was read."""
        if point not in self._wanted or point in self._pending:
            return
        if value == self._wanted[point]:
            self._tries.pop(point, None)
        elif self._tries[point] < TRIES:
            self._pending.append(point)
        elif self._tries[point] == TRIES:
            self._tries[point] += 1
            log.warning("not_prepared", device=self._device, point=point, value=value, wanted=self._wanted[point])

    def step(self) -> Set | None:
        """The next setting to write, if any."""
        if not self._pending:
            return None
        point = self._pending.pop(0)
        self._tries[point] += 1
        return Set(((point, self._wanted[point]),))

    @property
    def is_due(self) -> bool:
        """Whether there is something to write now."""
        return bool(self._pending)
