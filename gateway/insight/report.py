"""The report of a run: every figure from the records of its judges, and a reason for every figure that is missing."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gateway import __version__
from gateway.insight.events import Event
from gateway.insight.held import Floats, Held, pieces
from gateway.insight.indices import Indices
from gateway.insight.ledger import Ledger, Run, read_events, read_ledgers, read_run
from gateway.insight.regions import HUNAN, composite_of
from gateway.insight.score import (
    TRACKING_S,
    Signals,
    event_indices,
    instruction_indices,
    instructions_of,
    score_ar,
    score_dr,
    score_pjm,
    score_settlement,
    score_tracking,
    signals_of,
)
from gateway.insight.settlement import SETTLEMENTS
from gateway.insight.table import Table
from gateway.insight.trace import Recording, disagreements, read_recording

Report = dict[str, Any]
"""report.json: plain numbers, lists and None; `reasons` has a line for each None by its place."""
LONGEST_LATENCY_S = 10.0
NOTHING = {
    "dr": dict.fromkeys(("delivery", "worst_quarter", "best_quarter")),
    "ar": dict.fromkeys(("first_move_s", "t90_s", "settle_s", "overshoot", "steady_error")),
}
SETTLED_BY = "provincial"
NEVER = {
    "response_s": "the power never moved the way it was asked",
    "ramp_per_min": "never within the band, or from the start",
}
WHY_NOT = {"dr": "needs 15 min", "ar": "not within the event"}


def make_report(folder: Path) -> Report:
    """The report of the run whose files lie in the folder; trace.csv must be there. ConfigError."""
    return report_of(read_recording(folder / "trace.csv"), folder)


def report_of(recording: Recording, folder: Path) -> Report:
    """The same of a recording already read; the ledgers still come from the folder. ConfigError."""
    signals, run, ledger = signals_of(recording), read_run(folder), read_ledgers(folder)
    events = read_events(folder)
    reasons: dict[str, str] = {}
    if signals.measured == "site_w":
        reasons["measured"] = "no true_site_w: site_w, the gateway's own reading, stands in for it"
    report: Report = {
        "pjm": pjm_part(signals, reasons),
        **event_parts(signals, events, reasons),
        **call_parts(signals, events, reasons),
        "tracking": tracking_part(signals, reasons),
        "samples": samples_part(ledger, reasons),
        "limit_violations": violations(signals.power_w, run, ledger),
        "steps": recording.trace.t_s.size if run.steps is None else run.steps,
        "latency_ms": percentiles(
            latencies_ms(recording) if ledger.latency_ms is None else np.array(ledger.latency_ms)
        ),
        "jitter_ms": percentiles(
            lateness_ms(recording.trace, run.tick_s) if ledger.jitter_ms is None else np.array(ledger.jitter_ms)
        ),
        "seed": run.seed,
        "version": __version__,
        "disagreements": None if recording.headend is None else len(disagreements(recording.trace, recording.headend)),
    }
    for name, reason in (
        ("limit_violations", "run.json names no limits and no ledger counts them"),
        ("latency_ms", "no signal was seen to arrive"),
        ("jitter_ms", "needs 2 control steps"),
        ("seed", "run.json names none"),
        ("disagreements", "no headend.csv to compare with"),
    ):
        if report[name] is None:
            reasons[name] = reason
    return report | {"reasons": reasons}


def pjm_part(signals: Signals, reasons: dict[str, str]) -> Report | None:
    """PJM's figures."""
    scored = score_pjm(signals)
    if scored is None:
        reasons["pjm"] = "needs 15 min" if signals.signal.known else "no regulation signal was sent"
    return None if scored is None else asdict(scored)


def event_parts(signals: Signals, events: list[Event], reasons: dict[str, str]) -> Report:
    """Figures of the events that are over; one that is not yet is missing from the list and named in the reasons."""
    parts: Report = {"dr": [], "ar": []}
    for event in events:
        place = f"{event.service}.{event.id}"
        if event.end_s > signals.power_w.end_s:
            reasons[place] = "not over when the record ends"
            continue
        scored = score_dr(signals, event) if event.service == "dr" else score_ar(signals, event)
        part = {"id": event.id, **NOTHING[event.service]} if scored is None else asdict(scored)
        reason = WHY_NOT[event.service] if scored is not None else "no power, or no baseline, for all of it"
        reasons |= {f"{place}.{name}": reason for name, value in part.items() if value is None}
        parts[event.service].append(part)
    return parts


