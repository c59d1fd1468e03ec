"""Who wins over whom: interlock > hard limits > manual > remote > schedule > default (I-12)."""

from dataclasses import replace

import pytest

from gateway.control.copies import to_json
from gateway.model.request import Kind, Service, Source
from gateway.model.site import Limits
from tests.control.fakes import Toy, battery, chiller, dimmer, ev, fans, request, site

LASTS = {"end_ms": None}


def toy(*assets, import_w=float("inf"), export_w=float("inf"), load_w=600_000.0):
    one = Toy(site(*assets, limits=Limits(import_w, export_w)), load_w=load_w)
    one.run(15.0)
    return one


def hold(one, name, power_w, source=Source.MANUAL):
    one.ask(target=name, source=source, issuer=source.name.lower(), power_w=power_w, **LASTS)


def reasons(one):
    return {share.asset: share.reason for share in one.last.shares}


@pytest.mark.fault("I-12")
@pytest.mark.parametrize("site_wish", [None, {"power_w": 650_000.0}])
def test_the_import_limit_opens_a_manual_hold_no_further_than_it_must(site_wish):
    one = toy(battery(), import_w=700_000.0)
    hold(one, "battery", 150_000.0)
    if site_wish:
        one.ask(**site_wish, end_ms=one.utc_ms + 3_600_000)
    one.run(20.0)
    assert one.site_w == pytest.approx(700_000.0, abs=300.0)
    assert reasons(one)["battery"] == "limit"
    one.load_w = 500_000.0
    one.run(20.0)
    assert (round(one.power_w("battery")), reasons(one)["battery"]) == (150_000, "manual")


@pytest.mark.fault("I-12")
def test_the_export_limit_opens_a_manual_hold_as_well():
    one = toy(battery(), export_w=0.0, load_w=100_000.0)
    hold(one, "battery", -150_000.0)
    one.run(20.0)
    assert one.site_w == pytest.approx(0.0, abs=300.0)


@pytest.mark.fault("I-12")
def test_assets_without_a_hold_give_all_they_have_before_a_hold_opens():
    one = toy(battery(), dimmer(), import_w=700_000.0)
    hold(one, "battery", 70_000.0)
    one.run(20.0)
    assert one.site_w == pytest.approx(700_000.0, abs=500.0)
    assert one.power_w("battery") == pytest.approx(70_000.0, abs=200.0)
    one.load_w = 630_000.0
    one.run(20.0)
    assert one.power_w("lighting") == pytest.approx(20_000.0, abs=500.0)
    assert one.power_w("battery") == pytest.approx(50_000.0, abs=500.0)
    assert one.site_w == pytest.approx(700_000.0, abs=500.0)


@pytest.mark.fault("I-12")
def test_a_remote_hold_opens_before_a_manual_one():
    one = toy(battery(), battery("second"), import_w=700_000.0)
    hold(one, "battery", 80_000.0)
    one.ask(target="second", power_w=80_000.0, end_ms=one.utc_ms + 3_600_000)
    one.run(20.0)
    assert one.power_w("second") == pytest.approx(20_000.0, abs=500.0)
    assert one.power_w("battery") == pytest.approx(80_000.0, abs=1.0)


@pytest.mark.fault("I-12")
def test_a_fast_hold_opens_while_slower_assets_are_still_on_their_way():
    one = toy(battery(), fans(count=8), import_w=800_000.0)
    hold(one, "battery", 100_000.0)
    worst = max(decision.site_w for decision in one.run(120.0)[20:])
    assert worst <= 801_000.0
    assert one.power_w("battery") == pytest.approx(100_000.0, abs=1_000.0)


@pytest.mark.fault("I-12", "I-13")
def test_nothing_opens_an_interlock():
    one = toy(battery(), import_w=700_000.0)
    hold(one, "battery", 150_000.0, Source.INTERLOCK)
    hold(one, "battery", 0.0)
    one.ask(power_w=500_000.0, end_ms=one.utc_ms + 600_000)
    one.run(20.0)
    assert (round(one.power_w("battery")), reasons(one)["battery"]) == (150_000, "interlock")


