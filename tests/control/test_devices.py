"""Each kind of asset: its room, its commands, the last clamp, and whether it follows."""

from itertools import pairwise
from math import inf, nan

import pytest

from gateway.control import facts, fleet, guard, headroom, kinds, shape, verify
from gateway.control.headroom import Band, Car
from gateway.control.state import AssetState, Charger, Sent, Twin
from gateway.model.command import Command
from gateway.model.reading import Cause, Quality, Reading
from tests.control import looks
from tests.control.fakes import Toy, battery, chiller, dimmer, ev, fans, site, snapshot

NOW_S = 10_000.0
LONG_AGO_S = 0.0


def fresh(x=0.0, **changes):
    return AssetState(Twin(x, NOW_S, x), 0.0, **changes)


def shown(**values):
    return snapshot({name.replace("__", "/").replace("_", "."): value for name, value in values.items()}, now_s=NOW_S)


def row(band):
    return band.lo_w, band.hi_w, band.rest_w, band.lo_reason, band.hi_reason


# -- room ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("I-05", "I-17")
@pytest.mark.parametrize(
    ("soc", "expected"),
    [
        (50.0, (-2e5, 2e5, 0.0, "max_discharge", "max_charge")),
        (10.0, (0.0, 2e5, 0.0, "soc_min", "max_charge")),
        (5.0, (0.0, 2e5, 0.0, "soc_min", "max_charge")),
        (90.0, (-2e5, 0.0, 0.0, "max_discharge", "soc_max")),
        (None, (0.0, 0.0, 0.0, "soc_unknown", "soc_unknown")),
        (nan, (0.0, 0.0, 0.0, "soc_unknown", "soc_unknown")),
        (Reading(50.0, Quality.UNCERTAIN, Cause.FROZEN, NOW_S), (0.0, 0.0, 0.0, "soc_unknown", "soc_unknown")),
        (Reading(50.0, Quality.GOOD, Cause.NONE, NOW_S - 5.1), (0.0, 0.0, 0.0, "soc_unknown", "soc_unknown")),
    ],
)
def test_a_battery_moves_inside_its_window_and_not_at_all_when_its_charge_is_unknown(soc, expected):
    seen = shown(battery__battery_power=0.0, battery__battery_soc=soc)
    assert row(looks.band(battery(), fresh(), seen, now_s=NOW_S)) == expected


def test_an_asset_that_does_not_answer_has_no_room_and_half_of_it_has_half():
    assert row(looks.band(fans(), fresh(), shown(), now_s=NOW_S)) == (0.0, 0.0, 0.0, "offline", "offline")
    band = looks.band(fans(), fresh(), shown(fans2__fan_power=1.0), now_s=NOW_S)
    assert row(band) == (5_300.0, 20_300.0, 12_800.0, "min", "max")
    assert band.devices == ("fans2",)


def test_an_asset_that_does_not_follow_is_left_at_rest():
    state = fresh(shunned_until_s=NOW_S + 1.0)
    band = looks.band(fans(), state, shown(fans1__fan_power=1.0, fans2__fan_power=1.0), now_s=NOW_S)
    assert row(band) == (25_600.0, 25_600.0, 25_600.0, "not_following", "not_following")


def cold(on=("chiller1", "chiller2"), zone=None, **changes):
    values = {f"{name}/chiller.power": 80_000.0 for name in ("chiller1", "chiller2")}
    values |= {f"{name}/chiller.running": float(name in on) for name in ("chiller1", "chiller2")}
    if zone is not None:
        values["zone/zone.temperature"] = None if zone == "unknown" else zone
    where = chiller(zone=None if zone is None else "zone")
    return row(looks.band(where, fresh(**changes), snapshot(values, now_s=NOW_S), now_s=NOW_S))


SINCE = {"switched_s": {"chiller1": LONG_AGO_S, "chiller2": LONG_AGO_S}}


