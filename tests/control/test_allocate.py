"""The split of a target over assets: nearest feasible point, fair shares, slow before fast (I-01, I-02, I-03, I-28)."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.allocate import Group, cascade, fill
from gateway.control.holds import excess_w

ROOMS = st.lists(st.tuples(st.floats(-1e6, 0.0), st.floats(0.0, 1e6)), max_size=8)


@pytest.mark.parametrize(
    ("amount", "rooms", "expected"),
    [
        (0.0, [(-10.0, 10.0)], [0.0]),
        (30.0, [(-10.0, 20.0), (-10.0, 40.0)], [10.0, 20.0]),
        (90.0, [(-10.0, 20.0), (-10.0, 40.0)], [20.0, 40.0]),
        (-30.0, [(-20.0, 0.0), (-40.0, 0.0)], [-10.0, -20.0]),
        (-90.0, [(-20.0, 0.0), (-40.0, 0.0)], [-20.0, -40.0]),
        (5.0, [(-10.0, 0.0)], [0.0]),
        (-5.0, [(0.0, 10.0)], [0.0]),
        (5.0, [], []),
    ],
)
def test_a_deviation_is_split_in_proportion_to_the_room(amount, rooms, expected):
    assert fill(amount, rooms) == pytest.approx(expected)


@pytest.mark.fault("I-01", "I-02", "I-03")
@given(st.floats(-1e7, 1e7), ROOMS)
def test_a_split_is_the_nearest_feasible_point(amount, rooms):
    parts = fill(amount, rooms)
    least, most = sum(down for down, _ in rooms), sum(up for _, up in rooms)
    assert all(down - 1e-6 <= part <= up + 1e-6 for part, (down, up) in zip(parts, rooms, strict=True))
    assert sum(parts) == pytest.approx(min(max(amount, least), most), rel=1e-9, abs=1e-3)


class Room(NamedTuple):
    """One asset of a group."""

    asset: str
    lo_w: float
    hi_w: float
    rest_w: float
    horizon_s: float
    share: float
    then_w: Callable[[float], float]
    order: tuple[float, ...]


def room(name, *, lo=0.0, hi=100.0, rest=50.0, horizon=1.0, share=1.0, then=None, order=(5,)):
    return Room(name, lo, hi, rest, horizon, share, lambda _at: rest if then is None else then, order)


def shared(wanted, rooms):
    """`cascade` over the rooms, those alike in one group."""
    groups = {}
    for one in rooms:
        groups.setdefault((one.horizon_s, one.order, one.share), []).append(one)
    return cascade(0.0, lambda _h: wanted, [_group(key, ones) for key, ones in groups.items()])


def _group(key, rooms):
    names, lo_w, hi_w, rest_w = zip(*(one[:4] for one in rooms), strict=True)
    return Group(names, lo_w, hi_w, rest_w, *key, lambda at_s: [one.then_w(at_s) for one in rooms])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [  # rests at 50 each, rooms of 50 each way
        (150.0, {"cheap": 50.0, "dear": 50.0, "slow": 50.0}),
        (120.0, {"cheap": 20.0, "dear": 50.0, "slow": 50.0}),
        (90.0, {"cheap": 0.0, "dear": 40.0, "slow": 50.0}),
        (40.0, {"cheap": 0.0, "dear": 0.0, "slow": 40.0}),
        (170.0, {"cheap": 70.0, "dear": 50.0, "slow": 50.0}),
        (290.0, {"cheap": 100.0, "dear": 100.0, "slow": 90.0}),
    ],
)
def test_who_is_to_be_asked_later_gets_what_the_earlier_ones_cannot_give_whatever_their_speed(wanted, expected):
    rooms = [room("cheap", order=(5, 0.0)), room("dear", order=(5, 0.3)), room("slow", order=(9, 0.0), horizon=30.0)]
    slow = shared(wanted, rooms).aims["slow"]
    rooms[2] = room("slow", order=(9, 0.0), horizon=30.0, then=slow)
    assert shared(wanted, rooms).aims == pytest.approx(expected)


@st.composite
def rooms_of(draw, most=6):
    found = []
    for at in range(draw(st.integers(1, most))):
        lo = draw(st.floats(-2e5, 2e5))
        hi = lo + draw(st.floats(0.0, 3e5))
        rest = lo + draw(st.floats(0.0, 1.0)) * (hi - lo)
        found.append(room(f"a{at}", lo=lo, hi=hi, rest=min(max(rest, lo), hi), horizon=1.0, share=1.0))
    return found


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (-20.0, {"sun": -50.0, "battery": 30.0}),
        (50.0, {"sun": -50.0, "battery": 100.0}),
        (90.0, {"sun": -10.0, "battery": 100.0}),
        (-120.0, {"sun": -50.0, "battery": -70.0}),
    ],
)
def test_who_wants_no_share_gets_only_what_others_as_fast_cannot_give(wanted, expected):
    rooms = [room("sun", lo=-50.0, hi=0.0, rest=-50.0, share=0.0), room("battery", lo=-100.0, rest=0.0)]
    assert shared(wanted, rooms).aims == pytest.approx(expected)


@given(
    st.floats(-2e6, 2e6),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.0, 0.1, 0.3])), min_size=6, max_size=6),
    st.data(),
)
def test_an_order_changes_who_gives_and_never_how_much(wanted, orders, data):
    rooms = data.draw(rooms_of())
    plain = shared(wanted, rooms)
    ordered = [one._replace(order=order) for one, order in zip(rooms, orders, strict=False)]
    found = shared(wanted, ordered)
    assert all(one.lo_w <= found.aims[one.asset] <= one.hi_w for one in rooms)
    assert sum(found.aims.values()) == pytest.approx(sum(plain.aims.values()), rel=1e-9, abs=1e-3)
    assert found.shortfall_w == pytest.approx(plain.shortfall_w, rel=1e-9, abs=1e-3)


@pytest.mark.fault("I-01", "I-02", "I-03")
@given(st.floats(-2e6, 2e6), rooms_of())
def test_within_a_tier_the_sum_is_the_target_or_the_shortfall_says_by_how_much_not(target, rooms):
    found = shared(target, rooms)
    total = sum(found.aims.values())
    least, most = sum(one.lo_w for one in rooms), sum(one.hi_w for one in rooms)
    assert all(one.lo_w <= found.aims[one.asset] <= one.hi_w for one in rooms)
    assert total == pytest.approx(min(max(target, least), most), rel=1e-9, abs=1e-2)
    assert found.shortfall_w == pytest.approx(target - total, rel=1e-9, abs=1e-2)


@pytest.mark.fault("I-01", "I-03")
@given(
    st.floats(-2e6, 2e6), rooms_of(), st.lists(st.sampled_from([0.5, 5.0, 50.0]), min_size=6, max_size=6),
    st.lists(st.sampled_from([0.0, 0.7, 1.0]), min_size=6, max_size=6),
)  # fmt: skip
def test_over_tiers_that_have_arrived_the_law_is_the_same(target, rooms, horizons, shares):
    """Twins that are where their asset aims: a fixed point of the cascade."""
    aims = {one.asset: one.rest_w for one in rooms}
    of = dict(zip((0.5, 5.0, 50.0), shares, strict=False))
    tiered = [one._replace(horizon_s=horizon, share=of[horizon]) for one, horizon in zip(rooms, horizons, strict=False)]
    for _ in range(4):
        now = [one._replace(then_w=lambda _at, name=one.asset, known=dict(aims): known[name]) for one in tiered]
        found = shared(target, now)
        aims = found.aims
    total = sum(aims.values())
    least, most = sum(one.lo_w for one in rooms), sum(one.hi_w for one in rooms)
    assert total == pytest.approx(min(max(target, least), most), rel=1e-9, abs=1e-2)
    assert found.shortfall_w == pytest.approx(target - total, rel=1e-9, abs=1e-2)


@pytest.mark.fault("I-28")
def test_equal_assets_get_equal_shares():
    found = shared(240.0, [room("a"), room("b"), room("c")])
    assert set(found.aims.values()) == {80.0}


def test_the_fast_take_what_the_slow_have_not_yet_done():
    slow, fast = room("slow", horizon=50.0, then=50.0), room("fast", horizon=1.0, lo=-100.0, rest=0.0)
    found = shared(20.0, [fast, slow])
    assert found.aims == {"fast": -30.0, "slow": 20.0}
    assert list(found.aims) == ["fast", "slow"]


def test_a_slow_asset_that_likes_less_gives_what_the_fast_cannot():
    slow, fast = room("slow", horizon=50.0, share=0.5), room("fast", horizon=1.0, lo=-10.0, hi=10.0, rest=0.0)
    assert shared(44.0, [slow, fast]).aims["slow"] == pytest.approx(47.0)
    assert shared(20.0, [slow, fast]).aims["slow"] == pytest.approx(30.0)
    assert shared(80.0, [slow, fast]).aims["slow"] == pytest.approx(70.0)


def test_without_assets_everything_falls_short():
    found = shared(7.0, [])
    assert (found.aims, found.shortfall_w) == ({}, 7.0)


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(5.0, 8.0, 0.0), (12.0, 20.0, -2.0), (-9.0, -7.0, 2.0), (-9.0, 0.0, 0.0), (12.0, -7.0, -2.0)]
)  # fmt: skip
def test_a_hold_opens_only_by_what_the_limits_lack(least, most, expected):
    assert excess_w((least, most), (10.0, 5.0)) == expected
