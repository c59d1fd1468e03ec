"""Retries: when a failed write is tried again, ever later while it keeps failing. Pure."""

from dataclasses import dataclass
from math import inf

FIRST_S, LAST_S = 0.5, 30.0


@dataclass(slots=True)
class Retries:
    """How often it failed in a row, and from when on the next try may be."""

    due_s: float = -inf
    count: int = 0

    def failed(self, now_s: float) -> None:
        """Once more."""
        self.due_s = now_s + min(LAST_S, FIRST_S * 2.0**self.count)
        self.count = min(self.count + 1, 16)

    def at_once(self) -> None:
        """The next try need not wait."""
        self.due_s = -inf

    def reset(self) -> None:
        """It went well, or something else is wanted."""
        self.due_s, self.count = -inf, 0
