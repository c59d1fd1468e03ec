"""Dead time and lag of an asset out of the record of one step.

A command at time 0 moves the power from y0 by g after a dead time d, with a lag tau:

    y(t) = y0                                       t <= d
    y(t) = y0 + g (1 - exp(-(t - d) / tau))         t > d

For any d and tau the best g is a ratio of two sums, so the fit is a search of two numbers, coarse and then finer. What is
found is believed when it explains most of what happened; a step that was not followed has no response.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_SAMPLES = 5
LEAST_EXPLAINED = 0.8
"""Share of the variance after the step that the fit must explain."""
ROUNDS, POINTS = 8, 15
SHRINK = 0.3


@dataclass(frozen=True, slots=True)
class Response:
    """How one step was answered; seconds and watts."""

    dead_s: float
    lag_s: float
    change_w: float
    """Where it ends, less where it began."""
    explained: float


def estimate(t_s: Floats, watts: Floats, *, begin_w: float) -> Response | None:
    """Fit samples after a step; `t_s` counts from the command, `begin_w` is the power before it. None: no response.

    Samples may be unevenly spaced and a few may be missing; NaN are passed over. Takes some milliseconds for a hundred
    samples: once a step, not once a tick.
    """
    known = np.isfinite(watts) & (t_s >= 0.0)
    t, y = t_s[known], watts[known] - begin_w
    if t.size < LEAST_SAMPLES or (float(np.ptp(y)) == 0.0 and y[0] == 0.0):
        return None
    weight = weights(t)
    total = float(weight @ (y * y))
    span_s = float(t[-1])
    if total == 0.0 or span_s <= 0.0:
        return None
    low, high = np.array([0.0, 0.0]), np.array([span_s, span_s])
    best = (0.0, span_s, 0.0, -np.inf)
    for _ in range(ROUNDS):
        dead = np.linspace(low[0], high[0], POINTS)
        lag = np.linspace(low[1], high[1], POINTS)
        best = max(best, fit(t, y, weight, dead, lag), key=lambda one: one[3])
        reach = SHRINK * (high - low)
        centre = np.array(best[:2])
        low, high = np.maximum(centre - reach, 0.0), np.minimum(centre + reach, span_s)
    dead_s, lag_s, change_w, gained = best
    explained = gained / total
    if explained < LEAST_EXPLAINED or dead_s >= span_s * 0.95:
        return None
    return Response(dead_s, lag_s, change_w, explained)


def fit(t: Floats, y: Floats, weight: Floats, dead: Floats, lag: Floats) -> tuple[float, float, float, float]:
    """(dead, lag, change, variance explained) of the best pair of a grid."""
    since = np.maximum(t[None, :] - dead[:, None], 0.0)[:, None, :]
    shape = 1.0 - np.exp(-since / np.maximum(lag, 1e-6)[None, :, None])
    along = (shape * (weight * y)).sum(axis=2)
    size = (shape * shape * weight).sum(axis=2)
    gained = np.where(size > 1e-12, along * along / np.maximum(size, 1e-12), -np.inf)
    at_dead, at_lag = np.unravel_index(int(np.argmax(gained)), gained.shape)
    found = float(size[at_dead, at_lag])
    change = float(along[at_dead, at_lag]) / found if found > 1e-12 else 0.0
    return float(dead[at_dead]), float(lag[at_lag]), change, float(gained[at_dead, at_lag])


def weights(t: Floats) -> Floats:
    """The time each sample stands for, so that a burst of them counts no more than a lone one."""
    edges = np.concatenate((t[:1], (t[1:] + t[:-1]) / 2.0, t[-1:]))
    spans = np.diff(edges)
    return np.maximum(spans, 1e-9)
