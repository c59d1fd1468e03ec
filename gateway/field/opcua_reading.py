"""One read of the same nodes, again and again: its request is made once, an answer of plain numbers is taken apart by layout.

The library makes six objects of every value it is told; of the numbers that field devices serve one is needed. What the
bytes are is fixed (OPC 10000-6, 5.2.2.17 DataValue, 5.2.2.16 Variant): a mask, a type, the number, a status, two times.
Anything else in an answer (texts, arrays, diagnostics, picoseconds, a fault) is left to the library as it always was.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import is_
from struct import Struct, error
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary

HEAD = Struct("<BBHqIIBiHBi")
"""Of a response: its type, its header (time, handle, result, diagnostics, texts, nothing more), how many values."""
PLAIN = (1, 0, ObjectIds.ReadResponse_Encoding_DefaultBinary)
TAIL = Struct("<i")
GOOD = ua.UInt32(0)
VALUE, STATUS, SOURCE, SERVER = 1, 2, 4, 8
SCALARS = dict(enumerate(("", *"?bBhHiIqQfd")))
"""Variant type -> its number; Null, Boolean … Double."""


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


class Layout(NamedTuple):
    """How one node's answer lies in the bytes."""

    fields: Struct
    has_value: bool
    has_status: bool
    has_source: bool
    has_server: bool


def _layouts() -> dict[int, Layout]:
    """By the first two bytes of an answer, mask and type; by the mask alone where no value follows."""
    found = {}
    for mask in range(16):
        status, source, server = (bool(mask & bit) for bit in (STATUS, SOURCE, SERVER))
        rest = "I" * status + "q" * (source + server)
        if mask & VALUE:
            for kind, number in SCALARS.items():
                found[mask | kind << 8] = Layout(Struct(f"<xx{number}{rest}"), bool(number), status, source, server)
        else:
            found[mask] = Layout(Struct(f"<x{rest}"), False, status, source, server)
    return found


LAYOUTS = _layouts()


def numbers(body: bytes, count: int) -> list[Told] | None:
    """An answer's values; None where it is not `count` numbers, states and times and nothing else."""
    try:
        *kind, _, _, result, diagnostics, texts, extra, encoding, told = HEAD.unpack_from(body)
        if tuple(kind) != PLAIN or result or diagnostics or texts > 0 or extra or encoding or told != count:
            return None
        at, found = HEAD.size, []
        for _ in range(count):
            mask = body[at]
            layout = LAYOUTS[mask | body[at + 1] << 8 if mask & VALUE else mask]
            fields = iter(layout.fields.unpack_from(body, at))
            at += layout.fields.size
            value = Number(next(fields)) if layout.has_value else None
            status = ua.UInt32(next(fields)) if layout.has_status else GOOD
            source = next(fields) if layout.has_source else None
            server = next(fields) if layout.has_server else None
            found.append(Told(value, ua.StatusCode(status) if status else None, source, server))
        (after,) = TAIL.unpack_from(body, at)
    except (error, KeyError, IndexError):
        return None
    return found if after <= 0 and at + TAIL.size == len(body) else None


class Reading:
    """The request for some nodes' values."""

    __slots__ = ("_nodes", "_request")

    def __init__(self, nodes: Sequence[ua.NodeId]) -> None:
        self._nodes = tuple(nodes)
        wanted = [ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in nodes]
        both = ua.TimestampsToReturn.Both  # how long the source has said nothing is told by the two times
        self._request = ua.ReadRequest(Parameters=ua.ReadParameters(TimestampsToReturn=both, NodesToRead=wanted))

    def asks(self, nodes: Sequence[ua.NodeId]) -> bool:
        """Whether these very nodes are what it asks for."""
        return len(nodes) == len(self._nodes) and all(map(is_, nodes, self._nodes))

    async def ask(self, client: Client) -> list[Any]:
        """One answer a node, `Told` or the library's DataValue. UaError for a fault of the whole, else ConnectionError."""
        if client.uaclient.protocol is None:
            raise ConnectionError("the connection is closed")
        answer = await client.uaclient.protocol.send_request(self._request)
        found = numbers(answer.copy().read(len(answer)), len(self._nodes))
        if found is not None:
            return list(found)
        response = struct_from_binary(ua.ReadResponse, answer)
        response.ResponseHeader.ServiceResult.check()
        return list(response.Results or ())
