"""Lawful: which values a control takes, in which steps, and when a read-back is what was written."""

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType

from gateway.errors import ProfileError
from gateway.field.bus import Member
from gateway.profiles.codec import decode_value, encode_value
from gateway.profiles.schema import Control, Point, Zero
from gateway.texts import say

STORED_DEADBAND = 0.01
"""Share of the range: a stored value is not written again for so little more; for less it always is (I-34)."""
NOTHING: Mapping[str, float] = MappingProxyType({})


class Lawful:
    """The values of one control of one device."""

    def __init__(self, member: Member, control: Control) -> None:
        self._control = control
        self._point: Point = member.profile.points[control.name]

    def refusal(self, value: float | None, known: Mapping[str, float] = NOTHING) -> str:
        """Why a value may not be written; empty when it may. `known`: what was read of the device."""
        control = self._control
        if value is None:
            return ""
        unknown = [name for name in (control.at_most, control.at_least) if name is not None and name not in known]
        if unknown:
            return say("refused.not_known_yet", point=unknown[0])
        if not isfinite(value):
            return say("refused.not_finite")
        if not control.low <= value <= control.high:
            return say("refused.outside", low=control.low, high=control.high, unit=control.unit)
        if value == 0.0 and control.zero is Zero.REFUSED:
            return say("refused.zero")
        if self._point.sunspec:
            return ""  # what its registers hold depends on a scale factor of the device
        try:
            encode_value(self._point, self.rounded(value))
        except ProfileError as exc:
            return exc.said
        return ""

    def taken(self, value: float, known: Mapping[str, float], kept: float | None) -> float:
        """The value to write: within what the device says it takes now, in its own steps; or the one it may keep.

        `kept` is the value in a register that wears out: it stays where the new one asks only a little more.
        """
        control = self._control
        if control.at_most is not None:
            value = min(value, abs(known[control.at_most]))
        if control.at_least is not None:
            value = max(value, -abs(known[control.at_least]))
        value = self.rounded(value)
        if (
            kept is not None
            and 0.0 <= (abs(value) - abs(kept)) * (1.0 if value * kept > 0.0 else -1.0) <= self._deadband
        ):
            return kept
        return value

    @property
    def _deadband(self) -> float:
        return STORED_DEADBAND * (self._control.high - self._control.low)

    def rounded(self, value: float) -> float:
        """The value in the device's own steps and type, rounded towards zero (I-34)."""
        step = self._control.step
        if step > 0.0:
            whole = int(abs(value) / step + 1e-9) * step
            value = whole if value >= 0.0 else -whole
            value = min(max(value, self._control.low), self._control.high)
        if self._point.sunspec:
            return value
        try:
            decoded, _, _ = decode_value(self._point, encode_value(self._point, value))
        except ProfileError:
            return value
        return value if decoded is None else decoded

    def same(self, read: float, written: float) -> bool:
        """Whether what was read back is what was written."""
        if self._point.sunspec:
            return abs(read - written) <= self._control.step
        coarse = 1e-6 * max(1.0, abs(written)) if self._point.kind.is_float else abs(self._point.factor) * 0.5
        return abs(read - written) <= coarse
