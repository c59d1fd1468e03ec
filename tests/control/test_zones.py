"""Rooms as an asset: steps of set-points, what binds them, what they draw unasked, how they answer, and the way home."""

from dataclasses import replace

import pytest

from gateway.control import facts as all_facts
from gateway.control import guard, heat, stores, zones
from gateway.control.carry import carried
from gateway.control.setpoints import Stand, moved, rung
from gateway.control.state import Answer, AssetState, Rooms, Sent, Twin
from gateway.control.step import begin
from gateway.model.command import Command
from gateway.model.local import When
from gateway.statefile import resume
from tests.control import fakes, looks
from tests.control.fakes import UTC_MS, site, snapshot

NOW_S = 10_000.0
ROOMS = ("room1", "room2", "room3", "room4")


def shown(*temperatures, power_w=40_000.0, own_c=24.0):
    values = {"cooling/power.active": power_w}
    for device, room_c in zip(ROOMS, temperatures, strict=True):
        values |= {f"{device}/zone.temperature": room_c, f"{device}/zone.temperature.setpoint": own_c}
    return values


COMFORTABLE = shown(24.0, 24.0, 24.0, 24.0)


def met(one, values=COMFORTABLE, *, state=None, now_s=NOW_S, occupied=True):
    """The state of rooms that were looked at, and their band."""
    if state is None:
        state = AssetState(Twin(40_000.0, now_s, 40_000.0), 40_000.0, rooms=Rooms(rest_w=40_000.0))
    state.rooms = replace(state.rooms, occupied=occupied)
    return state, looks.band(one, state, snapshot(values, now_s=now_s), now_s=now_s)


def told(one, state, band, values=COMFORTABLE, *, aim_w, now_s=NOW_S, reason="target"):
    """Set-points that go out: device -> value."""
    seen = snapshot(values, now_s=now_s)
    return {
        command.device: command.value
        for command in looks.commands(one, state, band, seen, aim_w=aim_w, reason=reason, now_s=now_s)
    }


@pytest.mark.parametrize(
    ("now_c", "own_c", "way", "expected"),
    [
        (24.0, 24.0, 1, 24.5),
        (24.0, 24.0, -1, 23.5),
        (24.3, 24.3, 1, 24.5),  # whole steps, whatever it had
        (24.3, 24.3, -1, 24.0),
        (24.5, 24.3, -1, 24.3),  # but home is where it was
        (25.8, 24.0, 1, None),
        (27.0, 27.0, 1, None),  # its own beyond the band: only inwards
        (27.0, 27.0, -1, 25.5),
        (21.0, 21.0, 1, 22.5),
    ],
)
def test_a_room_stands_on_whole_steps_inside_its_band_or_on_its_own_set_point(now_c, own_c, way, expected):
    assert rung(Stand("room1", now_c, own_c, 22.2, 25.8), 0.5, way) == expected


@pytest.mark.parametrize(
    ("wanted_k", "home", "expected"),
    [
        (0.25, False, {}),  # half a step moves nobody
        (0.35, False, {"a": 24.5}),
        (1.0, False, {"a": 24.5, "b": 24.5}),
        (-1.9, False, {"c": 23.5, "a": 23.5, "b": 23.5, "d": 24.5}),
        (-9.0, True, {"c": 24.0, "d": 24.0}),
        (-0.001, True, {"d": 24.5}),  # on the way home somebody always makes a step
        (0.001, True, {}),
    ],
)
def test_rooms_move_one_step_each_and_those_nearest_to_their_own_first(wanted_k, home, expected):
    stands = [Stand(name, now_c, 24.0, 22.0, 26.0) for name, now_c in zip("abcd", (24, 24, 24.5, 25), strict=True)]
    found = moved(stands, wanted_k, step_k=0.5, home=home)
    if wanted_k == -1.9:
        assert sum(found.values()) - sum(one.now_c for one in stands if one.device in found) == pytest.approx(-2.0)
    else:
        assert found == expected


def test_who_must_go_home_goes_and_the_others_make_up_for_it():
    stands = [Stand("a", 25.0, 24.0, 22.0, 26.0, homeward=True), Stand("b", 24.0, 24.0, 22.0, 26.0)]
    assert moved(stands, 0.0, step_k=0.5) == {"a": 24.0, "b": 25.0}


