"""Tap: the bytes of a line as they go out and come in, kept while somebody looks (switched on while running)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import Clock

KEPT = 4000
"""Frames kept until they are fetched."""
LOOKED_S = 10.0
"""A tap that nobody has looked at for so long is taken off."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that went over the line at one instant; `note` says what happened where there are none."""

    number: int
    at_ms: int
    way: str
    """`out`, `in` or `note`."""
    data: bytes
    note: str = ""


class Tap:
    """One line's; numbers go on from 1, so that who fetches sees what was lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._frames: deque[Frame] = deque(maxlen=KEPT)
        self._number = 0
        self._looked_s = clock.boot_s()

    def out(self, data: bytes) -> None:
        """Sent."""
        self._keep("out", data)

    def came(self, data: bytes) -> None:
        """Received, as it came: not cut into frames."""
        self._keep("in", data)

    def tell(self, note: str) -> None:
        """Connected, hung up, lost."""
        self._keep("note", b"", note)

    def since(self, number: int) -> Sequence[Frame]:
        """What came after this number."""
        self._looked_s = self._clock.boot_s()
        return [frame for frame in self._frames if frame.number > number]

    def forgotten(self, now_s: float) -> bool:
        """Whether nobody looks any more."""
        return now_s - self._looked_s > LOOKED_S

    def _keep(self, way: str, data: bytes, note: str = "") -> None:
        self._number += 1
        self._frames.append(Frame(self._number, self._clock.utc_ms(), way, data, note))
