"""A self-test's bench in virtual time: a scenario's plant behind its lines, with their delays, losses and refusals."""

import heapq
from collections.abc import Callable, Sequence
from functools import partial

from emulators.plant import Plant
from emulators.scenario import Scenario
from gateway.control.kinds import inputs_of
from gateway.control.watched import meter_point
from gateway.model.command import Command
from gateway.model.image import Image, Snapshot
from gateway.model.point import PointSpec, Unit, device_of
from gateway.model.site import Asset, Site
from gateway.simulate import SimField

MISSED_POLLS = 3.0


class VirtualBench:
    """One plant, one asset's devices and the meter; only `pass_time` moves its clock."""

    def __init__(self, scenario: Scenario, site: Site, asset: Asset, *, seed: int, perturb: float) -> None:
        self._plant = Plant(scenario.plant, scenario.load(), seed=seed, perturb=perturb)
        points = list(dict.fromkeys([meter_point(site), *inputs_of(asset)]))
        stale_s = {point: MISSED_POLLS * max(scenario.line_of(device_of(point)).poll_s, 1.0) for point in points}
        self._image = Image(PointSpec(point, Unit.NONE, stale_s[point]) for point in points)
        self._field = SimField(self._plant, scenario, self._image, points, seed=seed)
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        for at_s, device in self._field.first_polls():
            self._at(at_s, partial(self._poll, device))

    def now_s(self) -> float:
        """The plant's time."""
        return self._plant.now_s

    def snapshot(self) -> Snapshot:
        """The image now."""
        return self._image.snapshot(self._plant.now_s)

    async def write(self, commands: Sequence[Command]) -> None:
        """Send the commands over the lines."""
        for command in commands:
            sent = self._field.write(command, self._plant.now_s)
            if sent is not None:
                self._at(*sent)

    async def pass_time(self, seconds: float) -> None:
        """Let everything happen that is due by then."""
        until_s = self._plant.now_s + seconds
        while self._queue and self._queue[0][0] <= until_s:
            at_s, _, happen = heapq.heappop(self._queue)
            self._plant.advance(at_s)
            happen(at_s)
        self._plant.advance(until_s)

    def _poll(self, device: str, now_s: float) -> None:
        at_s, answer = self._field.poll(device, now_s)
        self._at(at_s, partial(self._answered, device, answer))
        self._at(now_s + self._field.period_s(device), partial(self._poll, device))

    def _answered(self, device: str, answer: Callable[[], None], now_s: float) -> None:
        answer()
        for sent in self._field.again(device, now_s):
            self._at(*sent)

    def _at(self, at_s: float, happen: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_s, self._count, happen))