@pytest.mark.fault("I-06", "I-07")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({**SINCE}, (80e3, 240e3, 160e3, "min", "max")),
        ({}, (80e3, 240e3, 160e3, "min", "max")),
        ({"on": ("chiller1",), **SINCE}, (80e3, 240e3, 160e3, "min", "max")),
        ({"on": ("chiller1",)}, (80e3, 150e3, 150e3, "min", "min_off")),
        ({"on": (), **SINCE}, (80e3, 240e3, 160e3, "min", "max")),
        ({"zone": 24.0, **SINCE}, (80e3, 240e3, 160e3, "min", "max")),
        ({"zone": "unknown", **SINCE}, (160e3, 160e3, 160e3, "comfort_unknown", "comfort_unknown")),
        ({"zone": 24.95, **SINCE}, (160e3, 240e3, 160e3, "comfort_warm", "max")),
        ({"zone": 26.0, **SINCE}, (168e3, 240e3, 168e3, "comfort_warm", "max")),
        ({"zone": 23.05, **SINCE}, (80e3, 160e3, 160e3, "min", "comfort_cold")),
        ({"zone": 22.0, **SINCE}, (80e3, 152e3, 152e3, "min", "comfort_cold")),
    ],
)
def test_a_chiller_keeps_comfort_and_its_minimum_times(given, expected):
    assert cold(**given) == pytest.approx(expected)


def test_two_machines_that_may_not_stop_set_the_least():
    where = chiller(min_w=40_000.0)
    values = {f"chiller{at}/chiller.{what}": 1.0 for at in (1, 2) for what in ("power", "running")}
    band = looks.band(where, fresh(), snapshot(values, now_s=NOW_S), now_s=NOW_S)
    assert (band.lo_w, band.lo_reason) == (75_000.0, "min_on")


@pytest.mark.fault("I-06")
@pytest.mark.parametrize(
    ("switched", "starts", "may_stop", "may_start"),
    [
        (None, 0, False, False), (NOW_S - 900.0, 0, True, True), (NOW_S - 899.0, 0, False, False),
        (NOW_S - 900.0, 3, True, True), (NOW_S - 900.0, 4, True, False),
    ],
)  # fmt: skip
def test_a_machine_that_is_not_known_to_have_run_or_rested_long_enough_stays(switched, starts, may_stop, may_start):
    state = fresh(switched_s={} if switched is None else {"chiller1": switched}, starts_s=(NOW_S - 3000.0,) * starts)
    detail = chiller().detail
    assert headroom.may_stop(detail, state, "chiller1", now_s=NOW_S) is may_stop
    assert headroom.may_start(detail, state, "chiller1", now_s=NOW_S) is may_start


# -- the fleet -----------------------------------------------------------------------------------------------------

VOLT = 690.0


def bay(at, *, owed=20_000.0, left=14_400.0):
    return {
        f"book/bay{at:02d}.ev.energy.owed": owed,
        f"book/bay{at:02d}.ev.departure": left,
        f"book/bay{at:02d}.ev.plugged": 1.0,
    }


def chargers(count=4, state=3.0, watts=4140.0):
    return {f"ev{at + 1}/ev.state": state for at in range(count)} | {
        f"ev{at + 1}/ev.power": watts for at in range(count)
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (20_000.0 / 4 / VOLT, False)),
        ({"book/bay01.ev.energy.owed": 0.0}, None),
        ({"book/bay01.ev.energy.owed": None}, (32.0, True)),
        ({"book/bay01.ev.departure": None}, (32.0, True)),
        ({"book/bay01.ev.departure": 0.0}, (32.0, True)),
        ({"book/bay01.ev.departure": 3600.0}, (20_000.0 / VOLT, True)),
        ({"ev1/ev.state": 0.0}, None),
        ({"ev1/ev.state": None}, None),
        ({"ev1/ev.state": 7.0}, None),
        ({"ev1/ev.state": 8.0}, None),
        ({"ev1/ev.power": None}, None),
    ],
)
def test_what_a_car_needs_and_whether_it_takes_part(changes, expected):
    where = ev(count=1, bookings="book")
    seen = snapshot({**chargers(1), **bay(1), **changes}, now_s=NOW_S)
    found = looks.cars(where, seen)
    seen_as = [(car.device, car.need_a, car.urgent) for car in found]
    assert seen_as == ([] if expected is None else [("ev1", pytest.approx(expected[0]), expected[1])])


def test_without_a_booking_system_a_car_wants_all_and_is_not_urgent():
    where = ev(count=1)
    assert looks.cars(where, snapshot(chargers(1), now_s=NOW_S)) == (Car("ev1", 32.0, False),)


