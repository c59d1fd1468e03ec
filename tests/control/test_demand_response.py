"""An event from its notice to the end of its recovery, in virtual time on a toy plant."""

import pytest

from gateway.control.decision import Curve
from gateway.control.services.recovery import CAP, RELEASE_S
from gateway.model.request import Kind, Result
from gateway.model.site import AutomaticResponse, DemandResponse, Limits, Services
from tests.control.fakes import Toy, battery, dimmer, ev, fans, site

STEP_S = 3.0
QUARTER_S = 900.0
NATURAL_W = 500_000.0 + 25_600.0 + 40_000.0
"""Load, fans and lamps of the toy at rest."""
SERVICES = Services(
    automatic_response=AutomaticResponse(500_000.0),
    demand_response=DemandResponse(500_000.0, adjust_begin_s=3600.0, adjust_end_s=1200.0),
)


def toy(*assets, limits=None):
    where = site(*(assets or (battery(), fans(), dimmer())), services=SERVICES, limits=limits)
    one = Toy(where, load_w=500_000.0)
    one.run(16.0, dt_s=STEP_S)
    assert one.mode == "local"
    return one


def announce(one, shed_w=60_000.0, *, notice_s=1800.0, for_s=900.0, baseline_w=NATURAL_W, lead_s=3600.0):
    """Send an event with its baseline, a flat one; the request."""
    begin_ms = one.utc_ms + round(1000.0 * notice_s)
    wish = one.ask(kind=Kind.EVENT, shed_w=shed_w, begin_ms=begin_ms, end_ms=begin_ms + round(1000.0 * for_s))
    curve = (baseline_w,) * round((lead_s + for_s + 6 * 3600.0) / QUARTER_S)
    one.attach(Curve(wish.id, curve, QUARTER_S, lead_s))
    return wish


def drawn(one, for_s, *, each=None):
    """Site power at every step of a span."""
    found = []

    def note(toy):
        found.append(toy.site_w)
        if each is not None:
            each(toy)

    one.run(for_s, dt_s=STEP_S, each=note)
    return found


def mean(values):
    return sum(values) / len(values)


def test_nothing_is_stored_up_before_the_adjustment_window_is_over_and_no_more_than_is_needed_after_it():
    one = toy()
    announce(one, 100_000.0, for_s=3 * 3600.0)
    assert mean(drawn(one, 590.0)) == pytest.approx(NATURAL_W, abs=500.0)
    assert {share.reason for share in one.last.shares} == {"rest"}
    drawn(one, 60.0)
    assert one.last.service == "prepare"
    assert one.power_w("battery") > 10_000.0
    small = toy()
    announce(small, 10_000.0, for_s=3 * 3600.0)
    assert max(drawn(small, 900.0)) == pytest.approx(NATURAL_W, abs=2_000.0)


def test_the_site_is_on_its_target_when_the_event_begins_and_every_quarter_comes_out():
    one = toy()
    announce(one, notice_s=300.0)
    drawn(one, 298.0)
    assert one.mode == "local"
    quarter = drawn(one, QUARTER_S)
    assert one.mode == "remote"
    assert quarter[2] == pytest.approx(NATURAL_W - 60_000.0, abs=3_000.0)
    assert NATURAL_W - mean(quarter) == pytest.approx(60_000.0, rel=0.01)


def test_what_a_quarter_missed_while_an_asset_was_gone_is_made_good():
    one = toy()
    announce(one, notice_s=300.0)
    drawn(one, 298.0)

    def heavier(toy):
        toy.load_w = 650_000.0 if 30.0 < toy.now_s - began_s < 150.0 else 500_000.0

    began_s = one.now_s
    quarter = drawn(one, QUARTER_S, each=heavier)
    assert max(quarter) > NATURAL_W - 20_000.0
    assert NATURAL_W - mean(quarter) == pytest.approx(60_000.0, rel=0.05)


def test_a_valley_is_filled():
    one = toy()
    announce(one, -60_000.0, notice_s=300.0)
    drawn(one, 298.0)
    assert mean(drawn(one, QUARTER_S)) - NATURAL_W == pytest.approx(60_000.0, rel=0.01)


