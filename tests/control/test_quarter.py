"""The settlement quarter: its mean comes out, and its cap holds, whatever happened in its first minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.services.quarter import LEAST_LEFT_S, QUARTER_S, allowed_w, count, owed_w
from gateway.control.state import Rates

STEP_S = 30.0


def run(rates, *, begin_s=0.0):
    """The quarter after each step; `rates(now_s, quarter)` says what holds from then on."""
    quarter = None
    now_s = begin_s
    while now_s < begin_s + QUARTER_S:
        quarter = count(quarter, 0.0, rates(now_s, quarter), now_s=now_s)
        now_s += STEP_S
    return count(quarter, 0.0, quarter.rates, now_s=begin_s + QUARTER_S - 1e-6)


def test_energy_is_what_held_times_how_long():
    quarter = run(lambda now_s, _: Rates(100.0 if now_s < 300.0 else 400.0, 50.0, 300.0))
    assert quarter.drawn_ws == pytest.approx(300.0 * QUARTER_S, rel=1e-6)
    assert quarter.unasked_ws == pytest.approx(50.0 * QUARTER_S, rel=1e-6)
    assert (quarter.begin_s, quarter.since_s) == (0.0, 0.0)


def test_a_new_quarter_begins_with_nothing_and_a_half_seen_one_counts_what_was_seen():
    quarter = count(None, 0.0, Rates(100.0, 0.0, 100.0), now_s=500.0)
    assert (quarter.begin_s, quarter.since_s) == (0.0, 500.0)
    quarter = count(quarter, 0.0, Rates(200.0, 0.0, 100.0), now_s=905.0)
    assert (quarter.begin_s, quarter.drawn_ws) == (900.0, pytest.approx(500.0))
    assert count(quarter, 0.0, Rates(1.0, 1.0, 1.0), now_s=5000.0).drawn_ws == 0.0


@given(missed=st.lists(st.floats(-50.0, 50.0), max_size=20))
def test_what_a_quarter_missed_is_made_good_in_the_rest_of_it(missed):
    def rates(now_s, quarter):
        at = int(now_s // STEP_S)
        if at < len(missed):
            return Rates(1000.0 + missed[at], 0.0, 1000.0)
        before = count(quarter, 0.0, Rates(0.0, 0.0, 0.0), now_s=now_s) if quarter else quarter
        return Rates(1000.0 + (0.0 if before is None else owed_w(before)), 0.0, 1000.0)

    quarter = run(rates)
    assert quarter.drawn_ws / QUARTER_S == pytest.approx(1000.0, abs=50.0 * LEAST_LEFT_S / QUARTER_S)


@given(
    cap=st.floats(800.0, 1200.0),
    natural=st.lists(st.floats(700.0, 1300.0), min_size=3, max_size=3),
    wish=st.floats(0.0, 3000.0),
)
def test_a_quarter_stays_below_its_cap_or_below_the_load_nobody_asked_anything_of(cap, natural, wish):
    def rates(now_s, quarter):
        unasked_w = natural[int(now_s // 300.0)]
        before = count(quarter, 0.0, Rates(0.0, unasked_w, 0.0), now_s=now_s)
        return Rates(min(wish, allowed_w(before, cap)), unasked_w, 0.0)

    quarter = run(rates)
    most_w = max(cap, quarter.unasked_ws / QUARTER_S)
    assert quarter.drawn_ws / QUARTER_S <= 1.01 * most_w
