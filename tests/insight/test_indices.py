"""The indices of a call and the settlement of an event, on records whose answer is plain, and against slow loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.events import Event
from gateway.insight.held import Held
from gateway.insight.indices import Call, measure
from gateway.insight.settlement import SETTLEMENTS, settle


def held(*steps, end_s):
    return Held(np.array([float(t) for t, _ in steps]), np.array([float(v) for _, v in steps]), float(end_s))


def ramp(begin_s, seconds, goal):
    return [(begin_s + k, goal * k / seconds) for k in range(seconds + 1)]


def test_a_ramped_call_has_every_index():
    # asked at 100 s for 60 kW until 400 s: 5 s of nothing, 60 s of ramp, then 57 kW
    output = held((0, 0.0), *ramp(105, 60, 57e3), end_s=400)
    found = measure(Call("a", "dr", 100.0, 400.0, 60e3), output)
    assert found is not None
    assert found.asked_w == 60e3
    assert found.adjustable_w == pytest.approx(57e3)
    assert found.response_s == pytest.approx(5 + 7)  # the first second above 6 kW
    assert found.ramp_per_min == pytest.approx(1.0, rel=0.01)  # 57 kW in a minute, of 57 kW
    assert found.deviation == pytest.approx(-0.05, abs=0.003)
    assert found.duration_s == pytest.approx(400 - 165 + 3, abs=10)  # 10 s means within 54 … 66 kW


def test_an_answer_that_is_there_before_the_call_took_no_time():
    found = measure(Call("a", "dr", 100.0, 400.0, 60e3), held((0, 61e3), end_s=400))
    assert found is not None
    assert (found.response_s, found.ramp_per_min) == (0.0, None)
    assert found.adjustable_w == 61e3
    assert found.duration_s == 300.0


def test_a_call_nobody_answered_says_so():
    found = measure(Call("a", "ar", 100.0, 400.0, 60e3), held((0, 0.0), end_s=400))
    assert found is not None
    assert (found.response_s, found.ramp_per_min, found.duration_s, found.deviation) == (None, None, 0.0, -1.0)


def test_an_instruction_is_measured_from_where_the_site_was():
    found = measure(Call("i", "reg", 100.0, 160.0, -20e3, None), held((0, 80e3), (102, -20e3), end_s=160))
    assert found is not None
    assert (found.asked_w, found.adjustable_w, found.response_s) == (-100e3, 100e3, 2.0)
    assert found.deviation == pytest.approx(0.0)


@pytest.mark.parametrize(
    "output", [held((0, 0.0), (200, np.nan), end_s=400), held((0, 0.0), end_s=300)], ids=["a gap", "ends before"]
)
def test_a_call_that_was_not_recorded_throughout_is_not_measured(output):
    assert measure(Call("a", "dr", 100.0, 400.0, 60e3), output) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.5, 30.0), st.floats(-2e5, 2e5)), min_size=1, max_size=20),
    st.sampled_from([1e5, -5e4]),
)
def test_the_indices_equal_those_of_a_slow_reading(rows, asked):
    times = np.concatenate(([0.0], np.cumsum([gap for gap, _ in rows])))[:-1] + 50.0
    values = np.array([round(value) for _, value in rows], dtype=float)
    output = Held(np.concatenate(([0.0], times)), np.concatenate(([0.0], values)), 1000.0)
    call = Call("x", "dr", 40.0, 400.0, asked)
    found = measure(call, output)
    assert found is not None
    series = [(40.0, 0.0)] + [(t, v) for t, v in zip(times, values, strict=True) if 40.0 < t < 400.0]
    sign = 1 if asked > 0 else -1
    moved = [t - 40.0 for t, v in series if sign * v > 0.1 * abs(asked) or abs(v - asked) <= 0.1 * abs(asked)]
    assert found.response_s == (moved[0] if moved else None)
    there = [t for t, v in series if abs(v - asked) <= 0.1 * abs(asked)]
    since = there[0] if there else 220.0
    total = 0.0
    for (t, v), (after, _) in zip(series, [*series[1:], (400.0, 0.0)], strict=True):
        total += v * max(0.0, after - max(t, since))
    assert found.deviation == pytest.approx((total / (400.0 - since) - asked) / asked, abs=1e-6)


EVENT = Event("dr1", "dr", 0.0, 3600.0, 100e3)
LINE = held((0, 600e3), (900, 620e3), (1800, 640e3), (2700, 620e3), end_s=3600)


@pytest.mark.parametrize(
    ("quarters", "rules", "valid", "out_of_bounds", "paid"),
    [
        ((500, 520, 540, 520), "provincial", True, False, 1.0),
        ((500, 520, 645, 520), "provincial", False, True, 0.7375),  # one value above the baseline's largest
        ((460, 460, 645, 440), "provincial", False, True, 1.1875),  # enough on the whole, and void all the same
        ((460, 460, 645, 440), "usual", True, True, 1.1875),
        ((550, 570, 590, 570), "usual", False, False, 0.5),
        ((550, 570, 590, 570), "zhejiang", True, False, 0.5),
        ((560, 580, 600, 580), "usual", False, False, 0.0),  # 40 %: nothing is paid
        ((450, 460, 480, 460), "usual", True, False, 1.2),  # 157 %: paid as 120 %
        ((650, 660, 680, 660), "zhejiang", False, True, 0.0),
    ],
)
def test_an_event_is_settled_by_its_mean_and_its_maximum(quarters, rules, valid, out_of_bounds, paid):
    power = held(*((900 * at, 1000 * kw) for at, kw in enumerate(quarters)), end_s=3600)
    found = settle(EVENT, power, LINE, SETTLEMENTS[rules])
    assert found is not None
    assert (found.valid, found.out_of_bounds) == (valid, out_of_bounds)
    assert found.paid == pytest.approx(paid)
    assert found.baseline_mean_w == pytest.approx(620e3)
    assert (found.baseline_min_w, found.baseline_max_w) == pytest.approx((600e3, 640e3))
    assert found.max_w == 1000 * max(quarters)


def test_minutes_count_from_their_share_of_the_commitment_on():
    power = held((0, 500e3), (600, 560e3), (900, 500e3), (1800, 640e3), (1830, 500e3), end_s=3600)
    found = settle(EVENT, power, held((0, 600e3), end_s=3600), SETTLEMENTS["usual"])
    assert found is not None
    assert (
        found.effective_min == 60 - 5 - 1
    )  # five minutes at 40 %, and one at 30 % for half of it was above the baseline
    assert settle(EVENT, held((0, 5e5), end_s=3000), LINE, SETTLEMENTS["usual"]) is None


def test_a_settlement_names_its_source_and_what_is_not_confirmed():
    assert all(rules.source and rules.unconfirmed for rules in SETTLEMENTS.values())
