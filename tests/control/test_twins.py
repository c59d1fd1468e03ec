"""Twins and the observer against their formulas."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import observer, response
from gateway.control.state import Load, Twin

LAG_S = 30.0


def test_a_command_shows_after_its_dead_time_and_then_by_its_lag():
    twin = Twin(x=0.0, at_s=0.0, drive=0.0)
    response.send(twin, 100.0, 10.0)
    for at_s, expected in [(5.0, 0.0), (10.0, 0.0), (40.0, 100.0 * (1 - exp(-1.0))), (70.0, 100.0 * (1 - exp(-2.0)))]:
        response.advance(twin, at_s, LAG_S)
        assert twin.x == pytest.approx(expected, rel=1e-12)
    assert twin.pending == ()


def test_without_a_lag_the_drive_is_there_at_once_and_time_never_runs_back():
    twin = Twin(x=0.0, at_s=0.0, drive=5.0)
    response.advance(twin, 0.0, 0.0)
    assert twin.x == 0.0
    response.advance(twin, 1.0, 0.0)
    assert twin.x == 5.0
    response.advance(twin, 0.5, 0.0)
    assert (twin.x, twin.at_s) == (5.0, 0.5)


def test_a_newer_command_takes_the_place_of_those_that_would_come_after_it():
    twin = Twin(x=0.0, at_s=0.0, drive=0.0)
    for drive, effect_s in [(1.0, 5.0), (2.0, 8.0), (3.0, 6.0)]:
        response.send(twin, drive, effect_s)
    assert twin.pending == ((5.0, 1.0), (6.0, 3.0))


SENDS = st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0.0, 60.0)), max_size=6)


@given(SENDS, st.floats(0.0, 100.0), st.floats(0.0, 100.0), st.sampled_from([0.0, 0.3, 30.0, 120.0]))
def test_looking_ahead_is_advancing_later(sends, pause_s, more_s, lag_s):
    twin = Twin(x=1_000.0, at_s=0.0, drive=2_000.0)
    for drive, effect_s in sends:
        response.send(twin, drive, effect_s)
    seen = response.ahead(twin, pause_s + more_s, lag_s)
    assert twin.at_s == 0.0
    response.advance(twin, pause_s, lag_s)
    again = response.ahead(twin, pause_s + more_s, lag_s)
    response.advance(twin, pause_s + more_s, lag_s)
    assert seen == pytest.approx(twin.x, abs=1e-6)
    assert again == pytest.approx(twin.x, abs=1e-6)


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(0.5, 30.0), st.floats(5.0, 120.0))
def test_a_led_drive_is_there_when_it_is_meant_to_be(x, wanted, reach_s, lag_s):
    twin = Twin(x=x, at_s=0.0, drive=response.lead(x, wanted, reach_s, lag_s))
    assert response.ahead(twin, reach_s, lag_s) == pytest.approx(wanted, abs=1e-4)


def test_the_trail_answers_for_the_last_seconds_only():
    twin = Twin(x=0.0, at_s=0.0, drive=0.0)
    assert response.then(twin, 0.0) is None
    for at in range(100):
        twin.at_s = float(at)
        response.note(twin, 10.0 * at)
    assert len(twin.trail) < 10
    assert response.then(twin, 97.5) == 975.0
    assert response.then(twin, 200.0) == 990.0
    assert response.then(twin, 0.0) == twin.trail[0][1]
    twin.at_s = 1e6
    response.note(twin, 1.0)
    assert twin.trail == ((1e6, 1.0),)


def test_two_notes_of_one_instant_give_the_later():
    twin = Twin(x=0.0, at_s=5.0, drive=0.0, trail=((4.0, 1.0), (5.0, 2.0), (5.0, 3.0)))
    assert response.then(twin, 5.0) == 3.0


def test_the_observer_takes_the_first_value_whole_and_then_its_gain():
    load = Load()
    observer.observe(load, 700.0, 1.0, 100.0, gain=0.5)
    assert (load.now_w, load.slow_w, load.slower_w) == (600.0, 600.0, 600.0)
    observer.observe(load, 800.0, 4.0, 100.0, gain=0.5)
    part = 1.0 - exp(-3.0 / observer.SLOW_S)
    assert (load.now_w, load.slow_w) == (650.0, pytest.approx(600.0 + part * 100.0))
    assert load.slower_w == pytest.approx(600.0 + part * part * 100.0)
    observer.observe(load, 900.0, 5.0, 0.0, gain=0.5, settling=True)
    assert (load.now_w, load.slow_w, load.slower_w) == (900.0, 900.0, 900.0)


@pytest.mark.parametrize(
    ("recent", "mean"),
    [
        ((), None),
        (((1.0, 5.0),), 5.0),
        (((0.0, 10.0), (3.0, 20.0), (4.0, 99.0)), 12.5),
        (((1.0, 5.0), (1.0, 7.0)), 7.0),
    ],
)
def test_the_mean_holds_each_value_until_the_next(recent, mean):
    assert observer.mean_w(Load(recent=recent)) == mean


def test_only_the_last_minute_counts_for_the_mean():
    load = Load()
    for at in range(200):
        observer.observe(load, float(at), float(at), 0.0, gain=1.0)
    assert load.recent[0][0] == 139.0
    assert observer.forecast_w(Load(slow_w=10.0, slower_w=8.0), 300.0) == 14.0