def test_among_equals_the_room_that_rested_longest_goes_first():
    stands = [Stand("a", 24.0, 24.0, 22.0, 26.0, moved_s=5.0), Stand("b", 24.0, 24.0, 22.0, 26.0, moved_s=2.0)]
    assert moved(stands, 0.5, step_k=0.5) == {"b": 24.5}


@pytest.mark.parametrize(
    ("aim_w", "heats", "expected"),
    [
        (39_000.0, False, {}),  # less than a step of one room is worth
        (38_000.0, False, {"room1": 24.5}),
        (32_000.0, False, dict.fromkeys(ROOMS, 24.5)),
        (48_000.0, False, dict.fromkeys(ROOMS, 23.5)),
        (32_000.0, True, dict.fromkeys(ROOMS, 23.5)),
        (-1e9, False, dict.fromkeys(ROOMS, 25.0)),  # a kelvin at a time
        (1e9, False, dict.fromkeys(ROOMS, 23.0)),
    ],
)
def test_a_power_becomes_steps_of_set_points_by_what_they_are_worth(aim_w, heats, expected):
    one = fakes.zones(heats=heats)
    state, band = met(one)
    assert told(one, state, band, aim_w=aim_w) == expected


@pytest.mark.parametrize(
    ("values", "occupied", "lo_w", "hi_w", "reason"),
    [
        (COMFORTABLE, True, 40_000 - 16_000 * 1.8, 60_000.0, "comfort_warm"),
        (COMFORTABLE, False, 0.0, 60_000.0, "min"),
        (shown(None, 24.0, 24.0, 24.0), True, 40_000 - 16_000 * 1.8 * 0.75, 60_000.0, "comfort_warm"),
        (shown(None, None, None, None), True, 40_000.0, 40_000.0, "comfort_unknown"),
        (shown(24.0, 24.0, 24.0, 24.0, power_w=None), True, 40_000.0, 40_000.0, "offline"),
    ],
)
@pytest.mark.fault("I-07", "I-17")
def test_what_they_can_do_is_what_set_points_inside_the_band_do_and_nothing_without_a_temperature(
    values, occupied, lo_w, hi_w, reason
):
    _, band = met(fakes.zones(), values, occupied=occupied)
    assert (band.lo_w, band.hi_w, band.lo_reason) == (pytest.approx(lo_w), pytest.approx(hi_w), reason)
    assert band.rest_w == 40_000.0


def test_rooms_of_which_nothing_was_ever_read_are_not_there():
    one = fakes.zones()
    state = AssetState(Twin(0.0, NOW_S, 0.0), 0.0, rooms=Rooms())
    _, band = met(one, shown(None, None, None, None, power_w=None, own_c=None), state=state)
    assert (band.devices, band.lo_reason) == ((), "offline")


@pytest.mark.fault("I-07")
def test_a_room_that_lost_its_temperature_or_left_its_band_is_given_its_own_set_point_back():
    one = fakes.zones()
    state, band = met(one)
    told(one, state, band, aim_w=24_000.0)
    later = shown(26.1, None, 25.0, 25.0, own_c=25.0)
    state, band = met(one, later, state=state, now_s=NOW_S + 70.0)
    found = told(one, state, band, later, aim_w=heat.heading(state), now_s=NOW_S + 70.0)
    assert (found["room1"], found["room2"]) == (None, None)
    assert found["room3"] > 25.0


def test_set_points_wait_for_their_period_and_an_interlock_does_not():
    one = fakes.zones()
    state, band = met(one)
    assert told(one, state, band, aim_w=32_000.0)
    assert not told(one, state, band, aim_w=20_000.0, now_s=NOW_S + 4.0)
    assert told(one, state, band, aim_w=20_000.0, now_s=NOW_S + 6.0) == dict.fromkeys(ROOMS, 24.5)  # renewed
    assert told(one, state, band, aim_w=None, now_s=NOW_S + 8.0, reason="interlock") == dict.fromkeys(ROOMS)


