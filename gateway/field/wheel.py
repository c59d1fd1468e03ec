"""Wheel: one timer for all lines of a process; who books an instant is called then, those of one instant together.

Theory. What a poll costs a process is waking up for it, not reading a clock: a timer, a future and a task for each line
are dearer than the request itself. Lines book instants of one raster here, the event loop has a single timer, and who is
due is called directly. A group that is large is called in slices, so that control has its turn between two of them.

A booking is never taken back: who is called for one it has forgotten does nothing.

Who does something takes part in the group it was called in until it has its answers. When the last one has, all that the
group can give is in the image; whoever waits for that is told the group's instant. A group is not waited for: the next one
comes when it is due.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from gateway.clock import Clock

Call = Callable[[float], None]
"""Told the time (boot time) of its group."""

EARLY_S = 0.001
"""uvloop's timers have whole milliseconds and may fire early: what is due so soon is due now."""
LEAST_SLEEP_S = 0.0005
SLICE = 64
"""So many are called before the event loop may do something else."""


@dataclass(slots=True)
class Group:
    """Those who were called together."""

    instant_s: float
    """What they had booked (boot time)."""
    asking: int = 0
    """So many of them have not all their answers."""


class Wheel:
    """The instants booked by the lines of one event loop."""

    def __init__(self, clock: Clock, *, on_answered: Callable[[float], None] = lambda _instant_s: None) -> None:
        """`on_answered` is told the instant of a group of which everybody has its answers."""
        self._clock = clock
        self._on_answered = on_answered
        self._group = Group(-inf)
        self._calls: dict[float, list[Call]] = {}
        self._instants: list[float] = []
        """The keys of `_calls`, as a heap."""
        self._due: deque[Call] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = inf

    def book(self, due_s: float, call: Call) -> None:
        """Call `call` at `due_s` (boot time; inf: never)."""
        calls = self._calls.get(due_s)
        if calls is not None:
            calls.append(call)
        elif due_s < inf:
            self._calls[due_s] = [call]
            heapq.heappush(self._instants, due_s)
            if due_s < self._timer_s:
                self._wind()

    def join(self) -> Group:
        """Who was just called has something to ask: the group it must `leave`."""
        self._group.asking += 1
        return self._group

    def leave(self, group: Group) -> None:
        """Who joined has its answers."""
        group.asking -= 1
        if not group.asking and not self._due:
            self._on_answered(group.instant_s)

    def _wind(self) -> None:
        """Set the timer to the earliest instant."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_s = None, inf
        if self._instants:
            self._timer_s = self._instants[0]
            wait_s = max(self._timer_s - self._clock.boot_s(), LEAST_SLEEP_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ring)

    def _ring(self) -> None:
        now_s = self._clock.boot_s()
        self._timer, self._timer_s = None, -inf  # no booking winds it before all are called
        instants = self._instants
        while instants and instants[0] <= now_s + EARLY_S:
            self._group = Group(instants[0])
            self._due.extend(self._calls.pop(heapq.heappop(instants)))
        self._call_some(now_s)

    def _call_some(self, now_s: float) -> None:
        due = self._due
        try:
            for _ in range(min(SLICE, len(due))):
                due.popleft()(now_s)
        finally:  # one that fails is the event loop's to tell, and costs the others nothing
            if due:
                asyncio.get_running_loop().call_soon(self._go_on)
            else:
                self._wind()

    def _go_on(self) -> None:
        self._call_some(self._clock.boot_s())