@pytest.mark.parametrize(
    ("where", "state", "expected"),
    [
        (ev(), {}, (4 * 6 * VOLT, 4 * 32 * VOLT, 4 * 32 * VOLT, "min_current", "cars")),
        (ev(min_w=33e3, max_w=60e3), {}, (33e3, 60e3, 60e3, "min", "max")),
        (ev(min_w=99e3, max_w=99e3), {}, (4 * 32 * VOLT, 4 * 32 * VOLT, 4 * 32 * VOLT, "min", "cars")),
        (ev(), {"shunned_until_s": NOW_S + 1}, (4 * 32 * VOLT,) * 3 + ("not_following", "not_following")),
    ],
)
def test_the_fleets_room_is_its_cars_inside_its_bounds(where, state, expected):
    band = looks.band(where, fresh(**state), snapshot(chargers(), now_s=NOW_S), now_s=NOW_S)
    assert row(band) == pytest.approx(expected)


def test_urgent_cars_are_not_in_the_pool_and_no_cars_no_room():
    where = ev(count=2, bookings="book")
    seen = snapshot({**chargers(2), **bay(1), **bay(2, left=1800.0)}, now_s=NOW_S)
    assert looks.band(where, fresh(), seen, now_s=NOW_S).lo_w == (6 + 32) * VOLT
    empty = looks.band(where, fresh(), shown(), now_s=NOW_S)
    assert (row(empty), empty.cars) == ((0.0, 0.0, 0.0, "no_cars", "no_cars"), ())


@pytest.mark.parametrize(
    ("charger", "reading", "expected"),
    [
        (Charger(), (5e3, 0.0), Charger(5e3)),
        (Charger(1e3, 8.0, NOW_S - 2, 5520.0), (1e3, 0.0), Charger(1e3, 8.0, NOW_S - 2, 5520.0)),
        (Charger(1e3, 8.0, NOW_S - 2, 5520.0), (5400.0, 0.0), Charger(5400.0, 8.0, NOW_S - 2, None)),
        (Charger(1e3, 8.0, NOW_S - 2, 5520.0), (5400.0, 3.0), Charger(1e3, 8.0, NOW_S - 2, 5520.0)),
        (Charger(1e3, 8.0, NOW_S - 6, 5520.0), (1e3, 0.0), Charger(1e3, 8.0, NOW_S - 6, None)),
        (Charger(1e3, 8.0, NOW_S - 2, 5520.0), (None, 0.0), Charger(0.0, 8.0, NOW_S - 2, None)),
    ],
)
def test_an_answer_counts_as_given_when_it_shows_or_its_time_is_over(charger, reading, expected):
    where = ev(count=1)
    state = fresh(chargers={"ev1": charger})
    watts, age_s = reading
    value = None if watts is None else Reading(watts, Quality.GOOD, Cause.NONE, NOW_S - age_s)
    looks.track(where, state, snapshot({"ev1/ev.power": value}, now_s=NOW_S))
    assert state.chargers["ev1"] == expected


def test_a_booking_that_cannot_be_read_for_a_moment_leaves_its_car_as_it_is_then_it_is_charged_in_full():
    where, state = ev(count=2, bookings="book"), fresh(chargers={"ev1": drawing(10), "ev2": drawing(20)})
    whole = {**chargers(2), **bay(1), **bay(2)}

    def seen(after_s, **changes):
        at_s = NOW_S + after_s
        one = looks.band(where, state, snapshot({**whole, **changes}, now_s=at_s), now_s=at_s)
        asked = fleet.ask(where.detail, state, one.cars, aim_w=one.lo_w, now_s=at_s)
        return round(one.lo_w / VOLT), round(one.hi_w / VOLT), asked.get("ev1"), asked.get("ev2")

    lost = {"book/bay02.ev.departure": None}
    assert seen(0.0) == (12, 64, 6.0, 6.0)
    assert seen(1.0, **lost) == (6 + 20, 32 + 20, 6.0, None)
    assert seen(119.0, **lost) == (6 + 20, 32 + 20, 6.0, None)
    assert seen(122.0, **lost) == (6 + 32, 64, 6.0, 32.0)
    assert seen(123.0) == (12, 64, 6.0, 6.0)
    assert seen(124.0, **lost) == (6 + 20, 32 + 20, 6.0, None)


def test_an_answer_on_its_way_counts_from_when_it_is_due():
    state = fresh(chargers={"ev1": Charger(1e3, 8.0, NOW_S, 5e3), "ev2": Charger(2e3)})
    assert [fleet.then_w(ev().detail, state, NOW_S + after) for after in (0.0, 3.4, 3.5)] == [3e3, 3e3, 7e3]


