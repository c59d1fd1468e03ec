"""SunSpecBus: devices whose addresses are found at run time: the model chain is walked once, then read like any other.

A device keeps its batches (one for each poll class) while what lies behind them changes: after a lost connection or a
refused read the chain is walked again, since a restart may have changed the device's models. A point whose model is not
there is INVALID (source). A value that is written takes the scale factor the device has at that moment.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.clock import Clock
from gateway.errors import BusDown, BusRefused
from gateway.field.bus import Batch, Fetched, Member, Shortcut
from gateway.field.modbus import ModbusBus
from gateway.field.tap import Tap
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import Decoded
from gateway.profiles.schema import Every, Profile, Table
from gateway.profiles.sunspec import Chain, bind, settled, walk
from gateway.texts import say

INSTANCE = "instance"
"""The device parameter that says which of several models of a kind is meant."""
NO_MARKER, NO_POINT = -1, -2
_MISSING: Decoded = (None, Quality.INVALID, Cause.SOURCE)


class SunSpecBus:
    """Reads and writes through a Modbus bus; devices that are not found by a model chain are the bus's own."""

    def __init__(self, bus: ModbusBus, members: Sequence[Member], *, clock: Clock) -> None:
        self._clock = clock
        self.counters: Counter[str] = bus.counters
        self.depth = bus.depth
        self.hangs_up = bus.hangs_up
        self._bus = bus
        self._members: dict[str, Member] = {}
        self._batches: dict[str, tuple[Batch, ...]] = {}
        self._bound: dict[str, Profile] = {}
        for member in members:
            self._take(member)

    def batches(self, device: str) -> Sequence[Batch]:
        """One batch for each poll class of a SunSpec device."""
        return self._batches[device] if device in self._batches else self._bus.batches(device)

    async def read(self, device: str, batch: int) -> Fetched:
        """Read everything of one poll class; a model that is refused costs only its own points."""
        if device not in self._members:
            return await self._bus.read(device, batch)
        wanted = self._batches[device][batch]
        await self._ready(device)
        values: dict[str, Decoded] = {}
        fetched: Fetched | None = None
        refusal: BusRefused | None = None
        texts: dict[str, str] = {}
        for number, block in enumerate(self._bus.batches(device)):
            if block.every is not wanted.every:
                continue
            try:
                part = await self._bus.read(device, number)
            except BusRefused as error:
                refusal = error
                continue
            except BusDown:
                self._bound.pop(device, None)
                raise
            fetched = fetched or part
            texts.update(part.texts)
            values.update(zip(block.points, zip(part.values, part.qualities, part.causes, strict=True), strict=True))
        if refusal is not None:
            self._bound.pop(device, None)
        if fetched is None:
            if refusal is not None:
                raise refusal
            fetched = Fetched((), (), (), self._clock.boot_s())  # the device has none of these models
        columns = [values.get(name, _MISSING) for name in wanted.points]
        return replace(
            fetched,
            values=[c[0] for c in columns],
            qualities=[c[1] for c in columns],
            causes=[c[2] for c in columns],
            texts=texts,
        )

    def shortcut(self, device: str, batch: int) -> Shortcut | None:
        """As the bus; None for a device whose addresses are found at run time."""
        return None if device in self._members else self._bus.shortcut(device, batch)

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:
        """Write points, each by the scale factor that the device has now."""
        if device in self._members:
            await self._aim(device, values)
        await self._bus.write(device, values, function=function)

    async def change_bits(
        self, device: str, point: str, *, set_bits: int, clear_bits: int, function: str = "any"
    ) -> None:
        """As the bus, at the address found."""
        if device in self._members:
            await self._aim(device, (point,))
        await self._bus.change_bits(device, point, set_bits=set_bits, clear_bits=clear_bits, function=function)

    def join(self, member: Member) -> None:
        """As the bus; the chain of a new device is walked at its first read."""
        self._bus.join(member)
        self._take(member)

    def leave(self, device: str) -> None:
        """As the bus."""
        self._bus.leave(device)
        for kept in (self._members, self._batches, self._bound):
            kept.pop(device, None)

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
        if member.profile.sunspec_bases:
            self._members[member.id] = member
            self._batches[member.id] = batches_of(member)

    async def _ready(self, device: str) -> Profile:
        """The device's profile with addresses; walks its chain when that is not known."""
        bound = self._bound.get(device)
        if bound is not None:
            return bound
        member = self._members[device]
        chain = await self._walk(member)
        if chain is None:
            bases = ", ".join(map(str, member.profile.sunspec_bases))
            raise BusRefused(say("bus.no_marker", device=device, bases=bases), NO_MARKER)
        self.counters["chains_walked"] += 1
        instance = member.device.params.get(INSTANCE, 1)
        bound = bind(member.profile, chain, instance=int(instance))
        self._bus.place(replace(member, profile=bound))
        self._bound[device] = bound
        return bound

    async def _walk(self, member: Member) -> Chain | None:
        steps = walk(member.profile.sunspec_bases)
        try:
            address, count = next(steps)
            while True:
                try:
                    words = await self._bus.words(member.id, address, count)
                except BusRefused:
                    words = None
                address, count = steps.send(words)
        except StopIteration as done:
            chain: Chain | None = done.value
            return chain

    async def _aim(self, device: str, names: Sequence[str] | Mapping[str, float]) -> None:
        """Give the bus these points as they must be written now."""
        bound = await self._ready(device)
        points = dict(bound.points)
        for name in names:
            point = points.get(name)
            if point is None or (point.sunspec and point.table is not Table.HOLDING):
                raise BusRefused(say("bus.no_point", device=device, point=name), NO_POINT)
            if point.pow10 is not None:
                (word,) = await self._bus.words(device, points[point.pow10].address, 1)
                exponent = (word ^ 0x8000) - 0x8000
                if exponent in points[point.pow10].invalid:
                    raise BusRefused(say("bus.no_scale_factor", device=device, point=name), NO_POINT)
                points[name] = settled(point, exponent)
        self._bus.aim(replace(self._members[device], profile=replace(bound, points=points)))


def batches_of(member: Member) -> tuple[Batch, ...]:
    """The numbers of a SunSpec profile by poll class; a class that has only texts is read too."""
    there = [p for p in member.profile.points.values() if p.sunspec and p.readable]
    numbers = [point for point in there if not point.is_text]
    classes = [every for every in Every if any(point.every is every for point in there)]
    named = [(every, tuple(p.name for p in numbers if p.every is every)) for every in classes]
    return tuple(Batch(every, names, 2 * len(names)) for every, names in named)
