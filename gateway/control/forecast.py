"""Forecast of a regulation signal, learned from the signal itself while it is followed.

For each horizon a linear regression on samples of the past, with a constant, solved anew every few minutes; old samples
are forgotten slowly, and a ridge pulls towards "stays as it is", so that it begins as that. A horizon is used only while
its own running error is below that of persistence: on a signal of steps it switches itself off. All in plain floats, so
that a replay gives the same bits on every machine.
"""

from collections.abc import Sequence

from gateway.control.state import Forecast

LAGS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150)
"""Samples back that a regression looks at."""
STEPS = (1, 2, 3, 4, 5, 7, 10, 13, 16, 20, 25, 30, 40, 50, 60, 75, 90)
"""Horizons, in samples ahead."""
WIDTH = len(LAGS) + 1
KEPT = LAGS[-1] + STEPS[-1] + 1
FORGET = 0.9999
RIDGE = 0.3
SOLVE_EVERY = 150
SOLVE_EARLY = (20, 40, 75, 110)
SKILL_MEMORY = 0.998
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
        if forecast.count in SOLVE_EARLY or forecast.count % SOLVE_EVERY == 0:
            rows = _factor(forecast.gram)
            forecast.weights = tuple(_solve(rows, row) for row in forecast.cross)
    forecast.path = _path(forecast, samples)


def ahead(forecast: Forecast, signal: float, *, at_s: float, period_s: float) -> float:
    """The signal expected at an instant of the boot clock; `signal` is the value in force now."""
    steps = (at_s - forecast.at_s) / period_s
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
    return [*(samples[max(0, last - lag)] for lag in LAGS), 1.0]


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
    """The lower triangle of the Cholesky factor of G + ridge I."""
    rows = [[value + (RIDGE if i == j else 0.0) for j, value in enumerate(row)] for i, row in enumerate(gram)]
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
    """(G + ridge I) w = c + ridge e0 by its factor; e0 is persistence."""
    right = [value + (RIDGE if i == 0 else 0.0) for i, value in enumerate(cross)]
    for i in range(WIDTH):
        right[i] = (right[i] - sum(rows[i][k] * right[k] for k in range(i))) / rows[i][i]
    for i in reversed(range(WIDTH)):
        right[i] = (right[i] - sum(rows[k][i] * right[k] for k in range(i + 1, WIDTH))) / rows[i][i]
    return tuple(right)


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _clip(value: float) -> float:
    return min(max(value, -1.0), 1.0)
