"""From requests to watts at the meter; the sign of a reduction is pinned here (I-33)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.goal import target_w, wish, within
from gateway.control.state import Block, Declared, Held
from gateway.control.step import begin
from gateway.control.target import Goal, basepoint_at, block_at, curve_at, regulation_target_w, shed_target_w
from gateway.model.mode import Mode
from gateway.model.request import Service
from gateway.model.site import Services
from tests.control.fakes import battery, request, site


@pytest.mark.fault("I-33")
def test_signal_plus_one_sheds_the_whole_capacity():
    assert regulation_target_w(600_000.0, 1.0, 200_000.0) == 400_000.0


@pytest.mark.fault("I-33")
@given(st.floats(-1e6, 1e6), st.floats(-1.0, 1.0), st.floats(0.0, 1e6))
def test_a_signal_and_a_shed_lower_the_target(basepoint, signal, capacity):
    assert (regulation_target_w(basepoint, signal, capacity) <= basepoint) or signal < 0.0
    assert regulation_target_w(basepoint, signal, capacity) == shed_target_w(basepoint, signal * capacity)


PLAN = Declared(1, (Block(0.0, 300.0, 1.0, 0.0, 0.0), Block(300.0, 600.0, 2.0, 0.0, 0.0)))


@pytest.mark.parametrize(("at_s", "expected"), [(-0.1, 9.0), (0.0, 1.0), (299.9, 1.0), (300.0, 2.0), (600.0, 9.0)])
def test_a_block_covers_its_begin_and_not_its_end(at_s, expected):
    assert basepoint_at(PLAN, at_s, 9.0) == expected
    assert (block_at(PLAN, at_s) is None) == (expected == 9.0)


@pytest.mark.parametrize(("at_s", "expected"), [(-5.0, 1.0), (0.0, 1.0), (59.9, 1.0), (60.0, 2.0), (1e6, 3.0)])
def test_a_curve_is_read_from_the_begin_of_its_event(at_s, expected):
    held = Held(request(), 0.0, None, 0.0, curve=(1.0, 2.0, 3.0), curve_step_s=60.0)
    assert curve_at(held, at_s) == expected
    assert curve_at(Held(request(), 0.0, None, 0.0), at_s) is None


@pytest.mark.parametrize(
    ("target", "natural", "expected"),
    [
        (500.0, 0.0, 500.0), (1500.0, 0.0, 1000.0), (-500.0, 0.0, -100.0),
        (None, None, None), (None, 900.0, None), (None, 1100.0, 1000.0), (None, -200.0, -100.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("safe", [False, True])
def test_limits_bound_a_target_and_make_one_where_the_site_would_cross_them(target, natural, expected, safe):
    goal = Goal("", None if target is None else lambda _h: target, safe=safe)
    found = within(goal, (1000.0, 100.0), natural)
    assert (None if found.target is None else found.target(0.0)) == expected


def state_of(mode, *held, blocks=(), services=None):
    where = site(battery()) if services is None else site(battery(), services=services)
    state = begin(where, now_s=0.0)
    state.mode.mode = mode
    state.book.entries = held
    state.plan.blocks = blocks
    return where, state


def followed(held, *, blocks=(), services=None):
    where, state = state_of(Mode.REMOTE, held, blocks=blocks, services=services)
    goal = wish(state, where, now_s=10.0)
    return goal.service, None if goal.target is None else goal.target(0.0), goal.baseline_w


def entry(reference=None, curve=None, **changes):
    return Held(request(**changes), 0.0, None, 0.0, reference_w=reference, curve=curve)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (entry(power_w=5.0), ("dr", 5.0, None)),
        (entry(service=Service.AR, power_w=5.0), ("ar", 5.0, None)),
        (entry(shed_w=2.0), ("", None, None)),
        (entry(shed_w=2.0, reference=9.0), ("dr", 7.0, 9.0)),
        (entry(shed_w=2.0, reference=9.0, curve=(20.0,)), ("dr", 18.0, 20.0)),
        (entry(service=Service.AR, shed_w=2.0), ("", None, None)),
        (entry(service=Service.AR, shed_w=2.0, reference=9.0), ("ar", 7.0, None)),
        (entry(), ("", None, None)),
        (entry(service=Service.REG, signal=0.5), ("", None, None)),
    ],
)
def test_what_each_request_makes_of_the_site(held, expected):
    assert followed(held) == expected


def test_automatic_response_counts_from_the_declared_base_point_where_there_is_one():
    held = entry(service=Service.AR, shed_w=2.0, reference=9.0)
    assert followed(held, blocks=(Block(0.0, 300.0, 50.0, 0.0, 0.0),)) == ("ar", 48.0, None)


def test_regulation_follows_the_base_point_of_the_moment_asked_for():
    where, state = state_of(Mode.REMOTE, entry(service=Service.REG, signal=1.0), blocks=PLAN.blocks)
    goal = wish(state, where, now_s=299.0)
    assert [goal.target(h) for h in (0.0, 1.0, 400.0)] == [1.0 - 200_000.0, 2.0 - 200_000.0, 1.0 - 200_000.0]
    assert (goal.signal, goal.capacity_w, goal.basepoint_w) == (1.0, 200_000.0, 1.0)


def test_without_the_service_a_signal_moves_nothing():
    held = entry(service=Service.REG, signal=1.0)
    assert followed(held, blocks=PLAN.blocks, services=Services()) == ("", None, None)


@pytest.mark.parametrize(
    ("mode", "changes", "now_s", "expected"),
    [
        (Mode.BOOT, {}, 0.0, (None, True, None)),
        (Mode.FAULT, {}, 0.0, (None, True, None)),
        (Mode.SAFE, {}, 0.0, (None, True, None)),
        (Mode.LOCAL, {}, 0.0, (None, False, None)),
        (Mode.REMOTE, {}, 0.0, (None, False, None)),
        (Mode.HOLD, {"held_target_w": 5.0}, 0.0, (5.0, False, None)),
        (Mode.HOLD, {"held_aims": {"battery": 1.0}}, 0.0, (None, False, 0.0)),
        (Mode.HOLD, {}, 0.0, (None, True, None)),
        (Mode.RAMP, {"held_aims": {"battery": 1.0}}, 15.0, (None, False, 0.25)),
        (Mode.RAMP, {"held_aims": {"battery": 1.0}}, 99.0, (None, False, 1.0)),
        (Mode.RAMP, {}, 0.0, (None, True, None)),
        (Mode.HOLD, {"held_signal": 0.5}, 700.0, (None, True, None)),
        (Mode.HOLD, {"held_signal": 0.5}, 0.0, (1.0 - 100_000.0, False, None)),
        (Mode.RAMP, {"held_signal": 0.5}, 30.0, (1.0 - 50_000.0, False, None)),
        (Mode.RAMP, {"held_signal": 0.5}, 99.0, (1.0, False, None)),
        (Mode.SAFE, {"held_signal": 0.5}, 99.0, (1.0, False, None)),
    ],
)
def test_what_each_mode_is_after(mode, changes, now_s, expected):
    where, state = state_of(mode, blocks=PLAN.blocks)
    for name, value in changes.items():
        setattr(state.mode, name, value)
    goal = wish(state, where, now_s=now_s)
    assert (None if goal.target is None else goal.target(0.0), goal.safe, goal.toward_safe) == expected


def test_the_target_a_loss_holds_is_the_sites_alone():
    where, state = state_of(Mode.REMOTE)
    assert target_w(state, where, entry(power_w=5.0), 0.0) == 5.0
    assert target_w(state, where, entry(shed_w=5.0), 0.0) is None
    assert target_w(state, where, entry(target="battery", power_w=5.0), 0.0) is None
