"""FakeBus: a line in memory for the tests of poller and writer; the contract suite holds it to the same promises."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from gateway.errors import BusDown, BusRefused, BusTimeout
from gateway.field.bus import Batch, Fetched, Member
from gateway.model.reading import Cause, Quality


class FakeBus:
    """Values by device and point; `fail` makes every request to a device end in that error."""

    def __init__(self, members: list[Member], *, clock, answer_s: float = 0.0) -> None:
        self.counters: Counter[str] = Counter()
        self.depth = 1
        self.hangs_up = False
        self.troubles: dict[str, str] = {}
        self.values = {m.id: dict.fromkeys(m.profile.points, 0.0) for m in members}
        self.fail: dict[str, type[Exception] | Exception] = {}
        self.applies = True
        self.reads: list[tuple[float, str, int]] = []
        self.writes: list[tuple[float, str, dict[str, float]]] = []
        self.dialled = False
        self._members = {m.id: m for m in members}
        self._clock = clock
        self._answer_s = answer_s

    def batches(self, device: str) -> list[Batch]:
        points = [p for p in self._members[device].profile.points.values() if p.readable]
        classes = dict.fromkeys(p.every for p in points)
        named = {every: tuple(p.name for p in points if p.every is every) for every in classes}
        return [Batch(every, names, len(names)) for every, names in named.items()]

    async def read(self, device: str, batch: int) -> Fetched:
        started_s = self._clock.boot_s()
        self.reads.append((started_s, device, batch))
        await self._answer(device)
        values = [self.values[device][name] for name in self.batches(device)[batch].points]
        return Fetched(values, [Quality.GOOD] * len(values), [Cause.NONE] * len(values), started_s)

    def shortcut(self, device: str, batch: int) -> None:  # noqa: ARG002 - every read needs its task
        return None

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:  # noqa: ARG002
        self.writes.append((self._clock.boot_s(), device, dict(values)))
        await self._answer(device)
        for name in values:
            if not self._members[device].profile.points[name].writable:
                raise BusRefused(f"{name} is read only", 2)
        if self.applies:
            self.values[device].update(values)

    async def change_bits(
        self, device: str, point: str, *, set_bits: int, clear_bits: int, function: str = "any"
    ) -> None:
        value = float(int(self.values[device][point]) & ~clear_bits | set_bits)
        await self.write(device, {point: value}, function=function)

    def join(self, member: Member) -> None:
        self._members[member.id] = member
        self.values[member.id] = dict(self.values["thing"])

    def leave(self, device: str) -> None:
        del self._members[device], self.values[device]

    def trouble(self) -> Mapping[str, str]:
        return self.troubles

    def tap(self, tap) -> None:
        self.tapped = tap

    async def close(self) -> None:
        self.dialled = False

    async def _answer(self, device: str) -> None:
        await asyncio.sleep(self._answer_s)
        self.dialled = True
        failure = self.fail.get(device)
        if failure is not None:
            raise failure("as told") if isinstance(failure, type) else failure


__all__ = ["BusDown", "BusTimeout", "FakeBus"]
