"""Sampler: snapshot -> telemetry samples, by interval and by change.

A point is sampled when its quality changes, at once; when its value left the dead band and was read, or waited, for an interval;
and when nothing was sent of it for SILENT_S. The rest is silence, not zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.model.columns import Layout
from gateway.model.image import Snapshot
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Quality
from gateway.uplink.batch import Lot

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

EARLY_S = 0.05
"""Polls start a little early or late: the interval from one reading to the next is over this much before its time."""
_NEVER = 255
"""In the place of a quality: nothing was sent yet."""


@dataclass(slots=True)
class Sent:
    """What was last sent of each point of a layout, shape (points,) each; nothing yet at first."""

    layout: Layout
    deadband: NDArray[np.float64]
    """NaN: not a point of ours."""
    names: NDArray[np.object_] = field(init=False)
    """The points."""
    value: NDArray[np.float64] = field(init=False)
    quality: NDArray[np.uint8] = field(init=False)
    at_s: NDArray[np.float64] = field(init=False)
    """The date it bore."""
    read_s: NDArray[np.float64] = field(init=False)
    """When its value was measured: intervals count from there, so that samples follow the polls."""
    sent_s: NDArray[np.float64] = field(init=False)
    """When it was taken."""

    def __post_init__(self) -> None:
        count = len(self.layout.names)
        self.names = np.array(self.layout.names, object)
        self.value = np.full(count, np.nan)
        self.quality = np.full(count, _NEVER, np.uint8)
        self.at_s, self.read_s, self.sent_s = (np.full(count, -np.inf) for _ in range(3))

    def inherit(self, earlier: "Sent") -> None:
        """Take over what an earlier layout knew of the same points."""
        then = {name: at for at, name in enumerate(earlier.layout.names)}
        here = [at for at, name in enumerate(self.layout.names) if name in then]
        there = [then[self.layout.names[at]] for at in here]
        self.value[here], self.quality[here] = earlier.value[there], earlier.quality[there]
        self.at_s[here], self.read_s[here] = earlier.at_s[there], earlier.read_s[there]
        self.sent_s[here] = earlier.sent_s[there]


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
        self._by_unit = deadbands
        self._deadbands: dict[PointId, float] = {}
        self._every_s = every_s
        self._silent_s = silent_s
        self._sent: Sent | None = None
        self.respec(specs)

    def respec(self, specs: Iterable[PointSpec], *, every_s: float | None = None) -> None:
        """Take these points from now on; `every_s` where the interval is another one."""
        self._every_s = self._every_s if every_s is None else every_s
        self._deadbands = {spec.id: self._by_unit.get(spec.unit, 0.0) for spec in specs}

    def take(self, snapshot: Snapshot) -> Lot:
        """The samples due now, in the order of the points."""
        sent, now_s = self._laid_out(snapshot.layout), snapshot.now_s
        values, qualities, measured_s = snapshot.arrays()
        finite = np.isfinite(values)
        values = np.where(finite, values, np.nan)
        qualities = np.where(finite, qualities, np.uint8(Quality.INVALID))
        moved = np.abs(values - sent.value) > sent.deadband
        silence_s = now_s - sent.sent_s
        moved &= (measured_s - sent.read_s >= self._every_s - EARLY_S) | (silence_s >= self._every_s)
        silent = silence_s >= self._silent_s
        due = (moved | silent | (qualities != sent.quality)) & (sent.deadband >= 0.0)
        at = np.flatnonzero(due)
        # dated by its measurement; what is not good, or was sent before, says how things stand now
        dated = (qualities[at] == Quality.GOOD) & (measured_s[at] > sent.at_s[at])
        at_s = np.where(dated, measured_s[at], now_s)
        taken = Lot(sent.names[at].tolist(), values[at], qualities[at], at_s)
        sent.value[at], sent.quality[at], sent.at_s[at] = taken.values, taken.qualities, at_s
        sent.read_s[at], sent.sent_s[at] = measured_s[at], now_s
        return taken

    def _laid_out(self, layout: Layout) -> Sent:
        """What was sent, in the places of this layout."""
        if self._sent is None or self._sent.layout is not layout:
            earlier = self._sent
            deadbands = np.array([self._deadbands.get(name, np.nan) for name in layout.names])
            self._sent = Sent(layout, deadbands)
            if earlier is not None:
                self._sent.inherit(earlier)
        return self._sent
