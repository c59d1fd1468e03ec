"""Laws of the whole step with rooms: whatever is read and asked, set-points stay in their band, slow, and are given back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.copies import from_json, to_json
from gateway.control.decision import Inputs
from gateway.control.kinds import inputs_of
from gateway.control.step import begin, step
from gateway.control.watched import meter_point
from gateway.model.local import When
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Arrival, Kind, Service, Source
from gateway.model.site import Control, Limits
from tests.control.fakes import UTC_MS, battery, site, snapshot, zones
from tests.control.test_laws import readings, wish_of, wishes

BEGIN_S = 10_000.0
PERIOD_S = 60.0
SITE = site(
    battery(),
    zones(count=3, occupied=(When(spans=((0, 60), (300, 1000))),), early_s=0.0),
    limits=Limits(1e6, 0.0, failsafe_import_w=7e5),
    control=Control(hold_s=5.0, ramp_s=4.0, link_lost_s=6.0, input_return_s=1.0),
)
ROOMS = SITE.assets["rooms"]
POINTS = [str(meter_point(SITE)), *(str(name) for one in SITE.assets.values() for name in inputs_of(one))]
OWN_C = {"room1": 24.0, "room2": 23.3, "room3": 24.5}
USUAL = {
    "battery/battery.power": 0.0, "battery/battery.soc": 50.0, "pcc/power.active": 640_000.0,
    "cooling/power.active": 40_000.0,
} | {f"{room}/zone.temperature": 24.0 for room in OWN_C}  # fmt: skip


@st.composite
def good_wishes(draw):
    """A request that can be followed, for the site or for the rooms alone."""
    return {
        "id": f"good{draw(st.integers(0, 10**6))}", "issuer": "vpp", "source": Source.REMOTE, "seq": 60,
        "service": Service.DR, "kind": Kind.SETPOINT, "replaces": None,
        **draw(st.sampled_from([{"target": "site", "power_w": watts} for watts in (3e5, 6.25e5, 6.6e5, 9e5)]
                               + [{"target": "rooms", "power_w": watts} for watts in (0.0, 3e4, 6e4)])),
    }, 0, 0, 3_600_000  # fmt: skip


WISHES = st.lists(good_wishes() | wishes(), max_size=1)


@st.composite
def ticks(draw):
    """One step: how long after the last, the rooms' warmth, what is odd, what arrives, whether the box restarts."""
    return (
        draw(st.sampled_from([0.25, 1.0, 5.0, 61.0, 1_800.0])),
        draw(st.sampled_from([21.0, 24.0, 26.5])),
        draw(st.dictionaries(st.sampled_from(POINTS), readings(), max_size=3)),
        [({**one, "target": "rooms"} if one["target"] == "fans" else one, *more) for one, *more in draw(WISHES)],
        draw(st.integers(0, 5)) == 0,
    )


def played(run):
    """Every (state before, inputs, decision, state after) of a run; thermostats show what they were last told."""
    state, now_s, found, given_c = begin(SITE, now_s=BEGIN_S), BEGIN_S, [], dict(OWN_C)
    for dt_s, room_c, odd, asked, restarts in [(0.25, 24.0, {}, [], False), *run]:
        now_s += dt_s
        state = from_json(to_json(state)) if restarts else state
        utc_ms = UTC_MS + round((now_s - BEGIN_S) * 1000.0)
        values = USUAL | {f"{room}/zone.temperature": room_c for room in OWN_C}
        values |= {f"{room}/zone.temperature.setpoint": value for room, value in given_c.items()}
        shown = {name: Reading(value, Quality.GOOD, Cause.NONE, now_s) for name, value in values.items()}
        for name, (value, quality, age_s) in odd.items():
            if name != "room1/zone.temperature.setpoint":  # one whose own set-point is known for certain
                shown[name] = Reading(value, quality, Cause.SOURCE, now_s - age_s)
        arrivals = tuple(Arrival(one[0]["issuer"], now_s, utc_ms, wish_of(*one, utc_ms)) for one in asked)
        inputs = Inputs(now_s, utc_ms, snapshot(shown, now_s=now_s), arrivals)
        after, decision = step(SITE, state, inputs)
        for command in decision.commands:
            if command.device in given_c:
                given_c[command.device] = command.back if command.value is None else command.value
        found.append((state, inputs, decision, after))
        state = after
    return found


def sent(found, *, room):
    """(when, value, band then, reason) of every command to a room."""
    detail = ROOMS.detail
    for _, inputs, decision, after in found:
        band = detail.occupied_c if after.assets["rooms"].rooms.occupied else detail.unoccupied_c
        for command in decision.commands:
            if command.device == room:
                yield inputs.now_s, command, band


@pytest.mark.fault("I-02", "I-07", "I-20", "I-23")
@given(st.lists(ticks(), min_size=1, max_size=4))
def test_set_points_stay_in_their_band_whole_and_slow_expire_and_say_what_was_before(run):
    found = played(run)
    for room, own_c in OWN_C.items():
        commands = list(sent(found, room=room))
        for at_s, command, (low_c, high_c) in commands:
            assert at_s < command.expires_s <= at_s + 15.0
            assert command.value is None or low_c <= command.value <= high_c
            assert command.value is None or command.value % 0.5 == 0.0
            assert command.back is not None
            assert room != "room1" or command.back == own_c
        changes = [
            now for before, now in pairwise([None, *commands]) if before is None or before[1].value != now[1].value
        ]
        for (before_s, _, _), (at_s, command, _) in pairwise(changes):
            assert at_s - before_s >= PERIOD_S or command.reason == "interlock"


@pytest.mark.fault("I-07", "I-17")
@given(st.lists(ticks(), min_size=1, max_size=3), st.sampled_from(sorted(OWN_C)))
def test_a_room_without_a_temperature_is_never_given_another_set_point(run, room):
    blind = {f"{room}/zone.temperature": (None, Quality.INVALID, 0.0)}
    found = played([(dt_s, room_c, odd | blind, asked, again) for dt_s, room_c, odd, asked, again in run])
    assert all(command.value is None for _, command, _ in sent(found[1:], room=room))
