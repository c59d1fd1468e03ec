"""Round steps for axes: of numbers, of elapsed time and of the wall clock."""

from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from zoneinfo import ZoneInfo

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)
SHORT_S = 1500.0
"""A run up to this long is marked in elapsed time, a longer one by the clock."""


def round_step(span: float, wanted: int) -> float:
    """1, 2 or 5 times a power of ten, so that about `wanted` of them fill the span."""
    raw = max(span, 1e-9) / max(wanted, 1)
    power: float = 10.0 ** floor(log10(raw))
    return next(power * step for step in (1.0, 2.0, 5.0, 10.0) if power * step >= raw * (1.0 - 1e-9))


def ticks(low: float, high: float, *, wanted: int = 4) -> list[float]:
    """Round values from just below the low to just above the high end."""
    step = round_step(high - low, wanted)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [step * at for at in range(first, max(last, first + 1) + 1)]


def number(value: float, step: float) -> str:
    """A number with the decimals its step needs and a true minus sign."""
    digits = max(0, -floor(log10(step) + 1e-9))
    shown = 0.0 if abs(value) < 0.5 * 10.0**-digits else value
    return f"{shown:,.{digits}f}".replace("-", "−")


def time_ticks(begin_s: float, end_s: float, begin: datetime | None, *, wanted: int = 8) -> list[tuple[float, str]]:
    """(seconds of the run, text) of round times; `begin` is the wall clock at second 0, None: elapsed time."""
    span = end_s - begin_s
    step = next((step for step in STEPS_S if span / step <= wanted), STEPS_S[-1])
    shift_s = 0.0 if begin is None else begin.hour * 3600 + begin.minute * 60 + begin.second
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    first = ceil((begin_s + shift_s) / step - 1e-9)
    found = []
    at_s = first * step - shift_s
    while at_s <= end_s + 1e-9:
        if begin is not None:
            found.append((at_s, (begin + timedelta(seconds=at_s)).strftime(form)))
        else:
            found.append((at_s, f"{int(at_s) // 60}:{int(at_s) % 60:02d}"))
        at_s += step
    return found


def wall_clock(utc: str, timezone: str) -> datetime | None:
    """The site's wall clock at a UTC time as a trace writes it; None for anything else."""
    try:
        there = datetime.fromisoformat(utc)
    except ValueError:
        return None
    return there.astimezone(UTC if not timezone else ZoneInfo(timezone))


def clock(t_s: float, begin: datetime | None) -> str:
    """A moment by the wall clock where it is known, else in seconds of the run."""
    return f"{t_s:.0f} s" if begin is None else (begin + timedelta(seconds=t_s)).strftime("%H:%M")


def percent(share: float, digits: int = 1) -> str:
    """A share as a person writes it."""
    return f"{100.0 * share:,.{digits}f} %".replace("-", "−")
