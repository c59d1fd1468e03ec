"""Query: one Modbus request PDU, and the only replies that may answer it (Modbus Application Protocol V1.1b3).

A reply is accepted when every field matches: function, byte count, length, and for writes the echoed address and
value or quantity. Whatever else comes is an error of ours, never a value.

    function          request after the function code        reply after the function code
    1, 2  read bits   address, quantity                      byte count, bits (first one lowest)
    3, 4  read words  address, quantity                      byte count, words (high byte first)
    5, 6  write one   address, value                         the same
    15    write bits  address, quantity, byte count, bits    address, quantity
    16    write words address, quantity, byte count, words   address, quantity
    22    mask word   address, AND mask, OR mask             the same
    23    write words,  read address, quantity,              byte count, words
          read words    write address, quantity, byte
                        count, words
    43/14 identify    14, access level, object               14, level, conformity, more, next, count, objects
    any + 0x80        -                                      exception code

Function 22 sets (word AND and_mask) OR (or_mask AND NOT and_mask). Function 23 writes first, then reads.
Identification alone says itself how long its reply is: `said_size`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import BusError, BusMismatch, BusRefused
from gateway.texts import say

READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
MASK_WRITE, READ_WRITE = 22, 23
IDENTIFY, MEI_IDENTITY = 43, 14
FAILED = 0x80
MAX_PDU = 253
BIT_READS = (READ_COILS, READ_DISCRETE)
WORD_READS = (READ_HOLDING, READ_INPUT)
MOST_BITS, MOST_WORDS = 2000, 125
MOST_BITS_WRITTEN, MOST_WORDS_WRITTEN, MOST_WORDS_EXCHANGED = 1968, 123, 121

SAYS_COUNT = (*BIT_READS, *WORD_READS, READ_WRITE)
FIXED_SIZE = {WRITE_COIL: 5, WRITE_REGISTER: 5, WRITE_COILS: 5, WRITE_REGISTERS: 5, MASK_WRITE: 7}

EXCEPTIONS = (1, 2, 3, 4, 5, 6, 8, 10, 11)
"""Codes of an exception that have a meaning."""


@dataclass(frozen=True, slots=True)
class Query:
    """A request to one unit; `head` is what a good reply must begin with, `size` how long it must be; 0: as it says."""

    unit: int
    pdu: bytes
    head: bytes
    size: int
    mbap_request: bytes
    """The request as it stands in an MBAP frame, after the transaction id."""
    mbap_head: bytes
    """What the good reply begins with there."""
    mbap_size: int
    """How long that frame is, its transaction id included."""
    mbap_start: int
    """Where its data begins."""

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]


Answer = tuple[int, bytes | BusError]
"""The key of a transaction, and the data of its reply or why there is none."""


def read(unit: int, function: int, address: int, count: int) -> Query:
    """Ask for `count` bits or words; ValueError when the protocol does not allow it."""
    if function in WORD_READS:
        most, size = MOST_WORDS, 2 * count
    elif function in BIT_READS:
        most, size = MOST_BITS, (count + 7) // 8
    else:
        raise ValueError(f"function {function} does not read")
    if not (1 <= count <= most and 0 <= address <= 0x10000 - count):
        raise ValueError(f"cannot read {count} from {address} with function {function}")
    pdu = struct.pack(">BHH", function, address, count)
    return _query(unit, pdu, bytes((function, size)), 2 + size)


def write_register(unit: int, address: int, word: int) -> Query:
    """Set one holding register by function 6."""
    return _echoed(unit, struct.pack(">BHH", WRITE_REGISTER, address, word))


def write_coil(unit: int, address: int, *, on: bool) -> Query:
    """Set one coil by function 5."""
    return _echoed(unit, struct.pack(">BHH", WRITE_COIL, address, 0xFF00 if on else 0))


def write_registers(unit: int, address: int, words: Sequence[int]) -> Query:
    """Set adjacent holding registers in one request, by function 16."""
    if not (1 <= len(words) <= MOST_WORDS_WRITTEN and 0 <= address <= 0x10000 - len(words)):
        raise ValueError(f"cannot write {len(words)} words to {address}")
    data = struct.pack(f">{len(words)}H", *words)
    return _counted(unit, WRITE_REGISTERS, address, len(words), data)


def write_coils(unit: int, address: int, bits: Sequence[bool]) -> Query:
    """Set adjacent coils in one request, by function 15."""
    if not (1 <= len(bits) <= MOST_BITS_WRITTEN and 0 <= address <= 0x10000 - len(bits)):
        raise ValueError(f"cannot write {len(bits)} bits to {address}")
    number = sum(1 << at for at, bit in enumerate(bits) if bit)
    return _counted(unit, WRITE_COILS, address, len(bits), number.to_bytes((len(bits) + 7) // 8, "little"))


def mask_write(unit: int, address: int, *, and_mask: int, or_mask: int) -> Query:
    """Change bits of one holding register in the device itself, by function 22."""
    return _echoed(unit, struct.pack(">BHHH", MASK_WRITE, address, and_mask, or_mask))


def read_write(unit: int, address: int, count: int, *, write_at: int, words: Sequence[int]) -> Query:
    """Write adjacent holding registers, then read `count` from `address`, in one request, by function 23."""
    most, written = MOST_WORDS_EXCHANGED, len(words)
    if not (1 <= count <= MOST_WORDS and 1 <= written <= most):
        raise ValueError(f"cannot read {count} and write {written} words at once")
    if not (0 <= address <= 0x10000 - count and 0 <= write_at <= 0x10000 - written):
        raise ValueError(f"cannot read {count} words from {address} and write {written} to {write_at}")
    head = struct.pack(">BHHHHB", READ_WRITE, address, count, write_at, written, 2 * written)
    pdu = head + struct.pack(f">{written}H", *words)
    return _query(unit, pdu, bytes((READ_WRITE, 2 * count)), 2 + 2 * count)


def identify(unit: int, *, access: int, first: int = 0) -> Query:
    """Ask for the identification objects of an access level from object `first` on, by function 43/14."""
    pdu = bytes((IDENTIFY, MEI_IDENTITY, access, first))
    return _query(unit, pdu, pdu[:3], 0)


def said_size(reply: bytes) -> int:
    """How long a reply PDU must be by its own first bytes; 0 when it cannot be one, or does not tell yet."""
    if len(reply) < 2:
        return 0
    function = reply[0]
    if function & FAILED:
        return 2
    if function == IDENTIFY:
        return _identity_size(reply)
    if function in SAYS_COUNT:
        return 2 + reply[1]
    return FIXED_SIZE.get(function, 0)


def judge(query: Query, reply: bytes) -> bytes | BusError:
    """The data of a reply that answers the query (empty for a write), or why it does not."""
    if len(reply) == query.size and reply.startswith(query.head):
        return reply[len(query.head) :]
    if not query.size and reply.startswith(query.head) and len(reply) == said_size(reply):
        return reply[len(query.head) :]
    function = query.pdu[0]
    if reply and reply[0] == function | FAILED and len(reply) <= 2:
        code = reply[1] if len(reply) == 2 else 0
        name = say(f"bus.exception.{code if code in EXCEPTIONS else 'unknown'}")
        return BusRefused(say("bus.exception", unit=query.unit, name=name, code=code), code)
    return BusMismatch(
        f"unit {query.unit}: asked {query.pdu[:5].hex()} for {query.size} bytes, got {len(reply)}: {reply[:5].hex()}"
    )


def _identity_size(reply: bytes) -> int:
    """After function, MEI type, level, conformity, more, next: the number of objects, each with id, length, bytes."""
    if len(reply) < 7:
        return 0
    at = 7
    for _ in range(reply[6]):
        if len(reply) < at + 2:
            return 0
        at += 2 + reply[at + 1]
    return at


def _echoed(unit: int, pdu: bytes) -> Query:
    return _query(unit, pdu, pdu, len(pdu))


def _counted(unit: int, function: int, address: int, count: int, data: bytes) -> Query:
    head = struct.pack(">BHH", function, address, count)
    return _query(unit, head + bytes((len(data),)) + data, head, len(head))


def _query(unit: int, pdu: bytes, head: bytes, size: int) -> Query:
    request = struct.pack(">HHB", 0, len(pdu) + 1, unit) + pdu
    reply = struct.pack(">HHB", 0, size + 1, unit) + head
    return Query(unit, pdu, head, size, request, reply, 7 + size, 2 + len(reply))
