"""Laws of the emulated chargers and cars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.events import Events
from emulators.fleet import STATE_A, STATE_B2, STATE_C1, STATE_C2, FleetPlant
from emulators.spec import FleetSpec

DEVICES = tuple(f"ev{number:02}" for number in range(1, 17))
SPEC = FleetSpec(DEVICES)
ORDERS = st.lists(
    st.tuples(st.floats(0.0, 400.0), st.sampled_from(DEVICES), st.one_of(st.none(), st.floats(-5.0, 90.0))), max_size=60
)


class Bench:
    """A fleet with its events, alone."""

    def __init__(self, spec=SPEC, seed=1):
        self.events = Events()
        self.fleet = FleetPlant(spec, self.events, seed=seed, perturb=0.0)
        self.now_s = 0.0

    def to(self, t_s):
        while self.events.next_s <= t_s:
            self.events.happen()
        self.now_s = t_s

    def plugged(self):
        return next(one for one in self.fleet.chargers.values() if one.session and one.session.departs_s > 3600.0)


@given(ORDERS)
def test_a_charger_is_never_between_zero_and_six_amperes(orders):
    bench = Bench()
    for span_s, device, amps in orders:
        bench.fleet.chargers[device].set_limit(amps, bench.now_s)
        bench.to(bench.now_s + span_s)
        for charger in bench.fleet.chargers.values():
            assert charger.limit_a in {0, *range(6, 33)}
            assert charger.power_w() in {0.0, charger.limit_a * 690.0}
        assert bench.fleet.power_w(bench.now_s) == pytest.approx(
            sum(charger.power_w() for charger in bench.fleet.chargers.values()), abs=1e-3
        )


@given(ORDERS)
def test_a_car_never_gets_more_than_it_needs_and_an_absent_one_nothing(orders):
    bench = Bench()
    for span_s, device, amps in orders:
        bench.fleet.chargers[device].set_limit(amps, bench.now_s)
        bench.to(bench.now_s + span_s)
        for charger in bench.fleet.chargers.values():
            state = charger.state()
            assert (charger.session is None) == (state == STATE_A)
            assert charger.owed_wh(bench.now_s) >= 0.0
            if state in {STATE_A, STATE_B2, STATE_C1}:
                assert charger.power_w() == 0.0


def test_a_command_takes_two_to_five_seconds_and_another_one_meanwhile_is_refused():
    bench = Bench()
    charger = bench.plugged()
    assert charger.set_limit(20.0, 0.0)
    assert not charger.set_limit(10.0, 1.0)
    assert charger.set_limit(20.0, 1.0), "the same again is a refresh"
    bench.to(1.99)
    assert charger.limit_a != 20
    bench.to(5.01)
    assert charger.limit_a == 20
    assert charger.state() == STATE_C2
    assert charger.set_limit(10.0, 5.01)


@pytest.mark.parametrize(("written", "taken"), [(5.9, 0), (6.0, 6), (13.9, 13), (32.0, 32), (60.0, 32), (0.0, 0)])
def test_a_limit_is_whole_amperes_in_the_range_or_zero(written, taken):
    bench = Bench()
    charger = bench.plugged()
    charger.set_limit(written, 0.0)
    bench.to(6.0)
    assert charger.limit_a == taken


def test_a_limit_that_is_not_refreshed_falls_to_the_safe_current():
    bench = Bench()
    charger = bench.plugged()
    charger.set_limit(32.0, 0.0)
    bench.to(59.0)
    assert charger.limit_a == 32
    bench.to(66.0)
    assert charger.limit_a == 6


def test_a_full_car_draws_nothing_until_it_leaves():
    bench = Bench()
    charger = bench.plugged()
    charger.session.owed_wh = 100.0
    charger.set_limit(32.0, 0.0)
    bench.to(50.0)
    assert charger.state() == STATE_B2
    assert charger.power_w() == 0.0
    assert charger.owed_wh(50.0) == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("cars", "vehicles", "least"), [(7.0, 8, 5), (13.0, 14, 11)])
def test_about_as_many_cars_are_present_as_the_scenario_says_in_every_hour(seed, cars, vehicles, least):
    bench = Bench(FleetSpec(DEVICES, cars=cars, vehicles=vehicles, least_cars=least), seed=seed)
    counts = []
    for quarter in range(96):
        bench.to(quarter * 900.0)
        counts.append(sum(one.session is not None for one in bench.fleet.chargers.values()))
    assert least <= min(counts)
    assert max(counts) <= vehicles
    assert sum(counts) / len(counts) == pytest.approx(cars, abs=0.7)


def test_the_bookings_tell_what_the_cars_need():
    bench = Bench()
    number, charger = next((n, c) for n, c in enumerate(bench.fleet.chargers.values(), 1) if c.session is not None)
    read = bench.fleet.bookings
    assert read[f"bay{number:02}.ev.plugged"](0.0) == 1.0
    assert read[f"bay{number:02}.ev.energy.owed"](0.0) == pytest.approx(charger.owed_wh(0.0), abs=0.5)
    assert 0.0 <= charger.session.departs_s - read[f"bay{number:02}.ev.departure"](0.0) < 60.0
    free = next(n for n, c in enumerate(bench.fleet.chargers.values(), 1) if c.session is None)
    assert read[f"bay{free:02}.ev.plugged"](0.0) == 0.0
    assert len(read) == 48


def test_charged_by_plan_every_car_leaves_with_its_energy():
    bench = Bench(seed=3)
    for third in range(1800):
        for charger in bench.fleet.chargers.values():
            if charger.session is not None:
                left_s = max(charger.session.departs_s - bench.now_s - 60.0, 60.0)
                amps = charger.owed_wh(bench.now_s) * 3600.0 / left_s / 690.0
                charger.set_limit(min(32.0, max(6.0, amps + 1.0)), bench.now_s)
        bench.to(20.0 * (third + 1))
    assert len(bench.fleet.short_wh) >= 8
    assert max(bench.fleet.short_wh) < 500.0