def asked(aim_w, cars, known):
    return fleet.ask(ev().detail, fresh(chargers=known), cars, aim_w=aim_w, now_s=NOW_S)


def drawing(amps, **changes):
    given = {"watts": VOLT * amps, "amps": float(amps), "sent_s": NOW_S - 60.0, **changes}
    return Charger(**given)


FOUR = tuple(Car(f"ev{at}", 10.0, False) for at in (1, 2, 3, 4))


def test_the_fewest_chargers_move_and_those_with_the_most_room_first():
    known = {"ev1": drawing(30), "ev2": drawing(6), "ev3": drawing(20), "ev4": drawing(28)}
    assert asked(84 * VOLT + 15 * VOLT, FOUR, known) == {"ev2": 21.0}
    assert asked(84 * VOLT - 15 * VOLT, FOUR, known) == {"ev1": 15.0}
    assert asked(84 * VOLT + 30 * VOLT, FOUR, known) == {"ev2": 32.0, "ev3": 24.0}


def test_a_small_difference_moves_nothing():
    known = {f"ev{at}": drawing(10) for at in (1, 2, 3, 4)}
    assert asked(40 * VOLT + 2_400.0, FOUR, known) == {}


def test_no_current_is_below_the_minimum_or_above_the_maximum():
    known = {f"ev{at}": drawing(10) for at in (1, 2, 3, 4)}
    assert asked(0.0, FOUR, known) == dict.fromkeys(known, 6.0)
    assert asked(1e9, FOUR, known) == dict.fromkeys(known, 32.0)


def test_a_charger_that_owes_an_answer_is_not_asked_again():
    known = {"ev1": drawing(10, due_w=20 * VOLT, sent_s=NOW_S - 1.0), **{f"ev{at}": drawing(10) for at in (2, 3, 4)}}
    assert "ev1" not in asked(0.0, FOUR, known)
    assert asked(50 * VOLT, FOUR, known) == {}
    known["ev1"] = drawing(10, due_w=20 * VOLT, sent_s=NOW_S - 5.0)
    assert "ev1" in asked(0.0, FOUR, known)


def test_a_new_car_starts_at_what_it_needs_and_an_urgent_one_at_all():
    cars = (Car("ev1", 9.6, False), Car("ev2", 31.0, True), Car("ev3", 0.5, False))
    assert asked(1e5, cars, {}) == {"ev1": 10.0, "ev2": 32.0, "ev3": 6.0}


def test_chargers_already_at_their_bound_are_passed_over():
    known = {"ev1": drawing(32), "ev2": drawing(31.7), "ev3": drawing(32), "ev4": drawing(32)}
    assert asked(1e6, FOUR, known) == {}


# -- commands ------------------------------------------------------------------------------------------------------


def written(where, aim_w, state=None, *, now_s=NOW_S, snap=None, reason="target"):
    state = state or fresh()
    values = {str(kinds.power_point(where, device)): 1.0 for device in where.devices} | {"battery/battery.soc": 50.0}
    values |= {f"{device}/chiller.running": 1.0 for device in where.devices}
    seen = snap or snapshot(values, now_s=now_s)
    band = looks.band(where, state, seen, now_s=now_s)
    return looks.commands(where, state, band, seen, aim_w=aim_w, reason=reason, now_s=now_s), state


@pytest.mark.parametrize(
    ("previous", "wanted", "ramp", "dt_s", "expected"),
    [
        (0.0, 5000.0, 1000.0, 1.0, 1000.0), (0.0, 500.0, 1000.0, 1.0, 500.0), (0.0, -5000.0, 1000.0, 0.5, -500.0),
        (900.0, 5000.0, 1000.0, 0.0, 900.0), (900.0, 5000.0, 1000.0, -1.0, 900.0), (0.0, 5.0, inf, 0.0, 5.0),
        (0.0, 5.0, inf, 1.0, 5.0),
    ],
)  # fmt: skip
@pytest.mark.fault("I-04")
def test_an_aim_moves_no_faster_than_its_ramp_rate(previous, wanted, ramp, dt_s, expected):
    assert shape.ramped(wanted, previous, ramp, dt_s) == expected


