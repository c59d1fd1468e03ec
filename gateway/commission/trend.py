"""Trends as one line of blocks. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"
MOST = 60
FLAT_SHARE = 1e-3
"""A trend that moves by less than this share of its size is drawn flat: noise is no news."""


def sparkline(values: Sequence[float | None], width: int = 30) -> str:
    """The newest `width` values, scaled between their least and greatest; a value that is not known is a gap."""
    shown = list(values)[-width:]
    known = [value for value in shown if value is not None]
    if not known:
        return GAP * len(shown)
    low, high = min(known), max(known)
    span = high - low
    if span <= FLAT_SHARE * max(abs(low), abs(high)):
        return "".join(GAP if value is None else BLOCKS[2] for value in shown)
    return "".join(GAP if value is None else BLOCKS[round((value - low) / span * (len(BLOCKS) - 1))] for value in shown)


@dataclass(slots=True)
class Trend:
    """The newest values of one point, one a look."""

    values: deque[float | None] = field(default_factory=lambda: deque(maxlen=MOST))

    def add(self, value: float | None) -> None:
        """One more."""
        self.values.append(value)

    @property
    def moves(self) -> float | None:
        """How far the newest lies from the one before; None when one of them is not known."""
        if len(self.values) < 2 or self.values[-1] is None or self.values[-2] is None:
            return None
        return self.values[-1] - self.values[-2]
