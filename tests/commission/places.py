"""Emulated devices of the shipped profiles behind real sockets, with a count of what they were asked."""

import struct
from collections import Counter
from functools import cache

from emulators.standalone import StandAlone, start_texts, start_values
from emulators.unit import Answer, Unit
from gateway.profiles.load import load_profile as load
from gateway.profiles.schema import Profile
from gateway.shipped import shipped

load_profile = cache(load)
IDENTIFY = 43
READS = {1, 2, 3, 4, IDENTIFY}


class Asked(Unit):
    """A unit that counts functions; `speaks_43` False: it refuses to say who it is."""

    def __init__(self, device: str, profile: Profile, values: StandAlone, *, speaks_43: bool) -> None:
        vectors = shipped("device_profiles") / f"{profile.name}.vectors.yaml"
        numbers, texts = told_by(profile)
        values.add(device, profile, start_values(profile, vectors) | numbers)
        super().__init__(device, profile, values, lambda: 0.0, texts=start_texts(profile, vectors) | texts)
        self.functions: Counter[int] = Counter()
        self._speaks_43 = speaks_43

    def answer(self, pdu: bytes) -> Answer:
        self.functions[pdu[0]] += 1
        if pdu[0] == IDENTIFY and not self._speaks_43:
            return Answer(bytes((IDENTIFY | 0x80, 1)), 0.0, "refused")
        return super().answer(pdu)


class Busy:
    """A unit whose gateway says at first that nobody answers there."""

    def __init__(self, unit: Asked) -> None:
        self._unit, self._asked = unit, 0
        self.device, self.functions = unit.device, unit.functions

    def wait_s(self) -> float:
        return self._unit.wait_s()

    def answer(self, pdu: bytes) -> Answer:
        self._asked += 1
        return Nobody().answer(pdu) if self._asked == 1 else self._unit.answer(pdu)


class Registers:
    """A device that is nothing but holding registers; everything else it refuses."""

    device = "registers"

    def __init__(self, words: dict[int, int]) -> None:
        self._words = words

    def wait_s(self) -> float:
        return 0.0

    def answer(self, pdu: bytes) -> Answer:
        if pdu[0] != 3:
            return Answer(bytes((pdu[0] | 0x80, 1)), 0.0, "refused")
        address, count = struct.unpack(">HH", pdu[1:])
        words = [self._words.get(at) for at in range(address, address + count)]
        if None in words:
            return Answer(bytes((0x83, 2)), 0.0, "refused")
        return Answer(struct.pack(f">BB{count}H", 3, 2 * count, *words), 0.0, "read")


def sunspec(base: int, *models: int, maker: str = "Fronius", model: str = "Symo 8") -> Registers:
    """A chain of SunSpec models, all points 0 but the names of the common one."""
    common = b"".join(text.encode().ljust(32, b"\0") for text in (maker, model)) + bytes(64) + bytes(4)
    data = b"SunS" + struct.pack(">HH", 1, 66) + common
    data += b"".join(struct.pack(">HH", number, 4) + bytes(8) for number in models) + struct.pack(">HH", 0xFFFF, 0)
    words = struct.unpack(f">{len(data) // 2}H", data)
    return Registers({base + at: word for at, word in enumerate(words)})


def told_by(profile: Profile) -> tuple[dict[str, float], dict[str, str]]:
    """What the points show that the device type is known by: numbers and texts."""
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for trait in profile.identify:
        if trait.point is None or trait.point in numbers or trait.point in texts:
            continue
        if trait.starts:
            texts[trait.point] = trait.starts[-1]
        elif trait.values or (trait.low is not None and trait.high is not None):
            numbers[trait.point] = trait.values[0] if trait.values else round((trait.low + trait.high) / 2.0)
    return numbers, texts


class Nobody:
    """What a gateway to a serial line says for a unit that is not there: exception 11."""

    device = "nobody"

    def wait_s(self) -> float:
        return 0.0

    def answer(self, pdu: bytes) -> Answer:
        return Answer(bytes((pdu[0] | 0x80, 11)), 0.0, "nobody")


def units_of(names: list[str], *, speaks_43: bool) -> dict[int, Asked]:
    """One unit a profile, unit ids from 1."""
    values = StandAlone()
    return {
        number: Asked(f"d{number}", load_profile(name), values, speaks_43=speaks_43)
        for number, name in enumerate(names, start=1)
    }
