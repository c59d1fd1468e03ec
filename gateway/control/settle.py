"""From what is known in this step to the causes that move the mode, and what HOLD, RAMP and SAFE start from."""

from dataclasses import dataclass
from math import inf

from gateway.control.book import Taken, active, drop
from gateway.control.mode import Cause, move
from gateway.control.state import ControlState, Held
from gateway.model.mode import Mode
from gateway.model.request import Kind, Result, Service, Source, Verdict
from gateway.model.site import Site

BOOT_S = 5.0
"""How long a start waits for its inputs before it calls them lost."""
LOST_PERIODS = 3.0
"""A regulation signal is lost after this many of its periods without a successor (T_sig)."""
UNLINKED = (Mode.HOLD, Mode.RAMP, Mode.SAFE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What this step knows that can move the mode."""

    now_s: float
    utc_ms: int
    inputs_ok: bool
    taken: Taken


def settle(state: ControlState, site: Site, seen: Seen, aims: dict[str, float]) -> list[Verdict]:
    """Move the mode as far as this step's causes lead; answers to the requests that were lost on the way."""
    verdicts: list[Verdict] = []
    if lost := _lost(state, site, seen.now_s):
        reason = "signal_lost" if lost.request.service is Service.REG else "upstream_lost"
        verdicts.append(drop(state.book, lost, Result.FAILED, reason, seen.utc_ms))
        if active(state.book, seen.now_s) is None:
            _lose(state, site, lost, seen, aims)
    for _ in range(3):
        cause = _cause(state, site, seen)
        if cause is None or move(state.mode.mode, cause) is state.mode.mode:
            break
        _go(state, cause, seen)
    return verdicts


def _lost(state: ControlState, site: Site, now_s: float) -> Held | None:
    held = active(state.book, now_s)
    if held is None or held.request.kind is not Kind.SETPOINT or held.request.source is not Source.REMOTE:
        return None
    if held.request.service is Service.REG and site.services.regulation is not None:
        patience_s = LOST_PERIODS * site.services.regulation.signal_period_s
        ends_s = inf if held.end_s is None else held.end_s
        return held if now_s > held.heard_s + patience_s or now_s >= ends_s else None
    heard_s = state.book.heard.get(held.request.issuer, held.heard_s)
    return held if now_s - heard_s > site.control.link_lost_s else None


def _lose(state: ControlState, site: Site, lost: Held, seen: Seen, aims: dict[str, float]) -> None:
    mode = state.mode
    if mode.mode is Mode.FAULT:
        mode.unlinked = True
        return
    if mode.mode is not Mode.REMOTE:
        return
    request = lost.request
    mode.held_signal = request.signal if request.service is Service.REG else None
    mode.held_target_w = request.power_w
    if request.shed_w is not None and lost.reference_w is not None:
        mode.held_target_w = lost.reference_w - request.shed_w
    hold_s = site.control.regulation_hold_s if request.service is Service.REG else site.control.hold_s
    mode.hold_until_s = seen.now_s + hold_s
    if request.service is not Service.REG and lost.end_s is not None:
        mode.hold_until_s = min(mode.hold_until_s, lost.end_s)
    mode.held_aims = dict(aims)
    mode.lost_ms = seen.utc_ms
    _go(state, Cause.UPLINK_LOST, seen)


def _cause(state: ControlState, site: Site, seen: Seen) -> Cause | None:
    mode = state.mode
    if mode.mode is Mode.BOOT:
        if seen.inputs_ok:
            return Cause.INPUTS_READY
        return Cause.INPUTS_LOST if seen.now_s - state.started_s > BOOT_S else None
    if mode.mode is Mode.FAULT:
        return _back(state, site, seen)
    if not seen.inputs_ok:
        return Cause.INPUTS_LOST
    if mode.mode in UNLINKED:
        if any(_fresh(held, mode.lost_ms) for held in seen.taken.fresh):
            return Cause.FRESH_REQUEST
        if mode.mode is Mode.HOLD and mode.hold_until_s is not None and seen.now_s >= mode.hold_until_s:
            return Cause.HOLD_EXPIRED
        ramped = seen.now_s - mode.since_s >= site.control.ramp_s
        return Cause.RAMP_DONE if mode.mode is Mode.RAMP and ramped else None
    following = active(state.book, seen.now_s)
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


def _fresh(held: Held, lost_ms: int | None) -> bool:
    """I-11: a command issued after the loss was seen; a limit commands nothing to follow."""
    return held.request.kind is not Kind.LIMIT and (lost_ms is None or held.request.issued_ms > lost_ms)


def _go(state: ControlState, cause: Cause, seen: Seen) -> None:
    mode = state.mode
    before = mode.mode
    mode.mode, mode.cause, mode.since_s = move(before, cause), cause.value, seen.now_s
    if mode.mode is Mode.FAULT:
        mode.inputs_back_s = None
        mode.unlinked = mode.unlinked or before in UNLINKED
    elif mode.mode not in UNLINKED:
        mode.held_signal = mode.held_target_w = mode.hold_until_s = mode.lost_ms = None
        mode.held_aims = {}
        mode.unlinked = False
    elif before is Mode.FAULT:
        mode.held_signal = mode.held_target_w = None
        mode.unlinked = False
        mode.lost_ms = seen.utc_ms
