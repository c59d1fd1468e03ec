"""Twins: what an asset draws now, and will draw, as its own commands explain it.

x(t + dt) = x + (u(t - dead) - x)(1 - exp(-dt / lag)); the power is g(x). Run forward through the commands still on
their way, the same recursion gives any near future; that is all the dead-time compensation there is.
"""

from math import exp

from gateway.control.state import Twin

TRAIL_S = 6.0


def advance(twin: Twin, now_s: float, lag_s: float) -> None:
    """Bring the twin to now."""
    if twin.pending and twin.pending[0][0] <= now_s:
        at = 0
        for effect_s, drive in twin.pending:
            if effect_s > now_s:
                break
            twin.x = _relax(twin.x, twin.drive, effect_s - twin.at_s, lag_s)
            twin.at_s = max(twin.at_s, effect_s)
            twin.drive = drive
            at += 1
        twin.pending = twin.pending[at:]
    dt_s = now_s - twin.at_s
    if dt_s > 0.0:
        drive = twin.drive
        twin.x = drive if lag_s <= 0.0 else drive + (twin.x - drive) * exp(-dt_s / lag_s)
    twin.at_s = now_s


def ahead(twin: Twin, at_s: float, lag_s: float) -> float:
    """The drive that will have arrived at a later instant, if nothing more is commanded."""
    x, drive, since_s = twin.x, twin.drive, twin.at_s
    if not twin.pending and at_s > since_s and lag_s > 0.0:
        return drive + (x - drive) * exp(-(at_s - since_s) / lag_s)
    for effect_s, following in twin.pending:
        if effect_s > at_s:
            break
        x = _relax(x, drive, effect_s - since_s, lag_s)
        since_s = max(since_s, effect_s)
        drive = following
    return _relax(x, drive, at_s - since_s, lag_s)


def send(twin: Twin, drive: float, effect_s: float) -> None:
    """A command was issued that takes effect at `effect_s`."""
    twin.pending = (*(held for held in twin.pending if held[0] < effect_s), (effect_s, drive))


def note(twin: Twin, watts: float) -> None:
    """Keep what the twin drew at this instant, for a few seconds."""
    trail, at_s = twin.trail, twin.at_s
    if trail and trail[0][0] < at_s - TRAIL_S:
        since_s, keep = at_s - TRAIL_S + 1.0, 0
        for t_s, _ in trail:
            if t_s >= since_s:
                break
            keep += 1
        trail = trail[keep:]
    twin.trail = (*trail, (at_s, watts))


def then(twin: Twin, at_s: float) -> float | None:
    """What the twin drew at a moment of the last seconds; None when the trail does not reach back."""
    trail = twin.trail
    for at in range(len(trail) - 1, -1, -1):
        t0_s, watts = trail[at]
        if t0_s <= at_s:
            if at + 1 == len(trail):
                return watts
            t1_s, following = trail[at + 1]
            return watts + (following - watts) * (at_s - t0_s) / (t1_s - t0_s) if t1_s > t0_s else following
    return trail[0][1] if trail else None


def lead(x_then: float, wanted: float, reach_s: float, lag_s: float) -> float:
    """The drive that brings a lag from `x_then` to `wanted` within `reach_s`; the caller clips it."""
    return x_then + (wanted - x_then) / (1.0 - exp(-reach_s / lag_s))


def _relax(x: float, drive: float, dt_s: float, lag_s: float) -> float:
    if dt_s <= 0.0:
        return x
    if lag_s <= 0.0:
        return drive
    return drive + (x - drive) * exp(-dt_s / lag_s)
