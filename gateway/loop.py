"""The control task: snapshot, step, hand over, feed the watchdog.

A step runs on its period and at once when a request or a fresh site-meter value arrives. A late tick is skipped and
counted, the raster does not shift. A step due less than 5 ms after the last waits until then; later triggers join it.
After a stall (the process was stopped) nothing is decided before the site meter has been read again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from gateway.clock import Clock
from gateway.control.decision import Curve, Decision, Inputs
from gateway.control.state import ControlState
from gateway.control.step import step
from gateway.control.watched import meter_point
from gateway.log import get_logger
from gateway.model.command import Outcome
from gateway.model.image import Image
from gateway.model.point import PointId
from gateway.model.request import Arrival
from gateway.model.site import Site

log = get_logger("loop")

LEAST_GAP_S = 0.005
EARLY_S = 0.001
"""The event loop's timers count whole milliseconds and may go off a little early; that is on time."""
RASTER_S, PLACE_S = 0.05, 0.045
"""Ticks lie just before the instants at which the lines start their polls, when the polls before are done."""
STALL_S = 2.0
"""A longer silence between steps means that this process was stopped."""
REREAD_S = 3.0
"""How long a step waits for a fresh meter value after a stall."""

OnStep = Callable[[ControlState, Inputs, Decision, ControlState], None]


@dataclass(slots=True)
class Pace:
    """How the control task keeps time; shown as points of the device `gateway`."""

    steps: int = 0
    skipped: int = 0
    stalls: int = 0
    worst_s: float = 0.0
    """The latest tick since somebody looked, who sets it back."""
    late_s: deque[float] = field(default_factory=lambda: deque(maxlen=4000))
    """How late each tick of the raster ran."""
    took_s: deque[float] = field(default_factory=lambda: deque(maxlen=4000))
    """How long each step took."""


class Loop:
    """Owns the control state; everything reaches it through `arrive`, `note` and `attach`, all on the event loop."""

    def __init__(self, site: Site, image: Image, clock: Clock, state: ControlState, *, on_step: OnStep) -> None:
        self.site = site
        self.state = state
        self.pace = Pace()
        self._image = image
        self._clock = clock
        self._on_step = on_step
        self._wake = asyncio.Event()
        self._arrivals: list[Arrival] = []
        self._outcomes: list[Outcome] = []
        self._curves: list[Curve] = []
        self._last_s: float | None = None
        self._reread_until_s: float | None = None
        self.deaf = False
        """Set at shutdown: nothing that arrives is taken any more."""
        image.on_post(meter_point(site), self._meter)

    def arrive(self, arrival: Arrival) -> None:
        """A request or heartbeat came; the next step judges it, at once."""
        if not self.deaf:
            self._arrivals.append(arrival)
            self._wake.set()

    def note(self, outcome: Outcome) -> None:
        """A command's outcome is known; the next step sees it."""
        self._outcomes.append(outcome)

    def attach(self, curve: Curve) -> None:
        """An event's contractual baseline was worked out."""
        self._curves.append(curve)
        self._wake.set()

    def adopt(self, site: Site, state: ControlState) -> None:
        """Take another site over, with the state made ready for it; between two steps, and the next one is at once."""
        self.site, self.state = site, state
        self._wake.set()

    async def run(self) -> None:
        """Step until cancelled. Whatever a step raises ends the process: devices revert, the supervisor restarts."""
        due_s = first_tick_s(self._clock.boot_s())
        while True:
            period_s = self.site.control.period_s
            await self._until(due_s)
            now_s = self._clock.boot_s()
            if self._last_s is not None and (gap_s := self._last_s + LEAST_GAP_S - now_s) > 0.0:
                await asyncio.sleep(gap_s)
                now_s = self._clock.boot_s()
            if now_s >= due_s - EARLY_S:
                late_s = max(0.0, now_s - due_s)
                missed = int(late_s / period_s)
                self.pace.late_s.append(late_s)
                self.pace.worst_s = max(self.pace.worst_s, now_s - due_s)
                self.pace.skipped += missed
                due_s += (1 + missed) * period_s
            self._wake.clear()
            if self._stalled(now_s):
                continue
            self.step_now()

    def step_now(self) -> Decision:
        """One step on the newest image."""
        began_s = self._clock.boot_s()
        inputs = Inputs(
            now_s=began_s,
            utc_ms=self._clock.utc_ms(),
            snapshot=self._image.snapshot(began_s),
            arrivals=tuple(self._arrivals),
            outcomes=tuple(self._outcomes),
            curves=tuple(self._curves),
        )
        self._arrivals.clear()
        self._outcomes.clear()
        self._curves.clear()
        before = self.state
        self.state, decision = step(self.site, before, inputs)
        self._last_s = began_s
        self._on_step(before, inputs, decision, self.state)
        self.pace.steps += 1
        self.pace.took_s.append(self._clock.boot_s() - began_s)
        return decision

    async def _until(self, due_s: float) -> None:
        wait_s = due_s - self._clock.boot_s()
        if wait_s <= 0.0 or self._wake.is_set():
            await asyncio.sleep(0)
            return
        timer = asyncio.get_running_loop().call_later(wait_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _meter(self, _point: PointId) -> None:
        self._reread_until_s = None
        self._wake.set()

    def _stalled(self, now_s: float) -> bool:
        if self._last_s is not None and now_s - self._last_s > STALL_S and self._reread_until_s is None:
            log.warning("stalled", seconds=round(now_s - self._last_s, 3))
            self.pace.stalls += 1
            self._reread_until_s = now_s + REREAD_S
            self._last_s = now_s
        return self._reread_until_s is not None and now_s < self._reread_until_s


def first_tick_s(now_s: float) -> float:
    """The first instant not before `now_s` that ticks may lie on."""
    return ceil((now_s - PLACE_S) / RASTER_S) * RASTER_S + PLACE_S
