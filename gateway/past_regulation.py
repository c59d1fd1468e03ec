"""Regulation that was followed, in stretches of an hour at most: how closely, as the gateway itself sees it.

A stretch ends with its hour, with another service, or when nothing has been asked for a while. Precision is one less the
mean distance from the target over the mean distance that was asked from the base point, both weighted by time.
"""

from dataclasses import dataclass

from gateway.control.decision import Decision
from gateway.dashboard.past import EventPast
from gateway.model.request import Service

HOUR_MS = 3_600_000
QUIET_S = 15.0
"""Without a signal for so long the stretch is over."""
LEAST_S = 10.0
"""What was known for less time is not told."""
LEAST_W = 1000.0
"""Asked to move by less in the mean, no precision can be told."""


@dataclass(slots=True)
class _Stretch:
    """What is under way."""

    issuer: str
    begin_ms: int
    last_s: float
    last_ms: int
    off_w: float | None = None
    """How far from the target, and below how far the target from the base point, since `last_s`; None: not known."""
    asked_w: float = 0.0
    off_ws: float = 0.0
    asked_ws: float = 0.0
    known_s: float = 0.0

    def add(self, decision: Decision) -> None:
        if self.off_w is not None:
            span_s = decision.now_s - self.last_s
            self.off_ws += self.off_w * span_s
            self.asked_ws += self.asked_w * span_s
            self.known_s += span_s
        self.last_s, self.last_ms, self.off_w = decision.now_s, decision.utc_ms, None
        if decision.target_w is not None and decision.site_w is not None and decision.basepoint_w is not None:
            self.off_w = abs(decision.site_w - decision.target_w)
            self.asked_w = abs(decision.target_w - decision.basepoint_w)

    def over(self) -> EventPast | None:
        """As something past; None where too little of it is known."""
        if self.known_s < LEAST_S:
            return None
        moved = self.asked_ws >= LEAST_W * self.known_s
        return EventPast(
            id=f"reg-{self.begin_ms}",
            issuer=self.issuer,
            source="remote",
            service=Service.REG.value,
            kind="setpoint",
            target="site",
            begin_ms=self.begin_ms,
            end_ms=self.last_ms,
            shed_w=None,
            power_w=None,
            result="done",
            reason="ended",
            over_ms=self.last_ms,
            delivery=max(0.0, 1.0 - self.off_ws / self.asked_ws) if moved else None,
        )


class PastRegulation:
    """One per gateway."""

    def __init__(self) -> None:
        self._stretch: _Stretch | None = None

    def follow(self, decision: Decision, issuer: str) -> EventPast | None:
        """Take over what a step decided; `issuer`: whose signal it follows. The stretch that is over by it."""
        stretch, ended = self._stretch, None
        follows = decision.service == Service.REG.value
        if stretch is not None and _ends(stretch, decision, follows=follows):
            self._stretch, ended = None, stretch.over()
        if follows:
            if self._stretch is None:
                self._stretch = _Stretch(issuer, decision.utc_ms, decision.now_s, decision.utc_ms)
            self._stretch.add(decision)
        return ended


def _ends(stretch: _Stretch, decision: Decision, *, follows: bool) -> bool:
    if follows:
        return decision.utc_ms // HOUR_MS != stretch.begin_ms // HOUR_MS
    return decision.service != "" or decision.now_s - stretch.last_s > QUIET_S
