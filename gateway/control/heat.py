"""The twin of rooms with thermostats: what they head for, what they would draw unasked, how they answer.

Theory. Between two set-points a room's power drifts: it warms, its controller integrates, the sun moves. So unlike the
twin of a machine this one is moved by each reading of the meter that measures the group. What the group would draw
unasked is seen through what it draws and what its rooms store: measured + wh_per_k x drift of the mean temperature,
smoothed. The part of a meant change that came is learned from changes large enough to be told from the drift; where
next to nothing came time and again, the group does not follow.
"""

from dataclasses import replace
from math import exp

from gateway.control import response
from gateway.control.facts import Facts
from gateway.control.kinds import ZONE
from gateway.control.state import Answer, AssetState, Rooms
from gateway.model.image import Snapshot
from gateway.model.point import point_id
from gateway.model.site import Zones

POLL_GAIN = 0.3
"""By this part of what it missed the twin is moved by a reading."""
LOST_S = 60.0
"""A meter that was silent for longer is believed at once: nobody knows what the twin was compared with."""
REST_S, DRIFT_S = 3600.0, 600.0
"""Smoothing of what is drawn unasked, and of the drift of the temperature."""
WINDOW_S, SEEN_PART = 120.0, 0.15
"""A window of learning lasts this and a lag; it counts when the twin was moved by this part of the range."""
PRIOR = 2.0
"""What is stated weighs as much as so many windows that just count."""
KEPT = 0.9
"""Of the older windows, at each that counts."""
LEAST, MOST = 0.33, 3.0
"""The part of a meant change that is believed to come."""
IGNORED, TIMES, SHUN_S = 0.2, 2, 1800.0
"""Less than this part so many times on end is not following; then the group is left out so long."""


def temperature(snapshot: Snapshot, device: str) -> float | None:
    """What a room's thermostat measures; None while that is not known."""
    return snapshot.usable(point_id(device, ZONE))


def correct(known: Facts, state: AssetState, snapshot: Snapshot, *, now_s: float) -> float:
    """Take over a new reading of the group's meter; returns by how much the twin was moved, W, as `verify.correct`."""
    zones = known.zones
    assert zones is not None  # asked of rooms only
    watts, measured_s = snapshot.timed(known.powers[0])
    if watts is None or measured_s <= state.polled_s:
        return 0.0
    waited_s, state.polled_s = measured_s - state.polled_s, measured_s
    rooms = state.rooms or Rooms()
    expected_w = response.then(state.twin, measured_s)
    lost = rooms.rest_w is None or waited_s > LOST_S
    slip_w = watts - (state.twin.x if expected_w is None or lost else expected_w)
    if not lost:
        slip_w *= POLL_GAIN
    _shift(state, slip_w)
    rooms = _unasked(known, zones, rooms, snapshot, watts=watts, waited_s=waited_s)
    state.rooms = _learned(known, state, rooms, watts=watts, slip_w=slip_w, measured_s=measured_s, now_s=now_s)
    return slip_w


def heading(state: AssetState) -> float:
    """What the group will draw when everything it was told has arrived."""
    pending = state.twin.pending
    return pending[-1][1] if pending else state.twin.drive


def gain(zones: Zones, state: AssetState) -> float:
    """How much the group's power changes with its mean set-point, W/K: as stated, times the part that was seen to come."""
    rooms = state.rooms
    if rooms is None:
        return zones.w_per_k
    return zones.w_per_k * _part(rooms.answer)


def _shift(state: AssetState, by_w: float) -> None:
    """Move the twin: what it draws, drew of late, and is heading for."""
    twin = state.twin
    twin.x += by_w
    twin.drive += by_w
    twin.pending = tuple((at_s, drive + by_w) for at_s, drive in twin.pending)
    twin.trail = tuple((at_s, drawn_w + by_w) for at_s, drawn_w in twin.trail)


def _unasked(known: Facts, zones: Zones, rooms: Rooms, snapshot: Snapshot, *, watts: float, waited_s: float) -> Rooms:
    """What the group would draw unasked, and its mean temperature, a reading later."""
    shown = [room_c for device in known.asset.devices if (room_c := temperature(snapshot, device)) is not None]
    mean_c = sum(shown) / len(shown) if len(shown) == len(known.asset.devices) else None
    if rooms.rest_w is None or rooms.slow_c is None:
        return replace(rooms, rest_w=watts if rooms.rest_w is None else rooms.rest_w, slow_c=mean_c)
    if mean_c is None or waited_s > DRIFT_S:  # what its rooms stored is not known
        return replace(rooms, slow_c=mean_c)
    drift_c_per_s = (mean_c - rooms.slow_c) / DRIFT_S
    stored_w = zones.wh_per_k * 3600.0 * drift_c_per_s * (-1.0 if zones.heats else 1.0)
    slow_c = mean_c + (rooms.slow_c - mean_c) * exp(-waited_s / DRIFT_S)
    rest_w = watts + stored_w + (rooms.rest_w - watts - stored_w) * exp(-waited_s / REST_S)
    return replace(rooms, rest_w=max(0.0, rest_w), slow_c=slow_c)


def _learned(
    known: Facts, state: AssetState, rooms: Rooms, *, watts: float, slip_w: float, measured_s: float, now_s: float
) -> Rooms:
    """The windows of learning a reading later; a group that ignores its set-points is left out for a while."""
    answer, asset = rooms.answer, known.asset
    shifted_w = answer.shifted_w + slip_w
    modelled_w = state.twin.x - shifted_w
    if measured_s - answer.begun_s < WINDOW_S + asset.lag_s:
        return replace(rooms, answer=replace(answer, shifted_w=shifted_w))
    meant_w, came_w = modelled_w - answer.modelled_w, watts - answer.measured_w
    scale_w = SEEN_PART * (asset.max_w - asset.min_w)
    square, product, ignored = answer.square, answer.product, answer.ignored
    if answer.begun_s >= 0.0 and abs(meant_w) >= scale_w:
        weight = (meant_w / scale_w) ** 2
        square = KEPT * square + weight
        product = KEPT * product + weight * _part(answer) * came_w / meant_w
        ignored = ignored + 1 if came_w / meant_w < IGNORED else 0
        if ignored >= TIMES:
            state.shunned_until_s, ignored = now_s + SHUN_S, 0
    return replace(rooms, answer=Answer(measured_s, watts, modelled_w, shifted_w, square, product, ignored))


def _part(answer: Answer) -> float:
    """The part of a meant change that came, by all windows and what was stated."""
    return min(max((PRIOR + answer.product) / (PRIOR + answer.square), LEAST), MOST)
