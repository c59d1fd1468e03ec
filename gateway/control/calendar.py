"""Local times of services, compiled to UTC: which window is open, and when it closes.

A window begins and ends at local times of one calendar day. Where the clock goes back, the window holds both passes of
the hour; where it goes forward, a time that does not exist is the instant that far after the change, and a window that
would vanish keeps its length: each occurrence runs exactly once. A clock that cannot be right opens nothing.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway.model.local import When

PLAUSIBLE_MS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000.0)
"""No gateway of this version ran before; a wall clock that says so was never set (FAULTS F-069)."""
DAY_MIN = 1440
KEPT_DAYS = 64


def closes_ms(when: tuple[When, ...], zone: str, utc_ms: int) -> int | None:
    """The end, UTC ms, of the window that is open at an instant (of the longest, when several are); None: closed.

    Without any rule everything is open always: -1 says that nothing will close it.
    """
    if not when:
        return -1
    if utc_ms < PLAUSIBLE_MS:
        return None
    today = datetime.fromtimestamp(utc_ms / 1000.0, ZoneInfo(zone)).date()
    ends = [
        end_ms
        for rule in when
        for day in (today - timedelta(days=1), today)
        for begin_ms, end_ms in windows(rule, zone, day)
        if begin_ms <= utc_ms < end_ms
    ]
    return max(ends) if ends else None


@lru_cache(KEPT_DAYS)
def windows(rule: When, zone: str, day: date) -> tuple[tuple[int, int], ...]:
    """The windows of a rule that begin on a local day: (begin, end) in UTC ms."""
    if day.month not in rule.months or day.weekday() not in rule.days:
        return ()
    found = []
    for begin_min, end_min in rule.spans:
        begin_ms, end_ms = _utc_ms(day, begin_min, zone, fold=0), _utc_ms(day, end_min, zone, fold=1)
        if end_ms <= begin_ms:
            end_ms = begin_ms + (end_min - begin_min) * 60_000
        found.append((begin_ms, end_ms))
    return tuple(found)


def _utc_ms(day: date, minutes: int, zone: str, *, fold: int) -> int:
    local = datetime.combine(day + timedelta(days=minutes // DAY_MIN), time(), ZoneInfo(zone))
    clock = minutes % DAY_MIN
    local = local.replace(hour=clock // 60, minute=clock % 60)
    # fold 0 of a time that does not exist takes the offset before the change; of a repeated one, the first pass
    exists = local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local.replace(tzinfo=None)
    return round(local.replace(fold=fold if exists else 0).timestamp() * 1000.0)
