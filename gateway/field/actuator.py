"""Actuator: one control of one device: what is wanted of it, what was written, what was read back. Pure.

Theory. There is one command at a time, the newest; it is written once, as the ordered steps of the profile, and then
only refreshed to hold off the device's reversion timer. A device that has our value is *engaged*: the next value goes
out by the refresh steps alone, without the enabling sequence, which on some drives would stop the motor.

    state       meaning                                   what ends it
    FREE        nothing of ours is in force               a command
    HELD        written and answered                      expiry; a read-back that differs -> DIFFERENT
    DOUBT       written, the answer never came            a read-back, which decides: HELD or DIFFERENT (F-023);
                                                          none within 10 s: writing it again
    DIFFERENT   the device does not have what we want     writing it again, at most five times a minute (F-027, F-036)

An expired command is never written. When the last one expires the refresh stops, so that the device reverts by its
own timer; a device that has none is released by the profile's release steps, or given back what it had where the
command says so.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from gateway.errors import BusDown, BusError, BusRefused
from gateway.field.budget import Budget
from gateway.field.bus import Member
from gateway.field.effect import Effect, Shown
from gateway.field.insistence import Insistence
from gateway.field.lawful import Lawful
from gateway.field.retries import Retries
from gateway.field.sequence import Awaited, Sequence
from gateway.field.steps import single_requests, timeout_s, watched
from gateway.model.command import Command, Fate
from gateway.profiles.schema import Control, Step, Wear
from gateway.texts import say

ACKNOWLEDGED, BUSY = 5, 6
PENDING_S = 5.0
BUSY_GAP_S = 0.1
MOST_BUSY = 3
DOUBT_S = 10.0
"""So long a read-back is waited for that tells whether an unanswered write was taken."""


class State(StrEnum):
    """What we know of the device's setpoint."""

    FREE = "free"
    HELD = "held"
    DOUBT = "doubt"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a value, for the outcome."""

    value: float | None
    fate: Fate
    detail: str = ""


class Actuator:
    """One control; times are boot time, handed in; what it has to say collects in `told`."""

    def __init__(self, member: Member, control: Control) -> None:
        self.member = member
        self.control = control
        self.state = State.FREE
        self.told: list[Told] = []
        self.insistence = Insistence()
        self.attempt_s = -inf
        """When the last write ended, well or badly."""
        self._readable = member.profile.points[control.name].readable
        self._lawful = Lawful(member, control)
        self._wanted: Command | None = None
        self._running: Sequence | None = None
        self._applied: float | None = None
        self._written_s = -inf
        self._engaged = False
        self._released = False
        self._unconfirmed = False
        self._torn = False
        """The doubtful step was not the last, or another point's: a read-back that matches leaves the sequence incomplete."""
        self._pending_until_s = -inf
        self._retries = Retries()
        self.budget = Budget(control.daily_writes)
        self._known: dict[str, float] = {}
        self._stored = frozenset(name for name, point in member.profile.points.items() if point.wear is Wear.STORED)
        self._effect = Effect(control.confirm)
        self._timeout_s = timeout_s(member, control)
        self.watched = watched(member, control)
        """The points it wants to see: its own, those a step waits for, and the stored ones it may not wear out."""

    def want(self, command: Command) -> None:
        """Take over the newest command; one that cannot be obeyed is refused and changes nothing."""
        if refusal := self._lawful.refusal(command.value, self._known):
            self.told.append(Told(command.value, Fate.REFUSED, refusal))
            return
        if command.value is None and command.back is None and self._released and self._wanted is None:
            return
        if command.value is None and command.back is None and self._wanted is not None:
            command = replace(command, back=self._wanted.back)
        value = None if command.value is None else self._lawful.taken(command.value, self._known, self._kept)
        if self._wanted is None or self._wanted.value != value:
            self._retries.reset()
        self._wanted = replace(command, value=value)

    def troubles(self, now_s: float) -> dict[str, str]:
        """What the owner should know, by the name of its alarm; empty text: it does not stand."""
        fighting, wanted = self.insistence.fighting, self._wanted
        waits_s = self.budget.due_s(now_s) - now_s
        has_it = wanted is None or (self.state is State.HELD and wanted.value == self._applied)
        return {
            "overruled": say("alarm.overruled") if fighting else "",
            "write_budget": say("alarm.write_budget", minutes=waits_s / 60.0) if waits_s > 0.0 and not has_it else "",
        }

    @property
    def holds(self) -> bool:
        """Whether a value of ours is in force, or on its way."""
        return self.state is not State.FREE or self._wanted is not None or self._running is not None

    @property
    def _kept(self) -> float | None:
        """The value in force that a register which wears out may keep."""
        return self._applied if self.state is State.HELD and self.control.wear is Wear.STORED else None

    def due_s(self, now_s: float) -> float:
        """From when on `step` has something to do; inf while only a read-back or a command can change that."""
        if self._running is not None:
            return self._running.not_before_s
        wanted = self._wanted
        if wanted is None:
            return inf
        return min(wanted.expires_s, max(self._write_due_s(wanted, now_s), self._retries.due_s))

    def step(self, now_s: float) -> Step | None:
        """The next step to carry out now, values filled in; None when nothing is due."""
        if self.due_s(now_s) > now_s:
            return None
        if self._expired(now_s):
            return self.step(now_s)
        if self._running is None:
            self._start(now_s)
        return self._advance(now_s)

    def done(self, now_s: float) -> None:
        """The step was carried out and answered."""
        running = self._running
        if running is None:
            return
        running.done(self._known)
        self.attempt_s = now_s
        self._advance(now_s)

    def failed(self, error: BusError, now_s: float) -> None:
        """The step failed; what that means depends on whether the device may have taken it."""
        running, self._running = self._running, None
        if running is None:
            return
        self.attempt_s = now_s
        running.doubt(self._known)
        value = running.command.value
        if isinstance(error, BusRefused) and error.code == BUSY and running.busy < MOST_BUSY:
            running.busy += 1
            running.not_before_s = now_s + BUSY_GAP_S
            self._running = running
            return
        if isinstance(error, BusDown):
            if running.at:
                self._disengage(State.DIFFERENT)
            self._retries.failed(now_s)
        elif isinstance(error, BusRefused) and error.code != ACKNOWLEDGED:
            self.told.append(Told(value, Fate.REFUSED, str(error)))
            self._disengage(State.DIFFERENT if running.at else self.state)
            self._retries.failed(now_s)
        else:
            self.budget.spend(now_s)  # it may have been taken
            self.told.append(Told(value, Fate.UNKNOWN, str(error)))
            self._applied, self._unconfirmed = value, True
            self._torn = not running.is_shown_by(self.control.name)
            self._disengage(State.DOUBT if self._readable and value is not None else State.DIFFERENT)
            self._pending_until_s = now_s + PENDING_S if isinstance(error, BusRefused) else -inf
            self._retries.failed(now_s)

    def seen(self, point: str, value: float, *, started_s: float, now_s: float) -> None:
        """A watched point was read, by a request that started at `started_s`."""
        if started_s >= self.attempt_s:
            self._known[point] = value
        if point == self._effect.point and started_s >= self.attempt_s:
            self._seen_effect(value, now_s)
        if point != self.control.name:
            self._seen_until(point, value, now_s)
            return
        if self._running is not None or started_s < self.attempt_s or self._applied is None:
            return
        if self.state in (State.FREE, State.DIFFERENT):
            return
        if self._lawful.same(value, self._applied):
            self._confirmed(now_s)
        elif now_s >= self._pending_until_s:
            self.told.append(Told(self._applied, Fate.DIFFERS, say("fate.read_back_as", value=value)))
            self._unconfirmed = True
            self._retries.at_once()
            self._disengage(State.DIFFERENT)

    def device_back(self) -> None:
        """The device was away and may have restarted: a volatile setting is written again in full (F-027)."""
        if self.state is State.HELD and self.control.wear is Wear.VOLATILE:
            self._disengage(State.DIFFERENT)
        self._retries.at_once()
        self._released = False

    def forget(self) -> None:
        """Leave the device with what it has: nothing is refreshed, written again or given back from here on."""
        self._wanted = self._running = None
        self._disengage(State.FREE)

    def _write_due_s(self, wanted: Command, now_s: float) -> float:
        if self.state is State.DOUBT:
            return max(
                self.attempt_s + DOUBT_S, self.budget.due_s(now_s)
            )  # F-023: only a read-back may tell; but many a device gives none
        if self.state is State.DIFFERENT and wanted.value == self._applied:
            due_s = self.insistence.due_s(self._written_s, self.control.interval_s)
            return max(due_s, self.budget.due_s(now_s))
        if wanted.value is None and wanted.back is not None:
            return self.budget.due_s(now_s)  # what is not the device's own does not wait for the pace of commands
        if self.state is not State.HELD or wanted.value != self._applied:
            return max(self._written_s + self.control.interval_s, self.budget.due_s(now_s))
        if self.control.keepalive is None:
            return inf
        return self._written_s + min(self.control.keepalive.every_s, self._timeout_s / 3.0)

    def _expired(self, now_s: float) -> bool:
        running = self._running
        if running is not None and running.command.expires_s <= now_s:
            self._running = None
            self._disengage(State.DIFFERENT)
        wanted = self._wanted
        if wanted is None or wanted.expires_s > now_s:
            return running is not None and self._running is None
        held = wanted.value == self._applied and self.state is not State.FREE
        self.told.append(
            Told(wanted.value, Fate.EXPIRED, say("fate.no_longer_refreshed") if held else say("fate.never_written"))
        )
        touched = self.state is not State.FREE
        self._wanted, self.state, self._engaged = None, State.FREE, False
        if touched and self.control.keepalive is None:
            self._wanted = replace(wanted, value=None, reason="expired", expires_s=inf)
        return True

    def _start(self, now_s: float) -> None:
        wanted = self._wanted
        assert wanted is not None
        refresh = self.state is State.HELD and wanted.value == self._applied
        if self.state is State.DIFFERENT and wanted.value == self._applied:
            self.insistence.insisted(now_s)
        keepalive = self.control.keepalive
        if wanted.value is None and wanted.back is not None:
            wanted = replace(wanted, value=min(max(wanted.back, self.control.low), self.control.high))
            self._running = Sequence(wanted, tuple(single_requests(self.control.apply)), refresh, gives_back=True)
            return
        if wanted.value is None:
            steps = self.control.release
        elif keepalive is not None and (refresh or (self._engaged and now_s < self._written_s + self._timeout_s)):
            steps = keepalive.steps
        else:
            steps = self.control.apply
        self._running = Sequence(wanted, tuple(single_requests(steps)), refresh)

    def _advance(self, now_s: float) -> Step | None:
        """The next step that is a request; here a sequence ends."""
        running = self._running
        if running is None:
            return None
        step = running.next(now_s, known=self._known, stored=self._stored)
        if step is None and running.over and running.not_before_s <= now_s:
            self._finish(now_s)
        return step

    def _finish(self, now_s: float) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        self.attempt_s = self._written_s = now_s
        self._retries.reset()
        value = None if running.gives_back else running.command.value
        if running.refresh:
            return
        self.budget.spend(now_s)
        self._applied = value
        self.told.append(Told(value, Fate.WRITTEN))
        if value is None:
            self.state, self._engaged, self._released = State.FREE, False, True
            if self._wanted is not None and self._wanted.value is None:
                self._wanted = None
        else:
            self.state, self._engaged, self._released = State.HELD, True, False
            self._unconfirmed = True
            self._effect.begin(now_s)

    def _confirmed(self, now_s: float) -> None:
        if self.state is State.DOUBT:
            if self._torn:
                self._retries.at_once()
                self._disengage(State.DIFFERENT)
                return
            self._written_s = self.attempt_s
        self.state = State.HELD
        self.insistence.obeyed(now_s)
        if self._unconfirmed:
            self._unconfirmed = False
            self.told.append(Told(self._applied, Fate.CONFIRMED))

    def _seen_until(self, point: str, value: float, now_s: float) -> None:
        awaited = Awaited.NOT_MINE if self._running is None else self._running.seen(point, value, now_s)
        if awaited is Awaited.REACHED:
            self.done(now_s)
        elif awaited is Awaited.TOO_LATE:
            self.failed(BusRefused(say("fate.stayed", point=point, value=value), 0), now_s)

    def _seen_effect(self, value: float, now_s: float) -> None:
        """The point that shows the effect was read; what cannot be read back is confirmed by it, or written again."""
        if self.state is not State.HELD or self._running is not None or self._applied is None:
            return
        shown = self._effect.seen(value, self._applied, now_s)
        if shown is Shown.YES and not self._readable:
            self._confirmed(now_s)
        elif shown is Shown.NO:
            self.told.append(
                Told(self._applied, Fate.DIFFERS, say("fate.no_effect", point=self._effect.point, value=value))
            )
            if not self._readable:
                self._unconfirmed = True
                self._disengage(State.DIFFERENT)

    def _disengage(self, state: State) -> None:
        self.state, self._engaged = state, False
