"""An answer to a read that is plain numbers, taken out of its bytes at once, by the way it lies in them.

The library makes six objects of every value it is told; of the numbers that field devices serve one is needed. What the
bytes are is fixed (OPC 10000-6, 5.2.2.17 DataValue, 5.2.2.16 Variant): a mask, a type, the number, a status, two times.
Anything else in an answer (texts, arrays, diagnostics, picoseconds, a fault) is left to the library as it always was.
"""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct, calcsize, error
from typing import Any, NamedTuple, Self

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

HEAD = Struct("<BBHqIIBiHBi")
"""Of a response: its type, its header (time, handle, result, diagnostics, texts, nothing more), how many values."""
PLAIN = (1, 0, ObjectIds.ReadResponse_Encoding_DefaultBinary)
VALUE = 1
PARTS = ((2, "I"), (4, "q"), (8, "q"))
"""Of a mask: status, source's time, server's time."""
SCALARS = dict(enumerate(("", *"?bBhHiIqQfd")))
"""Variant type -> its number; Null, Boolean … Double."""
TRUTH = b"\x01"
Mark = bytes
"""How one value lies: its mask, and its type where there is a value."""


class Number(NamedTuple):
    """A value that is a number."""

    Value: float


class Told(NamedTuple):
    """One node's answer, as `asyncua.ua.DataValue` shows it; times in 100 ns since 1601."""

    Value: Number | None
    StatusCode: ua.StatusCode | None
    source: int | None
    server: int | None

    @property
    def SourceTimestamp(self) -> datetime | None:  # noqa: N802 - as the library calls it
        """When the source measured it."""
        return None if self.source is None else ua.win_epoch_to_datetime(self.source)

    @property
    def ServerTimestamp(self) -> datetime | None:  # noqa: N802 - as the library calls it
        """When the server had it."""
        return None if self.server is None else ua.win_epoch_to_datetime(self.server)


class Numbers(NamedTuple):
    """An answer of numbers, states and times; a column each, one a node, None where its answer has none."""

    values: list[Any]
    states: list[int | None]
    sources: list[int | None]
    servers: list[int | None]

    @property
    def all_good(self) -> bool:
        """Whether every node has a value, and a good one."""
        return None not in self.values and not any(self.states)

    def told(self) -> list[Told]:
        """Node by node."""
        return [
            Told(
                None if value is None else Number(value), ua.StatusCode(ua.UInt32(state)) if state else None, source, server
            )
            for value, state, source, server in zip(*self, strict=True)
        ]  # fmt: skip


class Layout:
    """How an answer lies; the next one lies alike until a type changes or a state comes or goes."""

    __slots__ = ("_columns", "_count", "_fields", "_marked", "_marks", "truths")

    def __init__(self, marks: Sequence[Mark]) -> None:
        self.truths = frozenset(at for at, mark in enumerate(marks) if mark[1:] == TRUTH)
        """Which of the nodes hold true or false."""
        self._count = len(marks)
        self._marks = [byte for mark in marks for byte in mark]
        self._marked: list[int] = []
        """Which of the fields are those bytes."""
        self._columns: tuple[list[int], ...] = ([], [], [], [])
        """Which of them are numbers, states and times; the last of all where there is none."""
        form = ""
        for mark in marks:
            self._marked += range(len(form), len(form) + len(mark))
            form += "B" * len(mark)
            parts = [SCALARS[mark[1]] if mark[0] & VALUE else "", *(part * bool(mark[0] & bit) for bit, part in PARTS)]
            for column, part in zip(self._columns, parts, strict=True):
                column.append(len(form) if part else -1)
                form += part
        self._fields = Struct(f"<{form}i")

    @classmethod
    def of(cls, body: bytes, count: int) -> Self | None:
        """That of an answer for so many nodes; None where it holds something else."""
        at, marks = HEAD.size, []
        try:
            for _ in range(count):
                marks.append(bytes(body[at : at + 1 + (body[at] & VALUE)]))
                at += SIZES[marks[-1]]
        except (IndexError, KeyError):
            return None
        return cls(marks)

    def numbers(self, body: bytes) -> Numbers | None:
        """What is in an answer; None where it lies otherwise, or is no good answer."""
        try:
            *kind, _, _, result, diagnostics, texts, extra, encoding, told = HEAD.unpack_from(body)
        except error:
            return None
        if tuple(kind) != PLAIN or result or diagnostics or texts > 0 or extra or encoding or told != self._count:
            return None
        if len(body) != HEAD.size + self._fields.size:
            return None
        *found, after = self._fields.unpack_from(body, HEAD.size)
        if after > 0 or [found[at] for at in self._marked] != self._marks:
            return None
        found.append(None)
        return Numbers(*([found[at] for at in column] for column in self._columns))


def _sizes() -> dict[bytes, int]:
    """How many bytes a value takes, by the bytes that say how it lies."""
    rests = {mask: sum(calcsize(f"<{part}") for bit, part in PARTS if mask & bit) for mask in range(0, 16, 2)}
    bare = {bytes((mask,)): 1 + rest for mask, rest in rests.items()}
    valued = {
        bytes((mask | VALUE, kind)): 2 + rest + calcsize(f"<{letter}")
        for mask, rest in rests.items()
        for kind, letter in SCALARS.items()
    }
    return bare | valued


SIZES = _sizes()