def test_without_an_aim_they_go_home_by_and_by_and_no_further_above_rest_than_the_rebound():
    one = fakes.zones(rebound_w=4_000.0)
    state, band = met(one)
    told(one, state, band, aim_w=16_000.0)
    state.twin.pending, state.twin.drive = (), 30_000.0  # they have warmed meanwhile
    for number in range(1, 20):
        now_s, before = NOW_S + 60.0 * number, dict(state.sent)
        state, band = met(one, state=state, now_s=now_s)
        told(one, state, band, aim_w=None, now_s=now_s)
        stepped = [key for key, entry in state.sent.items() if entry.value != before[key].value]
        assert heat.heading(state) <= 45_000.0 or len(stepped) <= 1
    assert [entry.value for entry in state.sent.values()] == [None] * 4


@pytest.mark.parametrize("own_c", [237 * 0.1, 23.700000762939453, 23.4])
def test_a_room_whose_own_set_point_is_no_round_number_is_released_in_the_end(own_c):
    one, values = fakes.zones(), shown(24.0, 24.0, 24.0, 24.0, own_c=own_c)
    state, band = met(one, values)
    assert told(one, state, band, values, aim_w=30_000.0)
    for number in range(1, 10):
        now_s = NOW_S + 60.0 * number
        state, band = met(one, values, state=state, now_s=now_s)
        told(one, state, band, values, aim_w=None, now_s=now_s)
    assert {entry.value for entry in state.sent.values()} == {None}


def test_rooms_that_were_cooled_ahead_come_home_too():
    one = fakes.zones()
    state, band = met(one)
    told(one, state, band, aim_w=50_000.0)
    state.twin.pending, state.twin.drive = (), 38_000.0
    for number in range(1, 10):
        state, band = met(one, state=state, now_s=NOW_S + 60.0 * number)
        told(one, state, band, aim_w=None, now_s=NOW_S + 60.0 * number)
    assert [entry.value for entry in state.sent.values()] == [None] * 4


def test_a_command_says_what_the_room_had():
    one = fakes.zones()
    values = shown(24.0, 24.0, 24.0, 24.0, own_c=23.4)
    state, band = met(one, values)
    written = looks.commands(one, state, band, snapshot(values, now_s=NOW_S), aim_w=0.0, reason="target", now_s=NOW_S)
    assert {(command.value, command.back) for command in written} == {(24.0, 23.4)}


def test_however_much_is_asked_they_go_to_the_last_step_inside_the_band_and_no_further():
    one = fakes.zones()
    state, band = met(one)
    for number in range(5):
        told(one, state, band, aim_w=-1e9, now_s=NOW_S + 60.0 * number)
        state, band = met(one, state=state, now_s=NOW_S + 60.0 * number)
    assert {entry.value for entry in state.sent.values()} == {25.5}


def test_with_their_meter_alone_they_are_there_and_are_not_moved():
    one = fakes.zones()
    silent = shown(None, None, None, None, own_c=None)
    state = AssetState(Twin(0.0, NOW_S, 0.0), 0.0, rooms=Rooms())
    state, band = met(one, silent, state=state)
    assert (band.devices, band.lo_w, band.hi_w, band.lo_reason) == (ROOMS, 40_000.0, 40_000.0, "offline")
    assert heat.correct(all_facts.of(one), state, snapshot(silent, now_s=NOW_S), now_s=NOW_S) == 40_000.0
    assert (state.twin.x, state.rooms.rest_w) == (40_000.0, 40_000.0)
    assert told(one, state, band, silent, aim_w=0.0) == {}


@pytest.mark.parametrize(
    ("sent", "shown_c", "expected"),
    [
        (None, 23.0, 23.0),  # turned at the wall while nothing of ours is in force
        (Sent(25.0, NOW_S - 500.0, NOW_S), 25.0, 24.0),  # ours
        (Sent(None, NOW_S - 500.0, NOW_S), 23.0, 23.0),
        (Sent(None, NOW_S - 500.0, NOW_S), 25.0, 24.0),  # the release was lost
        (Sent(None, NOW_S - 50.0, NOW_S), 23.0, 24.0),  # too soon to tell
    ],
)
def test_its_own_set_point_is_what_it_shows_while_nothing_of_ours_is_in_force(sent, shown_c, expected):
    one = fakes.zones(count=1)
    rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": 25.0}, rest_w=10_000.0)
    state = AssetState(Twin(1e4, NOW_S, 1e4), 1e4, rooms=rooms)
    if sent is not None:
        state.sent = {"room1/zone.temperature.setpoint": sent}
    values = {"room1/zone.temperature.setpoint": shown_c, "room1/zone.temperature": 24.0, "cooling/power.active": 1e4}
    seen = snapshot(values, now_s=NOW_S)
    zones.see_own(all_facts.of(one), state, seen)
    assert state.rooms.own_c["room1"] == expected
    again = zones.wanted(all_facts.of(one), state, seen, aim_w=None, urgent=False)
    assert again == ({} if sent is None or shown_c != 25.0 else {"room1": None if sent.value is None else 24.5})


