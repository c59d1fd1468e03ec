"""Sequence: the steps of one command under way: what goes next, what is waited for, what need not be written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.field.steps import filled, names_of
from gateway.model.command import Command
from gateway.profiles.schema import Count, Set, Step, Until, Wait

UNTIL_GAP_S = 0.2


class Awaited(StrEnum):
    """What a reading means to a step that waits for a value."""

    NOT_MINE = "not_mine"
    REACHED = "reached"
    NOT_YET = "not_yet"
    TOO_LATE = "too_late"


@dataclass(slots=True)
class Sequence:
    """Steps under way for one command."""

    command: Command
    steps: tuple[Step, ...]
    refresh: bool
    gives_back: bool = False
    """It writes what the device had before, which releases it."""
    at: int = 0
    not_before_s: float = 0.0
    until_s: float | None = None
    busy: int = 0

    @property
    def over(self) -> bool:
        """No step is left."""
        return self.at >= len(self.steps)

    def is_shown_by(self, point: str) -> bool:
        """Whether reading this point tells that everything was done: the step under way is the last, and writes it."""
        return self.at + 1 >= len(self.steps) and point in names_of(self.steps[self.at])

    def next(self, now_s: float, *, known: Mapping[str, float], stored: frozenset[str]) -> Step | None:
        """The next step that is a request; a wait begins here. `known`: what was last read; `stored`: points that wear out."""
        while not self.over:
            step = self.steps[self.at]
            if isinstance(step, Wait):
                self.at += 1
                self.not_before_s = now_s + step.wait_s
                return None
            made = _beat(step, known) if isinstance(step, Count) else filled(step, self.command.value)
            if made is not None and not _needless(made, known, stored):
                return made
            self.at += 1
        return None

    def done(self, known: dict[str, float]) -> None:
        """The step was carried out and answered."""
        step = self.steps[self.at]
        if isinstance(step, Count):  # the next beat may be due before this one is read back
            known[step.point] = (known[step.point] + 1.0) % step.modulo
        known.update(self._written)
        self.at += 1
        self.busy = 0

    def doubt(self, known: dict[str, float]) -> None:
        """The step went out and failed: what it writes is not known before it is read again."""
        for name in self._written:
            known.pop(name, None)

    @property
    def _written(self) -> dict[str, float]:
        """What the step under way writes."""
        step = filled(self.steps[self.at], self.command.value)
        writes = step.writes if isinstance(step, Set) else ()
        return {name: value for name, value in writes if isinstance(value, float | int)}

    def seen(self, point: str, value: float, now_s: float) -> Awaited:
        """A point was read that the step may wait for."""
        step = None if self.over else self.steps[self.at]
        if not isinstance(step, Until) or step.point != point:
            return Awaited.NOT_MINE
        if self.until_s is None:
            self.until_s = now_s + step.within_s
        if step.low <= value <= step.high:
            self.until_s = None
            return Awaited.REACHED
        if now_s >= self.until_s:
            return Awaited.TOO_LATE
        self.not_before_s = now_s + UNTIL_GAP_S
        return Awaited.NOT_YET


def _beat(step: Count, known: Mapping[str, float]) -> Step | None:
    """The next beat of a heartbeat; none before the last one was read."""
    last = known.get(step.point)
    return None if last is None else Set(((step.point, (last + 1.0) % step.modulo),))


def _needless(step: Step, known: Mapping[str, float], stored: frozenset[str]) -> bool:
    """A stored point that has the value already is not worn out by writing it again (I-23); nor is nothing written."""
    if not isinstance(step, Set) or len(step.writes) != 1:
        return isinstance(step, Set) and not step.writes
    name, value = step.writes[0]
    return name in stored and value is not None and known.get(name) == value
