"""Dead time and lag of slow assets, learned from what they do with their commands."""

import random
from dataclasses import replace
from math import exp

import pytest

from gateway.control import timing
from gateway.control.headroom import Band
from gateway.control.kinds import power_points, to_watts
from gateway.control.state import AssetState, Timing, Twin
from tests.control.fakes import fans, site, snapshot

POLL_S = 2.0


def worked(stated, *, dead_s, lag_s, for_s=2400.0, moves=True, noise_w=300.0, orders_s=4.0):
    """Fans that answer so for a while; the stated parameters are what the twin begins with."""
    dice = random.Random(1)
    count = len(stated.devices)
    band = Band(0.0, 1e6, 0.0, "", "", stated.devices)
    speed = 80.0
    state = AssetState(Twin(x=speed, at_s=0.0, drive=speed), aim_w=0.0)
    true, orders, drive = speed, [(-1e9, speed)], speed
    now_s = 0.0
    while now_s < for_s:
        asset = stated if state.timing is None else timing.learned(site(stated), {stated.id: state}).assets[stated.id]
        if moves and now_s % orders_s == 0.0:
            drive = min(max(drive + dice.uniform(-9.0, 9.0), 60.0), 100.0)
            orders.append((now_s, drive))
            state.twin.pending = (*state.twin.pending, (now_s + asset.dead_time_s, drive))
        state.twin.pending = tuple(one for one in state.twin.pending if one[0] > now_s - 1.0)
        state.twin.at_s = now_s
        due = max(one for one in orders if one[0] + dead_s <= now_s)[1]
        true = due + (true - due) * exp(-1.0 / lag_s)
        now_s += 1.0
        if now_s % POLL_S == 0.0:
            watts = to_watts(stated, true, count) / count
            shown = {str(point): watts + dice.gauss(0.0, noise_w / count) for point in power_points(stated)}
            timing.learn(asset, state, band, snapshot(shown, now_s=now_s), stated=stated)
    return state.timing


@pytest.mark.parametrize(("dead_s", "lag_s"), [(7.0, 30.0), (13.0, 30.0), (10.0, 21.0), (10.0, 39.0), (13.0, 39.0)])
def test_a_third_off_is_found_within_the_hour(dead_s, lag_s):
    stated = replace(fans(), dead_time_s=10.0, lag_s=30.0)
    found = worked(stated, dead_s=dead_s, lag_s=lag_s)
    assert found.dead_s == pytest.approx(dead_s, abs=1.2)
    assert found.lag_s == pytest.approx(lag_s, rel=0.12)


def test_an_asset_that_does_not_move_teaches_nothing():
    stated = replace(fans(), dead_time_s=10.0, lag_s=30.0)
    found = worked(stated, dead_s=5.0, lag_s=60.0, moves=False)
    assert (found.dead_s, found.lag_s, found.moved) == (10.0, 30.0, False)


def test_what_is_learned_stays_within_twice_and_half_of_what_is_stated():
    stated = replace(fans(), dead_time_s=10.0, lag_s=30.0)
    found = worked(stated, dead_s=1.0, lag_s=100.0, for_s=6000.0)
    assert found.dead_s >= 5.0
    assert found.lag_s <= 60.0


def test_a_restart_keeps_what_was_learned_and_begins_its_comparison_anew():
    stated = replace(fans(), dead_time_s=10.0, lag_s=30.0)
    state = AssetState(Twin(x=80.0, at_s=50.0, drive=80.0), aim_w=0.0, timing=Timing(12.0, 25.0, moved=True))
    asset = timing.learned(site(stated), {stated.id: state}).assets[stated.id]
    assert (asset.dead_time_s, asset.lag_s) == (12.0, 25.0)
    timing.learn(asset, state, Band(0.0, 1e6, 0.0, "", "", stated.devices), snapshot({}, now_s=60.0), stated=stated)
    assert (state.timing.dead_s, state.timing.moved, len(state.timing.rivals)) == (12.0, True, 5)


def test_fans_of_which_no_lag_is_stated_are_left_as_they_are():
    stated = replace(fans(), dead_time_s=1.0, lag_s=0.0)
    assert worked(stated, dead_s=1.0, lag_s=5.0, for_s=60.0) is None


def test_batteries_and_cars_are_left_alone():
    stated = replace(fans(), dead_time_s=10.0, lag_s=30.0)
    state = AssetState(Twin(x=80.0, at_s=0.0, drive=80.0), aim_w=0.0)
    timing.learn(stated, state, Band(0.0, 1e6, 0.0, "", "", ()), snapshot({}, now_s=1.0), stated=stated)
    assert state.timing is None
