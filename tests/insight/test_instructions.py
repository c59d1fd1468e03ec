"""Dispatch instructions and K: the rules' own examples, recordings whose answer is plain, and a slow oracle."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.held import Held
from gateway.insight.instructions import extract
from gateway.insight.params import RegionParams
from gateway.insight.regions import HUNAN, REGIONS, composite, named, parts, weigh
from tests.insight.slow_k import slow_k


@pytest.mark.parametrize(("delay_s", "error", "expected"), [(0.0, 0.0, 1.80), (1.0, 0.002, 1.765), (5.0, 0.01, 1.625)])
def test_a_battery_scores_what_the_hunan_rule_gives_it(delay_s, error, expected):
    assert weigh(parts(60.0, delay_s, error, HUNAN), HUNAN) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("region", "rate", "delay_s", "error", "expected"),
    [
        # 0.25 (2 k1 + k2 + k3) with V twice the standard rate, 30 s of 5 min, 0.3 % of 1.5 %
        ("guangdong", 2.0, 30.0, 0.003, 0.25 * (2 * 2.0 + 0.9 + 0.8)),
        ("guangdong", 99.0, 0.0, 0.0, 3.0),  # the cap on k
        ("north_china", 2.0, 30.0, 0.005, 1.5 * 1.5 * 1.5),
        ("north_china", 1e9, 0.0, 0.0, 8.0),  # its theoretical maximum
        ("north_china", 0.0, 500.0, 1.0, 0.001),  # each part has its floor of 0.1
        ("north_china_older", 1.5, 30.0, 0.005, 1.5 * 1.5 * 1.5),
        ("jiangsu", 2.0, 59.0, 0.01, 2.0 * 0.5),  # however late
    ],
)
def test_each_region_has_its_own_composite(region, rate, delay_s, error, expected):
    rules = REGIONS[region]
    assert weigh(parts(rate, delay_s, error, rules), rules) == pytest.approx(expected, rel=1e-6)


def test_every_region_says_where_its_numbers_come_from():
    assert all(region.source for region in REGIONS.values())
    assert [name for name, region in REGIONS.items() if not region.unconfirmed] == ["hunan_2025"]
    assert set(get_args(RegionParams.model_fields["region"].annotation)) == set(REGIONS)


def test_a_region_numbers_the_parts_its_own_way():
    found = composite(recording((0, 0.0), (100, 0.5), end_s=200), recording((0, 0.0), (101, 0.5), end_s=200))
    assert found is not None
    assert named(found, HUNAN) == {"k1": found.rate, "k2": found.delay, "k3": found.precision}
    assert named(found, REGIONS["north_china"])["k2"] == found.precision


def test_no_part_of_the_hunan_k_falls_below_nothing():
    assert parts(0.0, 600.0, 1.0, HUNAN) == (0.0, 0.0, 0.0)


def recording(*steps, end_s):
    return Held(np.array([float(t) for t, _ in steps]), np.array([float(v) for _, v in steps]), float(end_s))


def ramp(begin_s, seconds, start, goal):
    return [(begin_s + k, start + (goal - start) * k / seconds) for k in range(seconds + 1)]


def test_a_ramp_is_taken_apart_into_delay_rate_and_deviation():
    target = recording((0, 0.0), (100, 0.5), end_s=300)
    # still for 4 s, then 0.1 in 12 s (0.5 a minute), and 0.004 off for good
    response = recording((0, 0.0), *ramp(104, 60, 0.0, 0.5), (165, 0.504), end_s=300)
    found = composite(target, response)
    assert found is not None
    assert found.instructions == 1
    assert found.rate == pytest.approx(0.5, rel=0.02)
    assert found.delay == pytest.approx(1 - 6 / 60, abs=0.02)  # the first value beyond 1 % comes 2 s into the ramp
    assert found.precision == pytest.approx(1 - 0.004 / 0.02, abs=0.1)
    assert found.k == pytest.approx(0.4 * found.rate + 0.3 * found.delay + 0.3 * found.precision)


def test_a_step_taken_at_once_gets_the_largest_rate():
    target = recording((0, 0.0), (100, -0.5), end_s=200)
    found = composite(target, recording((0, 0.0), (101, -0.5), end_s=200))
    assert found is not None
    assert (found.rate, found.precision) == (3.0, 1.0)
    assert found.k == pytest.approx(1.2 + 0.3 * (1 - 1 / 60) + 0.3)


def test_an_instruction_nobody_followed_scores_nothing():
    found = composite(recording((0, 0.0), (100, 0.5), end_s=300), recording((0, 0.0), end_s=300))
    assert found is not None
    assert found.k == 0.0


def test_an_instruction_that_was_never_reached_has_its_rate_but_no_precision():
    target = recording((0, 0.0), (100, 0.5), end_s=220)
    found = composite(target, recording((0, 0.0), *ramp(101, 60, 0.0, 0.3), end_s=220))
    assert found is not None
    assert found.rate == pytest.approx(0.3, rel=0.05)
    assert found.precision == 0.0


@pytest.mark.parametrize(
    "target",
    [[(0, 0.0), (100, 0.005)], [(0, 0.0), (100, 0.5), (110, -0.5), (120, 0.0)], [(0, np.nan)]],
    ids=["below the dead band", "replaced too early", "none"],
)
def test_an_instruction_that_says_nothing_is_left_out(target):
    assert extract(recording(*target, end_s=130), recording((0, 0.0), end_s=130)) == []


def test_without_power_there_is_nothing_to_judge():
    target = recording((0, 0.0), (100, 0.5), end_s=300)
    assert composite(target, recording((0, 0.0), (150, np.nan), end_s=300)) is None
    assert composite(target, recording((0, 0.0), end_s=180)) is not None
    assert composite(target, recording((0, 0.0), end_s=90)) is None


def held_values(draw, count, longest_s):
    gaps = draw(st.lists(st.floats(0.25, longest_s), min_size=count, max_size=count))
    values = draw(st.lists(st.floats(-1.0, 1.0).map(lambda v: round(v, 2)), min_size=count, max_size=count))
    return np.concatenate(([0.0], np.cumsum(gaps)))[:count], np.array(values)


@st.composite
def traces(draw):
    """A target, and a response that is at times on it, at times anywhere."""
    t, goals = held_values(draw, draw(st.integers(2, 6)), 120.0)
    end_s = float(t[-1] + draw(st.floats(1.0, 120.0)))
    times, wild = held_values(draw, draw(st.integers(2, 25)), 30.0)
    near = goals[np.maximum(np.searchsorted(t, times - 1.0, side="right") - 1, 0)]
    offset = draw(st.sampled_from([0.0, 0.005, 0.015, 0.03]))
    follows = np.array(draw(st.lists(st.booleans(), min_size=times.size, max_size=times.size)))
    return (t, goals), (times, np.where(follows, near + offset, wild)), end_s


@settings(max_examples=50, deadline=None)
@given(traces())
def test_the_fast_k_equals_the_rule_read_word_for_word(trace):
    (t, goals), (times, values), end_s = trace
    slow = slow_k((t.tolist(), goals.tolist()), (times.tolist(), values.tolist()), end_s)
    fast = composite(Held(t, goals, end_s), Held(times, values, end_s))
    if slow is None:
        assert fast is None
    else:
        assert fast is not None
        assert (fast.k, fast.rate, fast.delay, fast.precision) == pytest.approx(slow, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(traces(), st.sampled_from(sorted(REGIONS)))
def test_a_more_lenient_rule_never_scores_less(trace, region):
    (t, goals), (times, values), end_s = trace
    target, response, strict = Held(t, goals, end_s), Held(times, values, end_s), REGIONS[region]
    lenient = replace(strict, t0_s=2.0 * strict.t0_s, e0=2.0 * strict.e0, rate_std=strict.rate_std / 2.0)
    hard, soft = composite(target, response, strict), composite(target, response, lenient)
    assert (hard is None) == (soft is None)
    if hard is not None and soft is not None:
        assert soft.k >= hard.k - 1e-9
