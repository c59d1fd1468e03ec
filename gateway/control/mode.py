"""Operating modes and every lawful move, as a table (FAULTS.md, Modes)."""

from enum import StrEnum

from gateway.model.mode import Mode


class Cause(StrEnum):
    """What can move the mode."""

    INPUTS_READY = "inputs_ready"
    INPUTS_LOST = "inputs_lost"
    INPUTS_BACK = "inputs_back"
    INPUTS_BACK_UNLINKED = "inputs_back_unlinked"
    REQUEST_IN_FORCE = "request_in_force"
    REQUESTS_ENDED = "requests_ended"
    UPLINK_LOST = "uplink_lost"
    FRESH_REQUEST = "fresh_request"
    OPERATOR = "operator"
    HOLD_EXPIRED = "hold_expired"
    RAMP_DONE = "ramp_done"


MOVES: dict[Mode, dict[Cause, Mode]] = {  # I-11: nothing leaves HOLD, RAMP or SAFE for REMOTE by time alone
    Mode.BOOT: {Cause.INPUTS_READY: Mode.LOCAL, Cause.INPUTS_LOST: Mode.FAULT},
    Mode.LOCAL: {Cause.REQUEST_IN_FORCE: Mode.REMOTE, Cause.INPUTS_LOST: Mode.FAULT},
    Mode.REMOTE: {
        Cause.REQUESTS_ENDED: Mode.LOCAL,
        Cause.UPLINK_LOST: Mode.HOLD,
        Cause.INPUTS_LOST: Mode.FAULT,
    },
    Mode.HOLD: {
        Cause.FRESH_REQUEST: Mode.REMOTE,
        Cause.OPERATOR: Mode.LOCAL,
        Cause.HOLD_EXPIRED: Mode.RAMP,
        Cause.INPUTS_LOST: Mode.FAULT,
    },
    Mode.RAMP: {
        Cause.FRESH_REQUEST: Mode.REMOTE,
        Cause.OPERATOR: Mode.LOCAL,
        Cause.RAMP_DONE: Mode.SAFE,
        Cause.INPUTS_LOST: Mode.FAULT,
    },
    Mode.SAFE: {Cause.FRESH_REQUEST: Mode.REMOTE, Cause.OPERATOR: Mode.LOCAL, Cause.INPUTS_LOST: Mode.FAULT},
    Mode.FAULT: {Cause.INPUTS_BACK: Mode.LOCAL, Cause.INPUTS_BACK_UNLINKED: Mode.SAFE},
}


def move(mode: Mode, cause: Cause) -> Mode:
    """Where a cause leads; a cause the mode does not know leads nowhere."""
    return MOVES[mode].get(cause, mode)
