"""What the upstream sends in a simulation: a signal file, events, cancellations, each with its time of arrival.

A signal's first row falls on the run's begin whatever its `t_s`; a value is held until the next row, and the service ends
one period after the last row, or where the run or the scenario's window ends: then the last signal is cancelled.
"""

import csv
import random
import re
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

from emulators.load import seconds
from emulators.scenario import Scenario
from emulators.upstream import EventSpec, Window
from gateway.errors import ConfigError, Problem
from gateway.model.request import Kind, Request, Service, Source
from gateway.texts import say

ISSUER = "vpp"
VALID_MS = 10_000
EVENT_KEYS = {"start", "for", "shed_kw", "notice"}
EVENT_FORM = re.compile(r"(dr|ar)((?:,[a-z_]+=[^,=]+)+)")


@dataclass(frozen=True, slots=True)
class Sending:
    """One message of the upstream: when it was issued, when it arrives, and what it is."""

    issued_s: float
    at_s: float
    request: Request


@dataclass(frozen=True, slots=True)
class Signal:
    """A regulation signal from the run's begin on; `period_s` is the spacing of its rows."""

    times_s: tuple[float, ...]
    values: tuple[float, ...]
    period_s: float

    @property
    def end_s(self) -> float:
        """When the service ends by the file."""
        return self.times_s[-1] + self.period_s


