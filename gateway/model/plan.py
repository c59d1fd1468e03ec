"""Interval, Plan: the base points we declared and what we can offer around them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """One declared block: consumption `basepoint_w`, and how far we can shed (up) or take up (down) from it."""

    start_ms: int
    end_ms: int
    basepoint_w: float
    up_w: float
    down_w: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is declared now; an interval that begins in less than 5 min never changes."""

    seq: int
    made_ms: int
    intervals: tuple[Interval, ...]
