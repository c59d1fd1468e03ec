"""Solar inverters as an asset: how much they could give, the cap of an export limit, and that the sun may do as it likes."""

from math import inf

import pytest

from gateway.control import facts, feeders, guard, headroom
from gateway.control.state import AssetState, Inverter, Sent, Twin
from gateway.model.command import Command
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Kind, Service, Source
from gateway.model.safety import Feeder
from gateway.model.site import Limits
from tests.control import looks
from tests.control.fakes import Toy, battery, fans, pv, request, site, snapshot, switched

NOW_S = 5_000.0
RATED_W = 100_000.0
EXPORT_W = 20_000.0
LIMIT = "pv1/pv.power.limit.percent"


def fresh(**changes):
    return AssetState(Twin(0.0, NOW_S, 0.0), 0.0, **changes)


def band_of(roof, state, powers):
    """The band when the devices show these powers (None: they do not answer)."""
    values = {f"{device}/pv.power": watts for device, watts in zip(roof.devices, powers, strict=True)}
    return looks.band(roof, state, snapshot(values, now_s=NOW_S), now_s=NOW_S)


@pytest.mark.parametrize(
    ("sent", "before_w", "shown_w", "could_w"),
    [
        (None, 90e3, -40e3, 40e3),  # never told anything: what it gives is what the sun gives
        (Sent(None, NOW_S - 60.0, NOW_S), 90e3, -40e3, 40e3),  # released
        (Sent(100.0, NOW_S - 60.0, NOW_S), 90e3, -40e3, 40e3),
        (Sent(60.0, NOW_S - 60.0, NOW_S), 90e3, -40e3, 40e3),  # clearly below its limit: the sun is the limit
        (Sent(60.0, NOW_S - 60.0, NOW_S), 90e3, -59e3, 90e3),  # at its limit: at most what was seen before
        (Sent(60.0, NOW_S - 60.0, NOW_S), 30e3, -59e3, 59e3),  # and never less than it gives
        (Sent(40.0, NOW_S - 1.0, NOW_S), 90e3, -55e3, 90e3),  # a limit on its way may bind it already
        (Sent(40.0, NOW_S - 1.0, NOW_S), 90e3, -30e3, 30e3),  # or does not, where it gives less than either
        (Sent(None, NOW_S - 1.0, NOW_S), 90e3, -59e3, 90e3),  # a release may not have come yet
        (Sent(None, NOW_S - 1.0, NOW_S), 90e3, -40e3, 40e3),
        (None, 90e3, 12.0, 0.0),  # at night it draws a little
    ],
)
def test_what_the_sun_could_give_is_what_was_seen_when_nothing_else_bound_it(sent, before_w, shown_w, could_w):
    state = fresh(sent={} if sent is None else {LIMIT: sent}, inverters={"pv1": Inverter(before_w, 60e3, 60e3)})
    found = band_of(pv(), state, [shown_w])
    assert (found.lo_w, found.rest_w, found.hi_w) == (-could_w, -could_w, 0.0)
    assert state.inverters["pv1"].sun_w == could_w


@pytest.mark.parametrize(
    ("powers", "expected"),
    [
        ([-40e3, -10e3], (-50e3, 0.0, -50e3, ("pv1", "pv2"))),
        ([-40e3, None], (-40e3, 0.0, -40e3, ("pv1",))),
        ([None, None], (0.0, 0.0, 0.0, ())),  # asleep, or lost
    ],
)
def test_an_inverter_that_does_not_answer_gives_no_room(powers, expected):
    found = band_of(pv(count=2), fresh(), powers)
    assert (found.lo_w, found.hi_w, found.rest_w, found.devices) == expected


@pytest.mark.parametrize(("missed_s", "rest_w"), [(14.0, -70e3), (16.0, -40e3)])
def test_an_inverter_that_misses_an_answer_is_taken_to_go_on_for_a_moment(missed_s, rest_w):
    """Its sun has not set: without it the site would seem to have room that it has not."""
    state = fresh(inverters={"pv2": Inverter(30e3, inf, inf, 30e3, NOW_S - missed_s)})
    assert band_of(pv(count=2), state, [-40e3, None]).rest_w == rest_w


def test_unlike_inverters_read_one_after_the_other_do_not_move_their_sum():
    one = Toy(site(pv(count=2)), load_w=60e3)
    one.shine(80e3)
    one.machines["pv2"].sun_w = 5e3
    one.run(6.0)
    for at in range(20):
        device, other = ("pv1", "pv2") if at % 2 else ("pv2", "pv1")
        one.shown = {f"{other}/pv.power": Reading(one.machines[other].watts, Quality.GOOD, Cause.NONE, one.now_s - 0.5)}
        one.step()
        assert one.state.assets["pv"].twin.x == pytest.approx(-85e3, abs=1.0), device


