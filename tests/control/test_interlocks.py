"""Interlocks, emergency stop and manual override: who may move an asset when life, limb or an operator says no."""

import pytest

from gateway.control.copies import from_json, to_json
from gateway.model.point import PointId
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.request import Action, Kind, Service, Source
from gateway.model.safety import Interlock
from gateway.model.site import Control, Limits
from tests.control.fakes import Toy, battery, chiller, dimmer, ev, fans, site

INPUT = "panel/fire.alarm"
HOUR_MS = 3_600_000


def lock(action=Action.SAFE, assets=("battery", "fans"), name="fire", **more):
    return Interlock(name, PointId(INPUT), assets, action, **more)


def toy(*locks, assets=None, control=None):
    where = site(
        *(assets or (battery(), fans(dead_time_s=1.0, lag_s=1.0), dimmer())),
        interlocks={one.id: one for one in locks or (lock(),)},
        control=control,
    )
    one = Toy(where)
    one.run(8.0)
    return one


def trip(one, value=1.0):
    one.values[INPUT] = value


def reset(one, ref="fire", note="seen, no fire", **more):
    one.ask(kind=Kind.CANCEL, source=Source.INTERLOCK, issuer="operator:1", ref=ref, note=note, end_ms=None, **more)


def reasons(one):
    return {share.asset: share.reason for share in one.last.shares}


def remote(one):
    one.ask(power_w=500_000.0, end_ms=one.utc_ms + HOUR_MS)


def in_remote(one):
    remote(one)
    one.run(2.0)
    assert one.mode == "remote"


def in_hold(one):
    remote(one)
    one.until("hold")


def by_hand(one):
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=-30_000.0, end_ms=None)
    one.run(2.0)
    assert reasons(one)["battery"] == "manual"


@pytest.mark.fault("F-086", "I-12", "I-13")
@pytest.mark.parametrize("before", [in_remote, in_hold, by_hand])
def test_fire_has_its_assets_at_once_whatever_was_in_force_and_nothing_else_writes_to_them(before):
    one = toy(control=Control(link_lost_s=3.0, hold_s=60.0))
    before(one)
    trip(one)
    one.step()
    written = {"battery": 0.0, "fans1": None, "fans2": None}
    assert written.items() <= {name.split("/")[0]: value for name, value in one.told.items()}.items()
    assert reasons(one)["battery"] == reasons(one)["fans"] == "interlock"
    trip(one, 0.0)  # latched: a clear input alone ends nothing
    one.ask(target="battery", power_w=50_000.0, end_ms=one.utc_ms + HOUR_MS)
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:2", power_w=50_000.0, end_ms=None)
    later = one.run(60.0)
    touched = [c for d in later for c in d.commands if c.device in ("battery", "fans1", "fans2")]
    assert {(command.device, command.value) for command in touched} <= set(written.items())
    refused = [verdict for verdict in later[0].verdicts if verdict.result == "refused"]
    assert [verdict.reason for verdict in refused] == ["interlocked"] * 2


@pytest.mark.fault("I-13")
def test_a_reset_needs_a_person_a_reason_and_a_clear_input_and_what_came_meanwhile_is_not_kept():
    one = toy()
    trip(one)
    one.run(2.0)
    one.ask(target="battery", power_w=50_000.0, end_ms=one.utc_ms + HOUR_MS)
    for wrong, said in (
        ({}, "input_not_clear"), ({"note": ""}, "no_reason"), ({"ref": "smoke"}, "unknown_reference"),
    ):  # fmt: skip
        reset(one, **wrong)
        assert one.step().verdicts[-1].reason == said
    one.values[INPUT] = None  # nobody can read it: that is not clear
    one.step()
    reset(one)
    assert one.step().verdicts[-1].reason == "input_not_clear"
    trip(one, 0.0)
    one.ask(kind=Kind.CANCEL, source=Source.MANUAL, issuer="operator:1", ref="fire", note="please")
    assert one.step().verdicts[-1].reason == "unknown_reference"
    reset(one)
    one.run(3.0)
    assert reasons(one)["battery"] == "rest"
    assert one.state.book.latched == {}
    trip(one)  # and it works again
    one.step()
    assert reasons(one)["battery"] == "interlock"


@pytest.mark.fault("I-13", "I-21", "I-27")
def test_a_latched_interlock_and_a_stop_survive_a_restart_and_a_step_of_the_wall_clock():
    one = toy()
    trip(one)
    one.ask(target="site", source=Source.INTERLOCK, issuer="operator:1", service=Service.LIMIT)
    one.run(1.0)
    one.state = from_json(to_json(one.state))
    one.wall_ms -= 86_400_000
    trip(one, 0.0)
    one.run(5.0)
    assert set(reasons(one).values()) == {"interlock"}
    reset(one)
    one.run(1.0)
    assert set(reasons(one).values()) == {"interlock"}  # the stop is still pressed
    trip(one)
    one.step()
    assert one.state.book.latched == {"fire": False}  # a day back in time it trips all the same


