"""Switched loads as an asset: whole loads, minimum times on and off, starts, the longest time off, relays that fall back."""

import pytest

from gateway.control import facts, guard, staging
from gateway.control.headroom import Band
from gateway.control.rounding import whole
from gateway.control.state import AssetState, Relay, Twin
from gateway.control.stores import lasting
from gateway.model.command import Command
from gateway.model.request import Kind, Service, Source
from gateway.model.site import Limits
from tests.control import looks
from tests.control.fakes import Toy, battery, site, snapshot, switched

NOW_S = 5_000.0
LOAD_W = 3_000.0
LONG_S = 1_000.0


def fresh(*relays):
    """A state with loads boilers1 … as given: (on, for how long it has been so, starts in the last hour)."""
    known = {
        f"boilers{at + 1}": Relay(on, NOW_S - for_s, (NOW_S - 1_800.0,) * starts)
        for at, (on, for_s, starts) in enumerate(relays)
    }
    return AssetState(Twin(0.0, NOW_S, 0.0), 0.0, relays=known)


def shown(state, **odd):
    values = {}
    for device, relay in state.relays.items():
        values |= {f"{device}/switch.on": float(relay.on), f"{device}/switch.power": relay.on * LOAD_W}
    return snapshot({**values, **odd}, now_s=NOW_S)


ON, OFF = (True, LONG_S, 0), (False, LONG_S, 0)


@pytest.mark.fault("I-06", "F-085")
@pytest.mark.parametrize(
    ("relays", "keys", "room", "reasons"),
    [
        ([ON, ON, ON], {}, (0.0, 9e3), ("min", "max")),
        ([OFF, OFF, OFF], {}, (0.0, 9e3), ("min", "max")),
        ([ON, (True, 299.0, 0), OFF], {}, (3e3, 9e3), ("min_on", "max")),
        ([ON, (False, 299.0, 0), OFF], {}, (0.0, 6e3), ("min", "min_off")),
        ([ON, (False, LONG_S, 6), OFF], {}, (0.0, 6e3), ("min", "min_off")),  # no start is left in this hour
        ([ON, (False, 700.0, 0), OFF], {"longest_off_s": 600.0}, (6e3, 9e3), ("longest_off", "max")),
        ([ON, (False, 700.0, 6), OFF], {"longest_off_s": 600.0}, (3e3, 6e3), ("longest_off", "min_off")),
        ([ON, ON, ON], {"max_w": 6e3}, (0.0, 6e3), ("min", "max")),
        ([OFF, OFF, OFF], {"min_w": 6e3}, (6e3, 9e3), ("min", "max")),
    ],
)
def test_the_room_is_what_minimum_times_and_starts_leave(relays, keys, room, reasons):
    one, state = switched(count=len(relays), running=len(relays), **keys), fresh(*relays)
    found = looks.band(one, state, shown(state), now_s=NOW_S)
    assert (found.lo_w, found.hi_w) == room
    assert (found.lo_reason, found.hi_reason) == reasons
    assert found.lo_w <= found.rest_w <= found.hi_w


def test_a_load_first_seen_counts_as_just_switched_and_one_that_is_not_read_has_no_room():
    one, state = switched(count=2, running=2), fresh()
    values = {
        "boilers1/switch.on": 1.0,
        "boilers1/switch.power": LOAD_W,
        "boilers2/switch.on": None,
        "boilers2/switch.power": None,
    }
    found = looks.band(one, state, snapshot(values, now_s=NOW_S), now_s=NOW_S)
    assert (found.lo_w, found.hi_w, found.devices) == (3e3, 3e3, ("boilers1",))
    assert state.relays == {"boilers1": Relay(True, NOW_S, read_s=NOW_S)}


@pytest.mark.parametrize(
    ("aim_w", "running", "up", "count"),
    [
        (15e3, 5, False, 5),
        (0.0, 5, False, 0),
        (7e3, 5, False, 2),  # down: an import limit is never broken by a part of a load
        (7e3, 5, True, 3),  # up: an export limit is not either
        (8.9e3, 5, False, 2),
        (9.0e3, 2, False, 2),  # switched back only when a part of the next is asked for beyond
        (9.7e3, 2, False, 3),
        (8.9e3, 3, False, 2),  # but towards the limit at once
        (6.1e3, 2, True, 3),
        (5.9e3, 3, True, 3),
        (5.2e3, 3, True, 2),
        (6e3, 0, False, 2),  # rest is rest
    ],
)
def test_an_aim_becomes_whole_loads_on_the_side_of_the_limit(aim_w, running, up, count):
    band = Band(0.0, 15e3, 6e3, "min", "max", ())
    assert whole(aim_w, LOAD_W, band, running, up=up) == count