@pytest.mark.fault("F-034")
@pytest.mark.parametrize("flips", [False, True])
def test_a_sun_that_swings_the_site_is_no_meter_that_lost_its_sign(flips):
    one = Toy(site(pv()), load_w=40e3)
    one.shine(10e3)
    one.run(15.0)
    before = Reading(-10e3, Quality.GOOD, Cause.NONE, one.now_s)
    if flips:
        one.shown = {"pcc/power.active": -30e3}
    else:
        one.shine(70e3)
        one.shown = {"pv1/pv.power": before}  # the site meter was read first
    one.step()
    assert one.state.load.mirrored
    if not flips:
        one.shown = {}
    one.run(5.0)
    assert one.state.load.mirrored is flips
    assert one.state.load.now_w == pytest.approx(40e3, abs=500.0)


@pytest.mark.parametrize("load_w", [90e3, 82e3, 70e3])
def test_a_machine_that_starts_at_the_export_limit_is_no_reversed_meter(load_w):
    one = toy(load_w=30e3, sun_w=90e3)
    one.run(15.0, dt_s=0.5)
    one.load_w = load_w  # from 20 kW of export to about as much import
    one.run(30.0, dt_s=0.5)
    assert not one.state.load.mirrored
    assert one.state.load.now_w == pytest.approx(load_w, abs=500.0)
    assert one.power_w("pv") == pytest.approx(-90e3, abs=1_500.0)


def test_what_must_always_be_generated_is_not_curtailed():
    assert band_of(pv(max_w=-30e3), fresh(), [-80e3]).hi_w == -30e3
    assert band_of(pv(max_w=-30e3), fresh(), [-10e3]).hi_w == -10e3  # the sun gives no more


@pytest.mark.parametrize(
    ("aim_w", "value"),
    [(-40e3, 40.0), (0.0, 0.0), (-100e3, 100.0), (-250e3, 100.0), (10e3, 0.0), (-33_333.0, 33.3), (None, None)],
)
def test_an_aim_becomes_a_part_of_the_rating(aim_w, value):
    roof, state = pv(), fresh()
    band = headroom.Band(-80e3, 0.0, -80e3, "sun", "max", ("pv1",))
    seen = snapshot({"pv1/pv.power": -80e3}, now_s=NOW_S)
    (written,) = looks.commands(roof, state, band, seen, aim_w=aim_w, reason="target", now_s=NOW_S)
    assert (written.control, written.value) == ("pv.power.limit.percent", value)
    assert state.twin.pending[-1][1] >= band.rest_w  # its twin never gives more than the sun


@pytest.mark.parametrize(("value", "expected"), [(40.0, 40.0), (-5.0, 0.0), (120.0, 100.0), (float("nan"), None)])
def test_the_guard_writes_a_part_of_the_rating_or_releases(value, expected):
    command = Command("pv1", "pv.power.limit.percent", value, "target", NOW_S, NOW_S + 15.0)
    assert guard.clamp(command, pv(), snapshot({}, now_s=NOW_S)).value == expected


def toy(*more, export_w=EXPORT_W, load_w=60e3, sun_w=40e3, **changes):
    found = Toy(site(pv(**changes), *more, limits=Limits(max_export_w=export_w)), load_w=load_w)
    found.shine(sun_w)
    found.run(15.0, dt_s=0.5)
    return found


def longest_beyond_s(run, each, *, export_w=EXPORT_W, slack_w=0.0, dt_s=0.25):
    """The longest time in one piece that a toy exports beyond the limit while `each` is done before every step."""
    longest = beyond = 0.0
    for at in range(run[1]):
        each(at)
        run[0].step(dt_s)
        beyond = beyond + dt_s if run[0].site_w < -export_w - slack_w else 0.0
        longest = max(longest, beyond)
    return longest


@pytest.mark.fault("F-088")
@pytest.mark.parametrize("others", [(), (battery(), fans())])
def test_a_rising_sun_over_a_falling_load_never_leaves_the_export_limit(others):
    one = toy(*others)

    def each(at):
        one.load_w = 60e3 - 100.0 * at
        one.shine(40e3 + 120.0 * at)

    # half a percent of the rating is what a limit in steps and a meter a quarter of a second old leave
    assert longest_beyond_s((one, 400), each, slack_w=0.005 * RATED_W) <= 1.0
    assert one.power_w("pv") > -88e3 or others
    assert one.site_w == pytest.approx(-EXPORT_W, abs=0.02 * RATED_W)


