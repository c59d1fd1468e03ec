"""The evidence of an event: its quarter hours against the baseline, what was delivered, how it would be settled.

Everything is from the history of the site meter and of the baseline that was in force; a quarter hour that was not
measured throughout has no figure, and an event with such a quarter is not settled.
"""

from dataclasses import dataclass

import numpy as np

from gateway.insight.energy import Slots
from gateway.insight.events import QUARTER_S, Delivery, Event, deliver
from gateway.insight.held import Held
from gateway.insight.settlement import Settlement, SettlementRules, settle

MS = 1000.0


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter hour of an event, W; None where it is not known throughout."""

    begin_ms: int
    end_ms: int
    baseline_w: float | None
    power_w: float | None

    @property
    def shed_w(self) -> float | None:
        """How much less than the baseline."""
        if self.baseline_w is None or self.power_w is None:
            return None
        return self.baseline_w - self.power_w


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event; `delivery` in shares of what was asked."""

    quarters: tuple[Quarter, ...]
    delivery: Delivery | None
    energy_wh: float | None
    """What was saved over the whole event."""
    settlement: Settlement | None
    known: float
    """Share of the event with both measurement and baseline."""


def evidence_of(
    name: str,
    service: str,
    *,
    begin_ms: int,
    end_ms: int,
    shed_w: float,
    power: Slots,
    baseline: Slots,
    rules: SettlementRules,
) -> Evidence:
    """The evidence of one event that asked for `shed_w` less."""
    does, line = held_of(power), held_of(baseline)
    event = Event(name, service, begin_ms / MS, (end_ms - begin_ms) / MS, shed_w)
    edges = [begin_ms / MS]
    while edges[-1] + QUARTER_S < event.end_s:
        edges.append(edges[-1] + QUARTER_S)
    bounds = np.array([*edges, event.end_s])
    quarters = tuple(
        Quarter(round(first * MS), round(last * MS), _number(base), _number(load))
        for first, last, base, load in zip(bounds[:-1], bounds[1:], line.means(bounds), does.means(bounds), strict=True)
    )
    sheds = [(one.shed_w, one.end_ms - one.begin_ms) for one in quarters]
    whole = [(shed, span) for shed, span in sheds if shed is not None]
    known = np.isfinite(does.at(_seconds(event))) & np.isfinite(line.at(_seconds(event)))
    return Evidence(
        quarters=quarters,
        delivery=deliver(event, does, line),
        energy_wh=sum(shed * span / 3_600_000.0 for shed, span in whole) if len(whole) == len(sheds) else None,
        settlement=settle(event, does, line, rules) if service == "dr" else None,
        known=float(known.mean()),
    )


def held_of(slots: Slots) -> Held:
    """A stretch of history as a value that holds from slot to slot; times are UTC seconds."""
    end_s = (slots.begin_ms + slots.step_ms * len(slots.mean)) / MS
    return Held(slots.times_ms / MS, slots.mean, end_s)


def _seconds(event: Event) -> np.typing.NDArray[np.float64]:
    return event.start_s + np.arange(max(1, int(event.for_s)), dtype=np.float64)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
