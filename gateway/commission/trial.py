"""Trial of a profile on a live device: every read it plans, once, and what each point says. Nothing is written."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.commission.asker import Asker
from gateway.errors import BusError
from gateway.field.bus import Member
from gateway.field.modbus import Fetch, fetches
from gateway.field.opcua import OpcUaBus
from gateway.field.open import open_line
from gateway.field.points import member_of
from gateway.model.reading import Quality
from gateway.model.site import Connection, Device, Transport
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
    if connection.transport is Transport.OPCUA:
        return await _opcua(connection, member, clock)
    asker = Asker(open_line(connection, units=2), rate_per_s=rate_per_s)
    shown: list[Shown] = []
    silent: list[Silent] = []
    try:
        for fetch in fetches(member):
            address, count = struct.unpack(">HH", fetch.query.pdu[1:5])
            try:
                data = await asker.transact(fetch.query)
            except BusError as exc:
                place = f"fc{fetch.query.function} {address}…{address + count - 1}"
                silent.append(Silent(place, str(exc), fetch.batch.points))
                continue
            shown += _points(fetch, member, data, address=address)
    finally:
        await asker.close()
    return Trial(tuple(shown), tuple(silent), asker.asked)


def _points(fetch: Fetch, member: Member, data: bytes, *, address: int) -> list[Shown]:
    values, qualities, causes = fetch.decode(data)
    found = []
    for name, value, quality, cause in zip(fetch.batch.points, values, qualities, causes, strict=True):
        point = member.profile.points[name]
        word = quality.name.lower() if quality is Quality.GOOD else cause.name.lower()
        found.append(Shown(point, _raw(point, data, address), value, word))
    for name, text in fetch.decode.texts(data).items():
        point = member.profile.points[name]
        found.append(Shown(point, _raw(point, data, address), text, "good"))
    return found


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


async def _opcua(connection: Connection, member: Member, clock: Clock) -> Trial:
    bus = OpcUaBus(connection, [member], clock=clock)
    shown: list[Shown] = []
    silent: list[Silent] = []
    try:
        for number, batch in enumerate(bus.batches(member.id)):
            try:
                fetched = await bus.read(member.id, number)
            except BusError as exc:
                silent.append(Silent(str(batch.every), str(exc), batch.points))
                continue
            columns: Sequence[tuple[str, float | None]] = list(zip(batch.points, fetched.values, strict=True))
            for (name, value), quality, cause in zip(columns, fetched.qualities, fetched.causes, strict=True):
                word = quality.name.lower() if quality is Quality.GOOD else cause.name.lower()
                shown.append(Shown(member.profile.points[name], "", value, word))
    finally:
        await bus.close()
    return Trial(tuple(shown), tuple(silent), len(bus.batches(member.id)))