@pytest.mark.parametrize(
    ("relays", "count", "urgent", "expected"),
    [
        ([ON, ON, ON], 2, False, {"boilers1": False}),
        ([(True, 400.0, 0), (True, 900.0, 0), ON], 1, False, {"boilers3": False, "boilers2": False}),
        ([(True, 10.0, 0), (True, 20.0, 0), ON], 0, False, {"boilers3": False}),  # the others run too short
        ([(True, 10.0, 0), (True, 20.0, 0), ON], 0, True, dict.fromkeys(["boilers3", "boilers2", "boilers1"], False)),
        ([(False, 400.0, 0), OFF, ON], 2, False, {"boilers2": True}),  # who was off longest comes first
        ([(False, 400.0, 0), (False, LONG_S, 6), ON], 2, False, {"boilers1": True}),
        ([(False, 10.0, 0), (False, 20.0, 0), ON], 3, False, {}),
        ([ON, ON, ON], 3, False, {}),
    ],
)
def test_who_is_switched(relays, count, urgent, expected):
    one, state = switched(count=len(relays)), fresh(*relays)
    found = staging.switches(facts.of(one), state, one.devices, count, urgent=urgent, now_s=NOW_S)
    assert found == expected


def test_a_load_that_is_overdue_takes_the_place_of_another():
    one, state = switched(count=2, longest_off_s=600.0), fresh(ON, (False, 700.0, 0))
    found = staging.switches(facts.of(one), state, one.devices, 1, urgent=False, now_s=NOW_S)
    assert found == {"boilers1": False, "boilers2": True}


def test_of_an_event_longer_than_a_load_may_be_off_only_a_part_lasts():
    one = switched(longest_off_s=900.0, min_on_s=300.0)
    band = Band(0.0, 15e3, 15e3, "min", "max", one.devices)
    seen = snapshot({}, now_s=NOW_S)
    assert lasting(one, band, seen, left_s=600.0) == band
    assert lasting(one, band, seen, left_s=7_200.0).lo_w == pytest.approx(15e3 / 4.0)


@pytest.mark.parametrize(("value", "expected"), [(1.0, 1.0), (0.0, 0.0), (7.0, 1.0), (-1.0, 0.0), (float("inf"), None)])
def test_the_guard_writes_on_or_off(value, expected):
    command = Command("boilers1", "switch.on", value, "target", NOW_S, NOW_S + 15.0)
    assert guard.clamp(command, switched(), snapshot({}, now_s=NOW_S)).value == expected


def toy(*more, limits=None, for_s=65.0, load_w=60e3, **keys):
    """A toy of ten boilers that all run, their minimum times over."""
    own = {"min_on_s": 60.0, "min_off_s": 60.0, **keys}
    found = Toy(site(switched(count=10, running=own.pop("running", 10), **own), *more, limits=limits), load_w=load_w)
    found.run(for_s, dt_s=1.0)
    return found


class Watch:
    """What every load was told: times between switchings, starts in any hour."""

    def __init__(self, one):
        self.shortest_s = {0.0: 1e9, 1.0: 1e9}
        self.most_starts = 0
        self.longest_off_s = 0.0
        last: dict[str, tuple[float, float]] = {}
        starts: dict[str, list[float]] = {}
        for decision in one.decisions:
            for command in decision.commands:
                since_s, before = last.setdefault(command.device, (decision.now_s, command.value))
                if command.value != before:
                    lasted_s = decision.now_s - since_s
                    self.shortest_s[before] = min(self.shortest_s[before], lasted_s)
                    last[command.device] = decision.now_s, command.value
                    if command.value:
                        self.longest_off_s = max(self.longest_off_s, lasted_s)
                        starts.setdefault(command.device, []).append(decision.now_s)
        for all_s in starts.values():
            self.most_starts = max(self.most_starts, *(sum(0.0 <= at_s - s < 3_600.0 for s in all_s) for at_s in all_s))


@pytest.mark.fault("I-06")
def test_a_demand_response_turns_loads_off_in_turns_and_gives_them_all_back():
    one = toy(longest_off_s=150.0)
    one.ask(kind=Kind.EVENT, shed_w=14e3, end_ms=one.utc_ms + 600_000)
    found = []
    for _ in range(150):
        one.beat()
        one.run(4.0, dt_s=1.0)
        found.append(one.site_w)
    watch = Watch(one)
    assert sum(found[3:]) / len(found[3:]) <= 90e3 - 14e3
    assert max(found[3:]) <= 90e3 - 12e3
    assert watch.shortest_s[0.0] >= 60.0
    assert watch.shortest_s[1.0] >= 60.0
    assert watch.most_starts <= 6
    assert 120.0 <= watch.longest_off_s <= 160.0  # in turns, none for longer
    one.run(80.0, dt_s=1.0)
    assert one.power_w("boilers") == 30e3
    assert not [alarm for decision in one.decisions for alarm in decision.alarms if "not_following" in alarm.key]


