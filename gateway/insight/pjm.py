"""The PJM performance score: correlation, delay and precision of a response to a regulation signal (Manual 12, section 4).

The signal x and the response y are 10 s means. Each window of 30 samples is compared with the response 0 … 30 samples
later; the shift where r(s) + D(s) is largest gives the correlation C = max(0, r) and the delay score D = |shift - 300 s| / 300 s.
Where x stands still, C compares the slopes and D is 1. Precision compares x and y of the whole hour, not shifted.
"""

from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Floats, Held, pieces, raster

STILL = 1e-9
"""A standard deviation below this is that of a constant."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs between buyers; the defaults are the strict variant."""

    sample_s: float = 10.0
    window: int = 30
    shifts: int = 30
    flat_std: float = 0.01
    allowance: int = 0
    """Samples the response may come later before precision counts it."""
    by_correlation: bool = False
    """Choose the shift by r alone."""
    least_s: float = 900.0

    @property
    def per_hour(self) -> int:
        """Samples an hour."""
        return round(3600.0 / self.sample_s)


VARIANTS = {"strict": Variant(), "allowance": Variant(allowance=1), "correlation": Variant(by_correlation=True)}
"""`strict`: Manual 12 section 4, precision without an allowance; `allowance`: "allows a 10 second latency" (4.5.6) as the
University of Michigan's co-simulation test bed reads it; `correlation`: the shift of largest r, as GMLC's battery interface.
"""


@dataclass(frozen=True, slots=True)
class Pjm:
    """Means over the hours."""

    score: float
    correlation: float
    delay: float
    precision: float


def pjm(signal: Held, response: Held, variant: Variant = VARIANTS["strict"]) -> Pjm | None:
    """Score of every hour in which both are known; None for less than 15 min of data."""
    known = signal.t_s[np.isfinite(signal.value)]
    if not known.size:
        return None
    edges = raster(float(known[0]), min(signal.end_s, response.end_s), variant.sample_s)
    x, y = signal.means(edges), response.means(edges)
    hours = [
        hour for piece in pieces(np.isfinite(x) & np.isfinite(y)) for hour in hours_of(x[piece], y[piece], variant)
    ]
    if not hours:
        return None
    correlation, delay, precision = np.mean(hours, axis=0)
    return Pjm(float(np.mean(hours)), float(correlation), float(delay), float(precision))


def hours_of(x: Floats, y: Floats, variant: Variant) -> list[tuple[float, float, float]]:
    """(C, D, P) of each hour of an unbroken stretch of samples; a last hour shorter than 15 min is left out."""
    windows = window_scores(x, y, variant)
    per_window = variant.per_hour // variant.window
    found = []
    for hour, first in enumerate(range(0, len(x), variant.per_hour)):
        of_hour = windows[hour * per_window : (hour + 1) * per_window]
        x_hour, y_hour = x[first : first + variant.per_hour], y[first : first + variant.per_hour]
        if len(x_hour) * variant.sample_s >= variant.least_s and len(of_hour):
            correlation, delay = of_hour.mean(axis=0)
            found.append((float(correlation), float(delay), precision(x_hour, y_hour, variant.allowance)))
    return found


def precision(x: Floats, y: Floats, allowance: int = 0) -> float:
    """1 - mean|y - x| / mean|x|, at least 0."""
    early = x[: len(x) - allowance]
    error, size = float(np.mean(np.abs(y[allowance:] - early))), float(np.mean(np.abs(early)))
    if size == 0.0:
        return 1.0 if error == 0.0 else 0.0
    return max(0.0, 1.0 - error / size)


def window_scores(x: Floats, y: Floats, variant: Variant) -> Floats:
    """(C, D) of each window, shape (windows, 2); windows whose furthest partner passes the end are dropped."""
    length, shifts = variant.window, variant.shifts
    count = max(0, (len(x) - shifts) // length)
    if not count:
        return np.empty((0, 2))
    wanted = x[: count * length].reshape(count, 1, length)
    starts = length * np.arange(count)[:, None] + np.arange(shifts + 1)
    given = np.lib.stride_tricks.sliding_window_view(y, length)[starts]
    r = correlations(wanted, given)
    late = 1.0 - np.arange(shifts + 1) / shifts
    chosen = np.argmax(r if variant.by_correlation else r + late, axis=1)
    scores = np.column_stack((np.maximum(0.0, r[np.arange(count), chosen]), late[chosen]))
    flat = wanted[:, 0].std(axis=1) < variant.flat_std
    alike = np.maximum(0.0, 1.0 - np.abs(slopes(wanted[:, 0]) - slopes(given[:, 0])))
    scores[flat] = np.column_stack((alike, np.ones(count)))[flat]
    return scores


def correlations(x: Floats, y: Floats) -> Floats:
    """Pearson's r along the last axis; 0 where either stands still."""
    dx, dy = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    std_x, std_y = np.sqrt((dx * dx).mean(axis=-1)), np.sqrt((dy * dy).mean(axis=-1))
    moving = (std_x > STILL) & (std_y > STILL)
    return np.where(moving, (dx * dy).mean(axis=-1) / np.where(moving, std_x * std_y, 1.0), 0.0)


def slopes(y: Floats) -> Floats:
    """Least-squares slope per sample along the last axis."""
    steps = np.arange(y.shape[-1]) - (y.shape[-1] - 1) / 2.0
    found: Floats = (y * steps).sum(axis=-1) / (steps * steps).sum()
    return found