@pytest.mark.parametrize("notice_s", [0.0, 10.0, 120.0])
def test_a_short_notice_is_followed_at_once(notice_s):
    one = toy()
    announce(one, notice_s=notice_s)
    drawn(one, notice_s + 60.0)
    assert mean(drawn(one, 60.0)) == pytest.approx(NATURAL_W - 60_000.0, abs=4_000.0)


def test_an_event_is_declined_when_too_little_of_it_can_be_delivered():
    one = toy()
    announce(one, 400_000.0)
    one.step()
    assert [(verdict.result, verdict.reason) for verdict in one.last.verdicts] == [(Result.REFUSED, "opted_out")]
    assert mean(drawn(one, 60.0)) == pytest.approx(NATURAL_W, abs=500.0)


def test_an_event_far_ahead_is_not_declined_for_what_the_stores_hold_now():
    one = toy()
    announce(one, 400_000.0, notice_s=20 * 3600.0)
    one.step()
    assert [(verdict.result, verdict.reason) for verdict in one.last.verdicts] == [(Result.ACCEPTED, "ok")]


def test_nothing_is_declined_before_the_assets_have_been_read():
    one = Toy(site(battery(), services=SERVICES), load_w=500_000.0)
    one.shown["battery/battery.soc"] = None
    announce(one, 400_000.0)
    one.step()
    assert [verdict.result for verdict in one.last.verdicts] == [Result.ACCEPTED]


@pytest.mark.fault("I-07")
def test_after_an_event_the_assets_come_back_by_and_by_and_below_the_cap():
    one = toy()
    announce(one, notice_s=0.0)
    drawn(one, 900.0)
    released = drawn(one, RELEASE_S)
    assert max(abs(after - before) for before, after in zip(released, released[5:], strict=False)) < 15_000.0
    after = drawn(one, 900.0)
    assert mean(after) <= CAP * NATURAL_W
    assert one.power_w("battery") > 0.0, "the cells are filled in the room there is"


def test_nothing_is_caught_up_while_the_load_itself_is_above_the_cap():
    one = toy()
    announce(one, notice_s=0.0)
    drawn(one, 900.0)
    one.load_w = 600_000.0
    drawn(one, 2 * RELEASE_S + 300.0)
    after = drawn(one, QUARTER_S)
    assert mean(after) <= NATURAL_W + 100_000.0
    assert one.power_w("battery") <= 500.0


def test_an_event_that_is_withdrawn_is_recovered_from_like_one_that_ended():
    one = toy()
    wish = announce(one, notice_s=0.0)
    drawn(one, 600.0)
    one.ask(kind=Kind.CANCEL, ref=wish.id)
    drawn(one, 20.0)
    assert one.mode == "local"
    assert one.last.service == "recovery"
    drawn(one, RELEASE_S)
    assert one.site_w == pytest.approx(NATURAL_W, abs=0.05 * NATURAL_W)


@pytest.mark.fault("I-21")
def test_a_restart_in_the_recovery_goes_on_with_it():
    one = toy()
    announce(one, notice_s=0.0, for_s=900.0)
    drawn(one, 1000.0)
    one.restart()
    one.step()
    assert one.last.service == "recovery"
    assert one.state.rebound.quarter.rates.drawn_w > 0.0


@pytest.mark.fault("I-08")
def test_a_limit_on_the_connection_holds_in_preparation_event_and_recovery():
    one = toy(limits=Limits(max_import_w=NATURAL_W + 5_000.0))
    announce(one, 100_000.0, notice_s=600.0)
    found = drawn(one, 600.0 + 900.0 + 2 * RELEASE_S)
    assert max(mean(found[at : at + 5]) for at in range(len(found) - 5)) <= NATURAL_W + 7_000.0


def test_a_car_that_leaves_in_the_event_is_not_put_off():
    one = Toy(site(battery(), ev(count=2, bookings="book"), services=SERVICES), load_w=500_000.0)
    one.values |= {"book/bay01.ev.energy.owed": 4_500.0, "book/bay01.ev.departure": 1500.0}
    one.run(30.0, dt_s=STEP_S)
    announce(one, 40_000.0, notice_s=0.0, baseline_w=530_000.0)
    one.run(60.0, dt_s=STEP_S)
    assert one.machines["ev1"].watts >= 10_000.0
    assert one.machines["ev2"].watts == pytest.approx(6.0 * 690.0, abs=700.0)
