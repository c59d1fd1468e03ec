"""An event loop whose time jumps to the next timer: ten hours of a poller in a second."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    """Waits no longer than real sockets need, which is not at all; what it would have waited has passed."""

    waited_s = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing will ever happen")
        self.waited_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` is what was waited for."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return 1000.0 + self._jumping.waited_s


class LoopClock:
    """Boot time is the loop's; UTC runs along."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def boot_s(self) -> float:
        return self._loop.time()

    def utc_ms(self) -> int:
        return round(1_800_000_000_000 + 1000.0 * self._loop.time())


def run(loop: VirtualLoop, what: Coroutine[Any, Any, None]) -> None:
    """Run to the end, then close the loop."""
    try:
        loop.run_until_complete(what)
    finally:
        loop.close()
