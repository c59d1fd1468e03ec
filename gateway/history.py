"""The site's power as 15-minute means: what a contractual baseline is made of.

Begins with the load file the owner gave, goes on with what the site meter said, one line a quarter hour in the state
directory. A quarter that was not measured for most of its time is a gap.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from gateway.control.decision import Curve
from gateway.control.state import Held
from gateway.errors import ConfigError, Problem
from gateway.model.request import Kind, Request, Service
from gateway.model.site import Site
from gateway.texts import say

NAME = "quarters.csv"
SLOT_MS = 900_000
LEAST_SHARE = 0.8
"""A quarter counts when this part of it was measured."""
HOLD_MS = 10_000
"""A meter value stands for at most this long."""
LOOK_BACK_MS = 60 * 86_400_000
"""Older quarters are of no use to a baseline."""
BEFORE_MS, AFTER_MS = 3_600_000, 6 * 3_600_000
"""How far a curve reaches around its event: what prepares it, and the recovery it leaves."""
MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a Monday; the zone is given where it is used


@dataclass(slots=True)
class History:
    """Slot starts in UTC ms -> mean W; NaN-free: a gap is a missing slot."""

    slots: dict[int, float] = field(default_factory=dict)
    _slot_ms: int | None = None
    _area: float = 0.0
    _span_ms: int = 0
    _last: tuple[int, float] | None = None

    def add(self, utc_ms: int, watts: float) -> tuple[int, float] | None:
        """Take over a meter value; the quarter that it ended, (slot start, mean), or None."""
        done: tuple[int, float] | None = None
        if self._last is not None and utc_ms > self._last[0]:
            done = self._hold(self._last, min(utc_ms, self._last[0] + HOLD_MS), utc_ms)
        self._last = (utc_ms, watts)
        return done

    def by(self, utc_ms: int) -> dict[int, float]:
        """The slots known at an instant: also the quarter that has ended although no meter value came since."""
        if self._slot_ms is None or self._last is None or utc_ms < self._slot_ms + SLOT_MS:
            return self.slots
        begin_ms, watts = self._last
        held_ms = max(0, min(self._slot_ms + SLOT_MS, begin_ms + HOLD_MS) - begin_ms)
        span_ms = self._span_ms + held_ms
        if span_ms < LEAST_SHARE * SLOT_MS:
            return self.slots
        return self.slots | {self._slot_ms: (self._area + watts * held_ms) / span_ms}

    def _hold(self, last: tuple[int, float], until_ms: int, now_ms: int) -> tuple[int, float] | None:
        begin_ms, watts = last
        slot_ms = begin_ms // SLOT_MS * SLOT_MS
        if self._slot_ms is None:
            self._slot_ms = slot_ms
        end_ms = self._slot_ms + SLOT_MS
        inside_ms = max(0, min(until_ms, end_ms) - begin_ms)
        self._area += watts * inside_ms
        self._span_ms += inside_ms
        if now_ms < end_ms:
            return None
        done = None
        if self._span_ms >= LEAST_SHARE * SLOT_MS:
            done = (self._slot_ms, self._area / self._span_ms)
            self.slots[done[0]] = done[1]
        self._slot_ms = now_ms // SLOT_MS * SLOT_MS
        rest_ms = max(0, until_ms - self._slot_ms)
        self._area, self._span_ms = watts * rest_ms, rest_ms
        return done


def curve(history: History, request: Request, site: Site, *, notice_ms: int) -> Curve | None:
    """The contractual baseline of a demand-response event; None without enough like days."""
    service = site.services.demand_response
    if service is None or request.end_ms is None:
        return None
    from gateway.insight.baseline import BaselineRules, Calendar, Window, contractual_baseline  # for an event only

    slots = history.by(notice_ms)
    times = sorted(at for at in slots if at > request.begin_ms - LOOK_BACK_MS)
    rules = BaselineRules(
        working_days=service.baseline_days,
        weekend_days=service.baseline_days,
        window_s=service.adjust_begin_s - service.adjust_end_s,
        window_gap_s=service.adjust_end_s,
        largest_adjustment=service.adjust_cap,
    )
    found = contractual_baseline(
        times,
        np.array([slots[at] for at in times]),
        calendar=Calendar(ZoneInfo(site.timezone)),
        window=Window(notice_ms, request.begin_ms, request.end_ms, before_ms=BEFORE_MS, after_ms=AFTER_MS),
        rules=rules,
    )
    if found is None:
        return None
    first, last = request.begin_ms // SLOT_MS, (request.end_ms - 1) // SLOT_MS
    numbers = [at_ms // SLOT_MS for at_ms in found.times_ms]
    known = np.isfinite(found.watts)
    if not known[numbers.index(first) : numbers.index(last) + 1].all():
        return None
    # around the event the history may have gaps: the curve ends where the first one begins
    begin, end = numbers.index(first), numbers.index(last) + 1
    while begin > 0 and known[begin - 1]:
        begin -= 1
    while end < len(numbers) and known[end]:
        end += 1
    lead_s = (request.begin_ms - found.times_ms[begin]) / 1000.0
    return Curve(request.id, tuple(map(float, found.watts[begin:end])), SLOT_MS / 1000.0, lead_s)


def renewed(history: History, waiting: Iterable[Held], site: Site, *, now_ms: int) -> list[Curve]:
    """The baselines of events that have not begun, as known now; final once their adjustment window is over."""
    events = [held.request for held in waiting if held.waits and is_event(held.request)]
    found = [curve(history, request, site, notice_ms=now_ms) for request in events]
    return [one for one in found if one is not None]


def is_event(request: Request | None) -> bool:
    """Whether a request is a demand-response event, which a contractual baseline belongs to."""
    return request is not None and request.service is Service.DR and request.kind is Kind.EVENT


def read_load(path: Path, timezone: str) -> History:
    """A load CSV (`t_s,load_w`, means of equal intervals, optional `# t0:` line) on the 15-minute raster. ConfigError."""
    history = History()
    zone = ZoneInfo(timezone)
    t0 = MONDAY.replace(tzinfo=zone)
    rows: list[tuple[float, float | None]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if row and row[0].startswith("# t0:"):
                    t0 = datetime.fromisoformat(row[0][5:].strip())
                    continue
                if not row or row == ["t_s", "load_w"]:
                    continue
                try:
                    rows.append((float(row[0]), float(row[1]) if row[1].strip() else None))
                except (ValueError, IndexError) as exc:
                    raise ConfigError([_problem(path, number, say("problem.load_row"))]) from exc
    except (OSError, UnicodeDecodeError, ValueError) as exc:
        raise ConfigError([_problem(path, 1, f"cannot be read: {exc}")]) from exc
    if t0.tzinfo is None:
        t0 = t0.replace(tzinfo=zone)
    interval_s = rows[1][0] - rows[0][0] if len(rows) > 1 else 900.0
    begin_ms = round(t0.timestamp() * 1000.0)
    for t_s, watts in rows:
        first_ms = begin_ms + round(t_s * 1000.0)
        if watts is not None:
            for at_ms in range(first_ms // SLOT_MS * SLOT_MS, first_ms + round(interval_s * 1000.0), SLOT_MS):
                history.slots[at_ms] = watts
    return history


def read_quarters(path: Path, history: History) -> None:
    """Add the quarters a gateway measured earlier; a line cut by a power loss is passed over."""
    if not path.exists():
        return
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        slot, _, watts = line.partition(",")
        try:
            history.slots[int(slot)] = float(watts)
        except ValueError:
            continue


def _problem(path: Path, line: int, message: str) -> Problem:
    return Problem(str(path), line, 1, "", "bad_load_file", message, say("remedy.load_rows"))
