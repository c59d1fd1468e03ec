"""The PJM score: against a slow one written from the definition, against published figures, and at its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight.held import Floats, Held
from gateway.insight.pjm import VARIANTS, Variant, hours_of, pjm
from gateway.shipped import shipped
from tests.insight.slow_pjm import mean_held, slow_pjm

STRICT = VARIANTS["strict"]
REGD = "regulation_pjm/regd_2020-07-16_2s.csv"
REGA = "regulation_pjm/rega_2017-08-01_1600_2s.csv"
SIX_HOURS = 6 * 1800


def signal_of(name: str, samples: int = SIX_HOURS) -> Floats:
    signal: Floats = np.loadtxt(shipped("data") / name, delimiter=",", skiprows=1, max_rows=samples)[:, 1]
    return signal


def held(values: Floats, step_s: float) -> Held:
    return Held(step_s * np.arange(len(values), dtype=np.float64), values, step_s * len(values))


def late(x: Floats, samples: int) -> Floats:
    return np.concatenate((np.full(samples, x[0]), x))[: len(x)]


def lagging(x: Floats, tau_s: float, step_s: float = 2.0) -> Floats:
    y, state, gain = np.empty_like(x), x[0], 1.0 - np.exp(-step_s / tau_s)
    for i, wanted in enumerate(x):
        state += gain * (wanted - state)
        y[i] = state
    return y


def responder(name: str, x: Floats) -> Floats:
    kind, _, amount = name.partition(" ")
    if kind == "dead":
        half = int(float(amount) * 2)  # on half steps: the signal in between is a straight line
        fine = np.interp(np.arange(4 * len(x)) / 4.0, np.arange(len(x)), x)
        return late(fine.astype(np.float64), half)[::4]
    return lagging(x, float(amount)) if kind == "lag" else x.clip(-float(amount), float(amount))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dead 1", (1.000, 1.000, 0.988, 0.996)),
        ("dead 2", (0.998, 1.000, 0.976, 0.991)),
        ("dead 4", (0.991, 1.000, 0.947, 0.979)),
        ("dead 6", (0.981, 1.000, 0.918, 0.966)),
        ("dead 10", (0.992, 0.981, 0.858, 0.944)),
        ("dead 20", (0.990, 0.951, 0.728, 0.890)),
        ("dead 30", (0.987, 0.921, 0.616, 0.841)),
        ("lag 5", (0.992, 1.000, 0.946, 0.979)),
        ("lag 30", (0.956, 0.959, 0.731, 0.882)),
        ("clip 0.8", (0.985, 1.000, 0.926, 0.970)),
    ],
)
def test_simple_responders_to_the_real_signal_score_what_is_published_of_them(name, expected):
    """Those figures were made of every fifth sample of 2 s, six hours of RegD."""
    x = signal_of(REGD)
    correlation, delay, precision = np.mean(hours_of(x[::5], responder(name, x)[::5], STRICT), axis=0)
    score = (correlation + delay + precision) / 3
    assert (correlation, delay, precision, score) == pytest.approx(expected, abs=1.5e-3)


@pytest.mark.parametrize(("seconds", "expected"), [(2, 0.998), (10, 0.986), (20, 0.970), (30, 0.954)])
def test_the_slow_signal_forgives_more(seconds, expected):
    x = signal_of(REGA)
    found = pjm(held(x, 2.0), held(late(x, seconds // 2), 2.0))
    assert found is not None
    assert found.score == pytest.approx(expected, abs=1.5e-3)


def test_time_weighted_means_score_a_simple_responder_within_a_few_thousandths_of_samples():
    x = signal_of(REGD)
    found = pjm(held(x, 2.0), held(late(x, 1), 2.0))
    assert found is not None
    assert found.score == pytest.approx(0.991, abs=2e-3)


def test_the_signal_itself_scores_one():
    x = signal_of(REGD)
    found = pjm(held(x, 2.0), held(x, 2.0))
    assert found is not None
    assert found.score == pytest.approx(1.0, abs=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(90, 800), st.integers(0, 12), st.floats(0.0, 0.5))
def test_the_fast_score_equals_the_slow_one(seed, samples, shift, noise):
    random = np.random.default_rng(seed)
    x = np.clip(np.cumsum(random.normal(0, 0.15, samples)), -1, 1)
    x[: samples // 3] = x[0] + 1e-4 * np.arange(samples // 3)  # a stretch that stands still
    y = late(x, shift) + noise * random.normal(0, 1, samples)
    found = np.mean(hours_of(x, y, STRICT), axis=0)
    score, *parts = slow_pjm(x.tolist(), y.tolist())
    assert found.tolist() == pytest.approx(parts, abs=1e-9)
    assert found.mean() == pytest.approx(score, abs=1e-9)


def test_uneven_rows_are_weighted_by_time_as_the_slow_score_does():
    random = np.random.default_rng(7)
    t = np.sort(random.uniform(0, 1200, 4000))
    t[0] = 0.0
    y, x = random.normal(0, 1, t.size), random.uniform(-1, 1, 600)
    found = pjm(held(x, 2.0), Held(t, y, 1200.0))
    edges = [(10 * k, 10 * k + 10) for k in range(120)]
    x_means = [mean_held((2.0 * np.arange(600)).tolist(), x.tolist(), 1200.0, a, b) for a, b in edges]
    y_means = [mean_held(t.tolist(), y.tolist(), 1200.0, a, b) for a, b in edges]
    assert found is not None
    assert found.score == pytest.approx(slow_pjm(x_means, y_means)[0], abs=1e-9)


@pytest.mark.parametrize(("seconds", "scored"), [(898, False), (900, True)])
def test_less_than_fifteen_minutes_have_no_score(seconds, scored):
    x = np.sin(np.arange(seconds / 2))
    assert (pjm(held(x, 2.0), held(x, 2.0)) is not None) is scored


def test_a_signal_that_was_never_sent_has_no_score():
    nothing = np.full(3600, np.nan)
    assert pjm(held(nothing, 2.0), held(np.zeros(3600), 2.0)) is None


def test_a_hole_in_the_signal_parts_the_record_and_is_not_scored():
    x = signal_of(REGD, 3600)
    y = late(x, 1)
    y[1800:1900] = 99.0
    x = x.copy()
    x[1800:1900] = np.nan
    found = pjm(held(x, 2.0), held(y, 2.0))
    assert found is not None
    assert found.score > 0.98


def test_the_hour_begins_at_the_first_row_of_the_signal():
    x = np.sin(np.arange(1800) / 20.0)
    silent = np.concatenate((np.full(333, np.nan), x))
    found = pjm(held(silent, 2.0), held(np.concatenate((np.full(333, 5.0), x)), 2.0))
    assert found is not None
    assert found.score == pytest.approx(1.0, abs=1e-9)


def test_a_response_that_never_moves_has_no_correlation_and_no_precision_to_speak_of():
    x = np.sin(np.arange(720) / 3.0)
    ((correlation, delay, precision),) = hours_of(x[:360], np.zeros(360), STRICT)
    assert correlation == 0.0
    assert delay == 1.0
    assert precision == pytest.approx(0.0, abs=1e-9)


def test_a_signal_that_stands_still_is_judged_by_slope():
    ((correlation, delay, precision),) = hours_of(np.full(360, 0.5), np.full(360, 0.4), STRICT)
    assert (correlation, delay, precision) == pytest.approx((1.0, 1.0, 0.8))


@pytest.mark.parametrize(("response", "precision"), [(0.0, 1.0), (0.1, 0.0)])
def test_a_signal_of_nothing_asks_for_nothing(response, precision):
    assert hours_of(np.zeros(360), np.full(360, response), STRICT)[0][2] == precision


def test_the_variants_are_data():
    x = signal_of(REGD)[::5]
    y = late(x, 1)
    strict, kind = (np.mean(hours_of(x, y, VARIANTS[name]), axis=0)[2] for name in ("strict", "allowance"))
    assert kind == pytest.approx(1.0)
    assert strict < 0.9
    by_sum, by_r = (np.mean(hours_of(x, y, VARIANTS[name]), axis=0) for name in ("strict", "correlation"))
    assert by_r[0] >= by_sum[0]
    assert by_r[1] <= by_sum[1]
    assert Variant(sample_s=2.0).per_hour == 1800
