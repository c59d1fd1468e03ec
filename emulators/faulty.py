"""Devices with faults: what they show and take, how they answer, and what happens to them at the instants of a timetable."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from emulators.events import Happening
from emulators.fault_table import LATE, OWN_TIMER_S, REBOOT_S, REVERT_S, WRITES, FaultSpec, Timetable
from emulators.registers import BUSY, DEVICE_FAILURE, RegisterMap
from emulators.unit import Answer, Unit, Values
from gateway.profiles.schema import Kind, Order, Profile

Absent = Mapping[str, float | None]
"""Quantity -> what its device shows when it is not available."""
_OTHER_WAY = {Order.ABCD: Order.CDAB, Order.CDAB: Order.ABCD, Order.BADC: Order.DCBA, Order.DCBA: Order.BADC}
_WRITES_OF = (5, 6, 15, 16, 22)
"""The functions that write."""


class Living(Values, Protocol):
    """Values that know their own instants: a plant, or devices that stand alone."""

    def at(self, t_s: float, happening: Happening) -> None:
        """Let something happen at an instant."""
        ...

    def reset(self, device: str, now_s: float) -> None:
        """Let a device be as after switching on: every control released."""
        ...

    def hold_power(self, device: str, now_s: float, *, held: bool) -> None:
        """Let a device's power stay as it is, whatever it is told, or follow again."""
        ...


def absent_of(profile: Profile) -> dict[str, float | None]:
    """What the points of a device type that have a "not available" show then: None for the encoder's own, else NaN."""
    found: dict[str, float | None] = {}
    for name, point in profile.points.items():
        if point.invalid or point.codes:
            found[name] = None
        elif point.kind in (Kind.F32, Kind.F64):
            found[name] = float("nan")
    return found


class FaultyValues:
    """The values of devices with faults; those without any pass through."""

    def __init__(self, values: Living, faults: Timetable, absent: Mapping[str, Absent]) -> None:
        """`absent`: by device."""
        self._values = values
        self._faults = faults
        self._absent = absent
        self._frozen: dict[tuple[str, str], float | None] = {}
        self._written_s: dict[str, float] = {}
        for spec in faults.specs:
            _arm(values, spec, self._frozen)

    @property
    def now_s(self) -> float:
        """Where the values are."""
        return self._values.now_s

    def advance(self, t_s: float) -> None:
        """Be at an instant, not before `now_s`."""
        self._values.advance(t_s)

    def read(self, device: str, quantity: str) -> float | None:
        """The value that a quantity shows now."""
        faults = self._faults.of(device, self._values.now_s)
        value = self._values.read(device, quantity)
        if not faults or value is None:
            return value
        if "frozen" in faults and not self._values.takes(device, quantity):
            return self._frozen.setdefault((device, quantity), value)
        if "sentinel" in faults:
            return self._absent.get(device, {}).get(quantity, value)
        return 0.0 if "zero" in faults and not self._values.takes(device, quantity) else value

    def takes(self, device: str, quantity: str) -> bool:
        """Whether writing this quantity does something."""
        return self._values.takes(device, quantity)

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """Write one quantity; whether the device says it did."""
        faults = self._faults.of(device, self._values.now_s)
        if "ignore_writes" in faults:
            return True
        if "own_timer" in faults:
            self._start_timer(device)
        return self._values.write_point(device, quantity, value)

    def _start_timer(self, device: str) -> None:
        """Let the device go back by itself unless it is written again."""
        written_s = self._written_s[device] = self._values.now_s

        def lapse(t_s: float) -> None:
            if self._written_s[device] == written_s:
                self._values.reset(device, t_s)

        self._values.at(written_s + OWN_TIMER_S, lapse)


