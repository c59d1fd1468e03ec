"""What is polled against the twins: a device that leaves its fellows, and who is blamed meanwhile."""

import pytest

from gateway.control import response, verify
from gateway.control.headroom import Band
from gateway.control.state import AssetState, Sent, Twin
from tests.control.fakes import fans, snapshot

NOW_S = 10_000.0
NAMES = ("fans1", "fans2")


def group(**changes):
    """Two fans that draw 25.6 kW together by their twin, as they have for some seconds."""
    where = fans()
    drive = verify.to_drive(where, 25_600.0, 2)
    sent = {f"{name}/fan.speed.setpoint": Sent(drive, NOW_S - 60.0, NOW_S) for name in NAMES}
    state = AssetState(Twin(drive, NOW_S, drive, (), ((NOW_S - 5.0, 25_600.0),)), 25_600.0, sent=sent, **changes)
    return where, state


def polled(where, state, first_w, second_w, at_s):
    band = Band(0.0, 1e5, 25_600.0, "", "", NAMES)
    state.twin.at_s = at_s
    response.note(state.twin, verify.to_watts(where, state.twin.x, 2))  # as every step does
    powers = {"fans1/fan.power": first_w, "fans2/fan.power": second_w}
    return verify.correct(where, state, band, snapshot(powers, now_s=at_s), now_s=at_s)


@pytest.mark.parametrize(
    ("second_w", "slips"),
    [
        ((0.0, 0.0), [False, True]),  # dead: known at the second poll
        ((0.0, 12_800.0, 0.0), [False, False, False]),  # one wrong value says nothing
        ((11_300.0,) * 4, [False] * 4),  # a little less than its fellows
    ],
)
def test_a_device_that_leaves_its_fellows_is_taken_at_its_word_when_it_is_read_again(second_w, slips):
    where, state = group()
    found = [polled(where, state, 12_800.0, watts, NOW_S + 2.0 * at) for at, watts in enumerate(second_w)]
    assert [by_w < -5_000.0 for by_w in found] == slips
    if any(slips):
        assert verify.to_watts(where, state.twin.x, 2) == pytest.approx(12_800.0, abs=100.0)
        assert polled(where, state, 12_800.0, 0.0, NOW_S + 9.0) == pytest.approx(0.0, abs=100.0), "not twice"
