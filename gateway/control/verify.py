"""Commanded against measured: an asset that does not follow its commands loses its share.

The twin of an asset under command goes by its commands alone. What it draws beyond them the site meter shows together
with the load nobody controls, and sooner than its own polls; taken from both it would count twice while they disagree.
A released asset does as it likes: its twin is pulled towards what is polled.
"""

from gateway.control import heat, response
from gateway.control.facts import Facts
from gateway.control.headroom import Band
from gateway.control.kinds import to_drive, to_watts
from gateway.control.shape import drive_bounds
from gateway.control.state import AssetState
from gateway.model.image import Snapshot
from gateway.model.site import Asset

POLL_GAIN = 0.3
DOUBT_PART = 0.15
"""Measured and expected power may differ by this part of the range …"""
DOUBT_LEAST_W = 3_000.0
SHUN_S = 60.0
"""… for `patience_s`; then the asset is left out this long and tried again."""


def patience_s(asset: Asset) -> float:
    """How long an asset may contradict its twin before it counts as not following."""
    return 3.0 + 2.0 * (asset.dead_time_s + asset.lag_s)


def correct(known: Facts, state: AssetState, band: Band, snapshot: Snapshot, *, now_s: float) -> float:
    """Compare the readings that are new with what the twin drew when each was measured.

    Returns what the asset draws beyond its twin when it has just been found not to follow, W, else 0: until then the
    load nobody controls was blamed for it.
    """
    asset, count = known.asset, len(band.devices)
    if count == 0:
        state.doubt_s = None
        return 0.0
    if known.zones is not None:
        return heat.correct(known, state, snapshot, now_s=now_s)
    newest_s, error_w = state.polled_s, 0.0
    for point in known.powers:
        watts, measured_s = snapshot.timed(point)
        if watts is None or measured_s <= state.polled_s:
            continue
        newest_s = max(newest_s, measured_s)
        expected_w = response.then(state.twin, measured_s)
        if expected_w is not None:
            error_w += watts - expected_w / count
    if newest_s <= state.polled_s:
        return 0.0
    state.polled_s = newest_s
    now_w, released = to_watts(asset, state.twin.x, count), all(sent.value is None for sent in state.sent.values())
    if released:
        least, most = drive_bounds(asset, count)
        state.twin.x = min(max(to_drive(asset, now_w + POLL_GAIN * error_w, count), min(least, 0.0)), most)
    if not _given_up(asset, state, error_w, now_s=now_s):
        return 0.0
    state.twin.x, state.twin.pending = to_drive(asset, now_w + error_w, count), ()
    if not released:  # what it was told had no effect
        state.twin.drive = state.twin.x
    state.twin.trail = ((now_s, now_w + error_w),)
    return error_w


def _given_up(asset: Asset, state: AssetState, error_w: float, *, now_s: float) -> bool:
    """Whether the asset has contradicted its twin for too long, just now."""
    if abs(error_w) <= max(DOUBT_LEAST_W, DOUBT_PART * (asset.max_w - asset.min_w)):
        state.doubt_s = None
    elif state.doubt_s is None:
        state.doubt_s = now_s
    elif now_s - state.doubt_s > patience_s(asset) and now_s >= state.shunned_until_s:
        state.shunned_until_s = now_s + SHUN_S
        state.doubt_s = None
        return True
    return False
