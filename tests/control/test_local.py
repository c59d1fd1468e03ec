"""What the site does for its owner: peak limit, valley and peak shifting, frequency response; and the ledger of kW."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import claims, droop, peak
from gateway.control.copies import from_json, to_json
from gateway.control.headroom import Band
from gateway.control.state import Peak
from gateway.model.local import FrequencyResponse, PeakLimit, Tariff, When
from gateway.model.point import PointId
from gateway.model.request import Source
from gateway.model.site import AutomaticResponse, DemandResponse, Limits, Regulation, Services
from tests.control.fakes import ALL_SERVICES, Toy, battery, fans, site

FREQUENCY = FrequencyResponse("battery", PointId("panel/frequency"), 100_000.0, dead_band_hz=0.03)
ALWAYS = (When(),)


def toy(*assets, load_w=600_000.0, limits=None, **local):
    where = site(*(assets or (battery(),)), services=replace(ALL_SERVICES, **local), limits=limits)
    one = Toy(where, load_w=load_w)
    one.values["panel/frequency"] = 50.0
    return one


def worst_mean(powers_w, window):
    return max(sum(powers_w[at : at + window]) / window for at in range(len(powers_w) - window + 1))


def test_the_rolling_mean_of_the_import_stays_below_the_peak_limit_and_a_short_peak_costs_nothing():
    one = toy(peak_limit=PeakLimit(700_000.0, window_s=90.0))
    one.run(100.0, dt_s=0.5)
    one.load_w = 800_000.0  # short
    short = one.run(10.0)
    assert min(share.command_w for decision in short for share in decision.shares) >= -60_000.0  # not all of it
    one.load_w = 600_000.0
    one.run(100.0, dt_s=0.5)
    one.load_w = 820_000.0  # long
    powers = []
    for _ in range(360):
        one.step(0.5)
        powers.append(one.site_w)
    assert worst_mean(powers, 180) <= 703_000.0
    assert one.site_w == pytest.approx(700_000.0, abs=60_000.0)
    assert one.last.service == "limit"


def test_the_past_of_a_peak_limit_survives_a_restart_and_an_unknown_past_counts_as_the_limit():
    limit = PeakLimit(500_000.0, window_s=900.0)
    assert peak.bound_w(Peak(), limit, now_s=1_000.0) == pytest.approx(500_000.0)
    seen = Peak()
    for at in range(700):
        seen = peak.note(seen, limit, 200_000.0, now_s=float(at))
    assert 700_000.0 < peak.bound_w(seen, limit, now_s=699.0) < 1_100_000.0
    gone = peak.note(seen, limit, None, now_s=700.0)
    assert peak.bound_w(gone, limit, now_s=700.0) < 1_110_000.0
    one = toy(peak_limit=limit)
    one.run(30.0)
    assert from_json(to_json(one.state)).peak == one.state.peak


@given(st.lists(st.floats(-1e5, 3e6), min_size=9, max_size=12), st.sampled_from([60.0, 900.0]))
def test_keeping_the_bound_of_a_peak_limit_keeps_the_window_whatever_came_before(loads, window_s):
    limit = PeakLimit(1_000_000.0, window_s=window_s)
    seen, now_s, drawn = Peak(), 0.0, []
    step_s = window_s / 45.0
    for load in [w for w in loads for _ in range(6)]:
        watts = min(load, peak.bound_w(seen, limit, now_s=now_s))
        seen = peak.note(seen, limit, watts, now_s=now_s)
        drawn.append(max(0.0, watts))
        now_s += step_s
    if len(drawn) >= 45:
        assert worst_mean(drawn, 45) <= 1.03 * limit.max_import_w


def test_a_battery_charges_in_the_valley_and_discharges_at_the_peak_below_everything_remote():
    hours = Tariff("battery", 80_000.0, 60_000.0, charge=(When(),), discharge=())
    one = toy(tariff=hours)
    one.run(10.0)
    assert one.power_w("battery") == pytest.approx(80_000.0, abs=10.0)
    assert (one.mode, one.last.shares[0].reason) == ("local", "schedule")
    wish = one.ask(power_w=500_000.0, end_ms=one.utc_ms + 20_000)
    one.run(10.0)
    assert one.site_w == pytest.approx(500_000.0, abs=300.0)
    one.run(15.0)
    assert one.power_w("battery") == pytest.approx(80_000.0, abs=10.0)
    one.ask(target="battery", source=Source.MANUAL, issuer="operator:1", power_w=0.0)
    one.run(5.0)
    assert one.last.shares[0].reason == "manual"
    assert wish.id not in {held.request.id for held in one.state.book.entries}


def test_a_discharge_never_exports_more_than_the_limit_and_stops_when_the_battery_is_empty():
    hours = Tariff("battery", 0.0, 200_000.0, charge=(), discharge=ALWAYS)
    one = toy(tariff=hours, load_w=120_000.0, limits=Limits(max_export_w=0.0))
    one.run(20.0)
    assert one.site_w == pytest.approx(0.0, abs=300.0)
    one.values["battery/battery.soc"] = 10.0
    one.run(6.0)
    assert one.power_w("battery") == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(
    ("hz", "watts"),
    [
        (50.0, 0.0), (50.029, 0.0), (49.971, 0.0), (51.03, 50_000.0), (48.97, -50_000.0), (52.5, 100_000.0),
        (45.0, -100_000.0), (None, 0.0),
    ],
)  # fmt: skip
def test_the_droop_has_a_dead_band_a_slope_and_an_end(hz, watts):
    assert droop.response_w(FREQUENCY, hz) == pytest.approx(watts, abs=1e-6)


def test_frequency_response_moves_the_battery_and_is_added_to_a_target():
    one = toy(frequency=FREQUENCY)
    one.run(8.0)
    one.values["panel/frequency"] = 49.47
    one.run(5.0)
    assert (round(one.power_w("battery")), one.last.shares[0].reason) == (-25_000, "frequency")
    one.ask(power_w=600_000.0, end_ms=one.utc_ms + 60_000)
    one.run(10.0)
    assert one.site_w == pytest.approx(575_000.0, abs=300.0)
    one.shown["panel/frequency"] = None
    one.run(10.0)
    assert one.site_w == pytest.approx(600_000.0, abs=300.0)


CLAIMED = Services(
    Regulation(100_000.0, claims={"battery": 150_000.0}), DemandResponse(200_000.0), AutomaticResponse(200_000.0)
)


def test_what_one_service_has_claimed_no_other_uses():
    one = Toy(site(battery(), fans(lag_s=1.0, dead_time_s=1.0), services=CLAIMED))
    one.run(8.0)
    one.ask(power_w=480_000.0, end_ms=one.utc_ms + 60_000)
    one.run(30.0)
    assert one.power_w("battery") == pytest.approx(-50_000.0, abs=100.0)
    assert one.last.shares[0].reason == "claimed"
    assert one.last.shortfall_w < -50_000.0
    used = {(use.asset, use.service): use.up_w for use in one.last.ledger}
    assert used["battery", "reg"] == 150_000.0  # kept for regulation, and the rest is what this request uses
    assert used["battery", "dr"] == pytest.approx(50_000.0, abs=100.0)


@given(
    st.dictionaries(
        st.sampled_from(["battery", "fans"]),
        st.tuples(st.floats(-3e5, 0.0), st.floats(0.0, 3e5), st.floats(-4e5, 4e5)),
        min_size=1,
    ),
    st.sampled_from(["", "reg", "dr", "ar"]),
    st.floats(0.0, 2e5),
    st.floats(0.0, 2e5),
)
def test_no_kw_of_the_ledger_serves_twice_and_every_kw_is_in_it(bands, service, first, second):
    sold = Services(Regulation(1e5, claims={"battery": first}), DemandResponse(1e5, claims={"battery": second}))
    where = site(battery(), fans(), services=sold)
    room = {name: Band(lo, hi, 0.0, "", "", ("x",)) for name, (lo, hi, _) in bands.items()}
    aims = {name: aim for name, (_, _, aim) in bands.items()}
    entries = claims.ledger(where, room, aims, service)
    for name, (lo, hi, _) in bands.items():
        own = [entry for entry in entries if entry.asset == name]
        assert all(entry.up_w >= 0.0 and entry.down_w >= 0.0 for entry in own)
        assert sum(entry.up_w for entry in own) == pytest.approx(-lo, abs=1e-6)
        assert sum(entry.down_w for entry in own) == pytest.approx(hi, abs=1e-6)
    narrowed = claims.narrowed(where, room, service)
    for name, band in narrowed.items():
        assert room[name].lo_w <= band.lo_w <= 0.0 <= band.hi_w <= room[name].hi_w
