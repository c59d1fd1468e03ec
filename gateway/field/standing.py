"""Standing: what an answer or a failure means for a line and its units: in use, doubtful, offline; quality, alarms, probes.

What a failed read does to its points:
- one or two failures in a row: nothing; the last value ages and goes stale by itself after three periods;
- the third in a row, or the breaker of the unit or line opening: INVALID with the cause (offline, busy, mismatch);
- a block that fails while the rest of its device answers: `blockfailure`.
While a unit is offline only its smallest block is asked, with back-off; while the line is, only one unit's.
A device that does not answer is not asked for its other blocks before its next turn. A unit that takes much longer than
the others on its line gets a tenth of the line's time and no more (F-012).
"""

import random
from collections.abc import Callable, Iterable, Sequence
from math import inf
from statistics import median

from gateway.errors import BusDown, BusError, BusRefused
from gateway.field.alarms import Alarms
from gateway.field.blockfailure import GATEWAY_FAILED, cause_of, verdict
from gateway.field.breaker import Breaker, Pacing, State
from gateway.field.bus import Columns
from gateway.field.linehealth import LineHealth, UnitHealth
from gateway.field.night import BRIGHT_W
from gateway.field.roster import Job, Unit
from gateway.field.schedule import Schedule
from gateway.log import get_logger
from gateway.model.image import Image
from gateway.model.reading import Cause, Quality
from gateway.texts import say

SLOW_TIMES = 4.0
SLOW_LEAST_S = 0.1
SLOW_SHARE = 0.1
SLOWEST_S = 9.0
SAME_PROBE = 10
"""A device never heard is probed so often by one read before another is tried."""
LAST_S = 0.001
"""What failed comes after the other blocks of its device when their turn is."""
ONCE_MOST_S = 300.0
"""Between two tries of what is read once and was not answered, at most."""

CLOSED = State.CLOSED

log = get_logger("field")


