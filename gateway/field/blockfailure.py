"""What failures in a row of one block mean while the rest of its device answers: invalid, asked ever later, told. Pure.

Many a device never answers for some registers, or answers with an exception, and answers well for all others. Asking for
them at the pace of the good ones would cost the line a deadline each time (F-016). What the device refuses in words is
left alone for a while; what it leaves unanswered is asked ever later, for a line may lose three requests in a row.
"""

from dataclasses import dataclass

from gateway.errors import BusError, BusMismatch, BusRefused
from gateway.field.breaker import Pacing
from gateway.model.reading import Cause

ABSENT = (1, 2, 3)
GATEWAY_FAILED = (10, 11)
NO_ANSWER = 11
BUSY = 6
FAILURES = 3
TOLD = 5
"""So many requests in a row without an answer are no accident any more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows; `cause` is set once its points are invalid, `wait_s` is 0 where it keeps its pace."""

    cause: Cause = Cause.NONE
    wait_s: float = 0.0
    told: bool = False


def cause_of(error: BusError) -> Cause:
    """Why points are invalid that could not be read."""
    if isinstance(error, BusMismatch):
        return Cause.MISMATCH
    if isinstance(error, BusRefused) and error.code not in GATEWAY_FAILED:
        return Cause.BUSY if error.code == BUSY else Cause.SOURCE
    return Cause.OFFLINE


def verdict(
    error: BusError, failures: int, *, for_s: float, rest_answers: bool, period_s: float, pacing: Pacing
) -> Verdict:
    """After so many failures in a row over `for_s`; `rest_answers`: another block was read meanwhile."""
    code = error.code if isinstance(error, BusRefused) else None
    if code in ABSENT:
        return Verdict(Cause.SOURCE, pacing.quarantine_s, told=True)
    if failures < FAILURES:
        return Verdict()
    cause = Cause.SOURCE if rest_answers and code in GATEWAY_FAILED else cause_of(error)
    if code == BUSY:
        return Verdict(cause, told=for_s > pacing.quarantine_s)
    if code is not None and code != NO_ANSWER:
        return Verdict(
            cause, pacing.quarantine_s if rest_answers else 0.0, told=rest_answers or code not in GATEWAY_FAILED
        )
    if not rest_answers:
        return Verdict(cause)  # the whole device is at fault: that is the breaker's
    later = period_s * 2.0 ** min(failures - FAILURES + 1, 10)
    return Verdict(cause, min(pacing.quarantine_s, later), told=failures >= TOLD)
