"""Feeder and phase limits: nested, metered or not, whole assets and single chargers on single phases."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import feeders
from gateway.control.allocate import fill
from gateway.control.copies import from_json, to_json
from gateway.control.feeders import View
from gateway.control.headroom import Band
from gateway.control.holds import Part
from gateway.control.step import begin
from gateway.model.request import Source
from gateway.model.safety import Feeder
from gateway.model.site import EvFleet
from tests.control.fakes import Toy, asset, battery, dimmer, ev, fans, site, snapshot

HOUR_MS = 3_600_000
METER = "sub1/power.active"


def feeder(name, *devices, **more):
    return Feeder(name, frozenset(devices), **more)


def toy(assets, *own, load_w=300_000.0, **values):
    one = Toy(site(*assets, feeders={f.id: f for f in own}), load_w=load_w)
    one.values.update({name.replace("__", "/"): value for name, value in values.items()})
    return one


def wish(one, power_w):
    one.ask(power_w=power_w, end_ms=one.utc_ms + HOUR_MS)


def reasons(one):
    return {share.asset: share.reason for share in one.last.shares}


@pytest.mark.fault("I-09")
def test_an_unmetered_feeder_counts_the_rated_sum_of_all_else_and_other_assets_take_over():
    board = feeder("garage", "battery", max_import_w=100_000.0, other_import_w=20_000.0)
    one = toy((battery(), battery("second"), dimmer()), board)
    one.run(8.0)
    wish(one, 640_000.0)  # 60 kW of lighting and 280 kW of batteries
    one.run(20.0)
    assert one.power_w("battery") == pytest.approx(80_000.0, abs=100.0)
    assert one.site_w == pytest.approx(640_000.0, abs=500.0)
    assert reasons(one)["battery"] == "feeder:garage.import"


@pytest.mark.fault("I-09")
def test_a_meter_shows_what_is_free_and_its_loss_falls_back_to_the_rated_sum():
    board = feeder("garage", "battery", max_import_w=100_000.0, other_import_w=60_000.0, meter="sub1")
    one = toy((battery(), dimmer()), board)
    one.run(8.0, each=lambda o: o.values.update({METER: 15_000.0 + o.power_w("battery")}))
    wish(one, 600_000.0)
    one.run(20.0, each=lambda o: o.values.update({METER: 15_000.0 + o.power_w("battery")}))
    assert one.power_w("battery") == pytest.approx(85_000.0, abs=1_000.0)
    one.shown[METER] = None
    one.step()
    one.run(2.0)
    assert one.power_w("battery") == pytest.approx(40_000.0, abs=600.0)


@pytest.mark.fault("I-09")
def test_nested_feeders_hold_together_and_export_is_limited_as_well():
    inner = feeder("inner", "battery", max_import_w=60_000.0, max_export_w=30_000.0)
    outer = feeder("outer", "battery", "second", max_import_w=90_000.0, max_export_w=50_000.0)
    one = toy((battery(), battery("second"), dimmer()), inner, outer)
    one.run(8.0)
    wish(one, 900_000.0)
    one.run(10.0)
    assert one.power_w("battery") <= 60_100.0
    assert one.power_w("battery") + one.power_w("second") == pytest.approx(90_000.0, abs=500.0)
    wish(one, 0.0)
    one.run(10.0)
    assert one.power_w("battery") >= -30_100.0
    assert one.power_w("battery") + one.power_w("second") == pytest.approx(-50_000.0, abs=500.0)
    assert reasons(one)["second"].startswith("feeder:outer.export")


def test_a_feeder_opens_a_manual_hold_and_not_an_interlock():
    one = toy((battery(), battery("second")), feeder("f", "battery", "second", max_import_w=100_000.0))
    one.run(8.0)
    for name, source in (("battery", Source.MANUAL), ("second", Source.INTERLOCK)):
        one.ask(target=name, source=source, issuer="operator:1", power_w=80_000.0, end_ms=None)
    one.run(10.0)
    assert one.power_w("second") == pytest.approx(80_000.0, abs=10.0)
    assert one.power_w("battery") == pytest.approx(20_000.0, abs=100.0)
    assert "over_limit:feeder:f" not in one.state.alarms
    one.ask(target="battery", source=Source.INTERLOCK, issuer="operator:1", power_w=80_000.0)
    one.run(1.0)
    assert "over_limit:feeder:f" in one.state.alarms


def depot(count=6, **limits):
    fleet = asset(
        "ev",
        EvFleet(phases=1, max_current_a=32.0, command_s=1.0),
        devices=tuple(f"ev{at + 1}" for at in range(count)),
        min_w=0.0,
        max_w=count * 7_360.0,
        operating_w=None,
        phase_of={f"ev{at + 1}": at % 2 for at in range(count)},  # three on l1, three on l2
    )
    return fleet, feeder("depot", *fleet.devices, **limits)


@pytest.mark.fault("I-09")
def test_no_phase_of_a_depot_carries_more_than_its_limit_while_chargers_answer_one_by_one():
    fleet, board = depot(max_phase_w=230.0 * 48.0)
    one = toy((fleet, battery()), board)
    for device in fleet.devices:
        one.machines[device].watts = one.machines[device].wanted_w = 0.0
    one._follow = lambda device, _control, value: follow(one, device, value)  # type: ignore[method-assign]
    wish(one, 500_000.0)
    worst = 0.0
    for _ in range(240):
        one.step()
        for own in (("ev1", "ev3", "ev5"), ("ev2", "ev4", "ev6")):
            worst = max(worst, sum(one.machines[device].watts for device in own))
    assert worst <= 230.0 * 48.0 + 1.0
    assert sum(one.machines[device].watts for device in fleet.devices) >= 2 * 230.0 * 42.0
    assert reasons(one)["ev"].startswith("phase:depot.l")


def follow(one, device, value):
    machine = one.machines[device]
    if device == "battery":
        machine.tell(value, one.now_s)
    elif value is not None:
        machine.tell(230.0 * value, one.now_s + 0.9)


def test_a_charger_that_cannot_be_seen_counts_with_its_rating():
    fleet, board = depot(2, max_import_w=10_000.0)
    one = toy((fleet, battery()), board)
    one.shown["ev2/ev.power"] = None
    one.run(3.0)
    rows = feeders.rows(View(one.site, one.state, _bands(one), {}, snapshot({"ev2/ev.power": None}, now_s=one.now_s)))
    assert rows[0].other[0] == pytest.approx(7_360.0)


def test_a_charger_that_shows_more_than_it_can_draw_is_told_no_more_than_it_can():
    fleet, board = depot(2, max_import_w=20_000.0)
    one = toy((fleet, battery()), board)
    one.shown["ev1/ev.power"] = 25_000.0
    told = [command.value for decision in one.run(20.0) for command in decision.commands if command.device == "ev1"]
    assert told
    assert max(told) <= 32.0


def _bands(one):
    return {"ev": Band(0.0, 0.0, 0.0, "", "", ("ev1",)), "battery": Band(0.0, 0.0, 0.0, "", "", ("battery",))}


def test_a_rise_waits_until_those_that_fall_have_fallen():
    fleet = fans(count=4, dead_time_s=2.0, lag_s=3.0)
    one = toy((fleet, battery()), feeder("f", "battery", *fleet.devices, max_import_w=100_000.0))
    one.run(30.0)
    wish(one, 340_000.0)
    one.run(30.0)
    worst = 0.0
    one.ask(target="fans", power_w=21_200.0, end_ms=one.utc_ms + HOUR_MS)
    one.ask(target="battery", power_w=75_000.0, end_ms=one.utc_ms + HOUR_MS)
    for _ in range(120):
        one.step()
        worst = max(worst, one.power_w("fans") + one.power_w("battery"))
    assert worst <= 100_000.0 + 1_500.0
    assert one.power_w("battery") == pytest.approx(75_000.0, abs=200.0)


NAMES = ("a", "b", "c", "d")


@st.composite
def trees(draw):
    """Bands of four assets, what they are wished to draw, and up to three feeders over some of them."""
    bands = {}
    for name in NAMES:
        lo = draw(st.floats(-200_000.0, 100_000.0))
        hi = lo + draw(st.floats(0.0, 300_000.0))
        bands[name] = Band(lo, hi, draw(st.floats(lo, hi)), "min", "max", (name,))
    own = []
    for at in range(draw(st.integers(1, 3))):
        devices = draw(st.sets(st.sampled_from(NAMES), min_size=1))
        limit = st.sampled_from([inf]) | st.floats(0.0, 400_000.0)
        own.append(
            Feeder(
                f"f{at}", frozenset(devices), draw(limit), draw(limit), draw(limit),
                other_import_w=draw(st.floats(0.0, 50_000.0)), other_export_w=draw(st.floats(0.0, 20_000.0)),
            )
        )  # fmt: skip
    phases = draw(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)))
    return bands, own, draw(st.floats(-800_000.0, 1_200_000.0)), phases


def _shared(where, want_w):
    def share(bands):
        rest = sum(band.rest_w for band in bands.values())
        rooms = [(band.lo_w - band.rest_w, band.hi_w - band.rest_w) for band in bands.values()]
        moves = fill(want_w - rest, rooms)
        parts = {n: Part(b.rest_w + m, "target") for (n, b), m in zip(bands.items(), moves, strict=True)}
        return parts, want_w - sum(part.aim_w for part in parts.values())

    return share


@pytest.mark.fault("I-09", "I-08")
@given(trees(), st.sampled_from([0.0, 1.0, -1.0]))
def test_every_row_holds_whenever_the_assets_can_keep_it_whatever_is_wished(tree, now):
    bands, own, want_w, phases = tree
    devices = [battery(n, min_w=-4e5, max_w=4e5, phase_of={n: phases[n]} if n in phases else {}) for n in NAMES]
    where = site(*devices, feeders={f.id: f for f in own})
    state = begin(where, now_s=0.0)
    for name, band in bands.items():
        middle = (band.lo_w + band.hi_w) / 2.0
        state.assets[name].twin.trail = ((0.0, middle + now * (band.hi_w - middle)),)
    view = View(where, state, bands, {}, snapshot({}, now_s=0.0))
    limits = feeders.rows(view)
    parts, _ = feeders.keep(view, limits, _shared(where, want_w))
    for row in limits:
        total = sum(weight * parts[name].aim_w for name, weight in row.weights.items())
        least = sum(weight * bands[name].lo_w for name, weight in row.weights.items())
        most = sum(weight * bands[name].hi_w for name, weight in row.weights.items())
        alone = len(own) == 1 and not any(f.max_phase_w < inf for f in own)
        alone = alone and row.other[1] - row.export_w <= row.import_w - row.other[0]  # else no sum keeps both
        if alone and least + row.other[0] <= row.import_w and most - row.other[1] >= -row.export_w:
            assert total + row.other[0] <= row.import_w + 2.0
            assert total - row.other[1] >= -row.export_w - 2.0
    for name, part in parts.items():
        assert bands[name].lo_w - 1.0 <= part.aim_w <= bands[name].hi_w + 1.0


@pytest.mark.fault("I-09")
@given(trees())
def test_import_limits_of_any_tree_hold_together_when_every_asset_can_go_to_nothing(tree):
    bands, own, want_w, phases = tree
    bands = {n: b._replace(lo_w=0.0, hi_w=max(b.hi_w, 0.0), rest_w=max(b.rest_w, 0.0)) for n, b in bands.items()}
    own = [Feeder(f.id, f.devices, f.max_import_w, inf, f.max_phase_w, other_import_w=f.other_import_w) for f in own]
    devices = [battery(n, min_w=-4e5, max_w=4e5, phase_of={n: phases[n]} if n in phases else {}) for n in NAMES]
    where = site(*devices, feeders={f.id: f for f in own})
    view = View(where, begin(where, now_s=0.0), bands, {}, snapshot({}, now_s=0.0))
    limits = feeders.rows(view)
    parts, _ = feeders.keep(view, limits, _shared(where, want_w))
    for row in limits:
        total = sum(weight * parts[name].aim_w for name, weight in row.weights.items())
        assert total + row.other[0] <= max(row.import_w, row.other[0]) + 3.0


def test_a_site_without_feeders_keeps_no_rows_and_a_state_with_them_survives_the_disk():
    one = toy((battery(), ev()), feeder("f", "battery", max_import_w=1_000.0))
    one.run(2.0)
    assert to_json(from_json(to_json(one.state))) == to_json(one.state)
