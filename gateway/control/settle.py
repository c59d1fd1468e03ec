"""From what is known in this step to the causes that move the mode, and what HOLD, RAMP and SAFE start from."""

from dataclasses import dataclass

from gateway.control.book import Taken, active, drop, in_force
from gateway.control.goal import target_w
from gateway.control.mode import Cause, move
from gateway.control.state import ControlState, Held
from gateway.model.mode import Mode
from gateway.model.request import Kind, Result, Source, Verdict
from gateway.model.site import Site

BOOT_S = 5.0
"""How long a start waits for its inputs before it calls them lost."""
READ_S = 3.0
"""How long a start waits for every asset to be read: what is not known yet would count as load nobody controls."""
LOST_PERIODS = 3.0
"""A regulation signal is lost after this many of its periods without a successor (T_sig)."""
UNLINKED = (Mode.HOLD, Mode.RAMP, Mode.SAFE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What this step knows that can move the mode."""

    now_s: float
    utc_ms: int
    inputs_ok: bool
    """The inputs control cannot do without are there: the site meter, and every interlock's."""
    complete: bool
    """Every asset has been read."""
    taken: Taken
    aims: dict[str, float]
    """What every asset was asked for last, W."""


def settle(state: ControlState, site: Site, seen: Seen) -> list[Verdict]:
    """Move the mode as far as this step's causes lead; answers to the requests that were lost on the way."""
    verdicts = _lose(state, site, seen)
    for _ in range(3):
        cause = _cause(state, site, seen)
        if cause is None or move(state.mode.mode, cause) is state.mode.mode:
            break
        _go(state, cause, seen)
        if cause is Cause.HOLD_EXPIRED:  # the ramp starts from where the hold has ended, not from where it began
            state.mode.held_aims = dict(seen.aims)
    return verdicts


def _lose(state: ControlState, site: Site, seen: Seen) -> list[Verdict]:
    """Drop every setpoint whose upstream is lost; where the site now follows nothing, that is UPLINK_LOST."""
    book, now_s = state.book, seen.now_s
    lost = [held for held in book.entries if _lost(held, state, site, now_s)]
    if not lost:
        return []
    led = in_force(book, now_s)
    wanted_w = None if led is None else target_w(state, site, led, now_s)
    verdicts = []
    for held in lost:
        reason = "upstream_lost" if held.request.signal is None else "signal_lost"
        verdicts.append(drop(book, held, Result.FAILED, reason, seen.utc_ms))
    if led in lost and (active if led.request.target == "site" else in_force)(book, now_s) is None:
        _unlink(state, site, led, seen, wanted_w=wanted_w)
    return verdicts


def _lost(held: Held, state: ControlState, site: Site, now_s: float) -> bool:
    request = held.request
    if held.waits or request.kind is not Kind.SETPOINT or request.source is not Source.REMOTE:
        return False
    if request.signal is not None:
        regulation = site.services.regulation
        patience_s = 0.0 if regulation is None else LOST_PERIODS * regulation.signal_period_s
        return now_s > held.heard_s + patience_s or (held.end_s is not None and now_s >= held.end_s)
    return now_s - state.book.heard.get(request.issuer, held.heard_s) > site.control.link_lost_s


def _unlink(state: ControlState, site: Site, lost: Held, seen: Seen, *, wanted_w: float | None) -> None:
    mode = state.mode
    if mode.mode is Mode.FAULT:
        mode.unlinked = True
        return
    if mode.mode is not Mode.REMOTE:
        return
    signal = lost.request.signal
    mode.held_signal = signal
    mode.held_target_w = wanted_w
    hold_s = site.control.hold_s if signal is None else site.control.regulation_hold_s
    mode.hold_until_s = seen.now_s + hold_s
    if signal is None and lost.end_s is not None:
        mode.hold_until_s = min(mode.hold_until_s, lost.end_s)
    mode.held_aims = dict(seen.aims)
    mode.lost_s = seen.now_s
    _go(state, Cause.UPLINK_LOST, seen)


def _cause(state: ControlState, site: Site, seen: Seen) -> Cause | None:
    mode = state.mode
    if mode.mode is Mode.BOOT:
        if seen.inputs_ok and (seen.complete or seen.now_s - state.started_s > READ_S):
            return Cause.INPUTS_READY
        return Cause.INPUTS_LOST if seen.now_s - state.started_s > BOOT_S else None
    if mode.mode is Mode.FAULT:
        return _back(state, site, seen)
    if not seen.inputs_ok:
        return Cause.INPUTS_LOST
    if mode.mode in UNLINKED:
        if any(_fresh(held, mode.lost_s) for held in seen.taken.fresh):
            return Cause.FRESH_REQUEST
        if any(by_operator(held) for held in seen.taken.fresh):
            return Cause.OPERATOR
        if mode.mode is Mode.HOLD and mode.hold_until_s is not None and seen.now_s >= mode.hold_until_s:
            return Cause.HOLD_EXPIRED
        ramped = seen.now_s - mode.since_s >= site.control.ramp_s
        return Cause.RAMP_DONE if mode.mode is Mode.RAMP and ramped else None
    following = in_force(state.book, seen.now_s)
    if mode.mode is Mode.LOCAL:
        return Cause.REQUEST_IN_FORCE if following is not None else None
    return Cause.REQUESTS_ENDED if following is None else None


def _back(state: ControlState, site: Site, seen: Seen) -> Cause | None:
    mode = state.mode
    if not seen.inputs_ok:
        mode.inputs_back_s = None
        return None
    if mode.inputs_back_s is None:
        mode.inputs_back_s = seen.now_s
    if seen.now_s - mode.inputs_back_s < site.control.input_return_s:
        return None
    return Cause.INPUTS_BACK_UNLINKED if mode.unlinked else Cause.INPUTS_BACK


def _fresh(held: Held, lost_s: float | None) -> bool:
    """I-11: a command issued after the loss was seen; a limit commands nothing to follow."""
    request = held.request
    if request.source is not Source.REMOTE or request.kind is Kind.LIMIT:
        return False
    return lost_s is None or held.issued_s > lost_s


def by_operator(held: Held) -> bool:
    """An operator who asks something of the whole site; a hold on one asset touches that asset only (I-14)."""
    return held.request.source is Source.MANUAL and held.request.target == "site"


def _go(state: ControlState, cause: Cause, seen: Seen) -> None:
    mode = state.mode
    before = mode.mode
    mode.mode, mode.cause, mode.since_s = move(before, cause), cause.value, seen.now_s
    if mode.mode is Mode.FAULT:
        mode.held_aims = dict(seen.aims)
        mode.inputs_back_s = None
        mode.unlinked = mode.unlinked or before in UNLINKED
    elif mode.mode not in UNLINKED:
        mode.held_signal = mode.held_target_w = mode.hold_until_s = mode.lost_s = None
        mode.held_aims = {}
        mode.unlinked = False
    elif before is Mode.FAULT:
        mode.held_signal = mode.held_target_w = None
        mode.unlinked = False
        mode.lost_s = seen.now_s
