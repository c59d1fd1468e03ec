"""A lost interface: the site meter, a device, whoever set a hold; and laws of every fail-safe."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import blind, feeders
from gateway.control.copies import from_json, to_json
from gateway.control.feeders import View
from gateway.control.headroom import Band
from gateway.control.holds import Part
from gateway.control.mode import MOVES, Cause, move
from gateway.control.step import begin
from gateway.model.mode import Mode
from gateway.model.request import Kind, Service, Source
from gateway.model.safety import Failsafe, Loss, MeterLoss
from gateway.model.site import Limits
from tests.control.fakes import Toy, battery, dimmer, fans, site, snapshot

HOUR_MS = 3_600_000


def toy(*assets, loss=Loss.SAFE, limits=None, load_w=600_000.0, **failsafe):
    where = site(
        *(assets or (battery(), dimmer(safe_w=30_000.0))),
        limits=limits,
        failsafe=Failsafe(meter=MeterLoss(loss, 10.0, 20.0), **failsafe),
    )
    one = Toy(where, load_w=load_w)
    one.run(8.0)
    return one


def follow(one, power_w):
    one.ask(power_w=power_w, end_ms=one.utc_ms + HOUR_MS)
    one.run(10.0)


def lose_meter(one):
    one.meter_good = False
    one.step()
    assert one.mode == "fault"


@pytest.mark.fault("F-081")
def test_a_lost_meter_sends_every_asset_to_its_safe_value_at_once_unless_the_site_file_says_otherwise():
    one = toy()
    follow(one, 540_000.0)
    lose_meter(one)
    one.run(3.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=100.0)
    assert one.power_w("lighting") == pytest.approx(30_000.0, rel=0.01)


@pytest.mark.fault("F-081")
def test_hold_keeps_what_was_asked_and_then_goes_to_safe_along_a_ramp():
    one = toy(loss=Loss.HOLD)
    follow(one, 540_000.0)
    held_w = one.power_w("battery")
    lose_meter(one)
    one.load_w = 500_000.0  # nobody sees it
    one.run(9.0)
    assert one.power_w("battery") == pytest.approx(held_w, abs=10.0)
    one.state = from_json(to_json(one.state))
    one.run(11.0)
    assert one.power_w("battery") == pytest.approx(held_w / 2.0, rel=0.12)
    one.run(12.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=100.0)
    one.meter_good = True
    one.run(10.0)
    assert (one.mode, one.site_w) == ("remote", pytest.approx(540_000.0, abs=500.0))


@pytest.mark.fault("F-081")
def test_open_loop_follows_new_targets_with_the_last_load_that_was_known():
    one = toy(loss=Loss.OPEN_LOOP)
    follow(one, 600_000.0)
    lose_meter(one)
    one.ask(power_w=560_000.0, end_ms=one.utc_ms + HOUR_MS)
    one.run(8.0)
    assert one.site_w == pytest.approx(560_000.0, abs=1_500.0)
    assert one.mode == "fault"
    one.run(25.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=100.0)


@pytest.mark.fault("F-081", "I-08")
def test_without_a_meter_no_hold_can_export_more_than_the_limit_whatever_the_load_does():
    one = toy(limits=Limits(1e6, 0.0), loss=Loss.HOLD, load_w=300_000.0)
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=-150_000.0, end_ms=None)
    one.run(5.0)
    assert one.power_w("battery") == pytest.approx(-150_000.0, abs=10.0)
    lose_meter(one)
    one.run(8.0)
    one.load_w = 0.0
    worst_w = min((one.step() and one.site_w) for _ in range(80))
    assert worst_w >= -1.0
    assert one.last.shares[0].reason == "feeder:site.export"
    one.meter_good = True
    one.load_w = 300_000.0
    one.run(10.0)
    assert one.power_w("battery") == pytest.approx(-150_000.0, abs=10.0)


@pytest.mark.fault("I-08")
@given(
    st.lists(st.tuples(st.floats(-3e5, 0.0), st.floats(0.0, 3e5), st.floats(-4e5, 4e5), st.booleans()), min_size=1, max_size=5),
    st.floats(0.0, 8e5), st.floats(0.0, 3e5), st.floats(0.0, 6e5), st.floats(-1e5, 2e5), st.floats(0.0, 1.0),
)  # fmt: skip
def test_with_the_meter_lost_rated_sums_stay_inside_the_limits_whenever_the_assets_can_keep_them(
    assets, import_w, export_w, most_w, least_w, load
):
    least_w = min(least_w, most_w)
    names = [f"b{at}" for at in range(len(assets))]
    own = [battery(n, min_w=lo, max_w=hi) for n, (lo, hi, _, _) in zip(names, assets, strict=True)]
    where = site(*own, limits=Limits(import_w, export_w, most_load_w=most_w, least_load_w=least_w))
    bands = {
        n: Band(lo, hi, 0.0, "", "", (n,) if seen else ()) for n, (lo, hi, _, seen) in zip(names, assets, strict=True)
    }
    parts = {n: Part(max(lo, min(aim, hi)), "x") for n, (lo, hi, aim, _) in zip(names, assets, strict=True)}
    view = View(where, begin(where, now_s=0.0), bands, {}, snapshot({}, now_s=0.0))
    rows = blind.row(view, (import_w, export_w))
    given_parts, _ = feeders.keep(view, rows, lambda _bands: (parts, 0.0))
    seen = [n for n in names if bands[n].devices]
    unseen_most = sum(hi for n, (_, hi, _, _) in zip(names, assets, strict=True) if n not in seen)
    unseen_least = sum(lo for n, (lo, _, _, _) in zip(names, assets, strict=True) if n not in seen)
    total = sum(given_parts[n].aim_w for n in seen)
    highest, lowest = total + unseen_most + most_w, total + unseen_least + least_w
    room = (import_w - most_w - unseen_most, -export_w - least_w - unseen_least)
    if (
        room[0] >= room[1]
        and sum(bands[n].lo_w for n in seen) <= room[0]
        and sum(bands[n].hi_w for n in seen) >= room[1]
    ):
        assert highest <= import_w + 2.0
        assert lowest >= -export_w - 2.0
        anything = least_w + load * (most_w - least_w)
        assert -export_w - 2.0 <= total + anything + (unseen_most if load > 0.5 else unseen_least) <= import_w + 2.0


@pytest.mark.fault("I-08")
@given(
    st.floats(1e5, 1.2e6), st.floats(0.0, 9e5), st.sampled_from([inf, 0.0, 5e4]), st.floats(-1.0, 1.0),
    st.sampled_from(["site", "battery"]),
)  # fmt: skip
def test_with_a_meter_load_and_assets_together_stay_inside_the_limits_whatever_is_asked(
    load, top, export, part, target
):
    where = site(battery(), limits=Limits(top, export))
    one = Toy(where, load_w=load)
    one.run(4.0)
    power_w = 200_000.0 * part
    one.ask(target=target, power_w=min(max(power_w if target == "battery" else load + power_w, -export), top)
            if target == "site" else power_w, end_ms=one.utc_ms + HOUR_MS)  # fmt: skip
    one.run(5.0)
    if load - 200_000.0 <= top:
        assert one.site_w <= top + 500.0
    else:
        assert one.power_w("battery") == pytest.approx(-200_000.0, abs=200.0)


def test_a_device_that_was_gone_is_counted_on_only_after_its_return_delay():
    one = toy(battery(), fans(dead_time_s=0.5, lag_s=0.5), device_return_s=10.0)
    follow(one, 590_000.0)
    one.run(10.0)
    one.shown["battery/battery.power"] = None
    one.run(5.0)
    one.shown.clear()
    one.run(2.0)
    assert one.last.shares[0].reason == "returning"
    one.run(9.0)
    assert one.last.shares[0].reason != "returning"


def test_a_manual_hold_without_an_end_is_over_after_the_longest_hold():
    one = toy(longest_hold_s=20.0)
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=10_000.0, end_ms=None)
    one.run(19.0)
    assert one.last.shares[0].reason == "manual"
    one.run(1.5)
    assert one.last.shares[0].reason == "rest"


STRICT = (Mode.LOCAL, Mode.REMOTE, Mode.HOLD, Mode.RAMP, Mode.SAFE, Mode.FAULT)
"""From free to restricted; BOOT decides nothing and stands for itself."""
FAULTS = (Cause.UPLINK_LOST, Cause.INPUTS_LOST, Cause.HOLD_EXPIRED)


@pytest.mark.fault("I-26")
@pytest.mark.parametrize("mode", list(MOVES))
def test_no_fault_moves_a_mode_to_a_less_restrictive_one(mode):
    for cause in FAULTS:
        after = move(mode, cause)
        assert after is mode or mode is Mode.BOOT or STRICT.index(after) > STRICT.index(mode)


@pytest.mark.fault("I-26")
@given(
    st.sets(st.sampled_from(["meter", "interlock", "upstream"])), st.sampled_from(["meter", "interlock", "upstream"])
)
def test_one_fault_more_never_leaves_more_to_do(faults, more):
    def strictness(broken):
        one = Toy(replace(_WITH_INPUT, control=replace(_WITH_INPUT.control, link_lost_s=4.0)))
        one.run(3.0, dt_s=0.5)
        one.ask(power_w=560_000.0, end_ms=one.utc_ms + HOUR_MS)
        one.run(1.0, dt_s=0.5)
        one.meter_good = "meter" not in broken
        one.shown = {"panel/fire.alarm": None} if "interlock" in broken else {}
        for _ in range(10):
            if "upstream" not in broken:
                one.beat()
            one.step(0.5)
        return STRICT.index(Mode(one.mode)), abs(one.last.shares[0].command_w)

    few, many = strictness(faults), strictness(faults | {more})
    assert many[0] >= few[0]
    assert many[1] <= few[1] + 1.0 or many[0] == few[0]


def _with_input():
    from gateway.model.point import PointId
    from gateway.model.safety import Interlock

    return site(battery(), interlocks={"fire": Interlock("fire", PointId("panel/fire.alarm"), ("battery",))})


_WITH_INPUT = _with_input()


def test_an_operator_takes_the_site_out_of_safe_without_asking_anything_of_it():
    one = toy()
    follow(one, 560_000.0)
    one.until("safe", most_s=700.0, dt_s=1.0)
    one.ask(kind=Kind.CANCEL, source=Source.MANUAL, issuer="operator:1", service=Service.DR)
    one.step()
    assert (one.mode, one.last.cause) == ("local", "operator")
