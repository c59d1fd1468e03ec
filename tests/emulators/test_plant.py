"""The whole plant: exact, deterministic, and measured as the settlement meter measures."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.load import Load
from emulators.plant import Plant
from emulators.scenario import load_scenario, scenario_names
from emulators.spec import MeterSpec, PlantSpec

TOWER = load_scenario("battery_full")


def plant(seed=1, scenario=TOWER, **options):
    return Plant(scenario.plant, scenario.load(), seed=seed, **options)


def script(seed=7, count=40):
    """Times and commands, the same for every plant they are played to."""
    dice = random.Random(seed)
    t_s, orders = 0.0, []
    for _ in range(count):
        t_s += dice.uniform(0.0, 40.0)
        device, control, low, high = dice.choice(
            [
                ("battery", "battery.power.setpoint", -200_000.0, 200_000.0),
                ("ev05", "ev.current.limit", 0.0, 32.0),
                ("ahu03", "fan.speed.setpoint", 55.0, 100.0),
                ("chiller1", "chiller.demand.limit", 25.0, 99.0),
            ]
        )
        orders.append((t_s, device, control, dice.uniform(low, high)))
    return orders


def play(one, *, between=0):
    seen = []
    for t_s, device, control, value in script():
        begin_s = one.now_s
        for step in range(between):
            one.advance(begin_s + (t_s - begin_s) * (step + 1) / (between + 1))
            one.read("pcc", "power.active")
            one.true_site_w()
        one.advance(t_s)
        one.command(device, control, value)
        seen.append((one.true_site_w(), one.read("battery", "battery.soc"), one.read("pcc", "power.active")))
    one.advance(1000.0)
    return [*seen, (one.true_site_w(), one.parts.zone.temperature_c(1000.0), one.parts.battery.soc_pct(1000.0))]


def test_one_long_advance_equals_many_short_ones():
    once, often = play(plant()), play(plant(), between=13)
    for left, right in zip(once, often, strict=True):
        assert left == pytest.approx(right, rel=1e-9, abs=1e-6)


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(st.integers(0, 2**31), st.floats(0.0, 0.3))
def test_the_same_seed_gives_the_same_run(seed, perturb):
    first, second = plant(seed, perturb=perturb), plant(seed, perturb=perturb)
    for one in (first, second):
        one.advance(10.0)
        one.command("battery", "battery.power.setpoint", 1000.0)
        one.advance(30.0)
    assert first.true_site_w() == second.true_site_w()
    assert first.meter.gain == second.meter.gain


def test_other_seeds_give_other_runs():
    powers = set()
    for seed in range(5):
        one = plant(seed)
        one.advance(60.0)
        powers.add(one.true_site_w())
    assert len(powers) == 5


def test_noise_and_steps_switched_off_leave_sessions_and_delays_as_they_are():
    loud, calm = plant(), plant(noise=False, load_steps=False)
    for one in (loud, calm):
        for minute in range(1, 240):
            one.advance(minute * 60.0)
            one.command("ev02", "ev.current.limit", 6.0 + minute % 20)
    assert [c.session for c in loud.parts.fleet.chargers.values()] == [
        c.session for c in calm.parts.fleet.chargers.values()
    ]
    assert loud.parts.fleet.power_w(0.0) == calm.parts.fleet.power_w(0.0)


def test_the_noise_has_the_stated_size_and_is_held_for_each_second():
    one, calm = plant(load_steps=False), plant(noise=False, load_steps=False)
    values = []
    for second in range(4000):
        one.advance(second + 0.1)
        calm.advance(second + 0.1)
        here = one.true_site_w() - calm.true_site_w()
        one.advance(second + 0.9)
        calm.advance(second + 0.9)
        assert one.true_site_w() - calm.true_site_w() == pytest.approx(here, abs=1e-6)
        values.append(here)
    mean = sum(values) / len(values)
    sigma = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    assert sigma == pytest.approx(4000.0, rel=0.05)
    assert abs(mean) < 300.0


@pytest.mark.parametrize("seed", range(5))
def test_step_loads_stand_about_their_mean_and_are_of_the_stated_sizes(seed):
    spec = PlantSpec()
    one = Plant(spec, Load.constant(600_000.0), seed=seed, noise=False)
    levels, changes = [], []
    last = one.true_site_w()
    for second in range(0, 86_400, 10):
        one.advance(float(second))
        here = one.true_site_w()
        if abs(here - last) > 1.0:
            changes.append(abs(here - last))
        levels.append(here / one.meter.gain - 600_000.0)
        last = here
    assert len(changes) == pytest.approx(12 * 60, rel=0.15)
    assert abs(sum(levels) / len(levels)) < 12_000.0
    singles = sorted(changes)[len(changes) // 10 : -len(changes) // 10]
    assert all(5_900.0 < change < 20_200.0 for change in singles)


@pytest.mark.parametrize("seed", range(10))
def test_the_meter_samples_each_second_with_a_gain_error_and_a_coarse_step(seed):
    one = plant(seed)
    assert abs(one.meter.gain - 1.0) <= 0.005
    for second in range(1, 30):
        one.advance(float(second))
        sampled = one.true_site_w()
        one.advance(second + 0.99)
        value = one.read("pcc", "power.active")
        assert value % 100.0 == 0.0
        assert value == pytest.approx(sampled, abs=50.001)


def test_true_site_power_is_neither_sampled_nor_rounded():
    one = Plant(
        PlantSpec(meter=MeterSpec(gain_error_pct=0.0)), Load.constant(123_456.7), seed=1, noise=False, load_steps=False
    )
    one.advance(0.37)
    assert one.true_site_w() == pytest.approx(123_456.7)


def test_time_does_not_run_backwards():
    one = plant()
    one.advance(5.0)
    with pytest.raises(ValueError, match="cannot go back"):
        one.advance(4.0)


def test_an_unknown_control_is_refused_and_stands_in_the_ledger():
    one = plant()
    one.advance(2.0)
    assert not one.command("battery", "battery.colour", 1.0)
    assert not one.write_point("nobody", "battery.power.setpoint", 1.0)
    assert one.command("battery", "battery.power.setpoint", 1.0)
    assert [entry[1:] for entry in one.ledger] == [
        ("battery", "battery.colour", 1.0, False),
        ("nobody", "battery.power.setpoint", 1.0, False),
        ("battery", "battery.power.setpoint", 1.0, True),
    ]


@pytest.mark.parametrize("name", scenario_names())
def test_the_declared_base_points_are_the_natural_power_at_the_begin(name):
    scenario = load_scenario(name)
    one = plant(scenario=scenario, load_steps=False)
    declared = one.declared_basepoints(3)
    assert len(set(declared)) == 1
    assert declared[0] == pytest.approx(one.natural_w())
    resting_w = scenario.plant.operating_w + one.load.at(0.0)
    assert declared[0] == pytest.approx(resting_w, abs=45_000.0)


def test_leaving_the_limits_of_the_site_is_counted_once_each_time():
    spec = PlantSpec(meter=MeterSpec(gain_error_pct=0.0), max_import_w=500_000.0)
    one = Plant(spec, Load.constant(600_000.0), seed=1, noise=False, load_steps=False)
    one.advance(60.0)
    assert one.limit_violations == 1


@pytest.mark.parametrize("seed", range(8))
def test_perturbation_stays_within_what_was_asked(seed):
    nominal, other = plant(seed), plant(seed, perturb=0.3)
    for one in (nominal, other):
        one.command("ahu01", "fan.speed.setpoint", 100.0)
    lag = other.parts.fans[0]._speed.tau_s / nominal.parts.fans[0]._speed.tau_s
    assert 0.7 <= lag <= 1.3
    assert lag != 1.0
    assert other.meter.gain == nominal.meter.gain
    assert other.spec == nominal.spec
