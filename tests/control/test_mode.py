"""Every lawful move, and that every other cause leads nowhere."""

import pytest

from gateway.control.mode import MOVES, Cause, move
from gateway.model.mode import Mode

B, L, R, H, A, S, F = Mode.BOOT, Mode.LOCAL, Mode.REMOTE, Mode.HOLD, Mode.RAMP, Mode.SAFE, Mode.FAULT
LAWFUL = {
    (B, Cause.INPUTS_READY): L, (B, Cause.INPUTS_LOST): F,
    (L, Cause.REQUEST_IN_FORCE): R, (L, Cause.INPUTS_LOST): F,
    (R, Cause.REQUESTS_ENDED): L, (R, Cause.UPLINK_LOST): H, (R, Cause.INPUTS_LOST): F,
    (H, Cause.FRESH_REQUEST): R, (H, Cause.OPERATOR): L, (H, Cause.HOLD_EXPIRED): A, (H, Cause.INPUTS_LOST): F,
    (A, Cause.FRESH_REQUEST): R, (A, Cause.OPERATOR): L, (A, Cause.RAMP_DONE): S, (A, Cause.INPUTS_LOST): F,
    (S, Cause.FRESH_REQUEST): R, (S, Cause.OPERATOR): L, (S, Cause.INPUTS_LOST): F,
    (F, Cause.INPUTS_BACK): L, (F, Cause.INPUTS_BACK_UNLINKED): S,
}  # fmt: skip
ALL = [(mode, cause) for mode in Mode for cause in Cause]


@pytest.mark.parametrize(("mode", "cause"), ALL, ids=lambda one: one.value)
def test_a_cause_moves_the_mode_where_the_table_says_and_nowhere_else(mode, cause):
    assert move(mode, cause) is LAWFUL.get((mode, cause), mode)


def test_every_mode_has_a_row_and_no_move_leads_to_itself():
    assert set(MOVES) == set(Mode)
    assert all(into is not mode for mode, row in MOVES.items() for into in row.values())


@pytest.mark.fault("I-11")
@pytest.mark.parametrize("mode", [H, A, S])
def test_only_a_fresh_request_or_an_operator_leads_from_a_lost_upstream_to_normal_work(mode):
    ways_out = {cause for cause, into in MOVES[mode].items() if into in (L, R)}
    assert ways_out == {Cause.FRESH_REQUEST, Cause.OPERATOR}
