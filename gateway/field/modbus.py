"""ModbusBus: a Bus over Modbus TCP, RTU and RTU over TCP: planned blocks in, compiled decoders out, ordered writes."""

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from gateway.clock import Clock
from gateway.errors import BusError, BusRefused, BusTimeout
from gateway.field import pdu
from gateway.field.bus import Batch, Done, Fetched, Member, Shortcut
from gateway.field.line import Line, LinkLost
from gateway.field.pdu import Query
from gateway.field.tap import Tap
from gateway.profiles.codec import BlockDecoder, compile_block, encode
from gateway.profiles.readplan import plan
from gateway.profiles.schema import Block, Point, Profile, Table
from gateway.texts import say

READS = {
    Table.COIL: pdu.READ_COILS,
    Table.DISCRETE: pdu.READ_DISCRETE,
    Table.HOLDING: pdu.READ_HOLDING,
    Table.INPUT: pdu.READ_INPUT,
}
BUSY = 6
BUSY_GAP_S = 0.1


@dataclass(slots=True)
class Fetch:
    """One planned read: the query, ready to send, the decoder of its reply; and what is under way of it."""

    line: Line
    batch: Batch
    query: Query
    decode: BlockDecoder
    failure: BusError | None = None
    """What it came to when it was begun, if that was not an answer; `read` ends it."""
    _done: Done | None = None
    """Who waits for its answer."""
    _started_s: float = 0.0

    def begin(self, done: Done, now_s: float) -> bool:
        """Ask at once where the line is free; the answer is decoded where it comes in."""
        wire = self.line.wire
        if wire is None or not wire.free or self._done is not None:
            return False
        self._done, self._started_s = done, now_s
        wire.ask(self.query, self._settle)
        return True

    def _settle(self, outcome: bytes | BusError, took_s: float) -> None:
        done, self._done = self._done, None
        assert done is not None
        if type(outcome) is bytes:
            done(self.decode.decode(outcome), self._started_s, took_s)
        else:
            self.failure = cast("BusError", outcome)
            done(None, self._started_s, 0.0)


class ModbusBus:
    """The devices of one Modbus line."""

    def __init__(self, line: Line, members: Sequence[Member], *, clock: Clock, hangs_up: bool = False) -> None:
        self.counters: Counter[str] = line.counters
        self.depth = line.depth
        self.hangs_up = hangs_up
        self._line = line
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._fetches: dict[str, tuple[Fetch, ...]] = {}
        self._pause_s: dict[str, float] = {}
        for member in members:
            self.join(member)

    def batches(self, device: str) -> Sequence[Batch]:
        """The planned reads of a device."""
        return tuple(fetch.batch for fetch in self._fetches[device])

    async def read(self, device: str, batch: int) -> Fetched:
        """Read and decode one block; a busy device is asked once more."""
        fetch = self._fetches[device][batch]
        failure, fetch.failure = fetch.failure, None
        started_s = self._clock.boot_s()
        try:
            if failure is None:
                data = await self._line.transact(fetch.query, again=True)
            else:
                data = await self._line.resume(fetch.query, failure)
        except BusRefused as refusal:
            if refusal.code != BUSY:
                raise
            self.counters["busy"] += 1
            await asyncio.sleep(BUSY_GAP_S)
            started_s = self._clock.boot_s()
            data = await self._line.transact(fetch.query, again=True)
        return Fetched(*fetch.decode(data), started_s, self._line.took_s, fetch.decode.texts(data))

    def shortcut(self, device: str, batch: int) -> Shortcut | None:
        """Where an owner need not hang up after it, and the block has no texts."""
        fetch = self._fetches[device][batch]
        return None if self.hangs_up or fetch.decode.has_texts else fetch

    async def write(self, device: str, values: Mapping[str, float], *, function: str = "any") -> None:
        """Write points: adjacent ones in one request."""
        member = self._members[device]
        for query in write_queries(member, values, function=function):
            await self._write(query, self._pause_s[device])

    async def change_bits(
        self, device: str, point: str, *, set_bits: int, clear_bits: int, function: str = "any"
    ) -> None:
        """Read one holding register, change bits, write it; by function 22 in one request, which nobody can come between."""
        member, pause_s = self._members[device], self._pause_s[device]
        spec = member.profile.points[point]
        unit, address = unit_of(member, spec.unit_id), spec.address
        if function == "22":
            keep = ~(set_bits | clear_bits) & 0xFFFF
            await self._write(pdu.mask_write(unit, address, and_mask=keep, or_mask=set_bits & 0xFFFF), pause_s)
            return
        data = await self._line.transact(pdu.read(unit, pdu.READ_HOLDING, address, 1), again=True)
        (word,) = struct.unpack(">H", data)
        word = (word & ~clear_bits | set_bits) & 0xFFFF
        await self._write(_words_query(unit, address, [word], function), pause_s)

    async def words(self, device: str, address: int, count: int) -> tuple[int, ...]:
        """Holding registers as they are, without any profile."""
        unit = self._members[device].device.unit_id
        data = await self._line.transact(pdu.read(unit, pdu.READ_HOLDING, address, count), again=True)
        return struct.unpack(f">{count}H", data)

    def place(self, member: Member) -> None:
        """The device's points have these addresses from now on, for reading and writing."""
        self._members[member.id] = member
        self._fetches[member.id] = fetches(member, self._line)

    def aim(self, member: Member) -> None:
        """The device's points are written like this from now on; reading stays as it was placed."""
        self._members[member.id] = member

    def join(self, member: Member) -> None:
        """Serve one device more."""
        self.place(member)
        self._pause_s[member.id] = member.profile.pauses.write_s

    def leave(self, device: str) -> None:
        """Serve a device no more."""
        del self._members[device], self._fetches[device], self._pause_s[device]

    def trouble(self) -> Mapping[str, str]:
        """What is wrong with the line for longer."""
        return self._line.trouble()

    def tap(self, tap: Tap | None) -> None:
        """Show the bytes of the line to somebody."""
        self._line.tap(tap)

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    async def _write(self, query: Query, pause_s: float) -> None:
        try:
            await self._line.transact(query)
        except LinkLost as exc:
            raise BusTimeout(say("bus.written_unanswered", why=exc.said)) from exc
        if pause_s:
            await asyncio.sleep(pause_s)


