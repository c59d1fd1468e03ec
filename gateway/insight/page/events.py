"""Events on the page: the picture of each with its quarter hours, and every figure it was judged by."""

from html import escape
from typing import Any

import numpy as np

from gateway.insight.events import QUARTER_S, Event
from gateway.insight.held import raster
from gateway.insight.page.axis import clock, percent
from gateway.insight.page.chart import Curve, Lane, Mark, Stretch, group, lane
from gateway.insight.page.figures import Report, long, of, share_of
from gateway.insight.page.lanes import Kilo, kilo
from gateway.insight.page.thin import thin
from gateway.insight.page.tongues import both
from gateway.insight.score import Signals, reference_of

NAMES = {
    "dr": ("delivery", "worst_quarter", "best_quarter"),
    "ar": ("first_move_s", "t90_s", "settle_s", "overshoot", "steady_error"),
}
SHORT, LONG = 0.8, 1.2
"""A quarter hour between these shares of what was asked is as it should be."""
AROUND = 0.5
LEAST_S, MOST_S = 20.0, 7200.0


def event_part(event: Event, signals: Signals, target: Kilo, report: Report, whole: Stretch) -> str:
    """One event: heading, picture, quarter hours, figures."""
    around_s = min(max(AROUND * event.for_s, LEAST_S), MOST_S)
    stretch = Stretch(
        max(whole.begin_s, event.start_s - around_s),
        min(whole.end_s, event.end_s + around_s),
        whole.begin,
        (Mark(event.start_s, event.end_s),),
    )
    edges = stretch.edges_s
    reference = signals.baseline_w if event.service == "dr" else reference_of(event, signals)
    line = "page.baseline" if event.service == "dr" else "page.basepoint"
    curves = (
        Curve("base", line, thin(kilo(reference), edges)),
        Curve("does", "page.measured", thin(kilo(signals.power_w), edges)),
        Curve("asked", "page.target", thin(target, edges)),
    )

    def at(t_s: float) -> str:
        return clock(t_s, whole.begin)

    title = both(f"page.event.{event.service}", kw=f"{event.shed_w / 1000.0:,.0f}", id=event.id)
    picture = group(lane(Lane(both("page.site_power"), "kW", curves, "high"), stretch), stretch)
    when = both(
        "page.event_when",
        start=at(event.start_s),
        end=at(event.end_s),
        long=long(event.for_s),
    )
    return (
        f'<div class="event"><h3>{title}</h3> <span class="unit">{when}</span>{picture}'
        f'<div class="pair">{quarters(event, signals, whole)}{judged(event, report)}</div></div>'
    )


def quarters(event: Event, signals: Signals, whole: Stretch) -> str:
    """A table of the quarter hours of a demand response."""
    if event.service != "dr" or event.for_s < QUARTER_S:
        return ""
    edges = raster(event.start_s, event.end_s, QUARTER_S)
    load, line = signals.power_w.means(edges), signals.baseline_w.means(edges)
    rows = []
    for begin, drawn, was in zip(edges[:-1].tolist(), load.tolist(), line.tolist(), strict=True):
        share = (was - drawn) / event.shed_w
        when = clock(begin, whole.begin)
        verdict = "–" if not np.isfinite(share) else percent(share)
        cells = "".join(f'<td class="n">{kw(value)}</td>' for value in (was, drawn))
        rows.append(f'<tr><td>{when}</td>{cells}<td class="n v">{verdict}</td><td>{word(share)}</td></tr>')
    names = ("quarter", "baseline", "measured", "of_asked")
    head = "".join(f"<th{' class=n' if at else ''}>{both(f'page.{name}')}</th>" for at, name in enumerate(names))
    return f'<div class="scroll"><table class="narrow"><thead><tr>{head}<th></th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def word(share: float) -> str:
    """What a quarter hour's share of what was asked means, as a sign and a word."""
    if not np.isfinite(share):
        return ""
    if SHORT <= share <= LONG:
        return "✓"
    return f'<span class="fails">▲ {both("page.short" if share < SHORT else "page.more")}</span>'


def kw(watts: float) -> str:
    """Watts as kW, a dash for none."""
    return f"{watts / 1000.0:,.1f}" if np.isfinite(watts) else "–"


def judged(event: Event, report: Report) -> str:
    """Delivery or step response, settlement and indices of one event, as far as they were found."""
    rows: list[tuple[str, str]] = []
    part = entry(report[event.service], event.id)
    for name in () if part is None else NAMES[event.service]:
        value = part[name] if part is not None else None
        shown = of(value, "{:.1f} s") if name.endswith("_s") else share_of(value)
        rows.append((both(f"page.figure.{event.service}.{name}"), shown))
    if (settled := entry(report["settlement"], event.id)) is not None:
        verdict = both("score.valid" if settled["valid"] else "score.void")
        rows.append((both("page.settled"), verdict))
        bounds = both("score.out_of_bounds" if settled["out_of_bounds"] else "score.in_bounds")
        rows.append((both("page.by_maximum", most=kw(settled["max_w"]), base=kw(settled["baseline_max_w"])), bounds))
        rows.append((both("page.effective"), f"{settled['effective_min']} min"))
    if (indices := entry(report["indices"], event.id)) is not None:
        rows += [
            (both("page.index.adjustable"), f"{indices['adjustable_w'] / 1000.0:,.1f} kW"),
            (both("page.index.response"), of(indices["response_s"], "{:.1f} s")),
            (both("page.index.ramp"), share_of(indices["ramp_per_min"]) + "/min"),
            (both("page.index.deviation"), share_of(indices["deviation"])),
            (both("page.index.duration"), long(indices["duration_s"])),
        ]
    body = "".join(f'<tr><td>{name}</td><td class="n v">{value}</td></tr>' for name, value in rows)
    if not body:
        why = "; ".join(f"{place}: {why}" for place, why in report["reasons"].items() if f".{event.id}" in place)
        return f'<p class="quiet">{escape(why)}</p>'
    return f'<div class="scroll"><table class="narrow"><tbody>{body}</tbody></table></div>'


def entry(parts: list[dict[str, Any]], event: str) -> dict[str, Any] | None:
    """The part of an event in one of the report's lists."""
    return next((part for part in parts if part["id"] == event), None)
