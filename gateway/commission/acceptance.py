"""Acceptance: what a commissioning looked at, one row a check, and what the rows say together. Pure.

A row passes, fails, is skipped by name with its reason, or is noted: it was looked at, and a person has to judge it.
Nothing is left out silently, and what was skipped never counts as passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Fact = float | str | None
Facts = Mapping[str, Fact]


class Part(StrEnum):
    """What kind of check it is, in the order they are made."""

    IDENTITY = "identity"
    READING = "reading"
    COMMAND = "command"
    CAPABILITY = "capability"
    DRILL = "drill"


class Verdict(StrEnum):
    """What a check says."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"
    SKIPPED = "skipped"


class Whole(StrEnum):
    """What all of them say together."""

    PASSED = "passed"
    PASSED_IN_PART = "passed_in_part"
    """Nothing failed, but something was skipped."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One row: of a device (or asset, or the site), its subject, what came of it, and why as the code of a text."""

    part: Part
    owner: str
    subject: str
    verdict: Verdict
    reason: str
    """A text's key below `commission.why.`; English, stable."""
    facts: Facts = field(default_factory=dict)
    """What the text fills in: numbers in inside units, words as they are."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture; `look` is `does`, `asked`, `base` or `plan`, `name` a text's key below `commission.curve.`."""

    look: str
    name: str
    t_s: Sequence[float]
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Picture:
    """What happened while something was tried: curves over common seconds, in one unit."""

    part: Part
    owner: str
    subject: str
    unit: str
    span_s: float
    curves: tuple[Curve, ...]
    marks: tuple[tuple[float, float], ...] = ()
    """Stretches that are set off: when nothing was said to the devices."""


def count(checks: Iterable[Check]) -> dict[Verdict, int]:
    """How many of each verdict."""
    found = dict.fromkeys(Verdict, 0)
    for check in checks:
        found[check.verdict] += 1
    return found


def whole(checks: Sequence[Check]) -> Whole:
    """What they say together; of no checks at all nothing passed."""
    counted = count(checks)
    if counted[Verdict.FAILED] or not counted[Verdict.PASSED]:
        return Whole.FAILED
    return Whole.PASSED_IN_PART if counted[Verdict.SKIPPED] else Whole.PASSED


def of_part(checks: Iterable[Check], part: Part) -> list[Check]:
    """The checks of one part, in their order."""
    return [check for check in checks if check.part is part]
