"""The words a profile chooses from: tables, raw types, byte orders, poll classes, wear."""

from enum import StrEnum


class Protocol(StrEnum):
    """How the device speaks."""

    MODBUS = "modbus"
    OPCUA = "opcua"


class Table(StrEnum):
    """A Modbus address space; the same address in two of them is two things."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def of_bits(self) -> bool:
        """One bit an address instead of one 16-bit word."""
        return self in (Table.COIL, Table.DISCRETE)


class Kind(StrEnum):
    """The raw type of a point."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BOOL = "bool"
    TEXT = "text"

    @property
    def is_float(self) -> bool:
        """An IEEE 754 number."""
        return self in (Kind.F32, Kind.F64)

    @property
    def is_integer(self) -> bool:
        """A whole number of 16, 32 or 64 bits."""
        return self.value[0] in "ui"

    @property
    def words(self) -> int:
        """How many registers it takes; text says for itself."""
        return {"64": 4, "32": 2}.get(self.value[1:], 1)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest raw value of an integer type; bool is 0 … 1."""
        if self is Kind.BOOL:
            return 0, 1
        bits = 16 * self.words
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.value[0] == "i" else (0, (1 << bits) - 1)


class Order(StrEnum):
    """Order of bytes on the wire against big-endian `abcd`; a wider value repeats the pattern."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"

    def turned(self, data: bytes) -> bytes:
        """Big-endian bytes as they go over the wire; the same again undoes it."""
        words = [data[at : at + 2] for at in range(0, len(data), 2)]
        if self in (Order.CDAB, Order.DCBA):
            words.reverse()
        if self in (Order.BADC, Order.DCBA):
            words = [word[::-1] for word in words]
        return b"".join(words)


class Every(StrEnum):
    """Poll class: how often a point is read; the profile gives the periods."""

    FAST = "fast"
    NORMAL = "normal"
    SLOW = "slow"
    ONCE = "once"


class Wear(StrEnum):
    """Where a written value lands: `stored` is flash or EEPROM and wears out."""

    VOLATILE = "volatile"
    STORED = "stored"


class Zero(StrEnum):
    """What the device makes of zero."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    STOPS = "stops"


class Then(StrEnum):
    """What the device does by itself when the gateway falls silent."""

    FALLBACK = "fallback"
    KEEPS_LAST = "keeps_last"
    OWN_CONTROL = "own_control"
    STOPS = "stops"