@pytest.mark.fault("I-11")
@pytest.mark.parametrize(("shown_c", "expected"), [(25.0, {"room1": None}), (24.0, {}), (23.0, {})])
def test_after_a_power_cut_in_the_middle_of_a_shed_a_room_still_gets_back_what_it_had(shown_c, expected):
    """A thermostat keeps what it was given: at the next start that is not taken for the room's own."""
    one = fakes.zones(count=1)
    where = site(one)
    state = begin(where, now_s=NOW_S - 100.0)
    state.assets["rooms"].rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": 25.0}, rest_w=10_000.0)
    own = resume(state, now_s=NOW_S).assets["rooms"]
    values = {"room1/zone.temperature.setpoint": shown_c, "room1/zone.temperature": 24.0, "cooling/power.active": 1e4}
    own, band = met(one, values, state=own)
    assert own.rooms.own_c == {"room1": 23.0 if shown_c == 23.0 else 24.0}
    written = [
        looks.commands(one, own, band, snapshot(values, now_s=at_s), aim_w=None, reason="released", now_s=at_s)
        for at_s in (NOW_S + 5.0, NOW_S + 65.0)
    ]
    assert {command.value for command in written[0]} == ({25.0} if expected else set())  # in force again until then
    told_at_last = {command.device: command.value for found in written for command in found}
    assert told_at_last in (expected, {"room1": 24.5} if expected else {})
    assert {command.back for found in written for command in found} <= {24.0}


KEY = "room1/zone.temperature.setpoint"


@pytest.mark.parametrize(
    ("name", "count", "moved", "known", "entry"),
    [
        ("rooms", 2, (), True, Sent(25.0, NOW_S, NOW_S)),  # one room more: the others go on
        ("floor", 1, (), True, Sent(None, NOW_S + 9.0, NOW_S + 9.0)),  # another name: given back first
        ("floor", 1, ("room1",), False, None),  # another box under the same name
    ],
)
def test_rooms_under_command_keep_what_they_had_when_the_site_changes(name, count, moved, known, entry):
    """What a poll from before the change shows is what we gave them."""
    before, after = site(fakes.zones(count=1)), site(fakes.zones(name, count))
    state = begin(before, now_s=NOW_S)
    own = state.assets["rooms"]
    own.rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": 25.0}, rest_w=10_000.0)
    own.sent = {KEY: Sent(25.0, NOW_S, NOW_S)}
    released = ("rooms",) if name != "rooms" else ()
    then = carried(state, before, after, released=released, moved=moved, now_s=NOW_S + 9.0).assets[name]
    assert then.sent.get(KEY) == entry
    values = {"room1/zone.temperature.setpoint": 25.0, "room1/zone.temperature": 24.0, "cooling/power.active": 1e4}
    zones.see_own(all_facts.of(after.assets[name]), then, snapshot(values, now_s=NOW_S + 9.0))
    assert then.rooms.own_c == {"room1": 24.0 if known else 25.0}
    assert own.sent == {KEY: Sent(25.0, NOW_S, NOW_S)}


