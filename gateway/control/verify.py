"""Commanded against measured: twins are corrected by what is polled; an asset that does not follow loses its share."""

from typing import NamedTuple

from gateway.control import response
from gateway.control.headroom import Band
from gateway.control.kinds import power_points, to_drive, to_watts
from gateway.control.shape import drive_bounds
from gateway.control.state import AssetState
from gateway.model.image import Snapshot
from gateway.model.site import Asset

POLL_GAIN = 0.3
DOUBT_PART = 0.15
"""Measured and expected power may differ by this part of the range …"""
DOUBT_LEAST_W = 3_000.0
LEFT_PART = 0.05
"""A device that differs twice in a row by DOUBT_PART of its own range has left its fellows, when all of them together
differ by this part of the asset's range: then the asset is taken at its word at once."""
SHUN_S = 60.0
"""… for `patience_s`; then the asset is left out this long and tried again."""


def patience_s(asset: Asset) -> float:
    """How long an asset may contradict its twin before it counts as not following."""
    return 3.0 + 2.0 * (asset.dead_time_s + asset.lag_s)


class News(NamedTuple):
    """Readings since the last: the newest's time, what they show beyond the twin, and that of every device as last read.

    `left`: a device differs from its fellows, and did when it was read before.
    """

    newest_s: float
    error_w: float
    errors: dict[str, float]
    left: bool


def correct(asset: Asset, state: AssetState, band: Band, snapshot: Snapshot, *, now_s: float) -> float:
    """Pull the twin towards the readings that are new, each compared with what the twin drew when it was measured.

    Returns what the asset turned out to draw beyond its twin all the while, W: when one of its devices has left its
    fellows, or when it was just found not to follow; until then the load nobody controls was blamed for it. Small
    differences are the twin's own and are drawn in by and by.
    """
    count = len(band.devices)
    if count == 0:
        state.doubt_s = None
        return 0.0
    news = _news(asset, state, snapshot, count)
    if news.newest_s <= state.polled_s:
        return 0.0
    state.polled_s = news.newest_s
    now_w, error_w = to_watts(asset, state.twin.x, count), news.error_w
    together_w = sum(news.errors.values())
    left = news.left and abs(together_w) > LEFT_PART * (asset.max_w - asset.min_w)
    moved_w = _pull(asset, state, now_w, together_w if left else POLL_GAIN * error_w, count)
    if news.errors:
        state.errors = {point: own_w - moved_w / count for point, own_w in news.errors.items()}
    if left:
        state.twin.trail = tuple((at_s, watts + moved_w) for at_s, watts in state.twin.trail)
        return moved_w
    if not _given_up(asset, state, error_w, now_s=now_s):
        return 0.0
    _take(asset, state, now_w + error_w, count)
    return error_w


def _news(asset: Asset, state: AssetState, snapshot: Snapshot, count: int) -> News:
    """What was read since."""
    least_w = max(DOUBT_LEAST_W, DOUBT_PART * (asset.max_w - asset.min_w) / count)
    newest_s, error_w, errors, left = state.polled_s, 0.0, state.errors, False
    for point in power_points(asset):
        watts, measured_s = snapshot.timed(point)
        if watts is None or measured_s <= state.polled_s:
            continue
        newest_s = max(newest_s, measured_s)
        expected_w = response.then(state.twin, measured_s)
        if expected_w is None:
            continue
        own_w = watts - expected_w / count
        error_w += own_w
        if count > 1:
            left |= abs(own_w) > least_w and errors.get(point, 0.0) * own_w > least_w * least_w
            errors = {**errors, point: own_w}
    return News(newest_s, error_w, errors, left)


def _pull(asset: Asset, state: AssetState, now_w: float, by_w: float, count: int) -> float:
    """Move the twin by so much, as far as the drive's bounds let it; how far it went, W."""
    least, most = drive_bounds(asset, count)
    state.twin.x = min(max(to_drive(asset, now_w + by_w, count), min(least, 0.0)), most)
    return to_watts(asset, state.twin.x, count) - now_w


def _take(asset: Asset, state: AssetState, watts: float, count: int) -> None:
    """What was measured is what it does, and goes on doing."""
    state.twin.x = state.twin.drive = to_drive(asset, watts, count)
    state.twin.pending, state.twin.trail = (), ((state.twin.at_s, watts),)


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


def following(state: AssetState, *, now_s: float) -> bool:
    """Whether the asset is given a share."""
    return now_s >= state.shunned_until_s
