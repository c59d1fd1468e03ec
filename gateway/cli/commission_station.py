"""Control as the daemon runs it, on the lines of a commissioning, with an upstream of our own that can fall silent.

The control task is the product's; what it decides goes through its guard to the usual writer. Times of loss that take
minutes in operation are shortened, and the report says so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.cli.commission_lines import Lines
from gateway.clock import Clock
from gateway.control.decision import Decision, Inputs
from gateway.control.state import ControlState
from gateway.control.step import begin
from gateway.errors import GatewayError
from gateway.loop import Loop
from gateway.model.mode import Mode
from gateway.model.request import Arrival, Kind, Request, Service, Source
from gateway.model.safety import MeterLoss
from gateway.model.site import Site
from gateway.tasks import ended

ISSUER = "commission"
ASKED_FOR_S = 600.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Times:
    """What an upstream's silence, the hold after it and the way to safe values are shortened to; the cut's extra."""

    lost_s: float = 6.0
    hold_s: float = 5.0
    ramp_s: float = 5.0
    settle_s: float = 2.0
    """How long a step that has arrived is left alone."""
    extra_s: float = 3.0
    """A silence lasts so much longer than the longest timer and its margin."""


class Station:
    """The control loop, what it decided last, and every change of its mode with its time."""

    def __init__(self, lines: Lines, clock: Clock, times: Times) -> None:
        self.site = shortened(lines.site, times)
        self.last: Decision | None = None
        self.modes: list[tuple[float, str]] = []
        self.told: dict[tuple[str, str], float | None] = {}
        """What control last asked of each (device, control); None: given back."""
        self._lines = lines
        self._times = times
        self._clock = clock
        self._seq = clock.utc_ms()
        self.loop = Loop(self.site, lines.image, clock, begin(self.site, now_s=clock.boot_s()), on_step=self._on_step)
        lines.hear(self.loop.note)

    def ask(self, asset: str, power_w: float) -> None:
        """A setpoint for one asset, as the VPP would send it; nothing is heard of its sender afterwards."""
        now_s, utc_ms = self._clock.boot_s(), self._clock.utc_ms()
        self._seq += 1
        request = Request(
            id=f"c{self._seq}",
            issuer=ISSUER,
            source=Source.REMOTE,
            seq=self._seq,
            service=Service.LIMIT,
            kind=Kind.SETPOINT,
            target=asset,
            issued_ms=utc_ms,
            begin_ms=utc_ms,
            end_ms=utc_ms + round(ASKED_FOR_S * 1000.0),
            power_w=power_w,
        )
        self.loop.arrive(Arrival(ISSUER, now_s, utc_ms, request))

    def heartbeat(self) -> None:
        """The upstream is alive."""
        self.loop.arrive(Arrival(ISSUER, self._clock.boot_s(), self._clock.utc_ms()))

    async def until(self, there: Callable[[], bool], *, within_s: float, beat: bool = False) -> float | None:
        """Seconds until something holds; None when it did not in time. `beat`: the upstream stays alive meanwhile."""
        begin_s = beaten_s = self._clock.boot_s()
        while (now_s := self._clock.boot_s()) < begin_s + within_s:
            if there():
                return now_s - begin_s
            if beat and now_s - beaten_s >= self._times.lost_s / 4.0:
                self.heartbeat()
                beaten_s = now_s
            await self._lines.pass_time(LOOK_S)
        return None

    def since(self, at_s: float) -> tuple[tuple[float, str], ...]:
        """The modes it went into after an instant, with the seconds since."""
        return tuple((t_s - at_s, mode) for t_s, mode in self.modes if t_s >= at_s)

    def is_in(self, mode: Mode) -> bool:
        """Whether it is in this mode now."""
        return self.last is not None and self.last.mode is mode

    def _on_step(self, _before: ControlState, inputs: Inputs, decision: Decision, _after: ControlState) -> None:
        self._lines.writer.post(decision.commands, inputs.now_s)
        self.told.update({(one.device, one.control): one.value for one in decision.commands})
        if self.last is None or self.last.mode is not decision.mode:
            self.modes.append((inputs.now_s, decision.mode.value))
        self.last = decision


def shortened(site: Site, times: Times) -> Site:
    """The site with the times of loss that take minutes cut short; what is done stays as the owner wants it."""
    meter = site.failsafe.meter
    short = MeterLoss(meter.then, min(meter.hold_s, times.hold_s), min(meter.ramp_s, times.ramp_s))
    failsafe = replace(site.failsafe, meter=short)
    control = replace(site.control, link_lost_s=times.lost_s, hold_s=times.hold_s, ramp_s=times.ramp_s)
    return replace(site, control=control, failsafe=failsafe)


@asynccontextmanager
async def running(lines: Lines, clock: Clock, times: Times) -> AsyncIterator[Station]:
    """Control while the body runs; the caller gives the assets back."""
    station = Station(lines, clock, times)
    failure: GatewayError | None = None  # a group would wrap it
    async with asyncio.TaskGroup() as group:
        task = group.create_task(station.loop.run(), name="control")
        try:
            yield station
        except GatewayError as exc:
            failure = exc
        finally:
            station.loop.deaf = True
            await ended(task)
    if failure is not None:
        raise failure