@pytest.mark.parametrize(("given_c", "shown_c"), [(23.7, 237 * 0.1), (23.7, 23.700000762939453), (25.0, 25.01)])
def test_a_register_may_hold_a_set_point_less_exactly_and_it_is_still_ours(given_c, shown_c):
    one = fakes.zones(count=1)
    values = {"room1/zone.temperature.setpoint": shown_c, "room1/zone.temperature": 24.0, "cooling/power.active": 1e4}
    for sent in ({}, {KEY: Sent(None, NOW_S - 500.0, NOW_S)}):
        rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": given_c}, rest_w=10_000.0)
        state = AssetState(Twin(1e4, NOW_S, 1e4), 1e4, rooms=rooms, sent=dict(sent))
        seen = snapshot(values, now_s=NOW_S)
        zones.see_own(all_facts.of(one), state, seen)
        assert state.rooms.own_c == {"room1": 24.0}
        if sent:
            assert zones.wanted(all_facts.of(one), state, seen, aim_w=None, urgent=False) == {"room1": None}
        else:
            assert state.sent[KEY].value == given_c


@pytest.mark.parametrize(("shown_c", "own_c"), [(24.5, 24.0), (25.9, 24.0), (24.0, 24.0), (23.0, 23.0), (27.0, 27.0)])
def test_a_write_that_a_power_cut_overtook_leaves_the_set_point_before_it_which_is_ours_too(shown_c, own_c):
    one = fakes.zones(count=1)
    rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": 25.5}, rest_w=10_000.0)
    state = AssetState(Twin(1e4, NOW_S, 1e4), 1e4, rooms=rooms)
    zones.see_own(all_facts.of(one), state, snapshot({KEY: shown_c}, now_s=NOW_S))
    assert state.rooms.own_c == {"room1": own_c}
    assert (KEY in state.sent) is (shown_c != own_c)


def test_a_set_point_that_was_once_ours_is_a_rooms_own_when_somebody_chooses_it_later():
    one = fakes.zones(count=1)
    rooms = Rooms(own_c={"room1": 24.0}, given_c={"room1": 25.0}, rest_w=10_000.0)
    state = AssetState(Twin(1e4, NOW_S, 1e4), 1e4, rooms=rooms)
    state.sent = {"room1/zone.temperature.setpoint": Sent(None, NOW_S - 500.0, NOW_S)}
    for shown_c in (24.0, 25.0):
        values = {"room1/zone.temperature.setpoint": shown_c, "room1/zone.temperature": 24.0}
        seen = snapshot(values | {"cooling/power.active": 1e4}, now_s=NOW_S)
        zones.see_own(all_facts.of(one), state, seen)
        assert zones.wanted(all_facts.of(one), state, seen, aim_w=None, urgent=False) == {}
        assert state.rooms.own_c["room1"] == shown_c


def test_what_rooms_stored_while_their_meter_was_silent_is_not_taken_for_power():
    one = fakes.zones()
    known, (state, _) = all_facts.of(one), met(one)
    state.rooms, state.polled_s = replace(state.rooms, slow_c=24.0), NOW_S
    later_s = NOW_S + 3 * 3600.0
    values = shown(26.0, 26.0, 26.0, 26.0, power_w=35_000.0)
    heat.correct(known, state, snapshot(values, now_s=later_s), now_s=later_s)
    assert state.rooms.rest_w == 40_000.0
    assert state.rooms.slow_c == 26.0


def test_a_reading_moves_the_twin_and_what_they_would_draw_unasked_follows_what_their_rooms_store():
    one = fakes.zones()
    known, (state, _) = all_facts.of(one), met(one)
    for number in range(1, 361):  # an hour: 10 kW less, the rooms warm by the 10 kWh that lacks
        now_s, warmer_k = NOW_S + 10.0 * number, 10.0 * number / 3600.0 * 10_000.0 / 12_000.0
        values = shown(*[24.0 + warmer_k] * 4, power_w=30_000.0)
        heat.correct(known, state, snapshot(values, now_s=now_s), now_s=now_s)
    assert state.twin.x == pytest.approx(30_000.0, abs=10.0)
    assert heat.heading(state) == pytest.approx(30_000.0, abs=10.0)
    assert state.rooms.rest_w == pytest.approx(40_000.0, abs=1_500.0)