def test_a_first_command_is_sent_a_small_change_is_not_and_the_lease_is_renewed():
    sent, state = written(battery(), 5_000.0)
    assert [(one.control, one.value, one.expires_s - one.issued_s) for one in sent] == [
        ("battery.power.setpoint", 5_000.0, 15.0)
    ]
    assert written(battery(), 5_099.0, state, now_s=NOW_S + 1.0)[0] == []
    assert [one.value for one in written(battery(), 5_100.0, state, now_s=NOW_S + 2.0)[0]] == [5_100.0]
    assert written(battery(), 5_100.0, state, now_s=NOW_S + 6.9)[0] == []
    (renewed,) = written(battery(), 5_100.0, state, now_s=NOW_S + 7.0)[0]
    assert (renewed.value, renewed.expires_s) == (5_100.0, NOW_S + 22.0)
    assert [
        one.value
        for one in written(battery(), 50.0, fresh(sent={"battery/battery.power.setpoint": Sent(99.0, 0.0, NOW_S)}))[0]
    ] == []


def test_zero_is_sent_though_it_lies_inside_the_dead_band():
    state = fresh(sent={"battery/battery.power.setpoint": Sent(50.0, 0.0, NOW_S)})
    assert [one.value for one in written(battery(), 0.0, state)[0]] == [0.0]


def test_a_release_is_sent_once_and_renewed_seldom():
    sent, state = written(fans(), None)
    assert [one.value for one in sent] == [None, None]
    assert written(fans(), None, state, now_s=NOW_S + 59.0)[0] == []
    assert [one.value for one in written(fans(), None, state, now_s=NOW_S + 60.0)[0]] == [None, None]
    assert [one.value is None for one in written(fans(), 20e3, state, now_s=NOW_S + 61.0)[0]] == [False, False]


def test_a_device_takes_one_command_a_period():
    _, state = written(fans(), 20e3, fresh(x=80.0))
    assert written(fans(), 30e3, state, now_s=NOW_S + 1.9)[0] == []
    assert len(written(fans(), 30e3, state, now_s=NOW_S + 2.0)[0]) == 2
    _, state = written(fans(command_period_s=9.0), 20e3, fresh(x=80.0))
    assert all(one.value != 100.0 for one in written(fans(command_period_s=9.0), 40e3, state, now_s=NOW_S + 8.9)[0])


def test_a_silent_asset_is_not_written():
    assert written(fans(), 20e3, snap=shown())[0] == []


@pytest.mark.parametrize(
    ("where", "aim_w", "values"),
    [
        (battery(), 12_345.6, [12_346.0]),
        (battery(devices=("a", "b")), 10_001.0, [5_000.0] * 2),
        (dimmer(), 30_000.0, [50.0]),
        (chiller(lag_s=0.0), 150_000.0, [50.0] * 2),
        (fans(lag_s=0.0), 50_000.0, [100.0] * 2),
        (fans(lag_s=0.0), 25_600.0, [80.0] * 2),
    ],
)
def test_watts_become_the_controls_own_unit(where, aim_w, values):
    snap = {f"{device}/{what}": 50.0 for device in where.devices for what in ("battery.power", "battery.soc", "light.power", "fan.power", "chiller.power", "chiller.running")}  # fmt: skip
    sent, _ = written(where, aim_w, snap=snapshot(snap, now_s=NOW_S))
    assert [one.value for one in sent] == values


@pytest.mark.parametrize(("aim_w", "least_or_most"), [(1e6, 100.0), (0.0, 55.0)])
def test_a_slow_asset_is_led_as_far_as_its_drive_goes(aim_w, least_or_most):
    sent, _ = written(fans(), aim_w, fresh(x=80.0))
    assert {one.value for one in sent} == {least_or_most}


@pytest.mark.parametrize(
    ("where", "expected"), [(battery(), 0.3 + 0.45), (ev(), 3.5), (fans(), 10.0 + 5.0 + 30.0 / 8), (chiller(), 30.0 + 5.0 + 15.0)]
)  # fmt: skip
def test_the_horizon_is_when_a_command_has_its_effect(where, expected):
    assert facts.of(where).horizon_s == pytest.approx(expected)


def machines(on, aim_w, state=None, now_s=NOW_S):
    where = chiller()
    values = {f"{name}/chiller.power": 1.0 for name in where.devices}
    values |= {f"{name}/chiller.running": float(name in on) for name in where.devices}
    sent, state = written(
        where,
        aim_w,
        state or fresh(switched_s=dict(SINCE["switched_s"])),
        snap=snapshot(values, now_s=now_s),
        now_s=now_s,
    )
    return [(one.device, one.value, one.reason) for one in sent if one.control == "chiller.enable"], sent, state


