"""A report against what was promised: which figures fail, and the table a person reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from gateway.texts import text


@dataclass(frozen=True, slots=True)
class Promise:
    """The figures a demo stands for."""

    least_delivery: float = 0.97
    most_delivery: float = 1.03
    most_t90_s: float = 3.0
    least_precision: float = 0.93
    least_pjm: float = 0.95
    samples: bool = True
    """There is an uplink, so samples are counted end to end."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a report: where it stands in it, its value, what was wanted, and whether it holds."""

    place: str
    value: float | None
    wanted: str
    holds: bool
    reason: str = ""


def figures(report: Mapping[str, Any], promise: Promise) -> Iterator[Figure]:
    """Every promised figure; a missing one does not hold, except a PJM score of less than 15 min."""
    reasons = report["reasons"]

    def figure(place: str, value: float | None, wanted: str, holds: Callable[[float], bool]) -> Figure:
        return Figure(place, value, wanted, value is not None and holds(value), reasons.get(place, ""))

    low, high = promise.least_delivery, promise.most_delivery
    for event in report["dr"]:
        place = f"dr.{event['id']}.delivery"
        yield figure(place, event["delivery"], f"{low:.2f} – {high:.2f}", lambda value: low <= value <= high)
    for event in report["ar"]:
        place, most = f"ar.{event['id']}.t90_s", promise.most_t90_s
        yield figure(place, event["t90_s"], f"≤ {most:g} s", lambda value: value <= promise.most_t90_s)
    for service in ("dr", "ar"):
        if not report[service] and (missed := [place for place in reasons if place.startswith(f"{service}.")]):
            yield figure(missed[0], None, text("report.over"), lambda _: False)
    least = promise.least_precision
    precision = report["tracking"]["precision"]
    if precision is not None or promise.samples:
        yield figure("tracking.precision", precision, f"≥ {least:.2f}", lambda value: value >= promise.least_precision)
    if report["pjm"] is not None:
        score = report["pjm"]["score"]
        yield figure("pjm.score", score, f"≥ {promise.least_pjm:.2f}", lambda value: value >= promise.least_pjm)
    for name in ("lost", "extra") if promise.samples else ():
        yield figure(f"samples.{name}", report["samples"][name], "0", lambda value: value == 0)
    yield figure("limit_violations", report["limit_violations"], "0", lambda value: value == 0)


def check(report: Mapping[str, Any], promise: Promise | None = None) -> list[str]:
    """The promised figures that fail, one line each; empty when all hold."""
    return [
        text("report.fails", place=one.place, value=shown(one), wanted=one.wanted)
        for one in figures(report, promise or Promise())
        if not one.holds
    ]


def shown(figure: Figure) -> str:
    """The value, or why there is none."""
    if figure.value is None:
        return figure.reason or text("report.missing")
    return str(figure.value) if isinstance(figure.value, int) else f"{figure.value:.3f}"


def report_lines(report: Mapping[str, Any], promise: Promise | None = None) -> list[str]:
    """The figures as an aligned table, and under it the reasons for what is missing."""
    rows = [(text("report.figure"), text("report.value"), text("report.wanted"), "")]
    listed = list(figures(report, promise or Promise()))
    if report["pjm"] is None:
        listed.append(Figure("pjm", None, "", holds=True, reason=report["reasons"].get("pjm", "")))
    for one in listed:
        verdict = "" if not one.wanted else text("report.holds" if one.holds else "report.broken")
        rows.append((one.place, shown(one), one.wanted, verdict))
    for place in ("latency_ms", "jitter_ms"):
        if (spread := report[place]) is not None:
            rows.append((place, f"p50 {spread['p50']:.1f}, p99 {spread['p99']:.1f}", "", ""))
    rows.append(("steps", str(report["steps"]), "", ""))
    lines = aligned(rows)
    return [*lines, "", *calls_table(report["indices"])] if report.get("indices") else lines


def calls_table(calls: Iterable[Mapping[str, Any]]) -> list[str]:
    """The indices of calls, a line each."""
    names = ("id", "start", "asked", "adjustable", "response", "ramp", "deviation", "duration")
    rows: list[Sequence[str]] = [[text(f"score.call_{name}") for name in names]]
    rows += [
        (
            one["id"],
            f"{one['start_s']:.0f} s",
            f"{one['asked_w'] / 1000.0:.1f} kW",
            f"{one['adjustable_w'] / 1000.0:.1f} kW",
            optional(one["response_s"], "{:.1f} s"),
            optional(one["ramp_per_min"], "{:.1%}/min"),
            optional(one["deviation"], "{:+.1%}"),
            f"{one['duration_s']:.0f} s",
        )
        for one in calls
    ]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines with columns below each other."""
    widths = [max(columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def optional(value: float | None, form: str) -> str:
    """A value in its form, a dash for none."""
    return "–" if value is None else form.format(value)


def columns(of: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in of)
