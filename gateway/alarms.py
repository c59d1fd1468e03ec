"""The alarm list: what stands, what has cleared, what a person has acknowledged or shelved; one entry a cause, bounded.

A shelved alarm (ISA-18.2) is out of the way for a while, with a reason; it comes back by itself when its time is over,
and after a restart. Whatever protects people cannot be shelved.
"""

from dataclasses import dataclass, replace
from typing import Literal

from gateway.errors import GatewayError
from gateway.model.command import Alarm

Severity = Literal["high", "medium", "low"]
LONGEST = 500
"""Letters of a detail that are kept."""
MOST = 500
"""Cleared entries beyond this are forgotten, oldest first; what stands stays."""
HIGH = frozenset(
    {
        "emergency_stop",
        "interlock",
        "site_meter_lost",
        "site_meter_reversed",
        "disk_refuses",
        "control_late",
        "upstream_lost",
    }
)
NEVER_SHELVED = frozenset({"emergency_stop", "interlock"})
LOW = frozenset({"night_base", "manual_override", "uplink_contended", "block_refused", "outbox_damaged"})


class NotShelved(GatewayError):
    """This alarm may not be shelved."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Who put it away, why, and until when."""

    by: str
    why: str
    until_s: float
    """Boot time, which no wall clock moves."""
    until_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One alarm and its history since the start."""

    key: str
    active: bool
    raised_ms: int
    cleared_ms: int | None
    count: int
    detail: str
    """English; where it was said with a key it can be told in another language."""
    by: str | None = None
    """Who acknowledged it; a new raise asks again."""
    by_ms: int | None = None
    shelf: Shelf | None = None

    @property
    def cause(self) -> str:
        """The part before the colon."""
        return self.key.partition(":")[0]

    @property
    def place(self) -> str:
        """The part behind it."""
        return self.key.partition(":")[2]

    @property
    def severity(self) -> Severity:
        """How soon a person must act."""
        return "high" if self.cause in HIGH else "low" if self.cause in LOW else "medium"


class AlarmList:
    """One per gateway."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.serial = 0
        """Rises with every change."""

    def hear(self, alarm: Alarm) -> None:
        """Take over what was raised or cleared."""
        self.serial += 1
        old = self._entries.pop(alarm.key, None)
        if alarm.raised:
            count = 1 if old is None else old.count + (not old.active)
            again = old is not None and old.active
            self._entries[alarm.key] = Entry(
                alarm.key,
                active=True,
                raised_ms=old.raised_ms if old is not None and again else alarm.at_ms,
                cleared_ms=None,
                count=count,
                detail=alarm.detail if len(alarm.detail) <= LONGEST else alarm.detail[:LONGEST],
                by=old.by if old is not None and again else None,
                by_ms=old.by_ms if old is not None and again else None,
                shelf=None if old is None else old.shelf,
            )
        elif old is not None:
            self._entries[alarm.key] = replace(old, active=False, cleared_ms=alarm.at_ms)
        self._forget()

    def acknowledge(self, key: str, by: str, at_ms: int) -> Entry:
        """Note who has seen it; LookupError when there is no such alarm."""
        self.serial += 1
        entry = self._entries[key]
        if entry.by is None:
            entry = self._entries[key] = replace(entry, by=by, by_ms=at_ms)
        return entry

    def shelve(self, key: str, shelf: Shelf) -> None:
        """Put an alarm away; LookupError when none of that key stands, NotShelved when it may not be."""
        entry = self._entries[key]
        if not entry.active:
            raise KeyError(key)
        if entry.cause in NEVER_SHELVED:
            raise NotShelved(f"{entry.cause} cannot be shelved")
        self.serial += 1
        self._entries[key] = replace(entry, shelf=shelf)

    def unshelve(self, key: str) -> None:
        """Take it back; LookupError when none of that key is shelved."""
        entry = self._entries[key]
        if entry.shelf is None:
            raise KeyError(key)
        self.serial += 1
        self._entries[key] = replace(entry, shelf=None)

    def over(self, now_s: float) -> list[str]:
        """Take back what has been away for its time; which it was."""
        due = [key for key, entry in self._entries.items() if entry.shelf is not None and now_s >= entry.shelf.until_s]
        for key in due:
            self.unshelve(key)
        return due

    def entries(self) -> list[Entry]:
        """All of them: those that stand first, newest first."""
        return sorted(self._entries.values(), key=lambda entry: (not entry.active, -entry.raised_ms))

    def _forget(self) -> None:
        over = [key for key, entry in self._entries.items() if not entry.active and entry.shelf is None]
        for key in over[: max(0, len(over) - MOST)]:
            del self._entries[key]
