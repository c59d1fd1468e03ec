"""Sampler: snapshot -> telemetry samples, by interval and by change.

A point is sampled when its quality changes, at once; when its value left the dead band and the interval has passed;
and when nothing was sent of it for SILENT_S. The rest is silence, not zero.
"""

from collections.abc import Iterable, Mapping
from math import inf, isfinite

from gateway.model.image import Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Quality
from gateway.uplink.batch import Taken

SILENT_S = 60.0
DEADBANDS: Mapping[Unit, float] = {
    Unit.VOLT: 0.5,
    Unit.AMPERE: 0.05,
    Unit.HERTZ: 0.005,
    Unit.CELSIUS: 0.05,
    Unit.KELVIN: 0.05,
    Unit.PERCENT: 0.1,
    Unit.LUX: 5.0,
    Unit.PPM: 10.0,
}
"""The smallest change worth sending, by unit; units not named here send every change."""

_NEVER: tuple[Taken | None, float] = (None, -inf)


class Sampler:
    """Remembers what was last sent of each point; its only input is the snapshot."""

    def __init__(
        self,
        specs: Iterable[PointSpec],
        *,
        every_s: float,
        silent_s: float = SILENT_S,
        deadbands: Mapping[Unit, float] = DEADBANDS,
    ) -> None:
        self._deadbands = {spec.id: deadbands.get(spec.unit, 0.0) for spec in specs}
        self._every_s = every_s
        self._silent_s = silent_s
        self._sent: dict[PointId, tuple[Taken, float]] = {}
        """The last sample of each point, and the boot time it was taken."""

    def take(self, snapshot: Snapshot) -> list[Taken]:
        """The samples due now, in the order of the points."""
        due: list[Taken] = []
        now_s = snapshot.now_s
        for point, value, quality, measured_s in snapshot.rows():  # thousands a second: no call, no object for most
            deadband = self._deadbands.get(point)
            if deadband is None:
                continue
            sent, sent_s = self._sent.get(point, _NEVER)
            silence_s = now_s - sent_s
            if sent is not None and quality is sent.quality and silence_s < self._silent_s:
                if silence_s < self._every_s or value is None or sent.value is None:
                    continue
                if abs(value - sent.value) <= deadband:
                    continue
            taken = _taken(point, value, quality, measured_s, now_s, after_s=sent.at_s if sent else -inf)
            self._sent[point] = (taken, now_s)
            due.append(taken)
        return due


def _taken(
    point: PointId, value: float | None, quality: Quality, measured_s: float, now_s: float, *, after_s: float
) -> Taken:
    """Dated by its measurement; a reading that is not good, or was sent before, says how things stand now."""
    at_s = measured_s if quality is Quality.GOOD and measured_s > after_s else now_s
    if value is not None and not isfinite(value):
        return Taken(point, None, Quality.INVALID, at_s)
    return Taken(point, value, quality, at_s)
