"""The Hunan composite K: how fast, how soon and how exactly each dispatch instruction is followed (rules of 2025-10-24).

Everything is a fraction of the offered capacity R, shed positive. An instruction is a change of the target by more than the
dead band. T: issued until the response has moved in its direction by the dead band. V: rate from there until the
target band is reached. E: mean deviation from there until the next instruction.
K1 = V / standard rate (capped), K2 = 1 - T / T0, K3 = 1 - E / E0, none below 0; K = 0.4 K1 + 0.3 K2 + 0.3 K3.
An instruction replaced before it was reached, in less than T0, says nothing and is left out.
"""

from dataclasses import dataclass

import numpy as np

from gateway.insight.held import Floats, Held


@dataclass(frozen=True, slots=True)
class HunanRules:
    """A region's numbers; the defaults are Hunan's for storage."""

    rate_std: float = 1.0
    """Standard rate, fraction of the capacity per minute."""
    t0_s: float = 60.0
    e0: float = 0.02
    cap: float = 3.0
    """Largest K1."""
    moved: float = 0.01
    reached: float = 0.02


@dataclass(frozen=True, slots=True)
class Hunan:
    """Means over the instructions."""

    k: float
    k1: float
    k2: float
    k3: float
    instructions: int


def composite(rate: float, delay_s: float, error: float, rules: HunanRules) -> tuple[float, float, float]:
    """(K1, K2, K3) of one instruction; rate per minute."""
    k1 = min(rules.cap, max(0.0, rate / rules.rate_std))
    return k1, max(0.0, 1.0 - delay_s / rules.t0_s), max(0.0, 1.0 - error / rules.e0)


def hunan(target: Held, response: Held, rules: HunanRules) -> Hunan | None:
    """K of every instruction that can be judged; None when there is none."""
    end_s = min(target.end_s, response.end_s)
    issued, wanted = instructions(target, rules.moved)
    until = np.append(issued, end_s)[1:]
    found = [
        ks
        for begin, stop, goal in zip(issued, until, wanted, strict=True)
        if stop > begin and (ks := judge(response, float(begin), float(stop), float(goal), rules)) is not None
    ]
    if not found:
        return None
    k1, k2, k3 = (float(mean) for mean in np.mean(found, axis=0))
    return Hunan(0.4 * k1 + 0.3 * k2 + 0.3 * k3, k1, k2, k3, len(found))


def instructions(target: Held, moved: float) -> tuple[Floats, Floats]:
    """When a new target was issued and what it was; smaller changes than the dead band belong to the one before."""
    times, goals, last = [], [], np.nan
    for t_s, goal in zip(target.t_s, target.value, strict=True):
        if np.isfinite(goal) and not abs(goal - last) <= moved:
            times.append(t_s)
            goals.append(goal)
            last = goal
    return np.array(times, dtype=np.float64), np.array(goals, dtype=np.float64)


def judge(response: Held, begin_s: float, stop_s: float, goal: float, rules: HunanRules) -> tuple[float, ...] | None:
    """(K1, K2, K3) of one instruction; None when there was nothing to do, no data, or no time to do it."""
    inside = response.t_s[(response.t_s > begin_s) & (response.t_s < stop_s)]
    times = np.concatenate(([begin_s], inside))
    p = response.at(times)
    if not np.isfinite(p).all() or abs(goal - p[0]) <= rules.moved:
        return None
    way = np.sign(goal - p[0])
    moving = np.flatnonzero(way * (p - p[0]) > rules.moved)
    there = np.flatnonzero(np.abs(p - goal) <= rules.reached)
    if not there.size and stop_s - begin_s < rules.t0_s:
        return None
    if not moving.size:
        return composite(0.0, rules.t0_s, abs(response.mean(begin_s, stop_s) - goal), rules)
    first, last = moving[0], there[0] if there.size else len(times) - 1
    span_min = (times[last] - times[first]) / 60.0
    rate = abs(p[last] - p[first]) / span_min if span_min > 0.0 else np.inf
    settled_s = times[last] if there.size else begin_s + rules.t0_s
    error = Held(response.t_s, np.abs(response.value - goal), response.end_s).mean(float(settled_s), stop_s)
    return composite(float(rate), float(times[first] - begin_s), error, rules)
