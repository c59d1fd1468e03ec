"""Ways in which devices count that a profile names (`codec`), from the device's side: a number -> what stands in the register."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime


def _bcd(number: float, size: int) -> int:
    """Four bits a decimal digit."""
    raw, rest = 0, int(abs(number) + 0.5)
    for place in range(2 * size):
        rest, digit = divmod(rest, 10)
        raw |= digit << 4 * place
    return raw


def _sign_magnitude(number: float, size: int) -> int:
    """The top bit is the sign, the others the amount."""
    return int(abs(number) + 0.5) + ((1 << (8 * size - 1)) if number < 0 else 0)


def _m10k(number: float, _size: int) -> int:
    """Two words of which the high one counts ten thousands."""
    whole = int(abs(number) + 0.5)
    return (whole // 10_000) * 65_536 + whole % 10_000


def _decade(number: float, _size: int) -> int:
    """How many places."""
    return round(math.log10(number)) % 65_536 if number > 0 else 0


def _packed_time(number: float, _size: int) -> int:
    """Year since 2000, month and day, hour and minute, milliseconds: a word each."""
    at = datetime.fromtimestamp(number, UTC)
    words = (
        at.year - 2000,
        at.month << 8 | at.day,
        at.hour << 8 | at.minute,
        at.second * 1000 + at.microsecond // 1000,
    )
    return sum(word << 16 * (3 - place) for place, word in enumerate(words))


CODES: Mapping[str, Callable[[float, int], int]] = {
    "bcd": _bcd, "sign_magnitude": _sign_magnitude, "m10k": _m10k, "decade": _decade, "packed_time": _packed_time,
}  # fmt: skip
"""Ways of counting that a profile names (`codec`); size in bytes."""
