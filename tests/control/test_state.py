"""The control state survives the disk to the last bit, and a restart changes nothing."""

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from gateway.control.copies import fork, from_json, to_json
from gateway.control.step import begin
from gateway.model.request import Kind, Service
from tests.control.fakes import Toy, battery, chiller, dimmer, ev, fans, site


def busy():
    """A toy in the midst of things."""
    one = Toy(site(battery(), fans(), chiller(zone="zone"), dimmer(), ev()))
    one.run(12.0)
    one.ask(kind=Kind.EVENT, shed_w=50e3, end_ms=one.utc_ms + 10**6)
    one.ask(kind=Kind.LIMIT, max_import_w=9e5)
    one.ask(service=Service.REG, signal=0.1 + 0.2, end_ms=one.utc_ms + 10_000)
    one.ask(power_w=1e9)
    one.run(9.0)
    return one


def test_the_state_comes_back_exactly():
    state = busy().state
    back = from_json(to_json(state))
    assert back == state
    assert to_json(back) == to_json(state)
    assert fork(state) == state


@given(st.floats(), st.floats())
def test_every_float_survives(one, other):
    state = begin(site(battery()), now_s=0.0)
    state.load.slow_w, state.assets["battery"].aim_w = one, other
    back = from_json(to_json(state))
    assert repr((back.load.slow_w, back.assets["battery"].aim_w)) == repr((one, other))


def test_numbers_that_are_none_survive_too():
    state = begin(site(battery()), now_s=0.0)
    state.load.slow_w, state.load.slower_w, state.load.now_w = inf, -inf, nan
    back = from_json(to_json(state)).load
    assert repr((back.slow_w, back.slower_w, back.now_w)) == "(inf, -inf, nan)"


def test_deciding_from_a_saved_state_is_deciding_from_the_state():
    plain, saved = busy(), busy()
    for _ in range(60):
        plain_id = f"s{plain.now_s}"
        plain.ask(
            id=plain_id,
            seq=10**6 + round(plain.now_s * 4),
            service=Service.REG,
            signal=0.5,
            end_ms=plain.utc_ms + 10_000,
        )
        saved.ask(
            id=plain_id,
            seq=10**6 + round(saved.now_s * 4),
            service=Service.REG,
            signal=0.5,
            end_ms=saved.utc_ms + 10_000,
        )
        saved.restart()
        left, right = plain.step(), saved.step()
        assert [share.command_w for share in left.shares] == [share.command_w for share in right.shares]
        assert left.commands == right.commands