def read_signal(path: Path, *, start_s: float = 0.0) -> Signal:
    """A signal CSV (`t_s,signal`), begun `start_s` after its first row. ConfigError with the line that is wrong."""
    rows: list[tuple[float, float]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if number == 1:
                    if row != ["t_s", "signal"]:
                        raise ConfigError([_problem(path, 1, say("problem.signal_header"))])
                    continue
                try:
                    t_s, value = float(row[0]), float(row[1])
                except (ValueError, IndexError) as exc:
                    raise ConfigError([_problem(path, number, say("problem.two_numbers"))]) from exc
                if not (isfinite(t_s) and -1.0 <= value <= 1.0):
                    raise ConfigError([_problem(path, number, say("problem.signal_range"))])
                if rows and t_s <= rows[-1][0]:
                    raise ConfigError([_problem(path, number, say("problem.time_rises"))])
                rows.append((t_s, value))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError([_problem(path, 1, f"cannot be read: {exc}")]) from exc
    if len(rows) < 2:
        raise ConfigError([_problem(path, 1, say("problem.signal_rows"))])
    period_s = rows[1][0] - rows[0][0]
    begin_s = rows[0][0] + start_s
    kept = [(t_s - begin_s, value) for t_s, value in rows if t_s >= begin_s]
    if len(kept) < 2:
        raise ConfigError([_problem(path, 1, say("problem.signal_over", start=start_s))])
    times, values = zip(*kept, strict=True)
    return Signal(times, values, period_s)


def parse_event(text: str, number: int) -> EventSpec:
    """`dr,start=14h,for=2h,shed_kw=100,notice=30m`; ConfigError says what is wrong with it."""
    try:
        return _parsed(text.replace(" ", ""), number)
    except ValueError as exc:
        raise ConfigError([Problem("--event", 1, 1, text, "bad_event", exc.args[0])]) from exc


def _parsed(text: str, number: int) -> EventSpec:
    found = EVENT_FORM.fullmatch(text)
    if found is None:
        raise ValueError(say("refused.event"))
    values = dict(part.split("=") for part in found[2][1:].split(","))
    if unknown := values.keys() - EVENT_KEYS:
        raise ValueError(say("refused.event_key", key=min(unknown), known=", ".join(sorted(EVENT_KEYS))))
    if missing := {"start", "for", "shed_kw"} - values.keys():
        raise ValueError(say("refused.event_missing", key=min(missing)))
    shed_w, for_s = float(values["shed_kw"]) * 1000.0, seconds(values["for"])
    if shed_w == 0.0 or not -inf < shed_w < inf or for_s <= 0.0:
        raise ValueError(say("refused.event_zero"))
    return EventSpec(
        id=f"{found[1]}{number}",
        service=found[1],
        start_s=seconds(values["start"]),
        for_s=for_s,
        shed_w=shed_w,
        notice_s=seconds(values.get("notice", "0s")),
    )


def script(
    scenario: Scenario, signal: Signal | None, events: list[EventSpec], *, run_s: float, utc_ms: int, seed: int
) -> list[Sending]:
    """Every message of a run in the order of its arrival; `signal` None: the scenario's own, in its windows."""
    regulation = scenario.upstream.regulation
    dice = random.Random(f"network:{seed}")  # noqa: S311 - delays of a simulated network
    delay_s = regulation.delay_s if regulation is not None else (0.0, 0.3)
    windows: tuple[Window, ...] = (Window(0.0, run_s),)
    if signal is None and regulation is not None:
        signal = read_signal(regulation.signal, start_s=regulation.signal_start_s)
        windows = scenario.upstream.windows(run_s)
    planned: list[tuple[float, float, Request]] = []
    if signal is not None:
        for window in windows:
            planned += _regulate(signal, window, run_s=run_s, utc_ms=utc_ms, delay_s=delay_s, dice=dice)
    for event in events:
        told_s = max(0.0, event.start_s - event.notice_s)
        planned.append((told_s, told_s + dice.uniform(*delay_s), _event(event, told_s, utc_ms)))
    planned.sort(key=lambda one: one[1])
    return [
        Sending(issued_s, at_s, _numbered(request, seq))
        for seq, (issued_s, at_s, request) in enumerate(planned, start=1)
    ]


def _regulate(
    signal: Signal, window: Window, *, run_s: float, utc_ms: int, delay_s: tuple[float, float], dice: random.Random
) -> list[tuple[float, float, Request]]:
    end_s = min(run_s if window.end_s is None else window.end_s, signal.end_s, run_s)
    found: list[tuple[float, float, Request]] = []
    last = ""
    arrived_s = 0.0
    for t_s, value in zip(signal.times_s, signal.values, strict=True):
        if not window.start_s <= t_s < end_s:
            continue
        issued_ms = utc_ms + round(t_s * 1000.0)
        last = f"reg-{t_s:g}"
        arrived_s = max(arrived_s, t_s + dice.uniform(*delay_s))
        request = Request(
            last, ISSUER, Source.REMOTE, 0, Service.REG, Kind.SETPOINT, "site", issued_ms, issued_ms,
            issued_ms + VALID_MS, signal=value,
        )  # fmt: skip
        found.append((t_s, arrived_s, request))
    if last and end_s < run_s:
        issued_ms = utc_ms + round(end_s * 1000.0)
        cancel = Request(
            f"reg-over-{end_s:g}", ISSUER, Source.REMOTE, 0, Service.REG, Kind.CANCEL, "site", issued_ms, issued_ms,
            ref=last,
        )  # fmt: skip
        found.append((end_s, max(arrived_s, end_s + dice.uniform(*delay_s)), cancel))
    return found


def _event(event: EventSpec, told_s: float, utc_ms: int) -> Request:
    begin_ms = utc_ms + round(event.start_s * 1000.0)
    return Request(
        event.id, ISSUER, Source.REMOTE, 0, Service(event.service), Kind.EVENT, "site",
        utc_ms + round(told_s * 1000.0), begin_ms, begin_ms + round(event.for_s * 1000.0), shed_w=event.shed_w,
    )  # fmt: skip


def _numbered(request: Request, seq: int) -> Request:
    values = {name: getattr(request, name) for name in Request.__slots__}
    return Request(**{**values, "seq": seq})


def _problem(path: Path, line: int, message: str) -> Problem:
    return Problem(str(path), line, 1, "", "bad_signal", message, say("remedy.signal_rows"))
