"""Verdicts where a setpoint can only be written, as tables: the power tells, or nobody does."""

import pytest

from gateway.commission.acceptance import Verdict
from gateway.commission.drawn import Drawn, judge_followed, judge_released, judge_silence
from gateway.profiles.schema import Lost, Then

P, F, N, S = Verdict.PASSED, Verdict.FAILED, Verdict.NOTED, Verdict.SKIPPED


@pytest.mark.parametrize(
    ("then", "fallback_w", "powers", "verdict", "reason"),
    [
        (Then.FALLBACK, 0.0, (1e3, -50e3, 1e3), P, "power_fell_back"),
        (Then.FALLBACK, 0.0, (1e3, -50e3, -50e3), F, "power_stays"),
        (Then.FALLBACK, 0.0, (1e3, -50e3, 70e3), N, "power_elsewhere"),
        (Then.FALLBACK, -50e3, (1e3, -50e3, 1e3), S, "step_is_fallback"),
        (Then.FALLBACK, 0.0, (1e3, 900.0, 0.0), S, "step_not_held"),
        (Then.FALLBACK, 0.0, (1e3, None, 0.0), S, "unseen"),
        (Then.FALLBACK, 0.0, (1e3, -50e3, None), F, "gone_after_cut"),
        (Then.KEEPS_LAST, None, (1e3, -50e3, -48e3), N, "power_keeps_last"),
        (Then.KEEPS_LAST, None, (1e3, -50e3, 0.0), N, "power_elsewhere"),
        (Then.OWN_CONTROL, None, (1e3, -50e3, 0.0), P, "took_over"),
        (Then.OWN_CONTROL, None, (1e3, -50e3, -49e3), F, "power_stays"),
        (Then.STOPS, None, (1e3, -50e3, 0.0), P, "took_over"),
    ],
)
def test_after_a_silence_the_power_tells_where_a_setpoint_is_only_written(then, fallback_w, powers, verdict, reason):
    found = judge_silence(Drawn("b", *powers), Lost(then), asked_w=-50e3, fallback_w=fallback_w, silent_s=22.0)
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("asked_w", "powers", "verdict", "reason"),
    [
        (0.0, (1e3, -50e3, 900.0), P, "power_safe"),
        (0.0, (1e3, -50e3, -49e3), F, "power_unsafe"),
        (-50e3, (1e3, -50e3, -49e3), P, "power_safe"),
        (-50e3, (1e3, -50e3, 0.0), F, "power_unsafe"),
        (None, (1e3, -50e3, 0.0), P, "power_released"),
        (None, (1e3, -50e3, -50e3), N, "not_to_be_seen"),
        (0.0, (1e3, -50e3, None), F, "power_unknown"),
        (0.0, (None, -50e3, 0.0), S, "unseen"),
        (0.0, (1e3, 1e3, 0.0), S, "unseen"),
    ],
)
def test_after_a_loss_the_power_tells_where_a_setpoint_is_only_written(asked_w, powers, verdict, reason):
    found = judge_followed(Drawn("b", *powers), "upstream_lost", asked_w=asked_w)
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("powers", "verdict"),
    [
        ((1e3, -50e3, 1e3), P),
        ((1e3, -50e3, -50e3), S),
        ((None, -50e3, 1e3), S),
        ((1e3, -50e3, None), S),
        ((1e3, 1e3, 1e3), S),
    ],
)
def test_a_setpoint_that_cannot_be_read_back_is_given_back_when_its_power_says_so(powers, verdict):
    assert judge_released(Drawn("b", *powers), "battery.power.setpoint").verdict is verdict