def answered(part, *, shed_w=20_000.0):
    """An hour of sheds that come and go, of which only a part ever comes."""
    one = fakes.zones()
    known, (state, _) = all_facts.of(one), met(one)
    state.polled_s = NOW_S
    for number in range(1, 361):
        now_s = NOW_S + 10.0 * number
        meant_w = 40_000.0 - shed_w * (number // 45 % 2)
        came_w = 40_000.0 + part * (meant_w - 40_000.0)
        before_w, state.twin.x = state.twin.x, state.twin.x + (meant_w - heat.heading(state))
        state.twin.drive, state.twin.trail = state.twin.x, ((now_s, state.twin.x),)
        assert before_w >= 0.0
        values = shown(24.0, 24.0, 24.0, 24.0, power_w=came_w)
        heat.correct(known, state, snapshot(values, now_s=now_s), now_s=now_s)
    return one, state


def test_what_comes_of_set_points_is_learned():
    one, state = answered(1.0)
    assert heat.gain(one.detail, state) == pytest.approx(16_000.0, rel=0.05)
    assert state.shunned_until_s < NOW_S


def test_rooms_that_ignore_their_set_points_are_left_out():
    _, state = answered(0.0)
    assert state.shunned_until_s > NOW_S


@pytest.mark.parametrize(
    ("utc_h", "occupied"), [(22.0, False), (23.4, False), (23.6, True), (0.5, True), (10.9, True), (11.1, False)]
)
def test_the_narrow_band_counts_while_people_are_there_and_an_hour_before(utc_h, occupied):
    """From half past eight to seven in Shanghai, eight hours ahead."""
    one = fakes.zones(occupied=(When(spans=((510, 1140),)),))
    state = begin(site(one), now_s=0.0)
    midnight_ms = UTC_MS - UTC_MS % 86_400_000
    zones.note_hours(site(one), state, now_s=100.0, utc_ms=midnight_ms + round(utc_h * 3_600_000))
    assert state.assets["rooms"].rooms.occupied is occupied


def test_a_clock_that_was_never_set_says_that_people_are_there():
    one = fakes.zones(occupied=(When(spans=((510, 1140),)),))
    state = begin(site(one), now_s=0.0)
    zones.note_hours(site(one), state, now_s=100.0, utc_ms=0)
    assert state.assets["rooms"].rooms.occupied


def test_an_event_is_given_what_their_rooms_can_store_until_its_end():
    one = fakes.zones()
    values = shown(24.0, 25.0, 25.0, 25.0)
    _, band = met(one, values)
    assert band.kelvins == pytest.approx((1.05, 2.55, 0.75))
    held = stores.lasting(one, band, snapshot(values, now_s=NOW_S), left_s=7_200.0)
    assert (held.lo_w, held.lo_reason) == (pytest.approx(40_000 - 1.05 * 12_000 / 2), "lasting")


@pytest.mark.parametrize(("value", "expected"), [(25.0, 25.0), (31.0, 30.0), (3.0, 18.0), (None, None)])
def test_the_last_clamp_keeps_set_points_in_the_widest_band(value, expected):
    command = Command("room1", "zone.temperature.setpoint", value, "target", NOW_S, NOW_S + 10.0)
    assert guard.clamp(command, fakes.zones(), snapshot({}, now_s=NOW_S)).value == expected


def test_the_last_clamp_leaves_what_the_room_had():
    command = Command("room1", "zone.temperature.setpoint", 31.0, "target", NOW_S, NOW_S + 99.0, back=23.4)
    assert guard.clamp(command, fakes.zones(), snapshot({}, now_s=NOW_S)).back == 23.4


def test_what_was_learned_is_believed_within_bounds():
    one = fakes.zones()
    state, _ = met(one)
    for answer, part in (
        (Answer(), 1.0),
        (Answer(square=1e3, product=1e6), heat.MOST),
        (Answer(square=1e3), heat.LEAST),
    ):
        state.rooms = replace(state.rooms, answer=answer)
        assert heat.gain(one.detail, state) == pytest.approx(16_000.0 * part)


def test_where_they_are_heated_everything_is_the_other_way_round():
    one = fakes.zones(heats=True)
    values = shown(23.0, 23.0, 23.0, 23.0)
    state, band = met(one, values)
    assert (band.lo_w, band.lo_reason) == (pytest.approx(40_000 - 16_000 * 1.8), "comfort_cold")
    assert band.kelvins == pytest.approx((0.8, 2.8, 1.0))
    assert told(one, state, band, values, aim_w=32_000.0) == dict.fromkeys(ROOMS, 23.5)
    assert heat.heading(state) == pytest.approx(32_000.0)
