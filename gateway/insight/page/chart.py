"""Lanes of a chart as inline SVG: geometry only in attributes, looks only in classes, text never stretched.

A lane is an area whose inner viewBox is stretched over whatever width there is, beside an axis that is not. Where a
column holds more than a line's width, a band from its least to its largest value stands behind the line of its means.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from json import dumps
from math import floor, log10

import numpy as np

from gateway.insight.held import Floats, pieces
from gateway.insight.page.axis import number, ticks, time_ticks
from gateway.insight.page.thin import COLUMNS, Thin
from gateway.insight.page.tongues import both

HEIGHT = 500
"""Of the inner viewBox; its width is the number of columns."""
ORDER = {"plan": 0, "base": 0, "asked": 1, "does": 2}
"""What is asked is a broad pale line under the thin dark one of what was done: they meet where it is followed."""
WINDOW = '<rect class="window" width="100%" height="100%"/><rect class="edge" width="100%" height="3"/>'
VISIBLE = 6.0
"""A band thinner than this many units hides behind its line."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: how it looks (`does`, `asked`, `base`, `plan`), its name's key, and its columns in the lane's unit."""

    look: str
    name: str
    thin: Thin


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of time that is set off: an event's window."""

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """The common time axis of a group of lanes; `begin` is the wall clock at second 0, None: elapsed time."""

    begin_s: float
    end_s: float
    begin: datetime | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def edges_s(self) -> Floats:
        """The edges of the columns."""
        return np.linspace(self.begin_s, self.end_s, COLUMNS + 1)

    def part(self, t_s: float) -> float:
        """Where on the axis, from 0 to 1."""
        return (t_s - self.begin_s) / (self.end_s - self.begin_s)


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane; `title` is HTML. `zero` keeps nought in sight."""

    title: str
    unit: str
    curves: Sequence[Curve]
    size: str = "low"
    zero: bool = False
    below: str = ""
    """HTML under the area, in its width."""
    notes: Sequence[str] = field(default_factory=tuple)
    window: str = "page.window_of_event"
    """What the stretches that are set off are, by its name's key."""


def lane(one: Lane, stretch: Stretch) -> str:
    """The lane as a figure; its caption tells what it shows to who cannot see it."""
    shown = [curve for curve in one.curves if curve.thin.known]
    low, high, step = bounds(shown, zero=one.zero)
    levels = [at for at in ticks(low, high) if low - 1e-9 <= at <= high + 1e-9]
    scale = (high - low) or 1.0

    def percent(value: float) -> str:
        return f"{100.0 * (high - value) / scale:.2f}%"

    lines = "".join(f'<line class="grid" x1="0" x2="100%" y1="{percent(at)}" y2="{percent(at)}"/>' for at in levels)
    labels = "".join(f'<text x="100%" y="{percent(at)}" dy="4">{number(at, step)}</text>' for at in levels)
    if low < 0.0 < high:
        lines += f'<line class="zero" x1="0" x2="100%" y1="{percent(0.0)}" y2="{percent(0.0)}"/>'
    paths = "".join(path(curve, low, high) for curve in sorted(shown, key=lambda curve: ORDER[curve.look]))
    keys = "".join(
        f'<span class="key"><svg class="swatch" aria-hidden="true"><line class="{curve.look}" x1="0" x2="100%" '
        f'y1="50%" y2="50%"/></svg>{both(curve.name)} <b class="at"></b></span>'
        for curve in shown
    )
    if one.size == "high" and any(
        stretch.begin_s < mark.end_s and mark.begin_s < stretch.end_s for mark in stretch.marks
    ):
        keys += f'<span class="key"><svg class="swatch" aria-hidden="true">{WINDOW}</svg>{both(one.window)}</span>'
    words = "".join(
        f'<span class="range">{sentence(curve, step, is_seen=curve.look == "does")}</span>' for curve in shown
    )
    notes = "".join(f'<p class="note">{note}</p>' for note in one.notes)
    return (
        f'<figure class="lane {one.size}" data-values="{values(shown, step)}"><figcaption><h3>{one.title}</h3> <span class="unit">{escape(one.unit)}</span>'
        f'{keys}<span class="ranges">{words}</span></figcaption>{notes}<div class="plot"><svg class="y" aria-hidden="true">'
        f'{labels}</svg><svg class="area" aria-hidden="true">{marks(stretch)}{lines}{upright(stretch)}'
        f'<svg viewBox="0 0 {COLUMNS} {HEIGHT}" preserveAspectRatio="none" width="100%" height="100%">{paths}</svg></svg>'
        f"{one.below}</div></figure>"
    )


