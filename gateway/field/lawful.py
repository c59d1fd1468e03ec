"""Lawful: which values a control takes, in which steps, and when a read-back is what was written."""

from math import isfinite

from gateway.errors import ProfileError
from gateway.field.bus import Member
from gateway.profiles.codec import decode_value, encode_value
from gateway.profiles.schema import Control, Point, Zero


class Lawful:
    """The values of one control of one device."""

    def __init__(self, member: Member, control: Control) -> None:
        self._control = control
        self._point: Point = member.profile.points[control.name]

    def refusal(self, value: float | None) -> str:
        """Why a value may not be written; empty when it may."""
        control = self._control
        if value is None:
            return ""
        if not isfinite(value):
            return "not a finite number"
        if not control.low <= value <= control.high:
            return f"outside {control.low:g} … {control.high:g} {control.unit}"
        if value == 0.0 and control.zero is Zero.REFUSED:
            return "zero is refused by the device"
        try:
            encode_value(self._point, self.rounded(value))
        except ProfileError as exc:
            return str(exc)
        return ""

    def rounded(self, value: float) -> float:
        """The value in the device's own steps and type, rounded towards zero (I-34)."""
        step = self._control.step
        if step > 0.0:
            whole = int(abs(value) / step + 1e-9) * step
            value = whole if value >= 0.0 else -whole
            value = min(max(value, self._control.low), self._control.high)
        try:
            decoded, _, _ = decode_value(self._point, encode_value(self._point, value))
        except ProfileError:
            return value
        return value if decoded is None else decoded

    def same(self, read: float, written: float) -> bool:
        """Whether what was read back is what was written."""
        coarse = 1e-6 * max(1.0, abs(written)) if self._point.kind.is_float else abs(self._point.factor) * 0.5
        return abs(read - written) <= coarse
