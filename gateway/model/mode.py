"""Mode: the site's one operating mode (FAULTS.md, Modes); the lawful moves are in `control.mode`."""

from enum import StrEnum


class Mode(StrEnum):
    """BOOT nothing decided yet; LOCAL no remote setpoint or event; REMOTE one is in force; HOLD, RAMP, SAFE after
    loss of the upstream; FAULT: an input control cannot do without is lost."""

    BOOT = "boot"
    LOCAL = "local"
    REMOTE = "remote"
    HOLD = "hold"
    RAMP = "ramp"
    SAFE = "safe"
    FAULT = "fault"
