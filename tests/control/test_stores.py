"""Stores: what an asset may give now so that it lasts to the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control import stores
from gateway.control.headroom import Band, Car
from gateway.control.kinds import SOC, ZONE
from gateway.model.site import Battery, Chiller, EvFleet
from tests.control.fakes import asset, battery, chiller, ev, fans, snapshot

HOUR_S = 3600.0
CELLS = asset(
    "battery", Battery(400_000.0, round_trip_pct=100.0), min_w=-200_000.0, max_w=200_000.0, dead_time_s=0.5, lag_s=0.3
)
COOLING = asset(
    "chiller",
    Chiller(150_000.0, zone="zone", wh_per_k=62_500.0),
    min_w=80_000.0,
    max_w=240_000.0,
    operating_w=160_000.0,
    dead_time_s=30.0,
    lag_s=120.0,
)


def seen(soc=50.0, zone_c=24.0):
    return snapshot({f"battery/{SOC}": soc, f"zone/{ZONE}": zone_c}, now_s=10.0)


def band(lo_w, hi_w, rest_w=0.0, cars=()):
    return Band(lo_w, hi_w, rest_w, "min", "max", ("x",), tuple(cars))


@pytest.mark.parametrize(
    ("soc", "left_s", "shed_w", "take_w"),
    [
        (50.0, 2 * HOUR_S, 80_000.0, 80_000.0),
        (50.0, 0.5 * HOUR_S, 200_000.0, 200_000.0),
        (20.0, 2 * HOUR_S, 20_000.0, 140_000.0),
        (10.0, 2 * HOUR_S, 0.0, 160_000.0),
        (5.0, 2 * HOUR_S, 0.0, 170_000.0),
        (None, 2 * HOUR_S, 0.0, 0.0),
    ],
)
def test_a_battery_gives_what_its_cells_hold_spread_over_the_time_left(soc, left_s, shed_w, take_w):
    found = stores.even_w(CELLS, band(-200_000.0, 200_000.0), seen(soc), left_s=left_s)
    assert found == (pytest.approx(shed_w), pytest.approx(take_w))


def test_the_losses_of_a_battery_are_counted_on_both_ways():
    cells = stores.cells_wh(battery(), Battery(100_000.0, round_trip_pct=81.0), seen(50.0))
    assert cells == (pytest.approx(36_000.0), pytest.approx(40_000.0 / 0.9))


@pytest.mark.parametrize(
    ("zone_c", "shed_w", "take_w"), [(24.0, 25_000.0, 25_000.0), (23.2, 50_000.0, 0.0), (24.8, 0.0, 50_000.0)]
)
def test_a_chiller_gives_the_heat_its_zone_may_still_take_up(zone_c, shed_w, take_w):
    found = stores.even_w(COOLING, band(80_000.0, 240_000.0, 160_000.0), seen(zone_c=zone_c), left_s=2 * HOUR_S)
    assert found == (pytest.approx(shed_w, abs=1.0), pytest.approx(take_w, abs=1.0))


@pytest.mark.parametrize("zone_c", [None, 24.0])
def test_without_a_store_a_band_stays_as_it_is(zone_c):
    room = band(80_000.0, 240_000.0, 160_000.0)
    assert stores.lasting(chiller(zone=None), room, seen(zone_c=zone_c), left_s=HOUR_S) == room
    assert stores.lasting(fans(), room, seen(), left_s=HOUR_S) == room
    if zone_c is None:
        assert stores.lasting(COOLING, room, seen(zone_c=None), left_s=HOUR_S) == room


@pytest.mark.parametrize(
    ("car", "least_a"),
    [
        (Car("ev1", 13.0, urgent=False, left_s=HOUR_S), 13.0),  # leaves in the event: evenly
        (Car("ev1", 13.0, urgent=False, left_s=4 * HOUR_S), 10.0),  # 52 Ah, of which 32 A x 0.5 x 2 h can wait
        (Car("ev1", 13.0, urgent=False, left_s=6 * HOUR_S), 7.0),
        (Car("ev1", 9.0, urgent=False, left_s=6 * HOUR_S), 6.0),  # all of it can wait: the least current
        (Car("ev1", 30.0, urgent=True, left_s=HOUR_S), 32.0),
        (Car("ev1", 32.0, urgent=False), 6.0),  # nobody knows when it leaves
    ],
)
def test_a_car_keeps_what_it_needs_to_be_served_without_haste(car, least_a):
    volt = 690.0
    room = band(6.0 * volt, 32.0 * volt, 13.0 * volt, cars=[car])
    held = stores.lasting(ev(), room, seen(), left_s=2 * HOUR_S)
    assert held.cars[0].least_a == pytest.approx(least_a)
    assert held.lo_w == pytest.approx(max(6.0, min(least_a, 13.0)) * volt)


@given(
    kind=st.sampled_from([CELLS, COOLING, fans(), ev()]),
    soc=st.none() | st.floats(0.0, 100.0),
    zone_c=st.none() | st.floats(15.0, 35.0),
    left_s=st.floats(-10.0, 1e5),
    low=st.floats(-2e5, 0.0),
    high=st.floats(0.0, 2e5),
    need_a=st.floats(0.0, 32.0),
    car_left_s=st.none() | st.floats(0.0, 1e5),
)
def test_what_lasts_is_never_more_than_there_is_and_leaves_rest_alone(
    kind, soc, zone_c, left_s, low, high, need_a, car_left_s
):
    offset = 0.0 if kind is CELLS else 240_000.0
    cars = [Car("ev1", need_a, urgent=False, left_s=car_left_s)] if isinstance(kind.detail, EvFleet) else []
    room = band(offset + low, offset + high, offset, cars)
    held = stores.lasting(kind, room, seen(soc, zone_c), left_s=left_s)
    assert room.lo_w <= held.lo_w <= held.rest_w <= held.hi_w <= room.hi_w
    assert held.rest_w == room.rest_w
    shed_w, take_w = stores.even_w(kind, room, seen(soc, zone_c), left_s=left_s)
    assert 0.0 <= shed_w <= -low + 1e-6
    assert 0.0 <= take_w <= high + 1e-6
