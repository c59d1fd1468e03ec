"""What the step is after: the mode, the request in force and the limits, turned into one goal."""

from dataclasses import replace

from gateway.control import forecast
from gateway.control.book import active
from gateway.control.observer import mean_w
from gateway.control.state import Book, ControlState, Held
from gateway.control.target import (
    Goal,
    Trajectory,
    basepoint_at,
    block_at,
    curve_at,
    regulation_target_w,
    shed_target_w,
)
from gateway.model.mode import Mode
from gateway.model.request import Service
from gateway.model.site import Site


def refer(book: Book, state: ControlState, now_s: float) -> None:
    """Fix what a shed counts from, once, when its request begins."""
    if not any(_waits(held, now_s) for held in book.entries):
        return
    reference_w = mean_w(state.load)
    if reference_w is None:
        return
    book.entries = tuple(
        replace(held, reference_w=reference_w) if _waits(held, now_s) else held for held in book.entries
    )


def _waits(held: Held, now_s: float) -> bool:
    return held.reference_w is None and held.request.shed_w is not None and held.begin_s <= now_s


def within(goal: Goal, bounds: tuple[float, float], natural_w: float | None) -> Goal:
    """The goal inside the limits on the connection, (max_import_w, max_export_w); the import limit wins a conflict.

    `natural_w` is what the site draws when nothing but the mode and the holds speak to its assets (None: unknown).
    They hold in every mode: what a lost upstream leaves behind may not cross them either (I-10).
    """
    import_w, export_w = bounds
    if goal.target is not None:
        wished = goal.target
        return replace(goal, target=lambda h: min(max(wished(h), -export_w), import_w))
    if natural_w is None or -export_w <= natural_w <= import_w:
        return goal
    bound = import_w if natural_w > import_w else -export_w
    return replace(goal, service="limit", target=lambda _h: bound)


def target_w(state: ControlState, site: Site, held: Held, now_s: float) -> float | None:
    """What a request wants the site to draw now; None where it speaks of one asset, or its reference is not known."""
    if held.request.target != "site":
        return None
    goal = _follow(state, site, held, Goal("", None), now_s)
    return None if goal.target is None else goal.target(0.0)


def wish(state: ControlState, site: Site, *, now_s: float) -> Goal:
    """The goal of this step by mode and request, limits left out."""
    mode = state.mode
    regulation = site.services.regulation
    block = block_at(state.plan, now_s)
    idle = _idle(state, site, now_s)
    match mode.mode:
        case Mode.REMOTE:
            return remote(state, site, now_s=now_s)
        case Mode.HOLD | Mode.RAMP | Mode.SAFE if mode.held_signal is not None and regulation is not None:
            if block is None:
                return replace(idle, safe=True)
            part = 1.0
            if mode.mode is Mode.RAMP:
                part = max(0.0, 1.0 - (now_s - mode.since_s) / site.control.ramp_s)
            signal = mode.held_signal * (0.0 if mode.mode is Mode.SAFE else part)
            return _regulate(state, site, signal, idle, now_s, service="reg")
        case Mode.HOLD if mode.held_target_w is not None:
            held_w = mode.held_target_w
            return replace(idle, service="hold", target=lambda _h: held_w)
        case Mode.HOLD if mode.held_aims:
            return replace(idle, service="hold", toward_safe=0.0)
        case Mode.RAMP if mode.held_aims:
            return replace(idle, service="ramp", toward_safe=min(1.0, (now_s - mode.since_s) / site.control.ramp_s))
        case Mode.LOCAL:
            return idle
        case _:
            return replace(idle, safe=True)


def remote(state: ControlState, site: Site, *, now_s: float) -> Goal:
    """The goal of the request in force, whatever the mode."""
    idle, held = _idle(state, site, now_s), active(state.book, now_s)
    return idle if held is None else _follow(state, site, held, idle, now_s)


def _idle(state: ControlState, site: Site, now_s: float) -> Goal:
    regulation, block = site.services.regulation, block_at(state.plan, now_s)
    return Goal(
        "",
        None,
        capacity_w=None if regulation is None else regulation.capacity_w,
        basepoint_w=None if block is None else block.basepoint_w,
    )


def _follow(state: ControlState, site: Site, held: Held, idle: Goal, now_s: float) -> Goal:
    request = held.request
    if request.service is Service.REG and request.signal is not None:
        return _follow_signal(state, site, request.signal, idle, now_s)
    if request.power_w is not None:
        power_w = request.power_w
        return replace(idle, service=request.service.value, target=lambda _h: power_w)
    if request.shed_w is None:
        return idle
    shed_w = request.shed_w
    reference_w = held.reference_w
    if request.service is Service.DR:
        baseline_w = curve_at(held, now_s)
        if baseline_w is not None:
            return replace(
                idle,
                service="dr",
                baseline_w=baseline_w,
                target=lambda h: shed_target_w(curve_at(held, now_s + h) or 0.0, shed_w),
            )
    elif block_at(state.plan, now_s) is not None and reference_w is not None:
        otherwise_w = reference_w
        return replace(
            idle,
            service="ar",
            target=lambda h: shed_target_w(basepoint_at(state.plan, now_s + h, otherwise_w), shed_w),
        )
    if reference_w is None:
        return idle
    from_w = reference_w
    baseline = from_w if request.service is Service.DR else None
    return replace(
        idle, service=request.service.value, baseline_w=baseline, target=lambda _h: shed_target_w(from_w, shed_w)
    )


def _regulate(state: ControlState, site: Site, signal: float, idle: Goal, now_s: float, *, service: str) -> Goal:
    regulation = site.services.regulation
    if regulation is None or idle.basepoint_w is None:
        return idle
    capacity_w, last_w = regulation.capacity_w, idle.basepoint_w
    target: Trajectory = lambda h: regulation_target_w(  # noqa: E731 - one line of arithmetic, typed
        basepoint_at(state.plan, now_s + h, last_w), signal, capacity_w
    )
    return replace(idle, service=service, target=target, signal=signal)


def _follow_signal(state: ControlState, site: Site, signal: float, idle: Goal, now_s: float) -> Goal:
    """Regulation while the signal comes: every horizon aims at the signal expected there."""
    regulation = site.services.regulation
    if regulation is None or idle.basepoint_w is None:
        return idle
    capacity_w, last_w, period_s = regulation.capacity_w, idle.basepoint_w, regulation.signal_period_s

    def target(h: float) -> float:
        expected = signal if h == 0.0 else forecast.ahead(state.forecast, signal, at_s=now_s + h, period_s=period_s)
        return regulation_target_w(basepoint_at(state.plan, now_s + h, last_w), expected, capacity_w)

    return replace(idle, service="reg", target=target, signal=signal)
