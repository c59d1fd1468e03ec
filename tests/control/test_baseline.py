"""Declared base points: five minutes ahead, never changed, leaning against what drifts."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.control import baseline
from gateway.control.state import Block, Declared, Load
from gateway.model.site import Regulation, Services
from tests.control.fakes import UTC_MS, Toy, battery, chiller, dimmer, ev, fans, site, snapshot


def rolled(plan, load, now_s, utc_ms=None, where=None):
    where = where or site()
    utc = round(UTC_MS + now_s * 1000.0) if utc_ms is None else utc_ms
    return baseline.roll(plan, load, where, snapshot({}, now_s=now_s), {}, now_s=now_s, utc_ms=utc)


LOAD = Load(now_w=600e3, slow_w=610e3, slower_w=600e3)


def test_a_start_declares_its_own_block_and_those_that_are_due_on_the_raster_of_the_wall_clock():
    plan = Declared()
    assert rolled(plan, LOAD, 100.0)
    assert [(block.start_s, block.end_s) for block in plan.blocks] == [(0.0, 300.0), (300.0, 600.0)]
    assert plan.blocks[0].basepoint_w == 600e3
    assert plan.blocks[1].basepoint_w == round(610e3 + 10e3 * (1 + 350 / 300))
    assert plan.seq == 1


def test_nothing_is_declared_without_the_service_or_a_load():
    plan = Declared()
    assert not rolled(plan, LOAD, 100.0, where=site(services=Services()))
    assert not rolled(plan, Load(), 100.0)
    assert (plan.blocks, plan.seq) == ((), 0)


def test_a_long_silence_begins_anew_and_old_blocks_are_forgotten():
    plan = Declared()
    rolled(plan, LOAD, 100.0)
    assert not rolled(plan, LOAD, 290.0)
    assert rolled(plan, LOAD, 290.1)
    assert plan.blocks[-1].end_s == 900.0
    assert rolled(plan, LOAD, 1300.0)
    assert [block.start_s for block in plan.blocks] == [600.0, 1200.0, 1500.0]
    assert rolled(plan, LOAD, 1e6 + 1.0)
    assert [block.start_s for block in plan.blocks] == [999_900.0, 1_000_200.0]


@pytest.mark.fault("I-27")
@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.25, 400.0), st.integers(-(10**7), 10**7), st.floats(0, 1e6)), max_size=20))
def test_a_declared_block_never_changes_whatever_the_clock_and_the_load_do(moves):
    plan, now_s, wall_ms, known = Declared(), 1000.0, UTC_MS, {}
    for dt_s, jump_ms, load_w in moves:
        now_s, wall_ms = now_s + dt_s, wall_ms + jump_ms + round(dt_s * 1000.0)
        gap = not plan.blocks or plan.blocks[-1].end_s <= now_s - 300.0
        rolled(plan, Load(now_w=load_w, slow_w=load_w, slower_w=load_w), now_s, wall_ms)
        for block in plan.blocks:
            if block.start_s not in known and not gap and dt_s < 200.0:
                assert block.start_s >= now_s or known
            assert known.setdefault(block.start_s, block) == block
        assert all(before.end_s <= after.start_s for before, after in pairwise(plan.blocks))
        assert plan.blocks[-1].end_s >= now_s + 310.0


def test_in_a_run_every_block_after_the_first_is_declared_five_minutes_ahead_and_published_once():
    one = Toy(site(battery()), now_s=5_000.0)
    told = {}
    for decision in one.run(1800.0, dt_s=1.0):
        if decision.plan is None:
            continue
        first = not told
        for interval in decision.plan.intervals:
            if interval.start_ms not in told and not first:
                assert interval.start_ms - decision.utc_ms >= 300_000
            assert told.setdefault(interval.start_ms, interval) == interval
            assert interval.end_ms - interval.start_ms == 300_000
            assert interval.start_ms % 300_000 == 0
            assert interval.end_ms > decision.utc_ms
    seqs = [decision.plan.seq for decision in one.decisions if decision.plan is not None]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= 6


def bias(soc=50.0, zone_c=24.0, capacity_w=200e3, assets=None):
    where = site(*(assets or (battery(), chiller(zone="zone"), fans())), services=Services(Regulation(capacity_w)))
    seen = snapshot({"battery/battery.soc": soc, "zone/zone.temperature": zone_c}, now_s=0.0)
    return baseline._bias_w(where, seen)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, 0.0), ({"soc": 49.0}, 6e3), ({"soc": 51.0}, -6e3), ({"soc": None}, 0.0), ({"zone_c": 24.5}, 10e3),
        ({"zone_c": None}, 0.0), ({"soc": 10.0}, 0.6 * 95e3), ({"soc": 90.0}, -0.6 * 95e3),
        ({"soc": 10.0, "capacity_w": 20e3}, 8e3), ({"soc": 10.0, "capacity_w": 1e6}, 1e5),
        ({"zone_c": 30.0, "assets": (chiller(),)}, 0.0),
    ],
)  # fmt: skip
def test_the_base_point_leans_against_what_drifts_within_what_is_spare(given_, expected):
    assert bias(**given_) == pytest.approx(expected)


def test_a_site_that_sells_no_regulation_leans_nowhere():
    assert baseline._bias_w(site(battery(), services=Services()), snapshot({}, now_s=0.0)) == 0.0


@pytest.mark.parametrize(("state", "lowest"), [(3.0, 4 * 690.0 * 32), (0.0, 0.0)])
def test_cars_stand_in_the_base_point_with_what_they_need(state, lowest):
    one = Toy(site(ev(), dimmer()))
    one.values |= {f"ev{at}/ev.state": state for at in (1, 2, 3, 4)}
    one.run(5.0)
    load_w = one.state.load.now_w
    assert one.state.plan.blocks[0].basepoint_w == pytest.approx(load_w + lowest + 40_000.0, abs=60_000.0)


def test_blocks_declared_before_the_run_stand_in_a_row():
    assert baseline.blocks_from([1.0, 2.0], origin_s=10.0) == (
        Block(10.0, 310.0, 1.0, 0.0, 0.0),
        Block(310.0, 610.0, 2.0, 0.0, 0.0),
    )
