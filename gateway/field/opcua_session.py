"""OpcUaSession: one session with one server: opened when needed, its nodes found by name, ended by whatever goes wrong.

Namespace indexes, node ids and types may change whenever the server restarts, so they are resolved from namespace URIs
and browse paths after every connect and forgotten with the session. Every call has an outer deadline; what leaves it is
a BusError.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.clock import Clock
from gateway.errors import BusDown, BusError, BusRefused, BusTimeout
from gateway.field.bus import Member
from gateway.field.opcua_dial import client_for
from gateway.field.opcua_guard import FOREIGN, GuardedClient
from gateway.field.opcua_papers import Papers
from gateway.field.opcua_paths import Key, wanted_nodes
from gateway.field.opcua_trust import Untrusted
from gateway.model.site import Connection
from gateway.texts import say

GOODBYE_S = 1.0
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
        self.untrusted = ""
        """Why nobody should talk to this server; somebody has to look."""
        self._connection = connection
        self._members = members
        self._clock = clock
        self._papers = papers
        self._counters = counters
        self._on_end = on_end
        self._unfound: list[Member] = []
        """Devices that joined a session that stands; their nodes are found before the next request."""

    def join(self, member: Member) -> None:
        """One of the members is new."""
        self._unfound.append(member)

    def leave(self, device: str) -> None:
        """One of them is gone."""
        self._unfound = [member for member in self._unfound if member.id != device]
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
            if self._unfound:
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
        self.nodes, self.types = {}, {}
        self._on_end()
        if client is None:
            return
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
        await client.connect()
        self.nodes, self._counters["nodes_missing"] = {}, 0
        await self._find(client, list(self._members.values()))
        return client

    async def _find_more(self) -> None:
        if self.client is not None:
            await self._find(self.client, self._unfound)

    async def _find(self, client: GuardedClient, members: Sequence[Member]) -> None:
        """Find the nodes of these devices, by what the server calls things in this session."""
        if any(point.member for member in members for point in member.profile.points.values()):
            await client.load_data_type_definitions()  # else a structure comes as bytes
        uris = await client.get_namespace_array()
        wanted = [found for member in members for found in wanted_nodes(member, uris)]
        known = [(key, path) for key, path in wanted if path is not None]
        start = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
        results = await client.translate_browsepaths(start, [path for _, path in known])
        found = {
            key: result.Targets[0].TargetId
            for (key, _), result in zip(known, results, strict=True)
            if result.StatusCode.is_good() and result.Targets
        }
        self.nodes |= found
        sought = {member.id for member in members}
        self._unfound = [member for member in self._unfound if member.id not in sought]
        self._counters["nodes_missing"] += len(wanted) - len(found)


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