def test_an_emergency_stop_holds_every_asset_until_a_person_resets_it_with_a_reason():
    one = toy(assets=(battery(), fans(), dimmer(), chiller(), ev()))
    remote(one)
    one.run(10.0)
    stop = one.ask(target="site", source=Source.INTERLOCK, issuer="operator:1", service=Service.LIMIT)
    one.step()
    assert set(reasons(one).values()) == {"interlock"}
    assert [a.key for a in one.last.alarms if a.raised] == ["emergency_stop:site"]
    one.ask(power_w=500_000.0, end_ms=one.utc_ms + HOUR_MS)
    assert one.step().verdicts[-1].reason == "interlocked"
    one.run(20.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=1.0)
    reset(one, ref=stop.id)
    one.run(1.0)
    assert "interlock" not in reasons(one).values()


def test_freeze_writes_nothing_and_release_gives_back():
    frozen = toy(lock(Action.FREEZE, ("battery",)), lock(Action.RELEASE, ("fans",), "smoke"))
    in_remote(frozen)
    trip(frozen)
    decisions = frozen.run(30.0)
    assert not [c for d in decisions for c in d.commands if c.device == "battery"]
    assert reasons(frozen)["battery"] == "frozen"
    assert frozen.told["fans1/fan.speed.setpoint"] is None


@pytest.mark.fault("I-16", "I-26")
def test_an_interlock_nobody_can_read_is_a_lost_input_and_every_asset_goes_to_its_safe_value():
    one = toy()
    in_remote(one)
    one.shown[INPUT] = Reading(0.0, Quality.STALE, Cause.OFFLINE, one.now_s)
    one.step()
    assert (one.mode, [a.key for a in one.last.alarms]) == ("fault", ["interlock_unknown:fire"])
    assert one.last.shares[0].reason == "safe"
    one.shown.clear()
    one.run(3.0)
    assert one.mode == "remote"
    assert one.state.book.latched == {}


def test_a_start_that_has_read_nothing_yet_raises_no_alarm():
    one = Toy(site(battery(), limits=Limits(1e6, 0.0), interlocks={"fire": lock(assets=("battery",))}))
    one.shown = dict.fromkeys(one.values, None)
    one.meter_good = False
    one.run(2.0)
    assert one.mode == "boot"
    assert one.state.alarms == ()


def test_a_closed_loop_that_opens_trips_as_well():
    one = toy(lock(clear=1.0, assets=("battery",)))
    assert reasons(one)["battery"] == "interlock"
    trip(one, 1.0)
    one.step()
    reset(one)
    one.run(1.0)
    assert reasons(one)["battery"] == "rest"


@pytest.mark.fault("F-087", "I-14")
def test_a_manual_override_wins_for_its_asset_others_take_its_share_and_it_ends_on_time_also_after_a_restart():
    one = toy(assets=(battery(), dimmer(), fans()))
    remote(one)
    one.run(30.0)
    one.ask(target="lighting", source=Source.MANUAL, issuer="operator:1", power_w=55_000.0, end_ms=one.utc_ms + 20_000)
    ends_s = one.now_s + 20.0
    one.step()
    assert reasons(one)["lighting"] == "manual"
    assert [a.key for a in one.last.alarms if a.raised] == ["manual_override:lighting"]
    one.run(10.0)
    assert one.site_w == pytest.approx(500_000.0, abs=500.0)  # the battery re-shares
    one.ask(target="lighting", power_w=20_000.0, end_ms=one.utc_ms + HOUR_MS)
    one.ask(kind=Kind.CANCEL, ref=one.state.book.entries[1].request.id)
    one.state = from_json(to_json(one.state))
    one.wall_ms += 7_200_000
    while reasons(one)["lighting"] == "manual":
        one.step()
    assert one.now_s - ends_s <= 0.25 + 1e-6
    assert one.power_w("lighting") >= 50_000.0


def test_an_operator_ends_an_override_early_and_what_he_takes_back_is_told():
    one = toy()
    wish = one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=10_000.0, end_ms=None)
    one.run(1.0)
    one.ask(kind=Kind.CANCEL, source=Source.MANUAL, issuer="operator:2", ref=wish.id)
    one.step()
    assert reasons(one)["battery"] == "rest"
    assert ("manual_override:battery", False) in [(a.key, a.raised) for a in one.last.alarms]


def test_an_interlock_with_an_end_is_no_interlock():
    one = toy()
    one.ask(target="battery", source=Source.INTERLOCK, issuer="operator:1", end_ms=one.utc_ms + HOUR_MS)
    assert one.step().verdicts[-1].reason == "interlock_with_end"
    one.ask(target="site", source=Source.INTERLOCK, issuer="operator:1", power_w=1.0)
    assert one.step().verdicts[-1].reason == "not_offered"
