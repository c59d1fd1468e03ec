"""What an emulated device says about itself: the answers to Modbus read device identification (function 43/14)."""

import struct
from collections.abc import Mapping

from emulators.registers import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refusal

IDENTIFY, MEI = 43, 14
MOST = 246
"""Bytes of objects in one answer: a PDU less its first seven."""
LEVELS = {1: 3, 2: 7, 3: 256}
"""Basic, regular, extended: objects below this number."""
INDIVIDUAL = 4


class IdentityServer:
    """Answers for objects by number; those a device must have (0, 1, 2) are there even when empty."""

    def __init__(self, objects: Mapping[int, str]) -> None:
        texts = {0: "", 1: "", 2: ""} | dict(objects)
        self._objects = {number: texts[number].encode("ascii", "replace")[: MOST - 2] for number in sorted(texts)}

    @property
    def conformity(self) -> int:
        """How much there is: basic, regular or extended, and single objects too (0x80)."""
        return 0x80 | (3 if max(self._objects) >= 0x80 else 2 if max(self._objects) > 2 else 1)

    def answer(self, pdu: bytes) -> bytes:
        """The answer to a request; Refusal when there is none."""
        if len(pdu) != 4 or pdu[1] != MEI:
            raise Refusal(ILLEGAL_FUNCTION if len(pdu) > 1 and pdu[1] != MEI else ILLEGAL_VALUE)
        level, first = pdu[2], pdu[3]
        if level == INDIVIDUAL:
            if first not in self._objects:
                raise Refusal(ILLEGAL_ADDRESS)
            return self._page(level, [first], None)
        if level not in LEVELS:
            raise Refusal(ILLEGAL_VALUE)
        known = [number for number in self._objects if number < LEVELS[level]]
        first = first if first in known else 0  # V1.1b3, 6.21: an unknown object restarts from the beginning
        wanted = [number for number in known if number >= first]
        taken, size = 0, 0
        while taken < len(wanted) and size + 2 + len(self._objects[wanted[taken]]) <= MOST:
            size += 2 + len(self._objects[wanted[taken]])
            taken += 1
        return self._page(level, wanted[:taken], wanted[taken] if taken < len(wanted) else None)

    def _page(self, level: int, numbers: list[int], following: int | None) -> bytes:
        more = 0 if following is None else 0xFF
        head = struct.pack(">BBBBBBB", IDENTIFY, MEI, level, self.conformity, more, following or 0, len(numbers))
        return head + b"".join(bytes((n, len(self._objects[n]))) + self._objects[n] for n in numbers)
