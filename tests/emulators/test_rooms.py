"""The emulated rooms: thermostats hold what they are told, a set-point is a change of power that comes back, heat is stored."""

from dataclasses import replace

import pytest

from emulators.events import Events
from emulators.rooms import RoomPlant, RoomsMeter
from emulators.spec import RoomsSpec

HOUR_S = 3_600.0
SPEC = RoomsSpec(("a",), "m", 9_000.0, 4_500.0, 4_000.0, 12_000.0, swing=0.0, spread=0.0)


def room(spec=SPEC, **more):
    events = Events()
    given = {"seed": 1, "perturb": 0.0, "clock_s": 0.0}
    return RoomPlant(spec, "a", events, **{**given, **more}), events


def passed(events, until_s):
    while events.next_s <= until_s:
        events.happen()


def test_a_room_nobody_touches_stays_at_its_own_set_point():
    plant, events = room()
    passed(events, 4 * HOUR_S)
    assert plant.temperature_c(4 * HOUR_S) == pytest.approx(plant.own_c, abs=0.01)
    assert plant.power_w(4 * HOUR_S) == pytest.approx(4_500.0, abs=60.0)


def test_a_higher_set_point_takes_power_away_at_once_and_gives_it_back_as_the_room_warms():
    plant, events = room()
    passed(events, 100.0)
    assert plant.set_point(plant.own_c + 1.0, 100.0)
    passed(events, 125.0)
    assert plant.power_w(125.0) == pytest.approx(4_500.0, abs=60.0)  # dead time
    passed(events, 600.0)
    assert plant.power_w(600.0) < 1_000.0
    passed(events, 10 * HOUR_S)
    assert plant.temperature_c(10 * HOUR_S) == pytest.approx(plant.own_c + 1.0, abs=0.05)
    # what leaks in is less: the heat of one kelvin in ten hours, by the coefficient of performance
    assert plant.power_w(10 * HOUR_S) == pytest.approx(4_500.0 - 12_000.0 / 10.0 / 3.5, rel=0.03)
    assert plant.set_point(None, 10 * HOUR_S)
    assert plant.setpoint_c == plant.own_c


def test_what_was_not_cooled_is_in_the_room():
    plant, events = room(replace(SPEC, leak_s=1e9))
    plant.set_point(plant.own_c + 5.0, 0.0)
    saved_wh = 0.0
    for at in range(720):
        passed(events, 10.0 * at)
        saved_wh += (4_500.0 - plant.power_w(10.0 * at)) * 10.0 / HOUR_S
    assert plant.temperature_c(7_200.0) - plant.own_c == pytest.approx(3.5 * saved_wh / 12_000.0, rel=0.02)


@pytest.mark.parametrize("value", [15.9, 32.1])
def test_a_set_point_outside_its_range_is_refused(value):
    plant, _ = room()
    assert not plant.set_point(value, 0.0)
    assert plant.setpoint_c == plant.own_c


def test_the_hottest_hour_is_three_o_clock():
    spec = replace(SPEC, swing=0.2)
    noon, night = room(spec, clock_s=15 * HOUR_S)[0], room(spec, clock_s=3 * HOUR_S)[0]
    assert noon.natural_w(0.0) == pytest.approx(1.2 * 4_500.0)
    assert night.natural_w(0.0) == pytest.approx(0.8 * 4_500.0)


def test_the_meter_shows_all_rooms_in_its_steps():
    rooms = [room()[0], room()[0]]
    assert RoomsMeter(rooms, resolution_w=100.0).readings["power.active"](0.0) == 9_000.0
