"""Trial of a profile on a live device: every read it plans, once, and what each point says. Nothing is written."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.commission.asker import Asker
from gateway.errors import BusError
from gateway.field.bus import Bus, Member
from gateway.field.modbus import fetches
from gateway.field.open import open_bus, open_line
from gateway.field.points import member_of
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.codec import Decoded
from gateway.profiles.derive import Derivations
from gateway.profiles.schema import Point, Profile


@dataclass(frozen=True, slots=True)
class Shown:
    """What one point showed: raw words in hex, value (None: not good), quality and cause in words."""

    point: Point
    words: str
    value: float | str | None
    quality: str

    @property
    def good(self) -> bool:
        """It has a value."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Silent:
    """A read that the device did not answer, and why."""

    read: str
    why: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The whole trial."""

    shown: tuple[Shown, ...]
    silent: tuple[Silent, ...]
    asked: int


async def try_live(
    connection: Connection,
    profile: Profile,
    *,
    unit_id: int,
    params: dict[str, float | str],
    rate_per_s: float,
    clock: Clock,
) -> Trial:
    """Read everything once. BusDown when the line cannot be opened; ProfileError for a parameter without a value."""
    member = member_of(Device("device", profile.name, connection.id, unit_id, params), {profile.name: profile})
    if connection.transport is Transport.OPCUA or profile.sunspec_bases:
        return await _by_bus(open_bus(connection, [member], clock=clock), member)
    asker = Asker(open_line(connection, units=2), rate_per_s=rate_per_s)
    shown: list[Shown] = []
    silent: list[Silent] = []
    try:
        planned = fetches(member, asker.line)
        whole = Derivations(
            member.profile.points, [one.batch.points for one in planned], period_s=member.profile.poll_s
        )
        for number, fetch in enumerate(planned):
            address, count = struct.unpack(">HH", fetch.query.pdu[1:5])
            try:
                data = await asker.transact(fetch.query)
            except BusError as exc:
                place = f"fc{fetch.query.function} {address}…{address + count - 1}"
                silent.append(Silent(place, exc.said, fetch.batch.points))
                continue
            decoded = list(zip(*fetch.decode(data), strict=True))
            made = whole.finish(number, fetch.batch.points, decoded, clock.boot_s())
            names = (*fetch.batch.points, *whole.extra[number])
            raw = {name: _raw(member.profile.points[name], data, address) for name in fetch.batch.points}
            shown += _shown(member, names, made, raw)
            shown += [
                Shown(member.profile.points[n], _raw(member.profile.points[n], data, address), text, "good")
                for n, text in fetch.decode.texts(data).items()
            ]
    finally:
        await asker.close()
    return Trial(tuple(shown), tuple(silent), asker.asked)


def _shown(member: Member, names: Sequence[str], decoded: Sequence[Decoded], raw: Mapping[str, str]) -> Iterator[Shown]:
    for name, (value, quality, cause) in zip(names, decoded, strict=True):
        word = quality.name.lower() if quality is Quality.GOOD else cause.name.lower()
        yield Shown(member.profile.points[name], raw.get(name, ""), value, word)


def _raw(point: Point, data: bytes, address: int) -> str:
    if point.table is None:
        return ""
    if point.table.of_bits:
        at = point.address - address
        return str(data[at >> 3] >> (at & 7) & 1)
    begin = 2 * (point.address - address)
    part = data[begin : begin + 2 * point.words]
    words = [part[at : at + 2].hex().upper() for at in range(0, min(len(part), 8), 2)]
    return " ".join(words) + (" …" if len(part) > 8 else "")


async def _by_bus(bus: Bus, member: Member) -> Trial:
    """Through the bus that runs the device later; raw words are not to be had there."""
    shown: list[Shown] = []
    silent: list[Silent] = []
    try:
        for number, batch in enumerate(bus.batches(member.id)):
            try:
                fetched = await bus.read(member.id, number)
            except BusError as exc:
                silent.append(Silent(str(batch.every), exc.said, batch.points))
                continue
            decoded = list(zip(fetched.values, fetched.qualities, fetched.causes, strict=True))
            shown += _shown(member, batch.points, decoded, {})
            shown += [Shown(member.profile.points[name], "", text, "good") for name, text in fetched.texts.items()]
    finally:
        await bus.close()
    return Trial(tuple(shown), tuple(silent), len(bus.batches(member.id)))
