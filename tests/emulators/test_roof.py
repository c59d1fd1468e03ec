"""The emulated roof and relay box: sun and clouds, limits that lapse, relays that follow their coil, a box of several places."""

import pytest

from emulators.box import Box
from emulators.events import Events
from emulators.relays import RelayPlant
from emulators.spec import PvSpec, RelaysSpec
from emulators.sun import PvPlant, Sky
from emulators.unit import Stored, Unit
from gateway.profiles.load import load_profile

HOUR_S = 3_600.0
CLEAR = PvSpec(("pv",), 100_000.0, peak_share=0.9, sunrise_s=6 * HOUR_S, sunset_s=18 * HOUR_S, cloud_s=0.0)


def passed(events, until_s):
    while events.next_s <= until_s:
        events.happen()


@pytest.mark.parametrize(
    ("hour", "share"), [(0.0, 0.0), (6.0, 0.0), (12.0, 0.9), (18.0, 0.0), (23.0, 0.0), (36.0, 0.9), (9.0, 0.574)]
)
def test_a_clear_day_has_its_curve(hour, share):
    sky = Sky(CLEAR, Events(), seed=1, clock_s=0.0)
    assert sky.share(hour * HOUR_S) == pytest.approx(share, abs=0.001)


def test_clouds_come_and_go_the_same_for_the_same_seed():
    def course(seed):
        events = Events()
        sky = Sky(PvSpec(("pv",), 100_000.0, clear_s=300.0, cloud_s=100.0), events, seed=seed, clock_s=12 * HOUR_S)
        found = []
        for at in range(0, 3_600, 10):
            passed(events, at)
            found.append(sky.clear.at(at))
        return found

    assert course(1) == course(1) != course(2)
    assert max(course(1)) == 1.0
    assert 0.25 <= min(course(1)) < 0.7


def test_an_inverter_gives_the_least_of_sun_and_limit_and_forgets_a_limit_that_is_not_refreshed():
    events = Events()
    roof = PvPlant(CLEAR, Sky(CLEAR, events, seed=1, clock_s=12 * HOUR_S), events, seed=1, perturb=0.0)
    assert roof.power_w(0.0) == pytest.approx(-90_000.0)
    assert roof.set_limit(50.0, 0.0)
    assert not roof.set_limit(101.0, 0.0)
    assert roof.power_w(0.9) == pytest.approx(-90_000.0, rel=0.001)  # dead time
    passed(events, 20.0)
    assert roof.power_w(20.0) == pytest.approx(-50_000.0)
    assert roof.readings["pv.power.limit.percent"](20.0) == 50.0
    passed(events, 330.0)  # nobody refreshed it for 300 s
    assert roof.power_w(330.0) == pytest.approx(-90_000.0, rel=0.001)
    assert roof.set_limit(95.0, 340.0)
    passed(events, 360.0)
    assert roof.power_w(360.0) == pytest.approx(-90_000.0, rel=0.001)  # the sun is the limit


def test_a_load_follows_its_relay_after_a_moment_and_draws_about_its_rating():
    events = Events()
    relay = RelayPlant(RelaysSpec(("r",), 6_000.0, 0), "r", events, on=False, seed=1, perturb=0.0)
    assert relay.set_coil(1.0, 0.0)
    assert not relay.set_coil(0.5, 0.0)
    assert (relay.readings["switch.on"](0.0), relay.power_w(0.0)) == (1.0, 0.0)
    passed(events, 1.0)
    assert relay.power_w(1.0) == pytest.approx(6_000.0, rel=0.03)
    assert relay.set_coil(None, 2.0)  # released: the relay drops
    passed(events, 3.0)
    assert (relay.power_w(3.0), relay.switched) == (0.0, [(0.3, True), (2.3, False)])


def test_every_place_of_a_box_answers_for_its_own_registers_behind_one_unit_id():
    values = Stored({("a", "switch.on"): 1.0, ("b", "switch.on"): 0.0})
    profiles = {name: load_profile(f"io/waveshare_relay_8ch@relay0{at}") for at, name in ((1, "a"), (2, "b"))}
    box = Box([Unit(name, profile, values, lambda: 0.0) for name, profile in profiles.items()])
    assert box.wait_s() == 0.0
    assert box.answer(bytes.fromhex("0100000001")).pdu == bytes.fromhex("010101")
    assert box.answer(bytes.fromhex("0100010001")).pdu == bytes.fromhex("010100")
    assert box.device == "b"
    box.answer(bytes.fromhex("050001ff00"))
    assert values.values["b", "switch.on"] == 1.0
    assert box.answer(bytes.fromhex("0100090001")).pdu == bytes.fromhex("8102")  # nobody's
