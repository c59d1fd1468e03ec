"""Who a device says it is: Modbus read device identification (function 43/14), all three access levels, bounded.

A device answers in pages, each naming the object to ask for next. What it says is text of a stranger: at most `ROUNDS`
pages and `MOST_BYTES` bytes of it are taken, and what is not printable ASCII is written as an escape.
"""

import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from gateway.errors import BusMismatch, BusRefused
from gateway.field.pdu import Query, identify

ROUNDS = 32
MOST_BYTES = 4096
ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3

OBJECTS = {
    0: "vendor",
    1: "product",
    2: "revision",
    3: "url",
    4: "product_name",
    5: "model",
    6: "application",
}
"""Names of the basic and regular objects (V1.1b3, 6.21); from 0x80 on they are the maker's own."""

Ask = Callable[[Query], Awaitable[bytes]]
"""One transaction: `Line.transact`."""


class Access(IntEnum):
    """How much is asked for: vendor, product and revision; all standard objects; the maker's own too."""

    BASIC = 1
    REGULAR = 2
    EXTENDED = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One reply: its objects, and the one to ask for next (None: that was all)."""

    conformity: int
    objects: Mapping[int, bytes]
    following: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device said about itself: texts by object number, and whether it had more to say than we take."""

    conformity: int
    objects: Mapping[int, str]
    cut: bool = False

    def named(self) -> dict[str, str]:
        """The same by name; the maker's own objects as `object_128` and so on."""
        return {OBJECTS.get(number, f"object_{number}"): text for number, text in self.objects.items()}


async def read_identity(ask: Ask, unit: int, *, access: Access = Access.EXTENDED) -> Identity:
    """Ask a unit who it is, at most at this level; a level that it refuses is followed by the next lower one.

    BusRefused (code 1: it does not know the function), BusMismatch, BusTimeout, BusDown.
    """
    while True:
        try:
            return await _read_level(ask, unit, access)
        except BusRefused as refusal:
            if refusal.code not in (ILLEGAL_ADDRESS, ILLEGAL_VALUE) or access is Access.BASIC:
                raise
            access = Access(access - 1)


async def _read_level(ask: Ask, unit: int, access: Access) -> Identity:
    objects: dict[int, str] = {}
    first, taken, conformity = 0, 0, 0
    for _ in range(ROUNDS):
        page = parse_page(await ask(identify(unit, access=access, first=first)))
        conformity = page.conformity
        for number, data in page.objects.items():
            taken += len(data)
            if taken > MOST_BYTES:
                return Identity(conformity, objects, cut=True)
            objects[number] = printable(data)
        if page.following is None:
            return Identity(conformity, objects)
        if page.following <= first:  # it turns in a circle
            break
        first = page.following
    return Identity(conformity, objects, cut=True)


def parse_page(data: bytes) -> Page:
    """The reply after function, type and level, whose lengths are already known to add up; BusMismatch."""
    try:
        conformity, more, following, count = struct.unpack_from(">BBBB", data)
        objects, at = {}, 4
        for _ in range(count):
            number, size = struct.unpack_from(">BB", data, at)
            objects[number] = data[at + 2 : at + 2 + size]
            at += 2 + size
    except struct.error as exc:
        raise BusMismatch(f"identification of {len(data)} bytes is cut short") from exc
    return Page(conformity, objects, following if more == 0xFF else None)


def printable(data: bytes) -> str:
    """ASCII as it is, without the blanks and zeros devices pad with; every other byte as an escape."""
    text = data.strip(b" \0")
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in text)