@pytest.mark.fault("F-088")
@pytest.mark.parametrize("step", ["load", "sun"])
def test_a_step_beyond_the_limit_is_met_within_the_dead_time_and_lag_of_the_inverter(step):
    one = toy(load_w=80e3, sun_w=90e3 if step == "load" else 20e3)

    def each(_at):
        one.load_w = 10e3 if step == "load" else 30e3
        one.shine(90e3)

    # two steps, the dead time, and the lag until what is left is a quarter of the excess, which is what the margin was
    assert longest_beyond_s((one, 80), each) <= 0.5 + 1.0 + 4.0
    assert -EXPORT_W <= one.site_w <= -EXPORT_W + 0.03 * RATED_W


def test_a_cloud_that_breaks_finds_the_inverter_capped_already():
    one = toy(load_w=30e3, sun_w=90e3)
    one.run(15.0)
    one.shine(15e3)
    one.run(20.0)
    assert one.power_w("pv") == pytest.approx(-15e3)
    assert longest_beyond_s((one, 40), lambda _: one.shine(95e3)) == 0.0


def test_a_falling_sun_is_lawful_and_no_alarm():
    one = toy(export_w=inf, sun_w=90e3)
    one.ask(target="pv", power_w=-80e3, source=Source.MANUAL, kind=Kind.SETPOINT, end_ms=None)
    one.run(20.0)
    assert one.told[LIMIT] == 80.0
    for watts in (50e3, 0.0, 90e3):
        one.shine(watts)
        one.run(20.0, dt_s=0.5)
        assert one.power_w("pv") == pytest.approx(-min(watts, 80e3), abs=500.0)
    assert not [alarm for decision in one.decisions for alarm in decision.alarms if "not_following" in alarm.key]
    assert one.state.load.now_w == pytest.approx(60e3, abs=200.0)


def test_an_inverter_that_ignores_its_limit_does_not_follow():
    one = toy(load_w=30e3, sun_w=10e3)
    one.deaf.add("pv1")
    one.shine(90e3)
    one.run(30.0, dt_s=0.5)
    assert "not_following:pv" in one.state.alarms


@pytest.mark.parametrize("export_w", [EXPORT_W, inf])
def test_a_release_gives_all_the_sun_back(export_w):
    one = toy(export_w=export_w, load_w=200e3, sun_w=90e3)
    one.ask(target="pv", power_w=-10e3, source=Source.MANUAL, kind=Kind.SETPOINT, end_ms=one.utc_ms + 30_000)
    one.run(20.0, dt_s=0.5)
    assert one.power_w("pv") == pytest.approx(-10e3, abs=200.0)
    one.run(30.0, dt_s=0.5)
    assert one.told[LIMIT] is None
    assert one.power_w("pv") == pytest.approx(-90e3, abs=100.0)


@pytest.mark.fault("I-12")
def test_an_export_limit_stands_above_a_manual_hold_and_below_an_interlock():
    one = toy(load_w=30e3, sun_w=90e3)
    one.ask(target="pv", power_w=-90e3, source=Source.MANUAL, kind=Kind.SETPOINT, end_ms=None)
    one.run(20.0, dt_s=0.5)
    assert one.site_w >= -EXPORT_W
    one.ask(target="pv", power_w=-90e3, source=Source.INTERLOCK, kind=Kind.SETPOINT, end_ms=None)
    one.run(20.0, dt_s=0.5)
    assert one.power_w("pv") == pytest.approx(-90e3, abs=100.0)


@pytest.mark.fault("F-081", "I-08")
@pytest.mark.parametrize(("least_w", "gives_w"), [(0.0, 19e3), (15e3, 34e3)])
def test_without_the_site_meter_no_more_is_generated_than_the_least_load_leaves(least_w, gives_w):
    where = site(pv(), limits=Limits(max_export_w=EXPORT_W, least_load_w=least_w, most_load_w=200e3))
    one = Toy(where, load_w=60e3)
    one.shine(70e3)
    one.run(15.0)
    one.meter_good = False
    one.run(20.0, dt_s=0.5)
    assert -one.power_w("pv") == pytest.approx(gives_w, abs=600.0)
    one.load_w = least_w  # the worst that can come
    one.run(5.0)
    assert one.site_w >= -EXPORT_W


