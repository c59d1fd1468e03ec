"""How old a meter value is, learned from the moves that were asked for."""

import random
from math import exp, inf, sin

import pytest

from gateway.control import age
from gateway.control.state import Age, Load, Wary

STEP_S = 0.25
NOISE_W = 4_000.0


def learned(true_age_s, *, seed=1, for_s=1500.0, moves_w=100_000.0, off=None):
    """A meter so late, a load with steps, and an asset that follows the target and hands the meter's noise back.

    `off` collects (t_s, site less target, W).
    """
    dice = random.Random(seed)
    load, true_w = Load(), [600_000.0]
    asset_w, aim_w, base_w = 0.0, 0.0, 600_000.0
    for n in range(round(for_s / STEP_S)):
        now_s = n * STEP_S
        wave = 0.6 * sin(now_s / 9.0) + 0.4 * sin(now_s / 23.0 + 1.0)
        target_w = 600_000.0 + moves_w * wave
        if n % 4 == 0:
            base_w += dice.choice((-1.0, 1.0)) * 12_000.0 if dice.random() < 1 / 120 else 0.0
            noise_w = dice.gauss(0.0, NOISE_W)
        asset_w += (aim_w - asset_w) * (1.0 - exp(-STEP_S / 0.3))
        true_w.append(base_w + noise_w + asset_w)
        if off is not None:
            off.append((now_s, true_w[-1] - target_w))
        age.note(load, now_s, asset_w, target_w)
        if n % 4 == 3:
            seen_w = true_w[max(0, len(true_w) - 1 - round(true_age_s / STEP_S))]
            if load.now_w is None:
                load.now_w = seen_w
            age.learn(load, seen_w, now_s)
            then_w = age.drawn_w(load, now_s - age.of(load))
            age.watch(load, seen_w - then_w - load.now_w, now_s, most=0.7)
            part = age.gain(load, 0.7, waited_s=now_s - load.taken_s)
            load.now_w += part * (seen_w - then_w - load.now_w)
            load.taken_s = now_s if part > 0.0 else load.taken_s
            load.measured_s = now_s
        aim_w = target_w - load.now_w if load.now_w is not None else 0.0
    return load


@pytest.mark.parametrize("true_age_s", [2.0, 4.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_meter_that_is_later_than_stated_is_found_out(true_age_s, seed):
    load = learned(true_age_s, seed=seed)
    assert abs(age.of(load) - true_age_s) < 0.6
    assert age.gain(load, 0.7, waited_s=9.0) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_meter_as_late_as_stated_stays_so_and_the_observer_becomes_quick(seed):
    load = learned(age.STATED_S, seed=seed)
    assert age.of(load) == age.STATED_S
    assert age.gain(load, 0.7, waited_s=9.0) > 0.3


def test_while_nothing_moves_nothing_is_learned():
    load = learned(3.0, moves_w=0.0, for_s=300.0)
    assert age.of(load) == age.STATED_S
    assert age.spread_s(Age()) == inf


@pytest.mark.parametrize("age_s", [2.0, 4.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_loop_on_a_late_meter_does_not_swing_after_its_first_minute(age_s, seed):
    off = []
    learned(age_s, seed=seed, for_s=300.0, off=off)
    assert max(abs(watts) for t_s, watts in off if t_s > 60.0) < 60_000.0


def test_the_observer_is_quick_until_its_corrections_have_no_effect():
    assert age.gain(Load(), 0.7, waited_s=1.0) == 0.7
    assert age.gain(Load(wary=Wary(since_s=0.0)), 0.7, waited_s=1.0) == 0.0


def test_the_observer_of_slow_assets_is_never_quicker_than_asked():
    assert age.gain(Load(wary=Wary(since_s=0.0)), 0.05, waited_s=9.0) == 0.05


def test_the_past_is_kept_for_some_seconds_and_read_between_its_rows():
    load = Load()
    assert age.drawn_w(load, 0.0) == 0.0
    for n in range(100):
        age.note(load, float(n), 10.0 * n, 0.0)
    assert len(load.trail) < age.KEPT_S + 3
    assert age.drawn_w(load, 97.5) == 975.0
    assert age.drawn_w(load, 200.0) == 990.0
    assert age.drawn_w(load, 0.0) == load.trail[0][1]


def test_the_means_begin_anew_after_a_gap():
    load = learned(2.0, for_s=600.0)
    kept = load.age.zx
    for n in range(200):
        age.note(load, 700.0 + n * STEP_S, 0.0, 0.0)
    age.learn(load, 5e5, 740.0)
    assert load.age.zx == kept
    assert load.age.n == pytest.approx(5e5)