@pytest.mark.fault("F-085", "I-06")
def test_noise_about_a_threshold_wears_no_relay_not_even_across_restarts():
    """The load of the site swings about where one more boiler fits under the import limit; five restarts on the way."""
    one = toy(limits=Limits(max_import_w=75e3), max_starts_per_h=4)
    for at in range(300):
        one.load_w = 60e3 + (1_500.0 if at % 3 == 0 else -1_500.0 if at % 3 == 1 else 0.0)
        if at % 60 == 30:
            one.restart()
        one.run(4.0, dt_s=2.0)
    watch = Watch(one)
    assert watch.most_starts <= 4
    assert watch.shortest_s[0.0] >= 60.0
    assert watch.shortest_s[1.0] >= 60.0


def test_an_import_limit_is_not_broken_by_a_part_of_a_load():
    one = toy(limits=Limits(max_import_w=80e3))
    one.run(20.0, dt_s=1.0)
    assert one.power_w("boilers") == 18e3
    assert one.site_w <= 80e3


def test_an_export_limit_is_not_broken_by_a_part_of_a_load():
    one = toy(limits=Limits(max_export_w=20e3), running=0, load_w=10e3)
    one.load_w = -40e3
    one.run(40.0, dt_s=1.0)
    assert -20e3 <= one.site_w <= -20e3 + LOAD_W


def test_a_battery_fills_what_is_left_of_a_step():
    one = toy(battery())
    one.ask(service=Service.AR, kind=Kind.EVENT, shed_w=10e3, end_ms=one.utc_ms + 600_000)
    one.run(30.0, dt_s=0.5)
    assert one.site_w == pytest.approx(80e3, abs=200.0)
    assert 15e3 <= one.power_w("boilers") < 30e3


@pytest.mark.fault("F-083")
def test_a_relay_that_does_not_follow_is_replaced_by_another():
    one = toy(limits=None)
    one.deaf |= {"boilers1", "boilers2"}
    one.ask(kind=Kind.EVENT, shed_w=9e3, end_ms=one.utc_ms + 600_000)
    one.run(10.0, dt_s=0.5)
    assert one.power_w("boilers") <= 21e3
    one.run(80.0, dt_s=1.0)
    assert 18e3 <= one.power_w("boilers") <= 21e3
    assert one.state.alarms == ()


def test_a_relay_box_that_lost_its_supply_is_brought_back_to_rest():
    one = toy()
    for device in one.site.assets["boilers"].devices:  # every relay fell
        one.values[f"{device}/switch.on"] = 0.0
        one.machines[device].watts = one.machines[device].wanted_w = 0.0
    one.run(75.0, dt_s=1.0)
    assert one.power_w("boilers") == 30e3


@pytest.mark.fault("F-086", "I-13")
def test_an_interlock_stops_every_load_at_once_whatever_its_minimum_time():
    one = toy(for_s=5.0, safe_w=0.0)
    assert one.power_w("boilers") == 30e3
    one.ask(target="boilers", source=Source.INTERLOCK, kind=Kind.SETPOINT, power_w=0.0, end_ms=None)
    one.run(2.0, dt_s=0.25)
    assert one.power_w("boilers") == 0.0


@pytest.mark.fault("F-087", "I-14")
def test_a_person_has_so_many_loads_as_come_nearest_and_gets_them_back_in_time():
    one = toy()
    one.ask(target="boilers", source=Source.MANUAL, kind=Kind.SETPOINT, power_w=10e3, end_ms=one.utc_ms + 90_000)
    one.run(10.0, dt_s=1.0)
    assert one.power_w("boilers") == 9e3
    one.run(160.0, dt_s=1.0)
    assert one.power_w("boilers") == 30e3


@pytest.mark.fault("I-21")
def test_a_restart_in_an_event_keeps_minimum_times_and_the_event():
    one = toy()
    one.ask(kind=Kind.EVENT, shed_w=14e3, end_ms=one.utc_ms + 600_000)
    one.run(10.0, dt_s=1.0)
    before = {name: (relay.on, relay.since_s) for name, relay in one.state.assets["boilers"].relays.items()}
    one.restart()
    one.run(20.0, dt_s=1.0)
    assert {name: (relay.on, relay.since_s) for name, relay in one.state.assets["boilers"].relays.items()} == before
    assert one.power_w("boilers") == 15e3


def test_starts_are_staggered_by_the_period_of_commands():
    one = toy(command_period_s=5.0, running=10)
    one.ask(kind=Kind.EVENT, shed_w=15e3, end_ms=one.utc_ms + 70_000)
    one.run(75.0, dt_s=1.0)
    began = one.power_w("boilers")
    one.run(10.0, dt_s=1.0)
    assert LOAD_W <= one.power_w("boilers") - began <= 2 * LOAD_W
    one.run(30.0, dt_s=1.0)
    assert one.power_w("boilers") == 30e3
