"""The figures of the report for a person: the few large ones, the table of what was promised, what is missing and why."""

from collections.abc import Iterator
from html import escape
from typing import Any

from gateway.insight.page.axis import percent
from gateway.insight.page.tongues import both
from gateway.insight.verdict import Figure, Promise, figures, shown
from gateway.texts import words

Report = dict[str, Any]


def heroes(report: Report) -> str:
    """What a run is judged by first."""
    found = []
    if (pjm := report["pjm"]) is not None:
        parts = both(
            "page.pjm_parts", c=f"{pjm['correlation']:.3f}", d=f"{pjm['delay']:.3f}", p=f"{pjm['precision']:.3f}"
        )
        found.append(hero(both("page.pjm"), f"{pjm['score']:.3f}", parts))
    if (precision := report["tracking"]["precision"]) is not None:
        found.append(
            hero(both("page.tracking"), percent(precision), both("page.window", s=report["tracking"]["window_s"]))
        )
    for event in report["dr"]:
        small = ""
        if event["worst_quarter"] is not None:
            small = both("page.quarters", low=percent(event["worst_quarter"]), high=percent(event["best_quarter"]))
        found.append(hero(named("page.delivered", event["id"]), share_of(event["delivery"]), small))
    for event in report["ar"]:
        small = both("page.first_move", s=of(event["first_move_s"], "{:.1f}"))
        found.append(hero(named("page.t90", event["id"]), of(event["t90_s"], "{:.1f} s"), small))
    if (count := report["limit_violations"]) is not None:
        found.append(hero(both("page.violations"), str(count), ""))
    return f'<dl class="heroes">{"".join(found)}</dl>'


def hero(name: str, value: str, small: str) -> str:
    """One large figure."""
    return f"<div><dt>{name}</dt><dd>{value}</dd><small>{small}</small></div>"


def named(key: str, event: str) -> str:
    """A figure's name with its event's."""
    return f'{both(key)} <span class="unit">{escape(event)}</span>'


def of(value: float | None, form: str) -> str:
    """A value in its form, a dash for none."""
    return "–" if value is None else form.format(value)


def long(seconds: float) -> str:
    """A span of time, in seconds while it is short."""
    return f"{seconds:.0f} s" if seconds < 600.0 else f"{seconds / 60.0:.0f} min"


def share_of(value: float | None) -> str:
    """A share as %, a dash for none."""
    return "–" if value is None else percent(value)


def promised(report: Report, promise: Promise) -> str:
    """The table of figures against what was wanted: the verdict is a word and a sign, not a colour."""
    rows = "".join(row(one) for one in figures(report, promise))
    head = "".join(
        f"<th{' class=n' if at in (1, 2) else ''}>{both(f'report.{name}')}</th>"
        for at, name in enumerate(("figure", "value", "wanted"))
    )
    return f'<div class="scroll"><table class="narrow"><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table></div>'


def row(one: Figure) -> str:
    """One promised figure."""
    verdict = (
        f'<span class="ok">✓ {both("report.holds")}</span>'
        if one.holds
        else f'<span class="fails">▲ {both("report.broken")}</span>'
    )
    value = escape(shown(one)) if one.value is not None else f'<span class="why-not">{escape(one.reason) or "–"}</span>'
    return f'<tr><td>{place(one.place)}</td><td class="n v">{value}</td><td class="n">{escape(one.wanted)}</td><td>{verdict}</td></tr>'


def place(code: str) -> str:
    """A figure's place in the report in words, with the place itself beside it."""
    first, _, rest = code.partition(".")
    last = code.rpartition(".")[2]
    key = f"page.figure.{first}.{last}" if rest else f"page.figure.{first}"
    event = code.split(".")[1] if first in ("dr", "ar") and code.count(".") >= 1 else ""
    if key not in words("en"):
        return f"<code>{escape(code)}</code>"
    return named(key, event) if event else both(key)


def missing(report: Report) -> str:
    """Why figures are missing, by their place."""
    rows: Iterator[str] = (
        f"<tr><td><code>{escape(code)}</code></td><td>{escape(why)}</td></tr>"
        for code, why in report["reasons"].items()
    )
    body = "".join(rows)
    if not body:
        return ""
    return f'<details><summary>{both("page.missing")}</summary><div class="scroll"><table><tbody>{body}</tbody></table></div></details>'
