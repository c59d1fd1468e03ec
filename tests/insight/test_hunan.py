"""Hunan K: the rule's own examples, and recordings whose answer is plain."""

import numpy as np
import pytest

from gateway.insight.held import Held
from gateway.insight.hunan import HunanRules, composite, hunan

RULES = HunanRules()


def weigh(k1, k2, k3):
    return 0.4 * k1 + 0.3 * k2 + 0.3 * k3


@pytest.mark.parametrize(("delay_s", "error", "expected"), [(0.0, 0.0, 1.80), (1.0, 0.002, 1.765), (5.0, 0.01, 1.625)])
def test_a_battery_scores_what_the_rule_gives_it(delay_s, error, expected):
    assert weigh(*composite(60.0, delay_s, error, RULES)) == pytest.approx(expected, abs=1e-9)


def test_no_part_of_k_falls_below_nothing():
    assert composite(0.0, 600.0, 1.0, RULES) == (0.0, 0.0, 0.0)


def recording(*steps, end_s):
    return Held(np.array([float(t) for t, _ in steps]), np.array([float(v) for _, v in steps]), float(end_s))


def ramp(begin_s, seconds, start, goal):
    return [(begin_s + k, start + (goal - start) * k / seconds) for k in range(seconds + 1)]


def test_a_ramp_is_taken_apart_into_delay_rate_and_deviation():
    target = recording((0, 0.0), (100, 0.5), end_s=300)
    # still for 4 s, then 0.1 in 12 s (0.5 a minute), and 0.004 off for good
    response = recording((0, 0.0), *ramp(104, 60, 0.0, 0.5), (165, 0.504), end_s=300)
    found = hunan(target, response, RULES)
    assert found is not None
    assert found.instructions == 1
    assert found.k1 == pytest.approx(0.5, rel=0.02)
    assert found.k2 == pytest.approx(1 - 6 / 60, abs=0.02)  # the first value beyond 1 % comes 2 s into the ramp
    assert found.k3 == pytest.approx(1 - 0.004 / 0.02, abs=0.1)
    assert found.k == pytest.approx(weigh(found.k1, found.k2, found.k3))


def test_a_step_taken_at_once_gets_the_largest_rate():
    target = recording((0, 0.0), (100, -0.5), end_s=200)
    found = hunan(target, recording((0, 0.0), (101, -0.5), end_s=200), RULES)
    assert found is not None
    assert (found.k1, found.k3) == (3.0, 1.0)
    assert found.k == pytest.approx(1.2 + 0.3 * (1 - 1 / 60) + 0.3)


def test_an_instruction_nobody_followed_scores_nothing():
    found = hunan(recording((0, 0.0), (100, 0.5), end_s=300), recording((0, 0.0), end_s=300), RULES)
    assert found is not None
    assert found.k == 0.0


def test_an_instruction_that_was_never_reached_has_its_rate_but_no_precision():
    target = recording((0, 0.0), (100, 0.5), end_s=220)
    found = hunan(target, recording((0, 0.0), *ramp(101, 60, 0.0, 0.3), end_s=220), RULES)
    assert found is not None
    assert found.k1 == pytest.approx(0.3, rel=0.05)
    assert found.k3 == 0.0


@pytest.mark.parametrize(
    "target",
    [[(0, 0.0), (100, 0.005)], [(0, 0.0), (100, 0.5), (110, -0.5), (120, 0.0)], [(0, np.nan)]],
    ids=["below the dead band", "replaced too early", "none"],
)
def test_an_instruction_that_says_nothing_is_left_out(target):
    assert hunan(recording(*target, end_s=130), recording((0, 0.0), end_s=130), RULES) is None


def test_without_power_there_is_nothing_to_judge():
    target = recording((0, 0.0), (100, 0.5), end_s=300)
    assert hunan(target, recording((0, 0.0), (150, np.nan), end_s=300), RULES) is None
