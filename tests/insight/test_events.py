"""Delivery of events: rows of what a site did, and what it is worth."""

import numpy as np
import pytest

from gateway.insight.events import Event, deliver, step
from gateway.insight.held import Held

FOREVER = Held(np.array([0.0]), np.array([600_000.0]), np.inf)
NOTHING = Held(np.array([0.0]), np.array([np.nan]), np.inf)


def power(*rows, end_s):
    return Held(np.array([float(t) for t, _ in rows]), np.array([1000.0 * kw for _, kw in rows]), float(end_s))


def dr(start_s, for_s, shed_w=100_000.0):
    return Event("e", "dr", start_s, for_s, shed_w)


def test_a_short_event_counts_by_its_last_four_fifths():
    # 25 s event: the first 5 s are the way there
    found = deliver(dr(60, 25), power((0, 600), (65, 500), end_s=90), FOREVER)
    assert found is not None
    assert (found.delivery, found.worst_quarter, found.best_quarter) == (pytest.approx(1.0), None, None)


def test_a_long_event_counts_whole_and_by_quarters():
    site = power((0, 600), (900, 500), (1800, 520), (2700, 490), end_s=4000)
    found = deliver(dr(900, 2700), site, FOREVER)
    assert found is not None
    assert found.delivery == pytest.approx((1.0 + 0.8 + 1.1) / 3)
    assert (found.worst_quarter, found.best_quarter) == (pytest.approx(0.8), pytest.approx(1.1))


def test_using_more_than_the_baseline_is_a_negative_delivery():
    found = deliver(dr(0, 900), power((0, 650), end_s=900), FOREVER)
    assert found is not None
    assert found.delivery == pytest.approx(-0.5)


@pytest.mark.parametrize("for_s", [100, 1800])
def test_an_event_the_record_does_not_cover_has_no_delivery(for_s):
    assert deliver(dr(0, for_s), power((0, 500), end_s=90), FOREVER) is None
    assert deliver(dr(0, for_s), power((0, 500), end_s=4000), NOTHING) is None


def ar(start_s, for_s, shed_w=100_000.0):
    return Event("a", "ar", start_s, for_s, shed_w)


def test_a_step_is_measured_from_the_moment_it_was_sent():
    site = power((0, 600), (51, 580), (51.5, 530), (52, 505), (53, 480), (54, 502), end_s=70)
    found = step(ar(50, 10), site, FOREVER)
    assert found is not None
    assert found.first_move_s == pytest.approx(1.0)
    assert found.t90_s == pytest.approx(2.0)
    assert found.settle_s == pytest.approx(4.0)
    assert found.overshoot == pytest.approx(0.2)
    assert found.steady_error == pytest.approx(0.02)


def test_without_a_declared_base_point_the_minute_before_is_the_reference():
    site = power((0, 600), (10, 620), (50, 520), end_s=100)
    found = step(ar(50, 20), site, NOTHING)
    assert found is not None
    mean_kw = (10 * 600 + 40 * 620) / 50  # the record begins 50 s before
    assert found.steady_error == pytest.approx(abs((mean_kw - 520) / 100 - 1))
    assert found.first_move_s is None or found.first_move_s == 0.0


def test_what_never_happened_has_no_time():
    found = step(ar(50, 20), power((0, 600), end_s=100), FOREVER)
    assert found is not None
    assert (found.first_move_s, found.t90_s, found.settle_s, found.overshoot) == (None, None, None, 0.0)


def test_a_step_that_holds_from_the_first_moment_settles_at_once():
    found = step(ar(50, 20), power((0, 500), end_s=100), FOREVER)
    assert found is not None
    assert (found.t90_s, found.settle_s) == (0.0, 0.0)


@pytest.mark.parametrize("end_s", [60, 45])
def test_a_step_the_record_does_not_cover_has_no_figures(end_s):
    assert step(ar(50, 20), power((0, 600), end_s=end_s), FOREVER) is None
