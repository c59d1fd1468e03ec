"""Contention: somebody else keeps taking the one connection a device allows (FAULTS F-017). Pure; times are handed in.

A device that allows one client throws the older out when a newer comes: the connection dies young, in the middle of
traffic, again and again. Dialling at once each time throws the other out and makes a war of it. So after `KICKS` such
losses within `WITHIN_S` the line dials at most once in `SLOWLY_S`, and says so until a connection has lasted.

What is not a kick: a device that closes after each reply (F-005), and one that closes an idle connection. Each such end
takes a kick back: on a busy machine one may look like the other now and then.
"""

from collections import deque

KICKS = 5
WITHIN_S = 60.0
SLOWLY_S = 5.0
CLOSED_WITH_REPLY_S = 0.05
"""A connection that ends so soon after a reply was ended by its own device."""
IDLE_S = 2.0
"""One that was silent for so long was closed for being idle."""


class Contention:
    """The last losses of one line's connections; `compress` divides all times (tests)."""

    def __init__(self, *, compress: float = 1.0) -> None:
        self.kicks = 0
        """All so far."""
        self._compress = compress
        self._recent: deque[float] = deque(maxlen=KICKS)
        self._dialled_s = 0.0

    def dialled(self, now_s: float) -> None:
        """A connection was asked for."""
        self._dialled_s = now_s

    def lost(self, now_s: float, *, quiet_s: float) -> None:
        """A connection that had answered was ended by the other side, `quiet_s` after the last bytes either way."""
        if CLOSED_WITH_REPLY_S / self._compress < quiet_s < IDLE_S / self._compress:
            self.kicks += 1
            self._recent.append(now_s)
        elif self._recent:
            self._recent.pop()

    def contended(self, now_s: float) -> bool:
        """Whether somebody else is at it now."""
        full = len(self._recent) == KICKS
        return full and now_s - self._recent[0] < WITHIN_S / self._compress

    def dial_s(self, now_s: float) -> float:
        """From when on dialling is allowed."""
        return self._dialled_s + SLOWLY_S / self._compress if self.contended(now_s) else now_s
