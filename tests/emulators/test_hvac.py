"""Laws of the emulated fans, lights, chillers and their zone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.chillers import ChillerPlant, Zone
from emulators.events import Events
from emulators.fans import WORD_READY, WORD_RUN, FanPlant
from emulators.lights import LightsPlant
from emulators.spec import ChillersSpec, FansSpec, LightsSpec

FANS = FansSpec(("ahu01",), 25_000.0)
CHILLERS = ChillersSpec(("chiller1", "chiller2"), 150_000.0, 160_000.0)
LIGHTS = LightsSpec("lights", 60_000.0, 40_000.0)


def run(events, t_s):
    while events.next_s <= t_s:
        events.happen()


def fan(seed=1, perturb=0.0):
    events = Events()
    return FanPlant(FANS, "ahu01", events, seed=seed, perturb=perturb), events


def cooling(spec=CHILLERS):
    events = Events()
    zone = Zone(spec)
    return [ChillerPlant(spec, zone, events, seed=1, perturb=0.0) for _ in spec.devices], zone, events


@pytest.mark.parametrize(("speed", "watts"), [(100.0, 25_000.0), (80.0, 12_800.0), (60.0, 5_400.0), (55.0, 4_159.375)])
def test_fan_power_is_the_cube_of_speed(speed, watts):
    machine, events = fan()
    for minute in range(15):
        machine.set_speed(speed, minute * 30.0)
        run(events, minute * 30.0 + 30.0)
    assert machine.power_w(450.0) == pytest.approx(watts, rel=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_a_fan_waits_its_dead_time_and_takes_its_lag(seed):
    machine, events = fan(seed)
    machine.set_speed(100.0, 0.0)
    run(events, 7.99)
    assert machine.power_w(7.99) == pytest.approx(12_800.0)
    run(events, 12.01)
    machine.set_speed(100.0, 40.0)
    run(events, 47.0)
    speed = 100.0 * (machine.power_w(47.0) / 25_000.0) ** (1.0 / 3.0)
    # one lag of 25 to 35 s after a dead time of 8 to 12 s: 63 % of the way at 33 to 47 s
    assert speed >= 100.0 - 20.0 * 0.369


@given(st.lists(st.tuples(st.floats(0.0, 50.0), st.one_of(st.none(), st.floats(0.0, 100.0))), max_size=20))
def test_a_fan_never_runs_below_the_ventilation_minimum(orders):
    machine, events = fan()
    now_s = 0.0
    for span_s, speed in orders:
        machine.set_speed(speed, now_s)
        now_s += span_s
        run(events, now_s)
        assert machine.readings["fan.speed"](now_s) >= 55.0
        assert machine.power_w(now_s) <= 25_000.0


def test_a_fan_that_hears_nothing_goes_back_to_its_natural_speed():
    machine, events = fan()
    machine.set_speed(60.0, 0.0)
    run(events, 300.0)
    assert machine.power_w(300.0) == pytest.approx(12_800.0, rel=0.01)


def test_a_fan_follows_its_setpoint_only_while_the_control_word_says_run():
    machine, events = fan()
    machine.registers["fan.speed.setpoint"](60.0, 0.0)
    run(events, 50.0)
    assert machine.power_w(50.0) == pytest.approx(12_800.0)
    machine.registers["x.control_word"](float(WORD_RUN), 50.0)
    machine.registers["fan.speed.setpoint"](60.0, 90.0)
    run(events, 140.0)
    assert machine.power_w(140.0) < 7_000.0
    machine.registers["x.control_word"](float(WORD_READY), 140.0)
    run(events, 400.0)
    assert machine.power_w(400.0) == pytest.approx(12_800.0, rel=0.01)


CHILLER_ORDERS = st.lists(
    st.tuples(
        st.floats(0.0, 2000.0),
        st.sampled_from(["limit", "enable"]),
        st.one_of(st.none(), st.floats(0.0, 100.0), st.sampled_from([0.0, 1.0])),
    ),
    max_size=40,
)


@given(CHILLER_ORDERS)
def test_a_chiller_keeps_its_minimum_times_and_starts_whatever_it_is_told(orders):
    (machine, _), _, events = cooling()
    now_s = 0.0
    for span_s, what, value in orders:
        (machine.set_limit if what == "limit" else machine.set_enable)(value, now_s)
        now_s += span_s
        run(events, now_s)
        power_w = machine.power_w(now_s)
        assert 0.0 <= power_w <= 150_000.0
        assert machine.running or power_w == 0.0
    starts = [t_s for t_s, running in machine.switched if running]
    for (begin_s, running), (end_s, _) in zip(machine.switched, machine.switched[1:], strict=False):
        if not running:
            assert end_s - begin_s >= 900.0 - 1e-6
    for first, fifth in zip(starts, starts[4:], strict=False):
        assert fifth - first >= 3600.0 - 1e-6


@given(st.lists(st.floats(31.0, 900.0), min_size=10, max_size=60))
def test_a_chiller_never_starts_more_often_in_an_hour_than_it_may(spans):
    # short minimum times, so that nothing else holds the starts back
    (machine, _), _, events = cooling(ChillersSpec(("a", "b"), 150_000.0, 160_000.0, min_on_s=0.0, min_off_s=30.0))
    now_s = 0.0
    for number, span_s in enumerate(spans):
        machine.set_limit(20.0 if number % 2 == 0 else 60.0, now_s)
        now_s += span_s
        run(events, now_s)
    starts = [t_s for t_s, running in machine.switched if running]
    for first, fifth in zip(starts, starts[4:], strict=False):
        assert fifth - first >= 3600.0 - 1e-6


@given(st.lists(st.tuples(st.floats(0.0, 1500.0), st.sampled_from([0.0, 1.0])), max_size=40))
def test_a_chiller_told_to_stop_runs_out_its_minimum_on_time(orders):
    (machine, _), _, events = cooling()
    now_s = 0.0
    for span_s, wanted in orders:
        machine.set_enable(wanted, now_s)
        now_s += span_s
        run(events, now_s)
    for (begin_s, running), (end_s, _) in zip(machine.switched, machine.switched[1:], strict=False):
        assert end_s - begin_s >= 900.0 - 1e-6, running
    assert machine.trips == 0


def test_a_demand_limit_below_a_quarter_trips_the_machine():
    (machine, _), _, events = cooling()
    machine.set_limit(24.0, 0.0)
    run(events, 31.0)
    assert machine.trips == 1
    assert machine.power_w(31.0) == 0.0
    machine.set_limit(60.0, 31.0)
    for minute in range(1, 16):
        machine.set_limit(60.0, minute * 60.0)
        run(events, minute * 60.0)
    assert not machine.running
    run(events, 931.0)
    assert machine.running


@pytest.mark.parametrize("release", [None, 100.0])
def test_a_demand_limit_of_a_hundred_percent_leaves_the_machine_to_its_own_controller(release):
    (machine, _), _, events = cooling()
    machine.set_limit(90.0, 0.0)
    run(events, 100.0)
    assert machine.power_w(100.0) > 90_000.0
    machine.set_limit(release, 100.0)
    run(events, 2000.0)
    assert machine.power_w(2000.0) == pytest.approx(80_000.0, rel=1e-3)


def test_the_zone_does_not_drift_at_the_operating_point():
    _, zone, events = cooling()
    run(events, 86_400.0)
    assert zone.temperature_c(86_400.0) == pytest.approx(24.0, abs=1e-9)


def test_the_zone_follows_its_heat_balance():
    machines, zone, events = cooling()
    expected_k, step_s = 0.0, 1.0
    for second in range(7200):
        if second % 100 == 0:
            machines[0].set_limit(30.0 if second < 3000 else 90.0, float(second))
            machines[1].set_limit(95.0 if second % 2000 < 1000 else 25.0, float(second))
        run(events, second + step_s)
        power_w = sum(machine.power_w(second + step_s) for machine in machines)
        expected_k += step_s * (-4.0 * (power_w - 160_000.0) / (250_000.0 * 3600.0) - expected_k / 36_000.0)
    assert zone.temperature_c(7200.0) - 24.0 == pytest.approx(expected_k, abs=2e-3)
    assert abs(expected_k) > 0.05


def test_lights_dim_within_a_second_and_never_below_their_minimum():
    events = Events()
    lights = LightsPlant(LIGHTS, events, seed=1, perturb=0.0)
    assert lights.power_w(0.0) == pytest.approx(40_000.0)
    lights.set_level(50.0, 0.0)
    run(events, 3.0)
    assert lights.power_w(3.0) == pytest.approx(30_000.0, rel=0.01)
    lights.set_level(5.0, 3.0)
    run(events, 8.0)
    assert lights.power_w(8.0) == pytest.approx(18_000.0, rel=0.01)
    run(events, 80.0)
    assert lights.power_w(80.0) == pytest.approx(60_000.0, rel=0.01), "full light when nobody refreshes the level"
