"""The plan of an event: what is stored up, what can be delivered, and when it is declined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.headroom import Band
from gateway.control.kinds import SOC, ZONE
from gateway.control.services.plan import DOUBT_SHED, EARLY, Outlook, charging, make_plan
from gateway.model.site import Battery
from tests.control.fakes import asset, fans, snapshot

CELLS = asset(
    "battery", Battery(400_000.0, round_trip_pct=100.0), min_w=-200_000.0, max_w=200_000.0, dead_time_s=0.5, lag_s=0.3
)
ASSETS = {"battery": CELLS, "fans": fans()}
BANDS = {
    "battery": Band(-200_000.0, 200_000.0, 0.0, "", "", ("battery",)),
    "fans": Band(10_000.0, 40_000.0, 25_000.0, "", "", ("fans1", "fans2")),
}


def seen(soc=50.0):
    return snapshot({f"battery/{SOC}": soc, f"zone/{ZONE}": 24.0}, now_s=10.0)


def outlook(shed_w=100_000.0, excess_w=0.0, until_s=1500.0):
    return Outlook(excess_w=excess_w, shed_w=shed_w, natural_w=600_000.0, for_s=7200.0, until_s=until_s)


@pytest.mark.parametrize(
    ("shed_w", "excess_w", "until_s", "delivery", "opts_in"),
    [
        (80_000.0, 0.0, 0.0, 1.0, True),  # fans 15 kW, cells 80 kW
        (100_000.0, 0.0, 0.0, 0.95, True),
        (100_000.0, 0.0, 1500.0, 1.0, True),  # the rest is charged before
        (100_000.0, 40_000.0, 0.0, 0.55, False),  # the load is above its baseline: more is needed for the same
        (100_000.0, -60_000.0, 0.0, 1.0, True),
        (-80_000.0, 0.0, 0.0, 1.0, True),  # valley filling
        (-200_000.0, 0.0, 0.0, 0.475, False),
        (300_000.0, 0.0, 0.0, 95.0 / 300.0, False),
    ],
)
def test_an_event_is_declined_when_too_little_of_it_can_be_delivered(shed_w, excess_w, until_s, delivery, opts_in):
    plan = make_plan(outlook(shed_w, excess_w, until_s), ASSETS, BANDS, seen())
    assert plan.delivery == pytest.approx(delivery, abs=0.001)
    assert plan.opts_in is opts_in


def test_only_what_is_lacking_is_stored_up():
    assert charging(outlook(60_000.0), ASSETS, BANDS, seen()) == {}
    short_w = 100_000.0 * (1.0 + DOUBT_SHED) - 95_000.0
    wanted_w = short_w * 7200.0 / (EARLY * 1500.0)
    assert charging(outlook(), ASSETS, BANDS, seen()) == {"battery": pytest.approx(wanted_w)}
    assert charging(outlook(until_s=0.0), ASSETS, BANDS, seen()) == {}
    assert charging(outlook(-100_000.0), ASSETS, BANDS, seen())["battery"] < 0.0


def test_an_unknown_state_of_charge_promises_nothing():
    plan = make_plan(outlook(), ASSETS, BANDS, seen(soc=None))
    assert plan.gives_w["battery"] == 0.0
    assert plan.delivery == pytest.approx(0.15)
    assert charging(outlook(), ASSETS, BANDS, seen(soc=None)) == {}


@given(
    shed_w=st.floats(-5e5, 5e5),
    excess_w=st.floats(-5e5, 5e5),
    until_s=st.floats(0.0, 7200.0),
    soc=st.none() | st.floats(0.0, 100.0),
)
def test_a_plan_promises_no_more_than_the_rooms_hold(shed_w, excess_w, until_s, soc):
    given_ = outlook(shed_w, excess_w, until_s)
    plan = make_plan(given_, ASSETS, BANDS, seen(soc))
    assert 0.0 <= plan.delivery <= 1.0
    for name, watts in plan.gives_w.items():
        room_w = BANDS[name].rest_w - BANDS[name].lo_w if shed_w >= 0.0 else BANDS[name].hi_w - BANDS[name].rest_w
        assert -1e-6 <= watts <= room_w + 1e-6
    for name, watts in charging(given_, ASSETS, BANDS, seen(soc)).items():
        assert BANDS[name].lo_w <= watts <= BANDS[name].hi_w
