"""OpcUaSession: one session with one server: opened when needed, its nodes found by name, ended by whatever goes wrong.

Namespace indexes, node ids and types may change whenever the server restarts, so they are resolved from namespace URIs
and browse paths after every connect and forgotten with the session. Every call has an outer deadline; what leaves it is
a BusError.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any, TypeVar

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.clock import Clock
from gateway.errors import BusDown, BusError, BusRefused, BusTimeout
from gateway.field.bus import Member
from gateway.field.opcua_dial import client_for
from gateway.field.opcua_guard import FOREIGN, GuardedClient
from gateway.field.opcua_papers import Papers
from gateway.field.opcua_paths import Key, first_path, wanted_nodes
from gateway.field.opcua_trust import Untrusted
from gateway.field.opcua_values import status_of
from gateway.field.tap import Tap
from gateway.model.site import Connection
from gateway.texts import say

GOODBYE_S = 1.0
SEEK_S, SEEK_CAP_S = 10.0, 300.0
"""A node the server does not have, or has no more, is sought again after so long, ever later while nothing changes."""
PER_REQUEST = 250
"""Nodes sought in one request: controllers take no more of them than of anything else."""
NO_NODE = frozenset({StatusCodes.BadNodeIdUnknown, StatusCodes.BadNodeIdInvalid})
"""What a read says of a node that is gone: a program was loaded while the session stood."""
SESSION_GONE = frozenset(
    {
        StatusCodes.BadSessionIdInvalid,
        StatusCodes.BadSessionClosed,
        StatusCodes.BadSessionNotActivated,
        StatusCodes.BadSecureChannelIdInvalid,
        StatusCodes.BadSecureChannelClosed,
        StatusCodes.BadConnectionClosed,
        StatusCodes.BadShutdown,
    }
)
T = TypeVar("T")


class OpcUaSession:
    """A session with one server, and what was learned in it."""

    def __init__(
        self,
        connection: Connection,
        members: Mapping[str, Member],
        *,
        clock: Clock,
        papers: Papers | None,
        counters: Counter[str],
        on_end: Callable[[], None],
    ) -> None:
        self.client: GuardedClient | None = None
        self.nodes: dict[Key, Any] = {}
        """What of the profiles' nodes the server has."""
        self.types: dict[Key, list[ua.VariantType]] = {}
        """The type each node takes, or of a method each argument; asked when first needed."""
        self._tap: Tap | None = None
        self.untrusted = ""
        """Why nobody should talk to this server; somebody has to look."""
        self._connection = connection
        self._members = members
        self._clock = clock
        self._papers = papers
        self._counters = counters
        self._on_end = on_end
        self.moved = 0
        """How often nodes were found that were not there, or elsewhere, before."""
        self.lacking: dict[str, str] = {}
        """Devices of which the server has no node at all, and what was sought first."""
        self._unfound: list[Member] = []
        """Devices that joined a session that stands; their nodes are found before the next request."""
        self._missing: dict[str, int] = {}
        """How many of a device's nodes the server does not have."""
        self._seek_s = inf
        self._seek_wait_s = SEEK_S / 2.0

    def show(self, tap: Tap | None) -> None:
        """Show the frames of this session and of the next ones."""
        self._tap = tap
        if self.client is not None:
            self.client.show(tap)

    def join(self, member: Member) -> None:
        """One of the members is new."""
        self._unfound.append(member)

    def leave(self, device: str) -> None:
        """One of them is gone."""
        self._unfound = [member for member in self._unfound if member.id != device]
        self._missing.pop(device, None)
        self.lacking.pop(device, None)
        for known in (self.nodes, self.types):
            for key in [key for key in known if key[0] == device]:
                del known[key]

    def node(self, key: Key) -> Any:
        """A node of the session that lasts. BusRefused: the server has no such node."""
        node = self.nodes.get(key)
        if node is None:
            raise BusRefused(say("bus.no_node", node="/".join(key[:2])), StatusCodes.BadNodeIdUnknown)
        return node

    async def ready(self) -> GuardedClient:
        """The client of the session that lasts, or of a new one. BusError."""
        if self.client is not None:
            if self._unfound or self._clock.boot_s() >= self._seek_s:
                await self.ask(self._find_more)
            return self.client
        self._counters["dialled"] += 1
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what fails is told by the errors raised here
        try:
            client = await self.ask(self._open, within_s=self._connection.connect_timeout_s)
        except Untrusted as exc:
            self.untrusted = exc.said
            raise
        self.untrusted = ""
        return client

    def miss(self, device: str) -> None:
        """The server says that a node of this device is no more: find its nodes again, in a while."""
        if not self._missing.get(device):
            self._missing[device] = 1
            self._seek_s = min(self._seek_s, self._clock.boot_s() + self._seek_wait_s)

    async def ask(self, request: Callable[[], Awaitable[T]], *, within_s: float | None = None) -> T:
        """One request with an outer deadline; what leaves is a BusError, and the session ends unless it was refused."""
        try:
            async with asyncio.timeout(within_s or self._connection.timeout_s):
                return await request()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            await self.discard()
            if task is not None and task.cancelling():
                raise
            raise BusDown(say("bus.session_ended")) from None  # the library cancels its waiters when the socket closes
        except BusDown:
            await self.discard()
            raise
        except FOREIGN as exc:
            error = bus_error(exc, connecting=within_s is not None)
            if not isinstance(error, BusRefused):
                self._counters["session_lost"] += 1
                await self.discard()
            raise error from exc

    async def discard(self) -> None:
        """End the session, in good order if the server still listens; forget what was learned in it."""
        client, self.client = self.client, None
        self.nodes, self.types, self._missing = {}, {}, {}
        self._seek_s, self._seek_wait_s = inf, SEEK_S / 2.0
        self._on_end()
        if client is None:
            return
        if self._tap is not None:
            self._tap.tell(say("bus.session_ended"))
        try:
            async with asyncio.timeout(GOODBYE_S):
                await client.disconnect()
        except FOREIGN:
            self._counters["goodbye_unanswered"] += 1
        finally:
            client.disconnect_socket()

    async def _open(self) -> GuardedClient:
        now = datetime.fromtimestamp(self._clock.utc_ms() / 1000.0, UTC)
        self.client = client = await client_for(self._connection, self._papers, now=now)
        client.show(self._tap)
        await client.connect()
        self.nodes = {}
        await self._find(client, list(self._members.values()))
        return client

    async def _find_more(self) -> None:
        if self.client is not None:
            sought = {member.id: member for member in self._unfound}
            sought |= {device: self._members[device] for device in self._missing if self._missing[device]}
            await self._find(self.client, list(sought.values()))

    async def _find(self, client: GuardedClient, members: Sequence[Member]) -> None:
        """Find the nodes of these devices, by what the server calls things now."""
        if any(point.member for member in members for point in member.profile.points.values()):
            await client.load_data_type_definitions()  # else a structure comes as bytes
        uris = await client.get_namespace_array()
        wanted = [found for member in members for found in wanted_nodes(member, uris)]
        found: dict[Key, Any] = {}
        known = [(key, place) for key, place in wanted if place is not None]
        named = [(key, place) for key, place in known if place.RelativePath.Elements]
        for some in batches(named):
            results = await client.uaclient.translate_browsepaths_to_nodeids([place for _, place in some])
            found |= {
                key: result.Targets[0].TargetId
                for (key, _), result in zip(some, results, strict=True)
                if result.StatusCode.is_good() and result.Targets
            }
        for some in batches([(key, place.StartingNode) for key, place in known if not place.RelativePath.Elements]):
            kinds = await client.uaclient.read_attributes([node for _, node in some], AttributeIds.NodeClass)
            found |= {key: node for (key, node), kind in zip(some, kinds, strict=True) if status_of(kind) == 0}
        self._learn(members, [key for key, _ in wanted], found, uris)

    def _learn(
        self, members: Sequence[Member], wanted: Sequence[Key], found: Mapping[Key, Any], uris: Sequence[str]
    ) -> None:
        """Take over what was found of these devices, and seek the rest again later."""
        changed = [key for key in wanted if self.nodes.get(key) != found.get(key)]
        for key in changed:
            self.types.pop(key, None)
            if key in found:
                self.nodes[key] = found[key]
            else:
                del self.nodes[key]
        self.moved += bool(changed)
        for member in members:
            own = [key for key in wanted if key[0] == member.id]
            self._missing[member.id] = sum(key not in found for key in own)
            self.lacking.pop(member.id, None)
            if own and self._missing[member.id] == len(own):
                self.lacking[member.id] = first_path(member, uris)
        sought = {member.id for member in members}
        self._unfound = [member for member in self._unfound if member.id not in sought]
        self._counters["nodes_missing"] = sum(self._missing.values())
        self._seek_wait_s = SEEK_S if changed else min(2.0 * self._seek_wait_s, SEEK_CAP_S)
        self._seek_s = self._clock.boot_s() + self._seek_wait_s if self._counters["nodes_missing"] else inf


def batches(sought: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one request may ask for."""
    for first in range(0, len(sought), PER_REQUEST):
        yield sought[first : first + PER_REQUEST]


def bus_error(exc: Exception, *, connecting: bool) -> BusError:
    """What a failure of the library means to us."""
    if isinstance(exc, UaStatusCodeError) and not connecting:
        code = exc.code
        if code == StatusCodes.BadTimeout:
            return BusTimeout(str(exc))
        return BusDown(str(exc)) if code in SESSION_GONE else BusRefused(str(exc), code)
    if isinstance(exc, TimeoutError):
        return BusDown(say("bus.silent_at_first")) if connecting else BusTimeout(say("bus.no_answer_in_time"))
    return BusDown(f"{type(exc).__name__}: {exc}")
