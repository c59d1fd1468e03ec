"""Scores of a recording: which columns are signal, response, baseline and truth, and what each method makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.insight.events import BEFORE_S, Delivery, Event, Step, deliver, step
from gateway.insight.held import Floats, Held, combine, raster
from gateway.insight.indices import Call, Indices, call_of, measure
from gateway.insight.instructions import Bands, Instruction, extract
from gateway.insight.pjm import VARIANTS, Pjm, Variant, pjm, precision
from gateway.insight.regions import HUNAN, Composite, Region, composite
from gateway.insight.settlement import Settlement, SettlementRules, settle
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
    response: Held
    """The share of the capacity shed: (base point - power) / capacity."""


def signals_of(recording: Recording) -> Signals:
    """The head-end's file before the trace, the plant's before both."""
    trace, headend, plant = recording.trace, recording.headend, recording.plant
    declared, until_s = (trace, None) if headend is None else (headend, np.inf)
    measured = SETTLED_ON[0] if plant is not None or trace.has(SETTLED_ON[0]) else SETTLED_ON[1]
    power = plant.held("true_site_w") if plant is not None else trace.held(measured)

    def column(name: str) -> Held:
        return declared.held(name, until_s=until_s)

    base, capacity = column("basepoint_w"), column("capacity_w")
    response = combine(lambda base_w, power_w, capacity_w: (base_w - power_w) / capacity_w, base, power, capacity)
    return Signals(column("signal"), base, capacity, column("baseline_w"), power, measured, response)


def score_pjm(signals: Signals, variant: Variant = VARIANTS["strict"]) -> Pjm | None:
    """PJM score; None for less than 15 min of data."""
    return pjm(signals.signal, signals.response, variant)


def score_k(signals: Signals, region: Region = HUNAN) -> Composite | None:
    """A region's K; None when no instruction can be judged."""
    return composite(signals.signal, signals.response, region)


def score_settlement(signals: Signals, event: Event, rules: SettlementRules) -> Settlement | None:
    """A demand-response event as settled; None when the record does not cover it."""
    return settle(event, signals.power_w, signals.baseline_w, rules)


def event_indices(signals: Signals, event: Event) -> Indices | None:
    """The indices of an event: against its baseline, or for an automatic response against what the site drew before."""
    reference = signals.baseline_w if event.service == "dr" else reference_of(event, signals)
    output = combine(np.subtract, reference, signals.power_w)
    if not output.t_s.size or output.t_s[0] > event.start_s:
        return None
    return measure(Call(event.id, event.service, event.start_s, event.end_s, event.shed_w), output)


def reference_of(event: Event, signals: Signals) -> Held:
    """The declared base point where there is one, else the mean of the 60 s before, for ever."""
    declared = signals.basepoint_w
    if np.isfinite(declared.at(np.array([event.start_s]))[0]):
        return declared
    power = signals.power_w
    start_s = float(power.t_s[0])
    before = power.mean(max(event.start_s - BEFORE_S, start_s), event.start_s)
    return Held(np.array([start_s]), np.array([before]), np.inf)


def instructions_of(signals: Signals, bands: Bands | None = None) -> list[Instruction]:
    """Every dispatch instruction of the record that can be judged."""
    return extract(signals.signal, signals.response, bands)


def instruction_indices(signals: Signals, instructions: Sequence[Instruction]) -> list[Indices]:
    """The indices of the instructions that stood long enough to be a call of their own."""
    least_s = Bands().early_s
    output = combine(np.subtract, signals.basepoint_w, signals.power_w)
    found: list[Indices] = []
    for one in instructions:
        if one.until_s - one.issued_s >= least_s:
            capacity_w = float(signals.capacity_w.at(np.array([one.issued_s]))[0])
            indices = measure(call_of(one, capacity_w, len(found) + 1), output)
            found += [] if indices is None else [indices]
    return found


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
