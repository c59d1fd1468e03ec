"""Loads that are switched: how far they can go now, and which of them are switched for a number that shall run.

None is switched before its minimum times are over, nor started more often than it may be (I-06), and none is kept off
for longer than people stand. The one that was off longest starts first, the one that ran longest stops first.
"""

from gateway.control.bounded import Room
from gateway.control.facts import Facts
from gateway.control.state import AssetState, Relay
from gateway.model.site import Switched

HOUR_S = 3600.0


def has_lasted(since_s: float | None, least_s: float, *, now_s: float) -> bool:
    """Whether what a machine does is old enough to be changed; unknown since when counts as just begun."""
    return since_s is not None and now_s - since_s >= least_s


def may_begin(starts_s: tuple[float, ...], most: int, *, now_s: float) -> bool:
    """Whether one more start in the hour is left."""
    return sum(1 for start_s in starts_s if now_s - start_s < HOUR_S) < most


def is_on(state: AssetState, device: str) -> bool:
    """Whether a load runs, as far as known; one of which nothing is known counts as off."""
    relay = state.relays.get(device)
    return relay is not None and relay.on


def is_overdue(switched: Switched, relay: Relay | None, *, now_s: float) -> bool:
    """Whether a load is off for longer than it may be."""
    longest_s = switched.longest_off_s
    return longest_s is not None and relay is not None and not relay.on and now_s - relay.since_s >= longest_s


def room(known: Facts, switched: Switched, state: AssetState, devices: tuple[str, ...], *, now_s: float) -> Room:
    """The loads that must run up to those that can, in W."""
    asset, rated_w = known.asset, switched.rated_w
    part = len(devices) / len(asset.devices)
    running = [device for device in devices if is_on(state, device)]
    resting = [device for device in devices if not is_on(state, device)]
    startable = [device for device in resting if _may_start(switched, state, device, now_s=now_s)]
    overdue = [device for device in startable if is_overdue(switched, state.relays.get(device), now_s=now_s)]
    bound = [device for device in running if not _may_stop(switched, state, device, now_s=now_s)]
    least_w, most_w = rated_w * (len(bound) + len(overdue)), rated_w * (len(running) + len(startable))
    lo_w, lo_reason = asset.min_w * part, "min"
    hi_w, hi_reason = asset.max_w * part, "max"
    if least_w > lo_w:
        lo_w, lo_reason = least_w, "longest_off" if overdue else "min_on"
    if most_w < hi_w:
        hi_w, hi_reason = most_w, "min_off"
    lo_w, hi_w = min(lo_w, most_w), max(hi_w, least_w)
    rest_w = min(max((asset.operating_w or 0.0) * part, lo_w), max(lo_w, hi_w))
    return lo_w, max(lo_w, hi_w), rest_w, lo_reason, hi_reason


def switches(
    known: Facts, state: AssetState, devices: tuple[str, ...], count: int, *, urgent: bool, now_s: float
) -> dict[str, bool]:
    """Which loads to switch so that `count` of these run, as far as that is allowed; `urgent` stops need no minimum time.

    A load that is overdue takes the place of another.
    """
    switched = known.switched
    assert switched is not None  # asked of switched loads only
    on = [device for device in devices if is_on(state, device)]
    off = [device for device in devices if device in state.relays and not is_on(state, device)]
    off = sorted(off, key=lambda device: state.relays[device].since_s)
    off = [device for device in off if _may_start(switched, state, device, now_s=now_s)]
    starting = [d for d in off if not urgent and is_overdue(switched, state.relays[d], now_s=now_s)]
    starting += [device for device in off if device not in starting][: max(0, count - len(on) - len(starting))]
    on = sorted(on, key=lambda device: state.relays[device].since_s)
    on_w = [device for device in on if urgent or _may_stop(switched, state, device, now_s=now_s)]
    stopping = on_w[: max(0, len(on) + len(starting) - count)]
    if known.period_s > 0.0:  # one start a period
        starts_s = [
            start_s for device in devices if device in state.relays for start_s in state.relays[device].starts_s
        ]
        waits = any(now_s - start_s < known.period_s for start_s in starts_s)
        starting = [] if waits else starting[:1]
    return {**dict.fromkeys(stopping, False), **dict.fromkeys(starting, True)}


def _may_stop(switched: Switched, state: AssetState, device: str, *, now_s: float) -> bool:
    relay = state.relays.get(device)
    return has_lasted(None if relay is None else relay.since_s, switched.min_on_s, now_s=now_s)


def _may_start(switched: Switched, state: AssetState, device: str, *, now_s: float) -> bool:
    relay = state.relays.get(device)
    if relay is None or not has_lasted(relay.since_s, switched.min_off_s, now_s=now_s):
        return False
    return may_begin(relay.starts_s, switched.max_starts_per_h, now_s=now_s)
