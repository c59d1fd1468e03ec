"""Laws of the emulated battery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.battery import BatteryPlant
from emulators.events import Events
from emulators.spec import BatterySpec

SPEC = BatterySpec("battery", 200_000.0, 200_000.0, 400_000.0)
SMALL = BatterySpec("battery", 200_000.0, 200_000.0, 2_000.0, reversion_s=600.0)
"""Full or empty within seconds."""

ORDERS = st.lists(st.tuples(st.floats(0.05, 20.0), st.floats(-200_000.0, 200_000.0)), min_size=1, max_size=12)


class Bench:
    """A battery with its events, alone."""

    def __init__(self, spec, seed=1, perturb=0.0):
        self.events = Events()
        self.battery = BatteryPlant(spec, self.events, seed=seed, perturb=perturb)
        self.now_s = 0.0

    def to(self, t_s):
        while self.events.next_s <= t_s:
            self.events.happen()
        self.now_s = t_s


def test_a_setpoint_acts_after_the_dead_time_and_then_with_the_lag():
    bench = Bench(SPEC)
    assert bench.battery.set_power(100_000.0, 0.0)
    bench.to(0.299)
    assert bench.battery.power_w(0.299) == 0.0
    bench.to(0.9)
    # applied between 0.3 and 0.6 s, so 0.3 to 0.6 s of a 0.3 s lag have passed
    assert 63_000.0 < bench.battery.power_w(0.9) < 87_000.0
    bench.to(5.0)
    assert bench.battery.power_w(5.0) == pytest.approx(100_000.0, rel=1e-5)


@given(ORDERS)
def test_energy_is_conserved_for_any_sequence_of_setpoints(orders):
    bench = Bench(SPEC)
    battery = bench.battery
    expected_wh = battery.energy_wh(0.0)
    step_s = 0.01
    for span_s, wanted_w in orders:
        battery.set_power(wanted_w, bench.now_s)
        for _ in range(round(span_s / step_s)):
            before_w = battery.power_w(bench.now_s)
            bench.to(bench.now_s + step_s)
            middle_w = (before_w + battery.power_w(bench.now_s)) / 2.0
            stored_w = middle_w * battery.efficiency if middle_w > 0.0 else middle_w / battery.efficiency
            expected_wh += (stored_w - battery.standby_w) * step_s / 3600.0
    # the rectangle sum is wrong by at most one step of full power at each of the jumps in slope
    slack_wh = 400_000.0 * step_s / 3600.0 * (len(orders) + 1)
    assert battery.energy_wh(bench.now_s) == pytest.approx(expected_wh, abs=slack_wh)


@given(ORDERS)
def test_the_state_of_charge_never_leaves_its_window_and_power_stops_there(orders):
    bench = Bench(SMALL)
    battery = bench.battery
    for span_s, wanted_w in orders:
        battery.set_power(wanted_w, bench.now_s)
        for _ in range(20):
            bench.to(bench.now_s + span_s / 20.0)
            soc, power_w = battery.soc_pct(bench.now_s), battery.power_w(bench.now_s)
            assert 10.0 - 1e-6 <= soc <= 90.0 + 1e-6
            assert not (soc > 90.0 - 1e-9 and power_w > 0.0)
            assert not (soc < 10.0 + 1e-9 and power_w < 0.0)


def test_a_full_battery_still_takes_the_other_direction():
    bench = Bench(SMALL)
    bench.battery.set_power(200_000.0, 0.0)
    bench.to(60.0)
    assert bench.battery.power_w(60.0) == 0.0
    assert bench.battery.soc_pct(60.0) == pytest.approx(90.0, abs=0.3)
    bench.battery.set_power(-50_000.0, 60.0)
    bench.to(63.0)
    assert bench.battery.power_w(63.0) == pytest.approx(-50_000.0, rel=1e-3)


@pytest.mark.parametrize(("refresh_s", "wanted_w"), [(5.0, 100_000.0), (14.0, 100_000.0), (16.0, 0.0)])
def test_a_setpoint_that_is_not_refreshed_lapses_to_zero(refresh_s, wanted_w):
    bench = Bench(SPEC)
    bench.battery.set_power(100_000.0, 0.0)
    bench.to(refresh_s)
    if refresh_s < 15.0:
        bench.battery.set_power(100_000.0, refresh_s)
    bench.to(refresh_s + 10.0)
    assert bench.battery.power_w(refresh_s + 10.0) == pytest.approx(wanted_w, abs=1.0)


def test_a_setpoint_beyond_the_rating_is_refused():
    bench = Bench(SPEC)
    assert not bench.battery.set_power(200_001.0, 0.0)
    assert not bench.battery.set_power(-200_001.0, 0.0)
    bench.to(3.0)
    assert bench.battery.power_w(3.0) == 0.0


def test_without_the_enable_register_a_written_setpoint_does_nothing():
    bench = Bench(SPEC)
    registers = bench.battery.registers
    assert registers["battery.power.setpoint"](50_000.0, 0.0)
    bench.to(3.0)
    assert bench.battery.power_w(3.0) == 0.0
    assert registers["battery.enable"](1.0, 3.0)
    bench.to(8.0)
    assert bench.battery.power_w(8.0) == pytest.approx(50_000.0, rel=1e-3)
    assert registers["battery.enable"](0.0, 8.0)
    bench.to(13.0)
    assert bench.battery.power_w(13.0) == pytest.approx(0.0, abs=1.0)


def test_the_round_trip_loses_what_the_scenario_says():
    spec = BatterySpec("battery", 200_000.0, 200_000.0, 400_000.0, standby_w=0.0, reversion_s=7200.0)
    bench = Bench(spec)
    start_wh = bench.battery.energy_wh(0.0)
    bench.battery.set_power(100_000.0, 0.0)
    bench.to(1800.0)
    stored_wh = bench.battery.energy_wh(1800.0) - start_wh
    assert stored_wh == pytest.approx(50_000.0 * 0.92**0.5, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_perturbation_changes_losses_and_times_but_not_the_ranges(seed):
    bench = Bench(SPEC, seed=seed, perturb=0.3)
    assert 1.0 - 0.08 * 1.3 <= bench.battery.efficiency**2 <= 1.0 - 0.08 * 0.7
    assert bench.battery.set_power(200_000.0, 0.0)
    bench.to(5.0)
    assert bench.battery.power_w(5.0) == pytest.approx(200_000.0, rel=1e-3)
