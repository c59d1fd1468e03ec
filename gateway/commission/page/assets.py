"""One asset in the report: the picture of its steps, what was measured of it against what the site file states, its rows."""

from html import escape

import numpy as np

from gateway.commission.acceptance import Check, Fact, Part, Picture, Verdict
from gateway.commission.page.rows import list_of, table, verdict, why
from gateway.commission.phrases import DASH, shown
from gateway.commission.record import Record
from gateway.insight.held import Held
from gateway.insight.page.chart import Curve, Lane, Mark, Stretch, group, lane
from gateway.insight.page.thin import thin
from gateway.insight.page.tongues import both

KILO = 1000.0
MEASURES = (
    ("adjustable", "adjustable_w", "stated_w"),
    ("response", "response_s", "stated_dead_s"),
    ("lag", "lag_s", "stated_lag_s"),
    ("t90", "t90_s", ""),
    ("ramp", "ramp_per_min", ""),
    ("deviation", "deviation", ""),
    ("steady", "steady", ""),
)


def asset_part(record: Record, owner: str, *, part: Part = Part.COMMAND) -> str:
    """Everything of one asset (or of one drill, by its name)."""
    pictures = [one for one in record.pictures if one.owner == owner and one.part is part]
    drawn = "".join(picture_of(one) for one in pictures)
    if part is Part.DRILL:
        return f'<div class="event"><h3>{escape(owner)}</h3>{drawn}</div>' if drawn else ""
    own = [one for one in record.checks if one.owner == owner and one.part in (Part.COMMAND, Part.CAPABILITY)]
    measured = next((one for one in own if one.part is Part.CAPABILITY and one.verdict is not Verdict.SKIPPED), None)
    rows = [one for one in own if one is not measured]
    capable = "" if measured is None else capability_table(measured)
    return f'<div class="event"><h3>{escape(owner)}</h3>{drawn}{capable}{list_of(rows) if rows else ""}</div>'


def capability_table(check: Check) -> str:
    """Measured beside stated."""
    rows = [
        (both(f"commission.measure.{name}"), fact(measured, check), fact(stated, check) if stated else "")
        for name, measured, stated in MEASURES
    ]
    made = table(("measure", "measured", "stated"), rows, look="narrow")
    return f"<p>{verdict(check)} {why(check)}</p>{made}"


def fact(name: str, check: Check) -> str:
    """One fact as a cell."""
    value: Fact = check.facts.get(name)
    return DASH if value is None else escape(shown(name, value, check.facts))


def picture_of(one: Picture) -> str:
    """A lane with its curves over seconds."""
    span_s = max(one.span_s, 1.0)
    stretch = Stretch(0.0, span_s, None, tuple(Mark(begin, end) for begin, end in one.marks))
    scale = 1.0 / KILO if one.unit == "W" else 1.0
    curves = []
    for curve in one.curves:
        values = np.array([np.nan if value is None else value * scale for value in curve.values])
        held = Held(np.array(curve.t_s, dtype=np.float64), values, span_s)
        curves.append(Curve(curve.look, f"commission.curve.{curve.name}", thin(held, stretch.edges_s)))
    unit = "kW" if one.unit == "W" else one.unit
    title = both(f"commission.picture.{one.subject}")
    return group(lane(Lane(title, unit, curves, size="high"), stretch), stretch)