def values(curves: Sequence[Curve], step: float) -> str:
    """The mean of each column of each curve, for the reading under the pointer: a JSON list of lists."""
    digits = max(0, 1 - floor(log10(step) + 1e-9))
    rows = [[None if np.isnan(mean) else round(mean, digits) for mean in curve.thin.mean.tolist()] for curve in curves]
    if not digits:
        rows = [[None if mean is None else int(mean) for mean in row] for row in rows]
    return dumps(rows, separators=(",", ":"))


def bounds(curves: Sequence[Curve], *, zero: bool) -> tuple[float, float, float]:
    """(low, high, step) of the axis: round, with every value inside."""
    both_ends = [end for curve in curves for end in (curve.thin.least, curve.thin.most) if np.isfinite(end).any()]
    low = min((float(np.nanmin(end)) for end in both_ends), default=0.0)
    high = max((float(np.nanmax(end)) for end in both_ends), default=1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    levels = ticks(low, high)
    return levels[0], levels[-1], levels[1] - levels[0]


def path(curve: Curve, low: float, high: float) -> str:
    """The band and the line of a curve; a gap stays a gap."""

    def down(values: Floats) -> list[int]:
        return np.rint((high - values) / (high - low) * HEIGHT).astype(int).tolist()  # type: ignore[no-any-return]

    band, line = [], []
    thin = curve.thin
    for piece in pieces(np.isfinite(thin.mean)):
        top, middle, bottom = (down(values[piece]) for values in (thin.most, thin.mean, thin.least))
        begin = piece.start
        line.append(_run(begin, [*middle, middle[-1]]))
        if max(below - above for above, below in zip(top, bottom, strict=True)) >= VISIBLE:
            back = "".join(f"L{begin + at + 1} {bottom[at]}H{begin + at}" for at in range(len(bottom) - 1, -1, -1))
            band.append(_run(begin, [*top, top[-1]]) + back + "Z")
    found = f'<path class="{curve.look} line" d="{"".join(line)}"/>'
    return (f'<path class="{curve.look} band" d="{"".join(band)}"/>' if band else "") + found


def _run(begin: int, values: list[int]) -> str:
    """A path through one value per column; equal neighbours become one stroke."""
    parts = [f"M{begin} {values[0]}"]
    for at in range(1, len(values)):
        level = values[at] == values[at - 1]
        if level and at + 1 < len(values) and values[at + 1] == values[at]:
            continue
        parts.append(f"H{begin + at}" if level else f"L{begin + at} {values[at]}")
    return "".join(parts)


def sentence(curve: Curve, step: float, *, is_seen: bool) -> str:
    """Lowest, highest and mean in words; only what was done is shown to all, the rest to who has it read out."""
    fine = step / 10.0
    thin = curve.thin
    values = (float(np.nanmin(thin.least)), float(np.nanmean(thin.mean)), float(np.nanmax(thin.most)))
    low, mean, high = (number(value, fine) for value in values)
    told = both("page.range", low=low, mean=mean, high=high)
    name = f'<span class="unseen">{both(curve.name)}: </span>'
    return name + told if is_seen else f'<span class="unseen">{both(curve.name)}: {told}.</span>'


def marks(stretch: Stretch) -> str:
    """The windows of events, with the edge that says asked."""
    found = []
    for mark in stretch.marks:
        left, right = max(0.0, stretch.part(mark.begin_s)), min(1.0, stretch.part(mark.end_s))
        if right > left:
            place = f'x="{100.0 * left:.2f}%" width="{100.0 * (right - left):.2f}%"'
            found.append(
                f'<rect class="window" {place} y="0" height="100%"/><rect class="edge" {place} y="0" height="3"/>'
            )
    return "".join(found)


def upright(stretch: Stretch) -> str:
    """The grid's lines of time."""
    places = (100.0 * stretch.part(t_s) for t_s, _ in time_ticks(stretch.begin_s, stretch.end_s, stretch.begin))
    return "".join(f'<line class="grid" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="100%"/>' for at in places)


def group(lanes: str, stretch: Stretch) -> str:
    """Lanes over their common time axis; every second label may be left out on a narrow screen."""
    labels = []
    for at, (t_s, words) in enumerate(time_ticks(stretch.begin_s, stretch.end_s, stretch.begin)):
        part = stretch.part(t_s)
        anchor = "start" if part < 0.03 else "end" if part > 0.97 else "middle"
        narrow = ' class="odd"' if at % 2 else ""
        labels.append(f'<text{narrow} x="{100.0 * part:.2f}%" y="14" text-anchor="{anchor}">{words}</text>')
    clock_s = (
        "" if stretch.begin is None else (stretch.begin - stretch.begin.replace(hour=0, minute=0, second=0)).seconds
    )
    return (
        f'<div class="group" data-begin="{stretch.begin_s:.3f}" data-end="{stretch.end_s:.3f}" data-clock="{clock_s}">{lanes}'
        f'<div class="plot axis"><svg class="x" aria-hidden="true">{"".join(labels)}</svg></div></div>'
    )