@pytest.mark.fault("I-06")
def test_machines_are_staged_one_at_a_time_within_their_minimum_times():
    both = ("chiller1", "chiller2")
    switched, sent, state = machines(both, 60e3)
    assert switched == [("chiller1", 0.0, "stage_down")]
    assert {one.device for one in sent if one.control == "chiller.demand.limit"} == {"chiller2"}
    assert machines(both, 60e3, fresh())[0] == []
    assert machines(both, 80e3)[0] == []
    switched, _, state = machines(("chiller2",), 160e3)
    assert switched == [("chiller1", 1.0, "stage_up")]
    assert state.starts_s == (NOW_S,)
    assert machines(("chiller2",), 160e3, fresh())[0] == []
    assert machines((), 50e3)[0] == [("chiller1", 1.0, "stage_up")]
    assert machines((), 0.0)[0] == []


@pytest.mark.fault("I-06")
def test_a_machine_counts_from_when_it_was_last_seen_to_switch():
    where, state = chiller(), fresh()
    for at_s, value in [(1.0, 1.0), (2.0, 1.0), (3.0, None), (4.0, 0.0)]:
        shape.observe_running(where, state, (value,), now_s=at_s)
    assert (state.running, state.switched_s) == ({"chiller1": False}, {"chiller1": 4.0})


def test_a_fleet_renews_its_leases_and_forgets_a_car_that_left():
    one = Toy(site(ev(), battery()))
    commands = [command for decision in one.run(30.0) for command in decision.commands if command.device == "ev1"]
    assert max(after.issued_s - before.issued_s for before, after in pairwise(commands)) <= 5.0
    one.values["ev1/ev.state"] = 0.0
    one.step()
    own = one.state.assets["ev"]
    assert own.chargers["ev1"].amps is None
    assert "ev1/ev.current.limit" not in own.sent


# -- the last clamp ------------------------------------------------------------------------------------------------


def clamped(where, value, *, soc=50.0, control=None, lease_s=15.0):
    command = Command(where.devices[0], control or kinds.control_of(where), value, "target", NOW_S, NOW_S + lease_s)
    return guard.clamp(command, where, shown(battery__battery_soc=soc))


@pytest.mark.fault("I-02", "I-05", "I-17")
@pytest.mark.parametrize(
    ("where", "value", "soc", "expected", "reason"),
    [
        (battery(), 5.0, 50.0, 5.0, "target"), (battery(), 3e5, 50.0, 2e5, "guard:range"),
        (battery(), -3e5, 50.0, -2e5, "guard:range"), (battery(), nan, 50.0, 0.0, "guard:not_a_number"),
        (battery(), inf, 50.0, 0.0, "guard:not_a_number"), (battery(), 5.0, 90.0, 0.0, "guard:soc"),
        (battery(), -5.0, 10.0, 0.0, "guard:soc"), (battery(), 5.0, None, 0.0, "guard:soc"),
        (battery(), -5.0, None, 0.0, "guard:soc"), (battery(), 5.0, 10.0, 5.0, "target"),
        (battery(), -5.0, 90.0, -5.0, "target"), (battery(), 0.0, None, 0.0, "target"),
        (battery(safe_w=5e4), nan, 95.0, 0.0, "guard:soc"), (battery(safe_w=None), nan, 50.0, 0.0, "guard:not_a_number"),
        (battery(safe_w=3e5), nan, 50.0, 2e5, "guard:range"),
        (ev(), nan, 50.0, 6.0, "guard:not_a_number"), (ev(), 40.0, 50.0, 32.0, "guard:range"),
        (ev(), 3.0, 50.0, 6.0, "guard:range"), (fans(), nan, 50.0, None, "guard:not_a_number"),
        (fans(), 20.0, 50.0, 55.0, "guard:range"), (chiller(), 10.0, 50.0, 25.0, "guard:range"),
        (dimmer(), 200.0, 50.0, 100.0, "guard:range"), (dimmer(), None, 50.0, None, "target"),
        (chiller(), -inf, 50.0, None, "guard:not_a_number"),
    ],
)  # fmt: skip
def test_what_leaves_is_inside_its_bounds_or_the_safe_value(where, value, soc, expected, reason):
    found = clamped(where, value, soc=soc)
    assert (found.value, found.reason, found.expires_s) == (expected, reason, NOW_S + 15.0)