class FaultyUnit:
    """A Modbus unit whose answers fail as the timetable says."""

    def __init__(self, unit: Unit, faults: Timetable, now_s: Callable[[], float], *, deadline_s: float) -> None:
        self.device = unit.device
        self.unit = unit
        self._faults = faults
        self._now_s = now_s
        self._deadline_s = deadline_s
        self._sound, self._swapped = unit.map, _swapped(unit) if faults.has(unit.device, "swapped_words") else unit.map
        self._before = b""
        self._writes: Counter[bytes] = Counter()

    def wait_s(self) -> float:
        """As the unit's."""
        return self.unit.wait_s()

    def answer(self, pdu: bytes) -> Answer:
        """The unit's answer, and what the faults make of it."""
        now_s = self._now_s()
        faults = self._faults.of(self.device, now_s)
        self.unit.map = self._swapped if "swapped_words" in faults else self._sound
        if not faults:
            answer = self.unit.answer(pdu)
            self._before = answer.pdu or b""
            return answer
        if self._faults.silent(self.device, now_s):
            return Answer(None, 0.0, "silent")
        if "busy" in faults:
            return Answer(bytes((pdu[0] | 0x80, BUSY)), 0.0, "busy") if pdu else Answer(None, 0.0, "silent")
        if "wears" in faults and (worn := self._wear(pdu)) is not None:
            return worn
        answer = self.unit.answer(pdu)
        before, self._before = self._before, answer.pdu or b""
        if "previous" in faults:
            answer = replace(answer, pdu=before or None, note=f"previous to {answer.note}")
        return _distorted(answer, faults, self._deadline_s)

    def _wear(self, pdu: bytes) -> Answer | None:
        """The answer of an address that takes no more writes; None while it takes them, or for a read."""
        if not pdu or pdu[0] not in _WRITES_OF:
            return None
        self._writes[pdu[1:3]] += 1
        if self._writes[pdu[1:3]] <= WRITES:
            return None
        return Answer(bytes((pdu[0] | 0x80, DEVICE_FAILURE)), 0.0, f"worn out after {WRITES} writes")


def _swapped(unit: Unit) -> RegisterMap:
    """The unit's registers with the words of longer values the other way round."""
    points = {
        name: replace(point, order=_OTHER_WAY[point.order])
        if point.words > 1 and point.kind is not Kind.TEXT
        else point
        for name, point in unit.map.profile.points.items()
    }
    return RegisterMap(replace(unit.map.profile, points=points), unit.map.constant)


def _distorted(answer: Answer, faults: frozenset[str], deadline_s: float) -> Answer:
    pdu = answer.pdu
    if pdu is None:
        return answer
    if "wrong_function" in faults:
        pdu = bytes((3 if pdu[0] == 4 else 4,)) + pdu[1:]
    if "short" in faults:
        count = pdu[1] - 2 if pdu[0] < 5 and pdu[1] >= 2 else pdu[1]
        pdu = pdu[:1] + bytes((count,)) + pdu[2:-2]
    return Answer(
        pdu,
        LATE * deadline_s if "late" in faults else answer.delay_s,
        answer.note,
        transaction_by=int("wrong_tid" in faults) - int("previous" in faults),
        unit_by=int("wrong_unit" in faults),
        half="half_frame" in faults,
    )


def _arm(values: Living, spec: FaultSpec, frozen: dict[tuple[str, str], float | None]) -> None:
    """Set what happens to the device itself: nothing waits until somebody asks."""
    if spec.fault == "reboot":
        values.at(spec.start_s, lambda t_s: values.reset(spec.device, t_s))
        values.at(spec.start_s + REBOOT_S, lambda t_s: values.reset(spec.device, t_s))
    elif spec.fault == "asset_dead":
        values.at(spec.start_s, lambda t_s: values.hold_power(spec.device, t_s, held=True))
        if spec.for_s is not None:
            values.at(spec.end_s, lambda t_s: values.hold_power(spec.device, t_s, held=False))
    elif spec.fault == "reverts":

        def revert(t_s: float) -> None:
            if t_s < spec.end_s:
                values.reset(spec.device, t_s)
                values.at(t_s + REVERT_S, revert)

        values.at(spec.start_s, revert)
    elif spec.fault == "frozen":

        def thaw(_t_s: float) -> None:
            for key in [key for key in frozen if key[0] == spec.device]:
                del frozen[key]

        values.at(spec.start_s, thaw)
