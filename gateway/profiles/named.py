"""Named codecs: raw numbers that count in another way than binary, both ways. A device that needs logic gets one here.

Each turns the raw number of a register into the number the point's scale is applied to (None: not a number of that
code), and back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from gateway.profiles.kinds import Kind

_MASK_32 = 0xFFFFFFFF
_MOST_DECADES = 30


@dataclass(frozen=True, slots=True)
class Named:
    """One codec: decode (raw, its type) and encode (number, the type); encode None: read only."""

    decode: Callable[[float, Kind], float | None]
    encode: Callable[[float, Kind], int | None] | None
    kinds: frozenset[Kind]


def _from_bcd(raw: float, _kind: Kind) -> float | None:
    digits = f"{int(raw):x}"
    return float(digits) if digits.isdecimal() else None


def _to_bcd(number: float, kind: Kind) -> int | None:
    digits = str(round(number))
    return int(digits, 16) if digits.isdecimal() and len(digits) <= 4 * kind.words else None


def _from_sign_magnitude(raw: float, kind: Kind) -> float:
    top = 1 << (16 * kind.words - 1)
    return float(int(raw) if raw < top else top - int(raw))


def _to_sign_magnitude(number: float, kind: Kind) -> int | None:
    top = 1 << (16 * kind.words - 1)
    size = round(abs(number))
    return None if size >= top else size | (top if number < 0 else 0)


def _from_m10k(raw: float, kind: Kind) -> float | None:
    """High word times 10 000 plus low word; both carry the sign where the type has one."""
    pattern = int(raw) & _MASK_32
    high, low = pattern >> 16, pattern & 0xFFFF
    if kind is Kind.I32:
        high, low = ((word ^ 0x8000) - 0x8000 for word in (high, low))
    return float(high * 10_000 + low) if abs(low) < 10_000 else None


def _to_m10k(number: float, kind: Kind) -> int | None:
    whole = round(number)
    if whole < 0 and kind is not Kind.I32:
        return None
    high, low = divmod(abs(whole), 10_000)
    if whole < 0:
        high, low = -high, -low
    pattern = (high & 0xFFFF) << 16 | (low & 0xFFFF)
    return (pattern ^ 0x80000000) - 0x80000000 if kind is Kind.I32 else pattern


def _from_pf4q(raw: float, _kind: Kind) -> float | None:
    """Four quadrants in one number: beyond 1 (or -1) it is leading, 2 - x (or -2 - x)."""
    if not -2.0 <= raw <= 2.0:
        return None
    return 2.0 - raw if raw > 1.0 else -2.0 - raw if raw < -1.0 else raw


def _from_decade(raw: float, _kind: Kind) -> float | None:
    """A code that counts places of the decimal point: 2 is a factor of 100."""
    return 10.0**raw if -_MOST_DECADES <= raw <= _MOST_DECADES else None


def _from_packed_time(raw: float, _kind: Kind) -> float | None:
    """Year since 2000, month and day, hour and minute, milliseconds in four words -> seconds since 1970, UTC."""
    pattern = int(raw) & 0xFFFFFFFFFFFFFFFF
    year, month_day, clock, millis = (pattern >> shift & 0xFFFF for shift in (48, 32, 16, 0))
    month, day, hour, minute = month_day >> 8 & 0x0F, month_day & 0x1F, clock >> 8 & 0x1F, clock & 0x3F
    try:
        there = datetime(2000 + (year & 0x7F), month, day, hour, minute, tzinfo=UTC)
    except ValueError:  # the 30th of February is no day
        return None
    return there.timestamp() + millis / 1000.0


_UNSIGNED = frozenset({Kind.U16, Kind.U32, Kind.U64})
NAMED: Mapping[str, Named] = MappingProxyType(
    {
        "bcd": Named(_from_bcd, _to_bcd, _UNSIGNED),
        "sign_magnitude": Named(_from_sign_magnitude, _to_sign_magnitude, _UNSIGNED),
        "m10k": Named(_from_m10k, _to_m10k, frozenset({Kind.U32, Kind.I32})),
        "pf4q": Named(_from_pf4q, None, frozenset({Kind.F32, Kind.I16})),
        "decade": Named(_from_decade, None, frozenset({Kind.U16, Kind.I16})),
        "packed_time": Named(_from_packed_time, None, frozenset({Kind.U64})),
    }
)
