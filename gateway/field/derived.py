"""DerivedBus: a Bus that finishes what a bus reads: signs, factors and conditions of points, and those derived of others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.field.bus import Batch, Bus, Columns, Done, Fetched, Member, Shortcut
from gateway.field.tap import Tap
from gateway.profiles.codec import listed
from gateway.profiles.derive import Derivations


class DerivedBus:
    """Reads through another bus; everything else, and devices without such points, are that bus's own."""

    def __init__(self, bus: Bus, members: Sequence[Member]) -> None:
        self.counters: Counter[str] = bus.counters
        self.depth = bus.depth
        self.hangs_up = bus.hangs_up
        self._bus = bus
        self._derivations: dict[str, Derivations] = {}
        for member in members:
            self._take(member)

    def batches(self, device: str) -> Sequence[Batch]:
        """The reads of the bus, each with the derived points that come with it."""
        batches = self._bus.batches(device)
        derivations = self._derivations.get(device)
        if derivations is None:
            return batches
        return tuple(
            replace(batch, points=(*batch.points, *extra))
            for batch, extra in zip(batches, derivations.extra, strict=True)
        )

    async def read(self, device: str, batch: int) -> Fetched:
        """Read and finish one batch."""
        fetched = await self._bus.read(device, batch)
        derivations = self._derivations.get(device)
        if derivations is None:
            return fetched
        names = self._bus.batches(device)[batch].points
        decoded = list(zip(fetched.values, fetched.qualities, fetched.causes, strict=True))
        made = derivations.finish(batch, names, decoded, fetched.started_s)
        return replace(
            fetched,
            values=[one[0] for one in made],
            qualities=[one[1] for one in made],
            causes=[one[2] for one in made],
        )

    def shortcut(self, device: str, batch: int) -> Shortcut | None:
        """As the bus, finished where that is needed."""
        short, derivations = self._bus.shortcut(device, batch), self._derivations.get(device)
        if short is None or derivations is None:
            return short
        return _Finishing(short, derivations, batch, self._bus.batches(device)[batch].points)

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:
        """As the bus."""
        await self._bus.write(device, values, function=function)

    async def change_bits(
        self, device: str, point: str, *, set_bits: int, clear_bits: int, function: str = "any"
    ) -> None:
        """As the bus."""
        await self._bus.change_bits(device, point, set_bits=set_bits, clear_bits=clear_bits, function=function)

    def join(self, member: Member) -> None:
        """As the bus."""
        self._bus.join(member)
        self._take(member)

    def leave(self, device: str) -> None:
        """As the bus."""
        self._bus.leave(device)
        self._derivations.pop(device, None)

    def trouble(self) -> Mapping[str, str]:
        """As the bus."""
        return self._bus.trouble()

    def tap(self, tap: Tap | None) -> None:
        """As the bus."""
        self._bus.tap(tap)

    async def close(self) -> None:
        """As the bus."""
        await self._bus.close()

    def _take(self, member: Member) -> None:
        if any(point.has_relations for point in member.profile.points.values()):
            self._derivations[member.id] = Derivations(
                member.profile.points,
                [batch.points for batch in self._bus.batches(member.id)],
                period_s={every: member.period_s(every) for every in member.profile.poll_s},
            )


class _Finishing:
    """A read whose values are finished before they are told."""

    def __init__(self, short: Shortcut, derivations: Derivations, batch: int, names: Sequence[str]) -> None:
        self._short = short
        self._derivations = derivations
        self._batch = batch
        self._names = names

    def begin(self, done: Done, now_s: float) -> bool:
        """As the bus."""

        def finish(columns: Columns | None, started_s: float, took_s: float) -> None:
            if columns is not None:
                decoded = list(zip(*listed(columns), strict=True))
                made = self._derivations.finish(self._batch, self._names, decoded, started_s)
                columns = [one[0] for one in made], [one[1] for one in made], [one[2] for one in made]
            done(columns, started_s, took_s)

        return self._short.begin(finish, now_s)
