"""The run as a table by the hour: what the pictures show, for who reads numbers or cannot see them."""

import numpy as np

from gateway.insight.held import raster
from gateway.insight.page.axis import clock, percent
from gateway.insight.page.chart import Stretch
from gateway.insight.page.events import kw
from gateway.insight.page.tongues import both
from gateway.insight.pjm import precision
from gateway.insight.score import Signals

HOUR_S, QUARTER_S = 3600.0, 900.0


def hours_table(signals: Signals, stretch: Stretch) -> str:
    """Mean, least and largest power of each hour (quarter hour of a short run) and the precision of its regulation."""
    span_s = stretch.end_s - stretch.begin_s
    step_s = HOUR_S if span_s > 4.0 * HOUR_S else QUARTER_S
    if span_s < 2.0 * step_s:
        return ""
    edges = raster(stretch.begin_s, stretch.end_s, step_s)
    quarters = signals.power_w
    rows = []
    for begin, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = quarters.value[(quarters.t_s >= begin) & (quarters.t_s < stop)]
        inside = inside[np.isfinite(inside)]
        low, high = (float(inside.min()), float(inside.max())) if inside.size else (np.nan, np.nan)
        score = precision_of(signals, begin, stop)
        cells = (kw(signals.power_w.mean(begin, stop)), kw(signals.basepoint_w.mean(begin, stop)), kw(low), kw(high))
        numbers = "".join(f'<td class="n">{cell}</td>' for cell in (*cells, "–" if score is None else percent(score)))
        rows.append(f"<tr><td>{clock(begin, stretch.begin)}</td>{numbers}</tr>")
    names = ("from", "mean", "basepoint", "lowest", "highest", "precision")
    head = "".join(f"<th{' class=n' if at else ''}>{both(f'page.{name}')}</th>" for at, name in enumerate(names))
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    return f"<details><summary>{both('page.as_table')}</summary>{table}</details>"


def precision_of(signals: Signals, begin_s: float, stop_s: float) -> float | None:
    """1 - mean|y - x| / mean|x| on 10 s means; None without a signal throughout."""
    edges = raster(begin_s, stop_s, 10.0)
    x, y = signals.signal.means(edges), signals.response.means(edges)
    both_known = np.isfinite(x) & np.isfinite(y)
    return precision(x[both_known], y[both_known]) if both_known.any() and np.abs(x[both_known]).any() else None
