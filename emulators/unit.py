"""One emulated Modbus device: requests of a unit answered from a register map, values from and to the plant."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol
from zlib import crc32

from emulators.modbus_identity import IDENTIFY, IdentityServer
from emulators.registers import (
    BUSY,
    DEVICE_FAILURE,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    Refusal,
    RegisterMap,
    Value,
)
from emulators.scenario import LineSpec
from emulators.sunspec_chain import chained, speaks_sunspec
from gateway.profiles.schema import Point, Profile, Table

TABLES = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
EXCHANGE = 23
SAMPLE_S = 1.0
"""Period of the site meter's samples."""
PERFECT = LineSpec(poll_s=1.0, delay_s=(0.0, 0.0), refresh_s=0.0, lost_share=0.0, refused_share=0.0, ignored_share=0.0)
"""A line without delay and loss."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: `pdu` None is silence; `delay_s` from the request on; `note` goes to the ledger."""

    pdu: bytes | None
    delay_s: float
    note: str
    transaction_by: int = 0
    """How far the answer's transaction id is off (a fault)."""
    unit_by: int = 0
    """How far its unit id is off (a fault)."""
    half: bool = False
    """Only the first half of its frame is sent (a fault)."""

    def cut(self, frame: bytes) -> bytes:
        """What is sent of its frame."""
        return frame[: len(frame) // 2] if self.half else frame


class Served(Protocol):
    """What a server serves: one device behind one unit id."""

    device: str

    def wait_s(self) -> float:
        """How long a request lies before it is looked at."""
        ...

    def answer(self, pdu: bytes) -> Answer:
        """Judge and carry out one request."""
        ...


class Values(Protocol):
    """Where devices have their values from: a plant, or anything that answers like one."""

    @property
    def now_s(self) -> float:
        """Where the values are."""
        ...

    def advance(self, t_s: float) -> None:
        """Be at an instant, not before `now_s`."""
        ...

    def read(self, device: str, quantity: str) -> float | None:
        """The value of a quantity now."""
        ...

    def takes(self, device: str, quantity: str) -> bool:
        """Whether writing this quantity does something."""
        ...

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """Write one quantity; whether the device accepted."""
        ...


class Stored:
    """Values that stand still: what is written is read again; for devices without a plant."""

    def __init__(self, values: Mapping[tuple[str, str], float]) -> None:
        self.now_s = 0.0
        self.values = dict(values)
        """By (device, quantity)."""

    def advance(self, t_s: float) -> None:
        """Time changes nothing here."""
        self.now_s = t_s

    def read(self, device: str, quantity: str) -> float | None:
        """As stored."""
        return self.values.get((device, quantity))

    def takes(self, device: str, quantity: str) -> bool:
        """Whether it is stored."""
        return (device, quantity) in self.values

    def write_point(self, device: str, quantity: str, value: float) -> bool:
        """Store it."""
        self.values[device, quantity] = value
        return True


def _registers(device: str, profile: Profile, plant: Values) -> RegisterMap:
    if not speaks_sunspec(profile):
        return RegisterMap(profile)
    chain = chained(profile, device, lambda quantity: plant.read(device, quantity))
    return RegisterMap(chain.profile, chain.words)


class Unit:
    """One device behind one unit id."""

    def __init__(
        self,
        device: str,
        profile: Profile,
        plant: Values,
        now_s: Callable[[], float],
        *,
        line: LineSpec = PERFECT,
        seed: int = 0,
        age_s: float | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """`age_s`: the device samples at whole seconds and answers only with values so young (the site meter).

        `texts`: what its text points say.
        """
        self.device = device
        self.map = _registers(device, profile, plant)
        self._plant = plant
        self._now_s = now_s
        self._line = line
        self._age_s = age_s
        self._random = Random(f"{seed}/line/{device}")  # losses, not secrets
        self._fixed: dict[str, Value] = {
            "device.serial": float(crc32(device.encode()) % 10**8),
            "device.model": profile.models[0][:4],
            "device.firmware": "1.0.0",
        }
        self._fixed.update(texts or {})
        self._identity = IdentityServer({0: profile.vendor, 1: profile.models[0], 2: "1.0.0", 5: profile.models[0]})
        self._held: dict[str, Value] = {}
        self._sampled = [name for name, point in profile.points.items() if not point.writable]

    def wait_s(self) -> float:
        """How long the device lets a request lie before it looks at it: the meter waits for a sample young enough."""
        if self._age_s is None or (age_s := self._now_s() % SAMPLE_S) <= self._age_s:
            return 0.0
        return SAMPLE_S - age_s

    @property
    def refresh_s(self) -> float:
        """How often the device renews its readings; 0: they are always fresh, and `renew` need not be called."""
        return self._line.refresh_s

    def renew(self) -> None:
        """Take the readings that will be answered until the next time; what can be written is always read fresh."""
        self._plant.advance(max(self._now_s(), self._plant.now_s))
        self._held = {quantity: self._fresh(quantity) for quantity in self._sampled}

    def answer(self, pdu: bytes) -> Answer:
        """Judge and carry out one request."""
        line, now_s = self._line, self._now_s()
        self._plant.advance(max(now_s, self._plant.now_s))
        dice = self._random.random()
        delay_s = 0.0 if self._age_s is not None else self._random.uniform(*line.delay_s)
        function = pdu[0] if pdu else 0
        try:
            if function in TABLES:
                if dice < line.lost_share:
                    return Answer(None, 0.0, "lost")
                return Answer(self._read(function, pdu), delay_s, "read")
            if function == IDENTIFY:
                return Answer(self._identity.answer(pdu), delay_s, "identified")
            if function in (5, 6, 15, 16):
                return Answer(*self._write(function, pdu, dice, delay_s))
            if function == EXCHANGE:
                return Answer(*self._exchange(pdu, dice, delay_s))
        except struct.error:
            return Answer(bytes((function | 0x80, ILLEGAL_VALUE)), delay_s, "malformed")
        except Refusal as refusal:
            return Answer(bytes((function | 0x80, refusal.code)), delay_s, str(refusal))
        return Answer(bytes((function | 0x80, ILLEGAL_FUNCTION)), delay_s, "unknown function")

    def _read(self, function: int, pdu: bytes) -> bytes:
        address, count = struct.unpack(">HH", pdu[1:])
        table = TABLES[function]
        if table.of_bits:
            data = self.map.bits(table, address, count, self._value)
        else:
            data = self.map.words(table, address, count, self._value)
        return bytes((function, len(data))) + data

    def _value(self, quantity: str) -> Value:
        return self._held[quantity] if quantity in self._held else self._fresh(quantity)

    def _fresh(self, quantity: str) -> Value:
        value = self._plant.read(self.device, quantity)
        return self._fixed.get(quantity) if value is None else value

    def _write(self, function: int, pdu: bytes, dice: float, delay_s: float) -> tuple[bytes, float, str]:
        line = self._line
        values = self._parsed(function, pdu)
        if dice < line.refused_share:
            raise Refusal(DEVICE_FAILURE)
        note = " ".join(f"{point.name}={value:g}" for point, value in values)
        if dice < line.refused_share + line.ignored_share:
            return pdu[:5], delay_s, f"ignored {note}"
        for point, value in values:
            self._apply(point, value)
        return pdu[:5], delay_s, f"applied {note}"

    def _exchange(self, pdu: bytes, dice: float, delay_s: float) -> tuple[bytes, float, str]:
        """Write words, then read (function 23)."""
        read_at, count, write_at, written, size = struct.unpack(">HHHHB", pdu[1:10])
        taken = struct.pack(">BHHB", 16, write_at, written, size) + pdu[10:]
        _, delay_s, note = self._write(16, taken, dice, delay_s)
        data = self._read(3, struct.pack(">BHH", 3, read_at, count))
        return bytes((EXCHANGE,)) + data[1:], delay_s, note

    def _parsed(self, function: int, pdu: bytes) -> list[tuple[Point, float]]:
        address, second = struct.unpack(">HH", pdu[1:5])
        if function == 6:
            return self.map.written(address, pdu[3:5])
        if function == 5:
            if second not in (0, 0xFF00):
                raise Refusal(ILLEGAL_VALUE)
            return self.map.written_bits(address, [second == 0xFF00])
        data = pdu[6:]
        size = 2 * second if function == 16 else (second + 7) // 8
        if len(data) != size or len(pdu) < 6 or pdu[5] != size or not 1 <= second <= (123 if function == 16 else 1968):
            raise Refusal(ILLEGAL_VALUE)
        if function == 16:
            return self.map.written(address, data)
        return self.map.written_bits(address, [bool(data[at // 8] >> at % 8 & 1) for at in range(second)])

    def _apply(self, point: Point, value: float) -> None:
        plant = self._plant
        if plant.takes(self.device, point.name):
            if not plant.write_point(self.device, point.name, value):
                raise Refusal(BUSY)
        elif plant.read(self.device, point.name) is not None:
            raise Refusal(ILLEGAL_ADDRESS)
        else:
            self._fixed[point.name] = value
