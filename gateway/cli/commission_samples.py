"""What is recorded while an asset is tried: each new reading of some points with the time it was measured."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import Protocol

import numpy as np

from gateway.commission.trials import Floats
from gateway.model.command import Command
from gateway.model.image import Snapshot
from gateway.model.point import PointId

LOOK_S = 0.1


class Bench(Protocol):
    """Where an asset is: `cli.proving.Bench`."""

    def now_s(self) -> float:
        """The bench's clock."""
        ...

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        ...

    async def write(self, commands: Sequence[Command]) -> None:
        """Hand commands to the devices."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let this much of the bench's time pass."""
        ...


class Samples:
    """Readings of some points, each once."""

    def __init__(self, points: Iterable[PointId]) -> None:
        self._of: dict[PointId, list[tuple[float, float]]] = {point: [] for point in points}
        self._last_s = dict.fromkeys(self._of, -inf)

    def look(self, snapshot: Snapshot) -> None:
        """Take over what is new and usable."""
        for point, rows in self._of.items():
            value, measured_s = snapshot.timed(point)
            if value is not None and measured_s > self._last_s[point]:
                self._last_s[point] = measured_s
                rows.append((measured_s, value))

    def of(self, point: PointId, begin_s: float, end_s: float) -> tuple[Floats, Floats]:
        """(seconds since `begin_s`, values) of one point measured within a stretch."""
        rows = [(at_s - begin_s, value) for at_s, value in self._of[point] if begin_s < at_s <= end_s]
        return np.array([t_s for t_s, _ in rows]), np.array([value for _, value in rows])

    def newest(self, point: PointId, begin_s: float, end_s: float) -> float | None:
        """The last value measured within a stretch."""
        values = self.of(point, begin_s, end_s)[1]
        return float(values[-1]) if values.size else None

    def mean(self, point: PointId, begin_s: float, end_s: float) -> float | None:
        """The mean of those measured within a stretch."""
        values = self.of(point, begin_s, end_s)[1]
        return float(values.mean()) if values.size else None


class Recorder:
    """A bench that records whenever time passes on it."""

    def __init__(self, bench: Bench, points: Iterable[PointId]) -> None:
        self._bench = bench
        self.samples = Samples(points)

    def now_s(self) -> float:
        """The bench's clock."""
        return self._bench.now_s()

    def snapshot(self) -> Snapshot:
        """The newest readings."""
        return self._bench.snapshot()

    async def write(self, commands: Sequence[Command]) -> None:
        """To the bench."""
        await self._bench.write(commands)

    async def pass_time(self, seconds: float) -> None:
        """Wait, and look now and then."""
        end_s = self._bench.now_s() + seconds
        while (left_s := end_s - self._bench.now_s()) > 0.0:
            await self._bench.pass_time(min(left_s, LOOK_S))
            self.samples.look(self._bench.snapshot())