def call_parts(signals: Signals, events: list[Event], reasons: dict[str, str]) -> Report:
    """Hunan K of the signal, each demand response as settled, the indices of each event, those of instructions as medians."""
    instructions = instructions_of(signals) if signals.signal.known else []
    k = composite_of(instructions, HUNAN)
    if k is None:
        reasons["k"] = "no instruction that can be judged" if signals.signal.known else "no regulation signal was sent"
    over = [event for event in events if event.end_s <= signals.power_w.end_s]
    rules = SETTLEMENTS[SETTLED_BY]
    settled = [
        {"id": event.id, "rules": SETTLED_BY, **asdict(found)}
        for event in over
        if event.service == "dr" and (found := score_settlement(signals, event, rules)) is not None
    ]
    measured = [asdict(call) for event in over if (call := event_indices(signals, event)) is not None]
    reasons |= {f"indices.{one['id']}.{name}": NEVER[name] for one in measured for name in one if one[name] is None}
    long = instruction_indices(signals, instructions)
    if not long:
        reasons["instructions"] = "no instruction stood long enough to be measured"
    middle = medians(long)
    reasons |= {f"instructions.{name}": NEVER[name] for name in middle if long and middle[name] is None}
    return {
        "k": None if k is None else {"region": "hunan_2025", **asdict(k)},
        "settlement": settled,
        "indices": measured,
        "instructions": {"count": len(long), **middle} if long else None,
    }


def medians(calls: list[Indices]) -> Report:
    """The median of each index over the calls that have it; None where none has."""
    names = ("adjustable_w", "response_s", "ramp_per_min", "deviation", "duration_s")
    known = {name: [value for one in calls if (value := getattr(one, name)) is not None] for name in names}
    return {name: float(np.median(values)) if values else None for name, values in known.items()}


def tracking_part(signals: Signals, reasons: dict[str, str]) -> Report:
    """How closely the signal was followed."""
    precision = score_tracking(signals)
    if precision is None:
        reasons["tracking.precision"] = "no regulation signal, or no power while there was one"
    return {"precision": precision, "window_s": TRACKING_S}


def samples_part(ledger: Ledger, reasons: dict[str, str]) -> Report:
    """Samples end to end: what the sink misses, and what it has beside what was taken."""
    taken, at_sink, lost, extra = ledger.taken, ledger.at_sink, ledger.lost, ledger.extra
    if taken is not None and at_sink is not None:
        lost = max(lost or 0, taken - at_sink)
        extra = max(extra or 0, at_sink - taken)
    part = {"taken": taken, "at_sink": at_sink, "lost": lost, "extra": extra}
    reasons |= {f"samples.{name}": "no ledger counts them" for name, value in part.items() if value is None}
    return part


def violations(power: Held, run: Run, ledger: Ledger) -> int | None:
    """How often the site left its limits, and what the devices' ledger counts; None when nobody looked."""
    most = np.inf if run.max_import_w is None else run.max_import_w
    least = -np.inf if run.max_export_w is None else -run.max_export_w
    if run.max_import_w is None and run.max_export_w is None:
        return ledger.limit_violations
    return len(pieces((power.value > most) | (power.value < least))) + (ledger.limit_violations or 0)


def percentiles(values: Floats) -> Report | None:
    """p50 and p99; None of nothing."""
    if not values.size:
        return None
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def lateness_ms(trace: Table, tick_s: float) -> Floats:
    """How much later than a tick after its forerunner each control step began."""
    return np.maximum(np.diff(trace.t_s) - tick_s, 0.0) * 1000.0


def latencies_ms(recording: Recording) -> Floats:
    """From the head-end sending a new signal to the first control step that follows it, network included."""
    trace, headend = recording.trace, recording.headend
    if headend is None or not trace.has("signal"):
        return np.empty(0)
    sent, seen = headend.numbers["signal"], trace.numbers["signal"]
    found = []
    for row in np.flatnonzero(np.isfinite(sent) & (np.abs(np.diff(sent, prepend=np.nan)) > 1e-6)).tolist():
        begin, end = np.searchsorted(trace.t_s, [headend.t_s[row], headend.t_s[row] + LONGEST_LATENCY_S])
        arrived = np.flatnonzero(np.abs(seen[begin:end] - sent[row]) <= 1e-6)
        if arrived.size:
            found.append(trace.t_s[begin + arrived[0]] - headend.t_s[row])
    return np.array(found) * 1000.0
