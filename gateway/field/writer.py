"""Writer: the newest command of every actuator, and which step of which goes next. Pure: time is an argument.

The owner task of a line asks for the next `Work` of its devices, carries it out on the bus and says how it went; what
became of each command goes to one callback. Nothing but the controls of a profile can be written.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from math import inf

from gateway.errors import BusError
from gateway.field.actuator import Actuator
from gateway.field.bus import Member
from gateway.field.preparer import Preparer
from gateway.model.command import Command, Fate, Outcome
from gateway.profiles.schema import Step
from gateway.texts import say

Tell = Callable[[Outcome], None]
PREPARING = ""
"""The control of a `Work` that belongs to none: it prepares the device."""


@dataclass(frozen=True, slots=True)
class Work:
    """One step to carry out now, as one request."""

    device: str
    control: str
    step: Step
    function: str


class Writer:
    """The actuators of a site; one for all lines, each line asks for its own devices."""

    def __init__(self, members: Iterable[Member], *, tell: Tell, shadow: bool = False, prepares: bool = True) -> None:
        self._tell = tell
        self._shadow = shadow
        self._prepares = prepares and not shadow
        self._actuators: dict[str, Mapping[str, Actuator]] = {}
        self._preparers: dict[str, Preparer] = {}
        self._wakes: dict[str, Callable[[], None]] = {}
        self._shadowed: dict[tuple[str, str], float | None] = {}
        self._closed: frozenset[str] = frozenset()
        for member in members:
            self.join(member)

    def join(self, member: Member) -> None:
        """One device more, nothing known of what it was told before."""
        controls = member.profile.controls.items()
        self._actuators[member.id] = {name: Actuator(member, control) for name, control in controls}
        if member.profile.prepare and self._prepares:
            self._preparers[member.id] = Preparer(member)

    def leave(self, device: str) -> None:
        """One device less; nothing of it is under way."""
        del self._actuators[device]
        self._preparers.pop(device, None)
        self._wakes.pop(device, None)

    def close(self, devices: Collection[str]) -> None:
        """Take no command for these devices, and only for these, until told otherwise: they are being given back."""
        self._closed = frozenset(devices)

    def watch(self, device: str, wake: Callable[[], None]) -> None:
        """Call `wake` when a command for this device was posted."""
        self._wakes[device] = wake

    def watched(self, device: str) -> frozenset[str]:
        """The points of a device whose values `seen` wants."""
        prepared = self._preparers[device].watched if device in self._preparers else frozenset[str]()
        return prepared.union(*(actuator.watched for actuator in self._actuators[device].values()))

    def post(self, commands: Iterable[Command], now_s: float) -> None:
        """Take over commands; a newer one replaces an older one that was not written yet."""
        woken = set()
        for command in commands:
            if command.device in self._closed:
                continue
            actuator = self._actuators.get(command.device, {}).get(command.control)
            if actuator is None:
                detail = say("fate.no_such_control")
                self._tell(Outcome(command.device, command.control, command.value, Fate.REFUSED, now_s, detail))
            elif self._shadow:
                self._only_tell(command, now_s)
            else:
                actuator.want(command)
                self._flush(actuator, now_s)
                woken.add(command.device)
        for device in woken:
            if device in self._wakes:
                self._wakes[device]()

    def next_due_s(self, devices: Iterable[str], now_s: float) -> float:
        """From when on there is work for these devices."""
        due = [actuator.due_s(now_s) for device in devices for actuator in self._actuators[device].values()]
        if any(device in self._preparers and self._preparers[device].is_due for device in devices):
            return now_s
        return min(due, default=inf)

    def take(self, devices: Collection[str], now_s: float) -> Work | None:
        """The next step for one of these devices: what prepares it, then the actuator that waited longest."""
        for device in devices:
            preparing = self._preparers[device].step() if device in self._preparers else None
            if preparing is not None:
                return Work(device, PREPARING, preparing, "any")
        due = [a for device in devices for a in self._actuators[device].values() if a.due_s(now_s) <= now_s]
        for actuator in sorted(due, key=lambda actuator: actuator.attempt_s):
            step = actuator.step(now_s)
            self._flush(actuator, now_s)
            if step is not None:
                return Work(actuator.member.id, actuator.control.name, step, actuator.control.write_function)
        return None

    def done(self, work: Work, now_s: float) -> None:
        """The step was answered."""
        if work.control == PREPARING:
            return
        actuator = self._actuators[work.device][work.control]
        actuator.done(now_s)
        self._flush(actuator, now_s)

    def failed(self, work: Work, error: BusError, now_s: float) -> None:
        """The step failed."""
        if work.control == PREPARING:
            return  # the next read tells
        actuator = self._actuators[work.device][work.control]
        actuator.failed(error, now_s)
        self._flush(actuator, now_s)

    def seen(self, device: str, point: str, value: float, *, started_s: float, now_s: float) -> None:
        """A watched point of a device was read."""
        if device in self._preparers:
            self._preparers[device].seen(point, value)
        for actuator in self._actuators[device].values():
            if point in actuator.watched:
                actuator.seen(point, value, started_s=started_s, now_s=now_s)
                self._flush(actuator, now_s)

    def device_back(self, device: str) -> None:
        """A device that was offline answers again."""
        for actuator in self._actuators[device].values():
            actuator.device_back()

    def forget(self, device: str, control: str) -> None:
        """Leave a control as it is; a command under way ends, none is refreshed."""
        if device in self._actuators:
            self._actuators[device][control].forget()

    def holds(self, device: str, control: str) -> bool:
        """Whether something of ours is in force there, or on its way."""
        actuator = self._actuators.get(device, {}).get(control)
        return actuator is not None and actuator.holds

    def troubles(self, device: str, now_s: float) -> dict[str, str]:
        """What the owner should know of a device's controls, by the name of its alarm; empty: it does not stand."""
        return {
            f"{name}:{device}/{control}": detail
            for control, actuator in self._actuators[device].items()
            for name, detail in actuator.troubles(now_s).items()
        }

    def wear(self, device: str, now_s: float) -> dict[str, float]:
        """How often each control of a device was written in the last day (1,000 at most where there is no limit)."""
        return {
            f"writes_day_{control}": float(actuator.budget.written(now_s))
            for control, actuator in self._actuators[device].items()
        }

    def _only_tell(self, command: Command, now_s: float) -> None:
        key = (command.device, command.control)
        if key not in self._shadowed or self._shadowed[key] != command.value:
            self._shadowed[key] = command.value
            self._tell(Outcome(command.device, command.control, command.value, Fate.SHADOW, now_s))

    def _flush(self, actuator: Actuator, now_s: float) -> None:
        told, actuator.told = actuator.told, []
        for item in told:
            self._tell(Outcome(actuator.member.id, actuator.control.name, item.value, item.fate, now_s, item.detail))