@pytest.mark.fault("I-12", "I-14")
@pytest.mark.parametrize(
    "wish",
    [
        {"power_w": 500_000.0},
        {"service": Service.REG, "signal": 1.0},
        {"target": "battery", "power_w": -200_000.0},
        {"kind": Kind.EVENT, "shed_w": 200_000.0},
        {"source": Source.SCHEDULE, "issuer": "clock", "target": "battery", "power_w": 0.0},
    ],
)
def test_nothing_below_moves_a_manual_hold(wish):
    one = toy(battery(), fans())
    hold(one, "battery", 33_000.0)
    one.run(2.0)
    one.ask(**wish)
    commands = [command for decision in one.run(4.0) for command in decision.commands if command.device == "battery"]
    assert {command.value for command in commands} <= {33_000.0}
    assert reasons(one)["battery"] == "manual"
    one.run(60.0)
    assert reasons(one)["battery"] == "manual"


@pytest.mark.fault("I-12")
def test_a_target_is_clipped_to_the_limits_and_the_import_limit_wins_a_conflict():
    one = toy(battery(), import_w=1e6, export_w=0.0)
    one.ask(kind=Kind.LIMIT, max_import_w=550_000.0)
    one.ask(power_w=700_000.0)
    one.run(10.0)
    assert one.last.target_w == 550_000.0
    assert one.site_w == pytest.approx(550_000.0, abs=300.0)


def test_a_hold_without_a_power_is_the_safe_value_and_a_lost_asset_is_no_hold():
    one = toy(battery(safe_w=-10_000.0), fans())
    hold(one, "battery", None)
    hold(one, "fans", None)
    one.run(5.0)
    assert round(one.power_w("battery")) == -10_000
    assert one.told["fans1/fan.speed.setpoint"] is None
    one.site = replace(one.site, assets={"battery": one.site.assets["battery"]})  # the site file no longer has it
    one.step()
    assert set(reasons(one)) == {"battery"}


def test_a_manual_hold_of_a_fleet_leaves_its_chargers_at_their_fallback_current():
    one = toy(ev(), battery())
    one.run(5.0)
    hold(one, "ev", None)
    one.ask(power_w=600_000.0, end_ms=one.utc_ms + 600_000)
    one.run(20.0)
    assert one.power_w("ev") == pytest.approx(4 * 6.0 * 690.0, rel=0.01)
    assert one.site_w == pytest.approx(600_000.0, abs=500.0)


@pytest.mark.parametrize("name", ["battery", "fans", "chiller", "lighting", "ev"])
def test_an_interlock_jumps_and_everything_else_keeps_to_the_ramp_rate(name):
    make = {"battery": battery, "fans": fans, "chiller": chiller, "lighting": dimmer, "ev": ev}[name]
    ramp = 500.0
    one = toy(make(ramp_w_per_s=ramp))
    lo_w = one.site.assets[name].min_w
    before_w = one.last.shares[0].command_w
    hold(one, name, lo_w)
    one.step()
    assert one.last.shares[0].command_w == pytest.approx(before_w - ramp * 0.25)
    assert reasons(one)[name] == "ramp_rate"
    hold(one, name, lo_w, Source.INTERLOCK)
    one.step()
    assert one.last.shares[0].command_w == lo_w


def test_a_step_never_changes_the_state_it_was_given():
    one = toy(battery(), fans(), chiller(), dimmer(), ev())
    for wish in (
        request(power_w=500_000.0, issued_ms=one.utc_ms),
        request(target="battery", power_w=0.0, issued_ms=one.utc_ms),
    ):
        one.send(wish)
        before, kept = one.state, to_json(one.state)
        one.step()
        assert to_json(before) == kept
        assert one.state is not before
