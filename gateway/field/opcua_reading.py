"""One read of the same nodes, again and again: its request is encoded once, an answer of plain numbers is taken apart at once.

Of the library's encoding of a request the nodes are nearly all, and they stay. On the wire a list of them is its length
and then the nodes, a byte string its length and then the bytes (OPC 10000-6, 5.2.5 and 5.2.2.7), so that nodes encoded
before are a byte string that is as long as there are nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from gateway.field.opcua_layout import Layout, Numbers
from gateway.field.opcua_values import takes_truth
from gateway.profiles.blockcode import Columns
from gateway.profiles.nodecode import quick_decoder
from gateway.profiles.schema import Point


class EncodedNodes(ua.ByteString):
    """Nodes whose values are wanted, as the library encodes them."""

    how_many: int

    @classmethod
    def of(cls, nodes: Sequence[ua.NodeId]) -> Self:
        """Encode them."""
        wanted = [ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in nodes]
        encoded = cls(b"".join(map(struct_to_binary, wanted)))
        encoded.how_many = len(nodes)
        return encoded

    def __len__(self) -> int:
        """How many nodes."""
        return self.how_many


@dataclass(kw_only=True)
class EncodedParameters(ua.ReadParameters):
    """The library's, their nodes encoded."""

    NodesToRead: ua.ByteString  # type: ignore[assignment]  # a list there: see above


@dataclass(kw_only=True)
class EncodedRequest(ua.ReadRequest):
    """The library's, with such parameters."""

    Parameters: EncodedParameters


def request_for(nodes: Sequence[ua.NodeId]) -> ua.ReadRequest:
    """A request that may be sent again and again."""
    both = ua.TimestampsToReturn.Both  # how long the source has said nothing is told by the two times
    encoded = EncodedNodes.of(nodes)
    return EncodedRequest(Parameters=EncodedParameters(TimestampsToReturn=both, NodesToRead=encoded))


class Reading:
    """The request for some points' nodes, and what was learned from its answers."""

    __slots__ = ("_layout", "_quick", "_request", "_truths", "nodes", "points")

    def __init__(self, points: Sequence[Point], nodes: Sequence[ua.NodeId]) -> None:
        self.points = points
        self.nodes = nodes
        """One a point."""
        self._request = request_for(nodes)
        self._layout: Layout | None = None
        simple = not any(point.member or point.expect_change_s is not None for point in points)
        self._quick = quick_decoder(points) if simple else None
        self._truths = frozenset(at for at, point in enumerate(points) if takes_truth(point))

    async def ask(self, client: Client) -> Numbers | list[Any]:
        """The nodes' values, or one of the library's DataValues each. UaError for a fault of the whole, else ConnectionError."""
        if client.uaclient.protocol is None:
            raise ConnectionError("the connection is closed")
        answer = await client.uaclient.protocol.send_request(self._request)
        found = self._numbers(answer.copy().read(len(answer)))
        if found is not None:
            return found
        response = struct_from_binary(ua.ReadResponse, answer)
        response.ResponseHeader.ServiceResult.check()
        return list(response.Results or ())

    def _numbers(self, body: bytes) -> Numbers | None:
        """An answer as it lay the last time, or as it lies now."""
        found = None if self._layout is None else self._layout.numbers(body)
        if found is None:
            self._layout = Layout.of(body, len(self.nodes))
            found = None if self._layout is None else self._layout.numbers(body)
        return found

    def columns(self, answer: Numbers | list[Any]) -> Columns | None:
        """The points' values in engineering units, where all are good and ordinary; None: look at each."""
        if self._quick is None or not isinstance(answer, Numbers) or not answer.all_good:
            return None
        if self._layout is None or not self._layout.truths <= self._truths:
            return None
        return self._quick(answer.values)