def fetches(member: Member, line: Line) -> tuple[Fetch, ...]:
    """The planned reads of a device over its line, compiled."""
    made = []
    for block, decode in compiled(_Same(member.profile)):
        batch = Batch(block.every, decode.names, block.count)
        query = pdu.read(unit_of(member, block.unit_id), READS[block.table], block.address, block.count)
        made.append(Fetch(line, batch, query, decode))
    return tuple(made)


class _Same:
    """A profile as the key of a cache: itself, not one that looks alike."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def __hash__(self) -> int:
        return id(self.profile)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.profile is self.profile


@lru_cache(maxsize=256)
def compiled(key: _Same) -> tuple[tuple[Block, BlockDecoder], ...]:
    """The blocks of a profile with their decoders; devices of one type share them, which keeps them warm."""
    points = key.profile.points
    return tuple((block, compile_block(points, block)) for block in plan(points.values(), key.profile.limits))


def write_queries(member: Member, values: Mapping[str, float], *, function: str) -> list[Query]:
    """The requests that write points: one for each run of adjacent points; ProfileError when a value does not fit."""
    points = [member.profile.points[name] for name in values]
    queries, start = [], 0
    for at in range(1, len(points) + 1):
        if at == len(points) or not _adjacent(points[at - 1], points[at]):
            run = points[start:at]
            queries.append(_write_query(member, run, [values[point.name] for point in run], function))
            start = at
    return queries


def unit_of(member: Member, own: int | None) -> int:
    """The unit id of a point or block: its own, else the device's."""
    return member.device.unit_id if own is None else own


def _adjacent(first: Point, second: Point) -> bool:
    return (first.table, first.unit_id, first.end) == (second.table, second.unit_id, second.address)


def _write_query(member: Member, run: Sequence[Point], values: Sequence[float], function: str) -> Query:
    unit, address = unit_of(member, run[0].unit_id), run[0].address
    words = [word for point, value in zip(run, values, strict=True) for word in encode(point, value)]
    if run[0].table is Table.COIL:
        bits = [bool(word) for word in words]
        return pdu.write_coils(unit, address, bits) if len(bits) > 1 else pdu.write_coil(unit, address, on=bits[0])
    return _words_query(unit, address, words, function)


def _words_query(unit: int, address: int, words: Sequence[int], function: str) -> Query:
    if function == "23":  # the device tells in the same breath what stands there now
        return pdu.read_write(unit, address, len(words), write_at=address, words=words)
    if len(words) == 1 and function != "16":
        return pdu.write_register(unit, address, words[0])
    return pdu.write_registers(unit, address, words)
