"""Dead time and lag out of a step, and what a row of steps says an asset is capable of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.capability import Step, Taken, capability, follows, measure, plan
from gateway.insight.response import estimate


def answer(t, *, dead_s, lag_s, begin_w, change_w):
    return begin_w + change_w * np.where(t > dead_s, 1.0 - np.exp(-(t - dead_s) / lag_s), 0.0)


@settings(max_examples=30, deadline=None)
@given(
    dead_s=st.floats(0.5, 20.0),
    lag_s=st.floats(1.0, 60.0),
    begin_w=st.floats(-1e5, 1e5),
    change_w=st.sampled_from([-50_000.0, 8_000.0, 200_000.0]),
    period_s=st.sampled_from([0.2, 1.0, 2.0]),
    noise=st.sampled_from([0.0, 0.01]),
)
def test_a_step_gives_back_the_dead_time_and_lag_it_was_made_of(dead_s, lag_s, begin_w, change_w, period_s, noise):
    t = np.arange(period_s, dead_s + 6.0 * lag_s, period_s)
    if t.size < 20:
        return
    watts = answer(t, dead_s=dead_s, lag_s=lag_s, begin_w=begin_w, change_w=change_w)
    watts += noise * change_w * np.sin(7.3 * np.arange(t.size))
    found = estimate(t, watts, begin_w=begin_w)
    assert found is not None
    tolerance = 0.25 * period_s + 0.02 * lag_s + 20.0 * noise * lag_s / np.sqrt(t.size)
    assert found.dead_s == pytest.approx(dead_s, abs=tolerance)
    assert found.lag_s == pytest.approx(lag_s, abs=2.0 * tolerance)
    assert found.change_w == pytest.approx(change_w, rel=0.03)


@settings(max_examples=15, deadline=None)
@given(scale=st.sampled_from([-3.0, 0.01, 7.0]), shift=st.floats(-1e5, 1e5), stretch=st.sampled_from([0.1, 2.0, 60.0]))
def test_watts_and_seconds_may_be_scaled_without_changing_what_is_found(scale, shift, stretch):
    t = np.arange(1.0, 60.0)
    watts = answer(t, dead_s=4.0, lag_s=9.0, begin_w=0.0, change_w=1e4)
    plain = estimate(t, watts, begin_w=0.0)
    other = estimate(stretch * t, shift + scale * watts, begin_w=shift)
    assert plain is not None
    assert other is not None
    assert (other.dead_s, other.lag_s) == pytest.approx((stretch * plain.dead_s, stretch * plain.lag_s), rel=1e-2)
    assert other.change_w == pytest.approx(scale * plain.change_w, rel=1e-3)


def test_samples_that_are_missing_or_come_in_bursts_change_little():
    t = np.concatenate((np.arange(1.0, 30.0), np.linspace(30.0, 31.0, 40), np.arange(32.0, 80.0)))
    watts = answer(t, dead_s=8.0, lag_s=12.0, begin_w=5e4, change_w=-3e4)
    watts[5:9] = np.nan
    found = estimate(t, watts, begin_w=5e4)
    assert found is not None
    assert (found.dead_s, found.lag_s) == pytest.approx((8.0, 12.0), rel=0.05)


def test_an_answer_within_one_sample_is_found_as_fast_as_can_be_told():
    t = np.arange(1.0, 20.0)
    found = estimate(t, np.full(t.size, 9_000.0), begin_w=0.0)
    assert found is not None
    assert found.dead_s + found.lag_s < 1.0


@pytest.mark.parametrize(
    "watts",
    [
        np.zeros(40),
        np.full(40, np.nan),
        5_000.0 * np.sin(np.arange(40.0)),
        np.where(np.arange(40) == 20, 1e5, 0.0),
        np.where(np.arange(40) == 39, 1e5, 0.0),
    ],
    ids=["nothing", "unknown", "a swing", "a spike", "only at the very end"],
)
def test_what_is_no_step_response_has_none(watts):
    assert estimate(np.arange(1.0, 41.0), watts, begin_w=0.0) is None


def test_too_few_samples_say_nothing():
    assert estimate(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), begin_w=0.0) is None


@given(
    least_w=st.floats(-1e6, 0.0), room_w=st.floats(0.0, 1e6), at=st.floats(0.0, 1.0), dead_s=st.floats(0.0, 60.0),
    lag_s=st.floats(0.0, 300.0),
)  # fmt: skip
def test_a_plan_stays_in_the_room_begins_small_and_returns_to_rest(least_w, room_w, at, dead_s, lag_s):
    most_w, rest_w = least_w + room_w, least_w + at * room_w
    steps = plan(least_w=least_w, rest_w=rest_w, most_w=most_w, dead_s=dead_s, lag_s=lag_s, hold_s=None)
    assert all(least_w - 1e-6 <= step.to_w <= most_w + 1e-6 for step in steps)
    assert all(step.hold_s >= dead_s + 3.0 * lag_s for step in steps)
    assert bool(steps) == (max(most_w - rest_w, rest_w - least_w) >= 100.0)
    if steps:
        assert all(step.to_w == rest_w for step in steps[1::2])
        assert not steps[0].full
        assert abs(steps[0].to_w - rest_w) <= 0.26 * abs(steps[2].to_w - rest_w)


def taken(from_w, to_w, *, dead_s=1.0, lag_s=2.0, gain=1.0, full=True, hold_s=30.0):
    t = np.arange(0.5, hold_s, 0.5)
    watts = answer(t, dead_s=dead_s, lag_s=lag_s, begin_w=from_w, change_w=gain * (to_w - from_w))
    return Taken(Step(to_w, hold_s, full), from_w, t, watts)


def test_the_capability_of_an_asset_is_what_its_steps_show():
    found = capability(
        [
            taken(0.0, -25e3, full=False),
            taken(-25e3, 0.0, full=False),
            taken(0.0, -1e5),
            taken(-1e5, 0.0),
            taken(0.0, 5e4),
            taken(5e4, 0.0),
        ]
    )
    assert found is not None
    assert found.adjustable_w == pytest.approx(150e3, rel=1e-3)
    assert found.response_s == pytest.approx(1.0, abs=0.05)
    assert found.lag_s == pytest.approx(2.0, abs=0.05)
    assert found.t90_s == pytest.approx(1.0 + 2.0 * np.log(10.0), abs=0.5)
    assert found.deviation == pytest.approx(0.0, abs=1e-3)
    assert found.duration_s == pytest.approx(30.0 - 1.0 - 2.0 * np.log(20.0), abs=1.0)
    # 10 to 90 % of the median step of 75 kW in lag x ln 9, of 150 kW
    assert found.ramp_per_min == pytest.approx(0.8 * 75e3 / (2.0 * np.log(9.0)) * 60.0 / 150e3, rel=0.05)


def test_an_asset_that_gives_too_little_deviates_by_what_is_missing():
    measured = measure(taken(0.0, -1e5, gain=0.9))
    assert measured.deviation == pytest.approx(-0.1, abs=1e-3)
    assert measured.duration_s == 0.0


@pytest.mark.parametrize(("gain", "expected"), [(1.0, True), (0.0, False), (-1.0, False), (0.1, False), (3.0, False)])
def test_only_an_asset_that_does_what_it_is_told_follows(gain, expected):
    assert follows(taken(10e3, 30e3, gain=gain)) is expected


def test_without_a_full_step_there_is_no_capability():
    assert capability([taken(0.0, 1e4, full=False)]) is None
