"""Scores of a recording: which columns are signal, response, baseline and truth, and what each method makes of them."""

from dataclasses import dataclass

import numpy as np

from gateway.insight.events import Delivery, Event, Step, deliver, step
from gateway.insight.held import Floats, Held, combine, raster
from gateway.insight.hunan import Hunan, HunanRules, hunan
from gateway.insight.pjm import VARIANTS, Pjm, Variant, pjm, precision
from gateway.insight.trace import Recording

TRACKING_S = 2.0
SETTLED_ON = ("true_site_w", "site_w")


@dataclass(frozen=True, slots=True)
class Signals:
    """What is scored: the request and the base point as the head-end knows them, the power as the settlement meter does."""

    signal: Held
    basepoint_w: Held
    capacity_w: Held
    baseline_w: Held
    power_w: Held
    measured: str
    """The column `power_w` comes from: site_w only where no plant wrote true_site_w."""

    @property
    def response(self) -> Held:
        """The share of the capacity shed: (base point - power) / capacity."""
        parts = (self.basepoint_w, self.power_w, self.capacity_w)
        return combine(lambda base, power, capacity: (base - power) / capacity, *parts)


def signals_of(recording: Recording) -> Signals:
    """The head-end's file before the trace, the plant's before both."""
    trace, headend, plant = recording.trace, recording.headend, recording.plant
    declared, until_s = (trace, None) if headend is None else (headend, np.inf)
    measured = SETTLED_ON[0] if plant is not None or trace.has(SETTLED_ON[0]) else SETTLED_ON[1]
    power = plant.held("true_site_w") if plant is not None else trace.held(measured)

    def column(name: str) -> Held:
        return declared.held(name, until_s=until_s)

    return Signals(column("signal"), column("basepoint_w"), column("capacity_w"), column("baseline_w"), power, measured)


def score_pjm(signals: Signals, variant: Variant = VARIANTS["strict"]) -> Pjm | None:
    """PJM score; None for less than 15 min of data."""
    return pjm(signals.signal, signals.response, variant)


def score_hunan(signals: Signals, rules: HunanRules) -> Hunan | None:
    """Hunan K; None when no instruction can be judged."""
    return hunan(signals.signal, signals.response, rules)


def score_dr(signals: Signals, event: Event) -> Delivery | None:
    """Delivery of a demand-response event; None when the record does not cover it."""
    return deliver(event, signals.power_w, signals.baseline_w)


def score_ar(signals: Signals, event: Event) -> Step | None:
    """An automatic response; None when the record does not cover it."""
    return step(event, signals.power_w, signals.basepoint_w)


def score_tracking(signals: Signals) -> float | None:
    """1 - mean|y - x| / mean|x| on 2 s means, while there is a signal; None when there is none."""
    x, y = samples(signals, TRACKING_S)
    return precision(x, y) if x.size and np.abs(x).any() else None


def samples(signals: Signals, step_s: float) -> tuple[Floats, Floats]:
    """Means of signal and response from the first signal on, where both are known."""
    known = signals.signal.t_s[np.isfinite(signals.signal.value)]
    response = signals.response
    if not known.size:
        return np.empty(0), np.empty(0)
    edges = raster(float(known[0]), min(signals.signal.end_s, response.end_s), step_s)
    x, y = signals.signal.means(edges), response.means(edges)
    both = np.isfinite(x) & np.isfinite(y)
    return x[both], y[both]