class Standing:
    """One line; its owner tells it what came of every read."""

    def __init__(
        self,
        line: str,
        jobs: Sequence[Job],
        units: Sequence[Unit],
        *,
        schedule: Schedule,
        image: Image,
        alarms: Alarms,
        pacing: Pacing,
        rng: random.Random,
        on_back: Callable[[str], None],
    ) -> None:
        """`on_back` is called with the device that answers again."""
        self.health = LineHealth(unit.id for unit in units)
        self.breaker = Breaker(rng, cap_s=pacing.line_cap_s, pacing=pacing)
        self.units = {unit.id: unit for unit in units}
        self.clear_s = -inf
        """The line is left alone until then."""
        self.online: tuple[str, ...] = tuple(self.units)
        """The devices that are not offline."""
        self._line = line
        self._jobs = jobs
        self._schedule = schedule
        self._image = image
        self._alarms = alarms
        self._pacing = pacing
        self._on_back = on_back
        self._probed = 0

    def join(self, unit: Unit) -> None:
        """One device more."""
        self.units[unit.id] = unit
        self.health.units[unit.id] = UnitHealth()
        self._count_online()

    def leave(self, device: str) -> Unit:
        """One device less; what it was."""
        del self.health.units[device]
        unit = self.units.pop(device)
        self._count_online()
        return unit

    def is_online(self, device: str) -> bool:
        """Whether a device is in use."""
        unit = self.units.get(device)
        return unit is not None and self.breaker.state is not State.OPEN and unit.breaker.state is not State.OPEN

    def probe(self) -> int:
        """The read that a dead line is probed with: the units take turns."""
        units = list(self.units.values())
        self._probed += 1
        return units[(self._probed - 1) % len(units)].probe

    def answered(self, number: int, now_s: float, *, asked_s: float, took_s: float) -> None:
        """A job was read, its answer after `took_s`; the line was busy with it since `asked_s`."""
        job, health = self._jobs[number], self.health
        device = job.device
        health.busy(asked_s, now_s)
        health.units[device].good(now_s, took_s=took_s)
        job.failures, job.heard = 0, True
        if self.breaker.state is not CLOSED or self.units[device].breaker.state is not CLOSED:
            self._alive(device, now_s)
        if job.refused:
            job.refused = False
            self._alarms.set(_block(job), raised=False)
        if len(self.units) > 1:
            self._watch_slowness(number, now_s, took_s=took_s)

    def failed(self, number: int, error: BusError, now_s: float, *, asked_s: float) -> None:
        """A job was not read."""
        job = self._jobs[number]
        unit = self.units[job.device]
        self.health.units[job.device].failed(error)
        if isinstance(error, BusDown):
            self._schedule.sooner(number, now_s)
            self.line_failed(error, now_s, asked_s=asked_s)
            return
        self._line_alive(now_s)
        self._schedule.sooner(number, asked_s + unit.period_s)
        if isinstance(error, BusRefused) and error.code not in GATEWAY_FAILED:
            self._alive(job.device, now_s)
        else:
            self._unit_failed(unit, number, error, now_s, asked_s)
        if unit.breaker.state is not State.OPEN:
            self._block_failed(number, error, now_s, asked_s)

    def line_failed(self, error: BusError, now_s: float, *, asked_s: float) -> None:
        """There is no connection."""
        self.clear_s = now_s + self._pacing.least_wait_s
        units = list(self.units.values())
        if self.breaker.failed(now_s, asked_s=asked_s):
            if all(map(self._may_sleep, units)):
                self._fall_asleep(units, now_s)
            else:
                self._alarms.set(f"line_offline:{self._line}", raised=True, detail=error.said)
                self._invalidate(self._jobs, Cause.OFFLINE, now_s)
        if self.breaker.state is State.OPEN:
            looks = [self._next_look(unit, error, now_s) for unit in units]
            if looks and None not in looks:
                self.breaker.next_probe_s = min(look for look in looks if look is not None)

    def _block_failed(self, number: int, error: BusError, now_s: float, asked_s: float) -> None:
        """A block of a device that is in use."""
        job, unit = self._jobs[number], self.units[self._jobs[number].device]
        if not job.failures:
            job.failed_s = asked_s
        job.failures += 1
        good_s = self.health.units[unit.id].good_s
        found = verdict(
            error,
            job.failures,
            for_s=now_s - job.failed_s,
            rest_answers=good_s is not None and good_s > job.failed_s,
            period_s=unit.period_s,
            pacing=self._pacing,
        )
        if found.cause:
            self._invalidate([job], found.cause, now_s)
        self._schedule.delay(number, now_s + found.wait_s)
        if job.period_s == inf:  # what is never answered must not hold up the rest
            wait_s = min(unit.period_s * 2.0 ** min(job.failures, 10), ONCE_MOST_S * self._pacing.scale)
            self._schedule.delay(number, asked_s + wait_s)
        if found.told:
            job.refused = True
            self._alarms.set(_block(job), raised=True, detail=say("alarm.block", points=job.said, why=error.said))

    def _invalidate(self, jobs: Iterable[Job], cause: Cause, now_s: float) -> None:
        for job in jobs:
            count = len(job.columns)
            self._image.post_block(job.columns, [None] * count, [Quality.INVALID] * count, [cause] * count, now_s)

    def _alive(self, device: str, now_s: float) -> None:
        unit = self.units[device]
        if self.breaker.state is State.CLOSED and unit.breaker.state is State.CLOSED:
            return
        dead = all(other.breaker.state is State.OPEN for other in self.units.values())
        self._line_alive(now_s)
        if not unit.breaker.answered():
            return
        self._alarms.set(f"device_offline:{device}", raised=False)
        self._count_online()
        self._back(unit, now_s)
        for other in self.units.values() if dead else ():
            if other.breaker.state is State.OPEN:
                other.breaker.hurry(now_s)
                self._schedule.hurry((other.probe,), now_s)

    def _line_alive(self, now_s: float) -> None:
        if self.breaker.answered():
            self._alarms.set(f"line_offline:{self._line}", raised=False)
            for unit in self.units.values():
                self._back(unit, now_s)

    def _back(self, unit: Unit, now_s: float) -> None:
        if unit.night is not None:
            unit.night.wake(now_s)
            self._alarms.set(f"device_offline:{unit.id}", raised=False)
        still_open = unit.breaker.state is State.OPEN
        for number in unit.jobs:
            self._jobs[number].failures = 0
        self._schedule.hurry((unit.probe,) if still_open else unit.jobs, now_s)
        self._on_back(unit.id)

    def _unit_failed(self, unit: Unit, failed: int, error: BusError, now_s: float, asked_s: float) -> None:
        others = [other for other in self.units.values() if other is not unit]
        alone = all(other.breaker.state is State.OPEN for other in others)
        unit.breaker.cap_s = self._pacing.line_cap_s if alone else self._pacing.unit_cap_s
        if unit.breaker.failed(now_s, asked_s=asked_s):
            if self._may_sleep(unit):
                self._fall_asleep([unit], now_s)
            else:
                self._lose(unit, error, now_s)
            self._count_online()
        if unit.breaker.state is State.OPEN:
            self._choose_probe(unit)
            look_s = self._next_look(unit, error, now_s)
            unit.breaker.next_probe_s = unit.breaker.next_probe_s if look_s is None else look_s
            for number in unit.jobs:
                self._schedule.move(number, unit.breaker.next_probe_s if number == unit.probe else inf)
        else:
            for number in unit.jobs:
                self._schedule.delay(number, asked_s + unit.period_s + (LAST_S if number == failed else 0.0))

    def _choose_probe(self, unit: Unit) -> None:
        """The cheapest read that it answered before; of a device never heard now and then another: it may not have that one."""
        heard = [number for number in unit.probes if self._jobs[number].heard and not self._jobs[number].refused]
        unit.in_vain = 0 if heard else unit.in_vain + 1
        unit.probe = heard[0] if heard else unit.probes[unit.in_vain // SAME_PROBE % len(unit.probes)]

    def seen(self, number: int, columns: Columns, now_s: float) -> Columns:
        """What a device that may sleep shows of itself: "not available" where it would glow by day means asleep."""
        job = self._jobs[number]
        unit, (values, qualities, causes) = self.units[job.device], columns
        night = unit.night
        if night is None:
            return columns
        if any(values[at] is not None or causes[at] is not Cause.SENTINEL for at in job.eyes):
            if night.began_s is not None:
                night.wake(now_s)
                self._alarms.set(f"device_offline:{unit.id}", raised=False)
                self._schedule.hurry(unit.jobs, now_s)
            return columns
        night.fall(now_s)
        look_s = night.next_look_s(now_s)
        for other in unit.jobs:
            self._schedule.move(other, look_s if other == number else inf)
        if night.over(now_s):
            detail = say("alarm.no_power")
            self._alarms.set(f"device_offline:{unit.id}", raised=True, detail=detail)
            return columns
        return values, qualities, [Cause.ASLEEP if at in job.eyes else cause for at, cause in enumerate(causes)]

    def _may_sleep(self, unit: Unit) -> bool:
        """Whether a unit that went silent may be asleep: it is one that does, and gave no power just before."""
        night = unit.night
        if night is None:
            return False
        powers = [self._image.newest(point).value for point in night.glow]
        return all(watts is None or abs(watts) < BRIGHT_W for watts in powers)

    def _fall_asleep(self, units: Iterable[Unit], now_s: float) -> None:
        for unit in units:
            if unit.night is not None:
                unit.night.fall(now_s)
                log.info("device_asleep", device=unit.id)
            self._invalidate((self._jobs[number] for number in unit.jobs), Cause.ASLEEP, now_s)

    def _next_look(self, unit: Unit, error: BusError, now_s: float) -> float | None:
        """When to look whether a unit that sleeps woke; None: it does not sleep, or for longer than any night."""
        night = unit.night
        if night is None or night.began_s is None:
            return None
        if night.over(now_s):
            night.give_up()
            self._lose(unit, error, now_s)
            return None
        return night.next_look_s(now_s)

    def _lose(self, unit: Unit, error: BusError, now_s: float) -> None:
        self._alarms.set(f"device_offline:{unit.id}", raised=True, detail=error.said)
        self._invalidate((self._jobs[number] for number in unit.jobs), cause_of(error), now_s)

    def _count_online(self) -> None:
        self.online = tuple(unit.id for unit in self.units.values() if unit.breaker.state is not State.OPEN)

    def _watch_slowness(self, number: int, now_s: float, *, took_s: float) -> None:
        """A unit far slower than the others of its line: its next reads wait, so that the others keep their periods."""
        unit = self.units[self._jobs[number].device]
        if took_s < SLOW_LEAST_S * self._pacing.scale and not unit.slow:
            return
        typical = {name: health.typical_s for name, health in self.health.units.items() if health.latencies_s}
        own_s = typical.pop(unit.id)
        others_s = median(typical.values()) if typical else own_s
        slow = (
            own_s > max(SLOW_LEAST_S * self._pacing.scale, SLOW_TIMES * others_s) and own_s > SLOW_SHARE * unit.period_s
        )
        if slow != unit.slow:
            unit.slow = slow
            detail = say("alarm.slow", own_s=own_s, others_s=others_s)
            self._alarms.set(f"device_slow:{unit.id}", raised=slow, detail=detail if slow else "")
        if slow:
            until_s = now_s + min(SLOWEST_S * self._pacing.scale, took_s / SLOW_SHARE)
            for other in unit.jobs:
                self._schedule.delay(other, until_s)
            self._schedule.delay(number, until_s + took_s)  # its other blocks have their turn first


def _block(job: Job) -> str:
    return f"block_refused:{job.device}/{job.batch}"
