"""Sampler: snapshot -> telemetry samples, by interval and by change.

A point is sampled when its quality changes, at once; when its value left the dead band and the interval has passed;
and when nothing was sent of it for SILENT_S. The rest is silence, not zero.
"""

from collections.abc import Iterable, Mapping
from math import inf, isfinite

from gateway.model.image import Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Quality, Reading
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
        for point, deadband in self._deadbands.items():
            reading = snapshot.reading(point)
            sent, sent_s = self._sent.get(point, (None, -inf))
            if sent is None or self._due(reading, sent, now_s - sent_s, deadband):
                taken = _taken(point, reading, now_s, after_s=sent.at_s if sent else -inf)
                self._sent[point] = (taken, now_s)
                due.append(taken)
        return due

    def _due(self, reading: Reading, sent: Taken, silence_s: float, deadband: float) -> bool:
        if reading.quality is not sent.quality or silence_s >= self._silent_s:
            return True
        if silence_s < self._every_s or reading.value is None or sent.value is None:
            return False
        return abs(reading.value - sent.value) > deadband


def _taken(point: PointId, reading: Reading, now_s: float, *, after_s: float) -> Taken:
    """Dated by its measurement; a reading that is not good, or was sent before, says how things stand now."""
    value = reading.value
    fresh = reading.quality is Quality.GOOD and reading.measured_s > after_s
    at_s = reading.measured_s if fresh else now_s
    if value is not None and not isfinite(value):
        return Taken(point, None, Quality.INVALID, at_s)
    return Taken(point, value, reading.quality, at_s)
