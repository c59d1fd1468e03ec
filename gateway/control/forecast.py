"""Forecast of a regulation signal, learned from the signal itself while it is followed.

For each horizon a linear regression on the newest sample and the differences between older ones, with a constant; old
samples are forgotten slowly. A ridge pulls towards "stays as it is" and grows with the lag, so that it begins as that,
learns the slope first and the far past last. A horizon is used only while its own running error is below that of
persistence: on a signal of steps it switches itself off. All in plain floats, so that a replay gives the same bits on
every machine.

A sample is held until the next: between two of them the signal is a step, and what counts over some seconds is its
mean. The path is therefore drawn through the middles of the periods.
"""

from collections.abc import Sequence
from itertools import pairwise

from gateway.control.state import Forecast

LAGS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150)
"""Samples back that a regression looks at."""
STEPS = (1, 2, 3, 4, 5, 7, 10, 13, 16, 20, 25, 30, 40, 50, 60, 75, 90)
"""Horizons, in samples ahead."""
WIDTH = len(LAGS) + 1
KEPT = LAGS[-1] + STEPS[-1] + 1
FORGET = 0.9999
RIDGE = (1e-3, *(1e-3 * (1 + lag) ** 3 for lag in LAGS[:-1]), 100.0)
"""Of the newest sample, of the difference that begins at each lag, of the constant."""
SOLVE_EVERY = 150
LEAST, SOLVE_EARLY, EARLY = 30, 10, 300
"""From so many samples on, so many apart, until there are so many."""
SKILL_MEMORY = 0.985
BEST = 0.95
"""A horizon must be better than persistence by this factor."""


def hear(forecast: Forecast, signal: float, *, at_s: float, period_s: float) -> None:
    """Take over a new sample; after a gap the past is begun anew, what was learned stays."""
    gap = at_s - forecast.at_s
    if gap > 1.75 * period_s:
        forecast.samples = ()
    forecast.at_s = at_s
    samples = (*forecast.samples[-(KEPT - 1) :], signal)
    forecast.samples = samples
    if len(samples) > 1:
        _learn(forecast, samples)
        forecast.count += 1
        early = LEAST <= forecast.count < EARLY and forecast.count % SOLVE_EARLY == 0
        if early or forecast.count % SOLVE_EVERY == 0:
            rows = _factor(forecast.gram)
            forecast.weights = tuple(_solve(rows, row) for row in forecast.cross)
    forecast.path = _path(forecast, samples)


def ahead(forecast: Forecast, signal: float, *, at_s: float, period_s: float) -> float:
    """The signal expected at an instant of the boot clock; `signal` is the value in force now."""
    steps = (at_s - forecast.at_s) / period_s - 0.5
    if not forecast.path or steps <= 0.0:
        return signal
    before, value = 0, signal
    for step, expected in zip(STEPS, forecast.path, strict=True):
        if steps <= step:
            return value + (expected - value) * (steps - before) / (step - before)
        before, value = step, expected
    return value


def _features(samples: Sequence[float], back: int) -> list[float]:
    """What a regression looks at, as it stood `back` samples ago; before the first sample stands the first."""
    last = len(samples) - 1 - back
    seen = [samples[max(0, last - lag)] for lag in LAGS]
    return [seen[0], *(newer - older for newer, older in pairwise(seen)), 1.0]


def _learn(forecast: Forecast, samples: tuple[float, ...]) -> None:
    now = _features(samples, 0)
    if not forecast.gram:
        forecast.gram = tuple((0.0,) * WIDTH for _ in range(WIDTH))
        forecast.cross = tuple((0.0,) * WIDTH for _ in STEPS)
        forecast.errors = tuple((0.0, 0.0) for _ in STEPS)
    forecast.gram = tuple(
        tuple(FORGET * old + left * right for old, right in zip(row, now, strict=True))
        for row, left in zip(forecast.gram, now, strict=True)
    )
    newest = samples[-1]
    cross, errors = [], []
    for at, step in enumerate(STEPS):
        if len(samples) <= step:
            cross.append(forecast.cross[at])
            errors.append(forecast.errors[at])
            continue
        then = _features(samples, step)
        cross.append(tuple(FORGET * old + newest * value for old, value in zip(forecast.cross[at], then, strict=True)))
        ours, persistence = forecast.errors[at]
        if forecast.weights:
            expected = _clip(_dot(forecast.weights[at], then))
            ours = SKILL_MEMORY * ours + abs(newest - expected)
            persistence = SKILL_MEMORY * persistence + abs(newest - then[0])
        errors.append((ours, persistence))
    forecast.cross, forecast.errors = tuple(cross), tuple(errors)


def _path(forecast: Forecast, samples: tuple[float, ...]) -> tuple[float, ...]:
    """What is expected at each horizon from the newest sample on."""
    newest = samples[-1]
    if not forecast.weights:
        return ()
    now = _features(samples, 0)
    return tuple(
        _clip(_dot(weights, now)) if ours < BEST * persistence else newest
        for weights, (ours, persistence) in zip(forecast.weights, forecast.errors, strict=True)
    )


def _factor(gram: Sequence[Sequence[float]]) -> list[list[float]]:
    """The lower triangle of the Cholesky factor of G + ridge."""
    rows = [[value + (RIDGE[i] if i == j else 0.0) for j, value in enumerate(row)] for i, row in enumerate(gram)]
    for j in range(WIDTH):
        for k in range(j):
            factor = rows[j][k]
            for i in range(j, WIDTH):
                rows[i][j] -= rows[i][k] * factor
        root = rows[j][j] ** 0.5
        for i in range(j, WIDTH):
            rows[i][j] /= root
    return rows


def _solve(rows: Sequence[Sequence[float]], cross: Sequence[float]) -> tuple[float, ...]:
    """(G + ridge) w = c + ridge e0 by its factor; e0 is persistence."""
    right = [cross[0] + RIDGE[0], *cross[1:]]
    for i in range(WIDTH):
        right[i] = (right[i] - sum(rows[i][k] * right[k] for k in range(i))) / rows[i][i]
    for i in reversed(range(WIDTH)):
        right[i] = (right[i] - sum(rows[k][i] * right[k] for k in range(i + 1, WIDTH))) / rows[i][i]
    return tuple(right)


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _clip(value: float) -> float:
    return min(max(value, -1.0), 1.0)
