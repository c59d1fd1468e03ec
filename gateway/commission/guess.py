"""Raw words in every type and order, and which of the meanings are plausible. Pure.

What speaks for a meaning: a float of a handy size; a wide integer that the other order would make absurd; a number that
is a mains voltage or frequency at a usual scale; text that can be read; BCD digits; a time of these decades. What the
device's own display shows decides: a meaning that equals it, but for a power of ten, comes first.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.profiles.kinds import Kind, Order

WIDE: tuple[tuple[int, tuple[Kind, ...]], ...] = (
    (1, (Kind.U16, Kind.I16)),
    (2, (Kind.U32, Kind.I32, Kind.F32)),
    (4, (Kind.U64, Kind.I64, Kind.F64)),
)
LETTERS = {
    Kind.U16: "H", Kind.I16: "h", Kind.U32: "I", Kind.I32: "i", Kind.U64: "Q", Kind.I64: "q", Kind.F32: "f", Kind.F64: "d",
}  # fmt: skip
SCALES = (1.0, 0.1, 0.01, 0.001)
VOLTS, HERTZ = (207.0, 253.0), ((49.5, 50.5), (59.5, 60.5))
HANDY_FLOAT = (1e-3, 1e7)
HANDY_WORD, HANDY_WHOLE = 10_000, 10**8
EPOCH_2015, EPOCH_2045 = 1_420_070_400, 2_366_841_600
LEAST_TEXT = 4
"""Characters of a text that is no accident."""
SURE, LIKELY, POSSIBLE, NOTHING = 3, 2, 1, 0
"""How much speaks for a meaning."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Words `first` … read as one type in one order: the number or text, how plausible it is, and why (text keys)."""

    first: int
    words: int
    kind: Kind
    order: Order
    value: float | str
    weight: int = NOTHING
    why: str = ""
    scale: float = 1.0
    """With which the reason holds."""


def meanings(words: Sequence[int], *, shows: float | None = None) -> list[Meaning]:
    """Every meaning of every run of words that a type can have, in the order of the words; texts of all of them last."""
    found: list[Meaning] = []
    for width, kinds in WIDE:
        for first in range(len(words) - width + 1):
            data = struct.pack(f">{width}H", *words[first : first + width])
            found += _numbers(data, first=first, kinds=kinds, shows=shows)
    return found + list(_texts(words))


def best(found: Sequence[Meaning], most: int = 6) -> list[Meaning]:
    """The plausible ones, most plausible first."""
    ranked = sorted((one for one in found if one.weight), key=lambda one: (-one.weight, one.order is not Order.ABCD))
    return ranked[:most]


def _numbers(data: bytes, *, first: int, kinds: Sequence[Kind], shows: float | None) -> list[Meaning]:
    width = len(data) // 2
    orders = (Order.ABCD, Order.BADC) if width == 1 else tuple(Order)
    values = {
        (kind, order): struct.unpack(f">{LETTERS[kind]}", order.turned(data))[0] for kind in kinds for order in orders
    }
    least = {kind: min(abs(values[kind, order]) for order in orders[:2]) for kind in kinds}
    made = []
    for (kind, order), value in values.items():
        weight, why, scale = _judged(value, kind, least=least[kind], data=data, shows=shows)
        if order in (Order.BADC, Order.DCBA) and shows is None:
            weight = NOTHING if width == 1 else max(NOTHING, weight - 1)  # bytes in a word are seldom swapped
        made.append(Meaning(first, width, kind, order, value, weight, why if weight else "", scale))
    return made


def _judged(value: float, kind: Kind, *, least: float, data: bytes, shows: float | None) -> tuple[int, str, float]:
    """Weight, reason and scale of a number; `least` is the smallest its type makes of these words in any word order."""
    signed_twice = kind in (Kind.I16, Kind.I32, Kind.I64) and value >= 0  # says no more than the unsigned one
    if not math.isfinite(value) or signed_twice:
        return NOTHING, "", 1.0
    if shows is not None:
        scale = _power_of_ten(value, shows)
        return (SURE, "display", scale) if scale is not None else (NOTHING, "", 1.0)
    if data in (b"\0" * len(data), b"\xff" * len(data)):
        return NOTHING, "", 1.0
    if kind.is_float:
        return _judged_float(value)
    if kind is Kind.U32 and EPOCH_2015 <= value <= EPOCH_2045:
        return POSSIBLE, "time", 1.0
    if (mains := _mains(value)) is not None:
        return (LIKELY if kind.words == 1 else POSSIBLE), mains[0], mains[1]
    if kind.words == 1:
        return (POSSIBLE, "small", 1.0) if abs(value) < HANDY_WORD else (NOTHING, "", 1.0)
    if abs(value) >= HANDY_WHOLE or abs(value) > least:
        return NOTHING, "", 1.0
    return POSSIBLE, "fits", 1.0


def _judged_float(value: float) -> tuple[int, str, float]:
    if VOLTS[0] <= value <= VOLTS[1] or any(low <= value <= high for low, high in HERTZ):
        return SURE, "mains_v" if value > HERTZ[1][1] else "mains_hz", 1.0
    low, high = HANDY_FLOAT
    return (LIKELY, "handy", 1.0) if low <= abs(value) <= high else (NOTHING, "", 1.0)


def _mains(value: float) -> tuple[str, float] | None:
    for scale in SCALES:
        scaled = value * scale
        if VOLTS[0] <= scaled <= VOLTS[1] and scale >= 0.1:
            return "mains_v", scale
        if any(low <= scaled <= high for low, high in HERTZ) and scale < 1.0:
            return "mains_hz", scale
    return None


def _power_of_ten(value: float, shows: float) -> float | None:
    """The scale, a power of ten, that makes the value what the display shows, to its last digit; None if there is none."""
    if value == 0.0 or shows == 0.0:
        return 1.0 if value == shows else None
    power = round(math.log10(abs(shows / value)))
    scale = 10.0**power
    close = abs(value * scale - shows) <= max(abs(shows) * 5e-4, 1e-9)
    return scale if close and -9 <= power <= 6 else None


def _texts(words: Sequence[int]) -> Iterator[Meaning]:
    data = struct.pack(f">{len(words)}H", *words)
    for order in (Order.ABCD, Order.BADC):
        text = Order.BADC.turned(data) if order is Order.BADC else data
        stripped = text.rstrip(b"\0 ")
        if len(stripped) >= LEAST_TEXT and all(0x20 <= byte < 0x7F for byte in stripped):
            letters = sum(chr(byte).isalnum() for byte in stripped)
            readable = letters * 3 >= len(stripped) * 2
            weight = SURE if readable and len(stripped) > LEAST_TEXT + 1 else LIKELY if readable else POSSIBLE
            yield Meaning(0, len(words), Kind.TEXT, order, stripped.decode("ascii"), weight, "text")


def bcd(words: Sequence[int]) -> str | None:
    """The digits when every half byte is one, leading zeros gone."""
    digits = "".join(f"{word:04x}" for word in words)
    return (digits.lstrip("0") or "0") if digits.isdecimal() else None
