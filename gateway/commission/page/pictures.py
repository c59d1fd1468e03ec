"""Pictures of the report: a lane of curves over seconds, drawn by the chart code of the other reports."""

from collections.abc import Iterator

import numpy as np

from gateway.commission.acceptance import Part, Picture
from gateway.commission.record import Record
from gateway.insight.held import Held
from gateway.insight.page.chart import Curve, Lane, Mark, Stretch, group, lane
from gateway.insight.page.thin import thin
from gateway.insight.page.tongues import both

KILO = 1000.0


def pictures_of(record: Record, owner: str, part: Part) -> Iterator[str]:
    """Every picture of an owner in one part."""
    return (_drawn(one) for one in record.pictures if one.owner == owner and one.part is part)


def _drawn(one: Picture) -> str:
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
    return group(lane(Lane(title, unit, curves, size="high", window="commission.curve.silence"), stretch), stretch)