@pytest.mark.parametrize(("value", "control"), [(None, None), (1.0, "chiller.enable"), (50.0, None), (nan, None)])
def test_no_command_outlives_its_lease(value, control):
    assert clamped(chiller(), value, control=control, lease_s=1e6).expires_s == NOW_S + 15.0


# -- following -----------------------------------------------------------------------------------------------------


def test_an_asset_that_does_not_follow_loses_its_share_and_is_tried_again():
    one = Toy(site(battery(), dimmer()), load_w=600_000.0)
    one.run(15.0)
    one.deaf = {"battery"}
    one.ask(power_w=560_000.0, end_ms=one.utc_ms + 600_000)
    raised = [(alarm.key, alarm.raised) for decision in one.run(20.0) for alarm in decision.alarms]
    assert raised == [("not_following:battery", True)]
    assert one.last.shares[0].reason == "not_following"
    assert one.power_w("lighting") == pytest.approx(20_000.0, abs=500.0)
    one.deaf = set()
    cleared = [(alarm.key, alarm.raised) for decision in one.run(70.0) for alarm in decision.alarms]
    assert cleared == [("not_following:battery", False)]
    assert one.power_w("battery") == pytest.approx(-80_000.0 + 0.0, abs=60_000.0)
    assert one.site_w == pytest.approx(560_000.0, abs=500.0)


def test_the_twin_of_an_asset_under_command_goes_by_its_commands_alone():
    where, state = battery(), fresh(x=1_000.0, sent={"battery/battery.power.setpoint": Sent(1_000.0, 0.0, 0.0)})
    state.twin.trail = ((NOW_S - 1.0, 1_000.0),)
    band = Band(-2e5, 2e5, 0.0, "", "", ("battery",))
    assert (
        verify.correct(
            facts.of(where), state, band, snapshot({"battery/battery.power": 90_000.0}, now_s=NOW_S), now_s=NOW_S
        )
        == 0.0
    )
    assert (state.twin.x, state.doubt_s) == (1_000.0, NOW_S)


def test_the_twin_of_a_released_asset_is_pulled_towards_what_is_measured_and_doubt_passes():
    where, state = battery(), fresh(x=1_000.0)
    state.twin.trail = ((NOW_S - 1.0, 1_000.0),)
    band = Band(-2e5, 2e5, 0.0, "", "", ("battery",))

    def see(watts, at_s):
        verify.correct(facts.of(where), state, band, snapshot({"battery/battery.power": watts}, now_s=at_s), now_s=at_s)
        return state.doubt_s

    assert see(2_000.0, NOW_S) is None
    assert state.twin.x == pytest.approx(1_300.0)
    assert see(2_000.0, NOW_S) is None
    assert state.twin.x == pytest.approx(1_300.0)
    assert see(90_000.0, NOW_S + 1.0) == NOW_S + 1.0
    assert see(90_000.0, NOW_S + 2.0) == NOW_S + 1.0
    assert see(1_000.0, NOW_S + 3.0) is None
    verify.correct(facts.of(where), state, Band(0, 0, 0, "", "", ()), shown(), now_s=NOW_S)
    assert state.doubt_s is None


def test_a_reading_older_than_the_trail_says_nothing_when_there_is_no_trail():
    where, state = battery(), fresh(x=1_000.0)
    band = Band(-2e5, 2e5, 0.0, "", "", ("battery",))
    verify.correct(facts.of(where), state, band, snapshot({"battery/battery.power": 9e4}, now_s=NOW_S), now_s=NOW_S)
    assert (state.twin.x, state.polled_s) == (1_000.0, NOW_S)


@pytest.mark.parametrize("where", [battery(), fans(), chiller(zone="zone"), dimmer(), ev(bookings="book")])
def test_every_input_of_an_asset_is_named_once(where):
    names = kinds.inputs_of(where)
    assert len(names) == len(set(names))
    assert all(kinds.power_point(where, device) in names for device in where.devices)


@pytest.mark.parametrize("where", [battery(), fans(), chiller(), dimmer()])
@pytest.mark.parametrize("watts", [0.0, 1_000.0, 25_600.0])
def test_a_drive_and_its_watts_are_inverse(where, watts):
    assert kinds.to_watts(where, kinds.to_drive(where, watts, 2), 2) == pytest.approx(watts)
