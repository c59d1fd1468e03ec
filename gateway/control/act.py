"""Acting: the aims inside their ramp rates, and the commands for them inside the guard."""

from math import inf

from gateway.control import facts, feeders, guard, shape
from gateway.control.decision import Inputs
from gateway.control.headroom import Band
from gateway.control.holds import FROZEN, Part, safe_w
from gateway.control.state import ControlState
from gateway.model.command import Command
from gateway.model.site import Site


def act(
    site: Site, state: ControlState, bands: dict[str, Band], parts: dict[str, Part], inputs: Inputs, *, dt_s: float
) -> tuple[dict[str, str], tuple[Command, ...]]:
    """What binds each asset in the end, and the commands; notes the aims in the state."""
    written: list[Command] = []
    reasons: dict[str, str] = {}
    now_s, snapshot = inputs.now_s, inputs.snapshot
    for name, known in facts.of_all(site):
        asset = known.asset
        own, band = state.assets[name], bands[name]
        aim_w, reason, eased = parts[name]
        if reason == FROZEN:
            reasons[name] = reason
            continue
        if (
            aim_w is not None
            and asset.ramp_w_per_s < inf
            and reason != "interlock"
            and not _is_relief(reason, own.aim_w, aim_w, safe_w(asset, band))
        ):
            limited = shape.ramped(aim_w, own.aim_w, asset.ramp_w_per_s, dt_s)
            reason = reason if limited == aim_w else "ramp_rate"
            aim_w = limited
        reasons[name] = reason
        own.aim_w = band.rest_w if aim_w is None else aim_w
        commands = shape.written(known, own, band, snapshot, aim_w=aim_w, reason=reason, now_s=now_s, eased=eased)
        for command in commands:
            written.append(guard.clamp(command, asset, snapshot))
    return reasons, tuple(written)


def _is_relief(reason: str, before_w: float, aim_w: float, safe_w: float) -> bool:
    """I-04: what relieves a feeder does not wait for a ramp rate on its way to the safe value, beyond it it does."""
    hard = reason.endswith((feeders.IMPORT, feeders.EXPORT))
    return hard and min(before_w, safe_w) <= aim_w <= max(before_w, safe_w)