def test_a_limit_of_the_vpp_curtails_and_its_withdrawal_restores():
    one = toy(export_w=inf, load_w=30e3, sun_w=80e3)
    one.send(request(kind=Kind.LIMIT, max_export_w=10e3, issued_ms=one.utc_ms))
    one.run(20.0, dt_s=0.5)
    assert one.site_w == pytest.approx(-10e3, abs=0.02 * RATED_W)
    one.send(request(kind=Kind.LIMIT, withdraws="max_export_w", issued_ms=one.utc_ms))
    one.run(20.0, dt_s=0.5)
    assert one.power_w("pv") == pytest.approx(-80e3, abs=100.0)


def test_surplus_goes_into_the_battery_before_any_sun_is_given_up():
    one = toy(battery(), load_w=30e3, sun_w=90e3)
    one.run(60.0, dt_s=0.5)
    assert one.power_w("pv") == pytest.approx(-90e3, abs=500.0)
    assert one.power_w("battery") == pytest.approx(40e3, abs=1500.0)


def test_what_was_curtailed_is_never_offered_as_a_shed():
    one = toy(load_w=30e3, sun_w=90e3)
    one.run(20.0, dt_s=0.5)
    assert one.last.shares[0].headroom_w == 0.0
    found = looks.band(
        pv(), one.state.assets["pv"], snapshot({"pv1/pv.power": -49e3}, now_s=one.now_s), now_s=one.now_s
    )
    assert found.rest_w == found.lo_w


def test_a_shed_beside_a_roof_is_served_by_the_others():
    one = toy(battery(), export_w=inf, load_w=100e3, sun_w=40e3)
    one.ask(service=Service.AR, kind=Kind.EVENT, shed_w=30e3)
    one.run(20.0)
    assert one.site_w == pytest.approx(30e3, abs=600.0)
    assert one.power_w("pv") == pytest.approx(-40e3, abs=100.0)


@pytest.mark.parametrize("service", [Service.AR, Service.DR])
def test_no_sun_is_given_up_to_end_a_shed_that_came_out_larger(service):
    one = toy(switched(count=3, running=3, min_on_s=0.0), export_w=inf, load_w=100e3, sun_w=40e3)
    one.ask(service=service, kind=Kind.EVENT, shed_w=1e3, end_ms=one.utc_ms + 60_000)
    one.shine(60e3)
    one.run(20.0, dt_s=0.5)
    assert one.power_w("pv") == pytest.approx(-60e3, abs=100.0)


def test_several_roofs_share_a_cap_by_what_they_give():
    where = site(pv("east"), pv("west"), limits=Limits(max_export_w=EXPORT_W))
    one = Toy(where, load_w=10e3)
    one.shine(60e3)
    one.machines["west1"].sun_w = 5e3
    one.run(30.0, dt_s=0.5)
    assert one.site_w == pytest.approx(-EXPORT_W, abs=0.03 * RATED_W)
    assert one.power_w("west") / 5e3 == pytest.approx(one.power_w("east") / 60e3, abs=0.05)


def test_a_feeder_holds_its_export_limit_with_the_inverters_on_it():
    where = site(pv(), feeders={"roof": Feeder("roof", frozenset({"pv1"}), inf, 50e3)})
    one = Toy(where, load_w=200e3)
    one.shine(80e3)
    one.run(30.0, dt_s=0.5)
    assert -one.power_w("pv") == pytest.approx(49e3, abs=500.0)
    assert one.last.shares[0].reason == "feeder:roof" + feeders.EXPORT


def test_facts_of_a_roof_plan_it_last():
    assert facts.of(pv()).share == 0.0
    assert not facts.of(pv(lag_s=20.0)).led  # an overshoot would be beyond the limit


def test_regulation_gives_up_sun_only_for_what_a_full_battery_cannot_take():
    one = Toy(site(pv(), battery()), load_w=200e3)
    one.shine(80e3)
    one.values["battery/battery.soc"] = 95.0
    one.run(20.0, dt_s=0.5)
    for signal, roof_w in ((-0.2, -70_200.0), (0.2, -80_000.0)):
        for _ in range(20):
            one.ask(service=Service.REG, signal=signal, end_ms=one.utc_ms + 10_000)
            one.run(2.0, dt_s=0.5)
        assert one.site_w == pytest.approx(one.last.target_w, abs=500.0)
        assert one.power_w("pv") == pytest.approx(roof_w, abs=500.0)
