"""From the request in force to what the site shall draw; the only place where a signal or a shed becomes a target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.control.state import Block, Declared, Held

Trajectory = Callable[[float], float]
"""Site power wanted at a horizon: (seconds from now) -> W."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the step is after: `target(h)` at the meter, or with None each asset at rest (or at its safe value)."""

    service: str
    target: Trajectory | None
    safe: bool = False
    """Without a target: every asset at its safe value instead of at rest."""
    toward_safe: float | None = None
    """While ramping out: how far between the held aims (0) and the safe values (1)."""
    signal: float | None = None
    capacity_w: float | None = None
    basepoint_w: float | None = None
    baseline_w: float | None = None
    aims: Mapping[str, float] = field(default_factory=dict)
    """Without a target: what single assets are asked for before or after an event, W; the others rest."""


def at_once(goal: Goal) -> float | None:
    """What the site shall draw now; None without a target."""
    return None if goal.target is None else goal.target(0.0)


def regulation_target_w(basepoint_w: float, signal: float, capacity_w: float) -> float:
    """Signal +1 sheds or injects the whole capacity: base point 600 kW, capacity 200 kW, signal +1 -> 400 kW."""
    return basepoint_w - signal * capacity_w


def shed_target_w(reference_w: float, shed_w: float) -> float:
    """A reduction, positive when we consume less, counted from its reference."""
    return reference_w - shed_w


def block_at(plan: Declared, at_s: float) -> Block | None:
    """The declared block that covers an instant of the boot clock."""
    for block in plan.blocks:
        if block.start_s <= at_s < block.end_s:
            return block
    return None


def basepoint_at(plan: Declared, at_s: float, otherwise_w: float) -> float:
    """The declared base point at an instant; beyond the plan, the value given."""
    block = block_at(plan, at_s)
    return otherwise_w if block is None else block.basepoint_w


def curve_at(held: Held, at_s: float) -> float | None:
    """The contractual baseline of an event at an instant; None when there is no curve."""
    if held.curve is None:
        return None
    from_s = held.begin_s if held.curve_from_s is None else held.curve_from_s
    at = int((at_s - from_s) / held.curve_step_s)
    return held.curve[min(max(at, 0), len(held.curve) - 1)]
