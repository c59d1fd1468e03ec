"""The web server, an edge of the daemon: binds, serves pages and API, ends its streams before it ends itself.

The first free port from the one asked for is taken; beyond loopback it speaks TLS. Stopping takes well under a second:
every stream is told to end, what else is open is closed.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from aiohttp import web

from gateway.dashboard import api_access, api_change, api_site
from gateway.dashboard.door import Door, Doorkeeper
from gateway.dashboard.gate import HEADERS, gate_for
from gateway.dashboard.openapi import description
from gateway.dashboard.pages import Pages
from gateway.dashboard.route import Asked, Handler, Room, Route, Text
from gateway.dashboard.serving import MOST_BODY, Serving
from gateway.dashboard.stream import ENDS
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.model.listen import Listen

log = get_logger("dashboard")

TRIES = 20
"""Ports tried from the one asked for."""
KEEPALIVE_S = 15.0
CLOSE_S = 1.0
TAKE_S = 10.0
"""How long a stream's client may take one message (F-091)."""
ROUTES = (*api_site.ROUTES, *api_change.ROUTES, *api_access.ROUTES)


class Server:
    """One per gateway; `run` is its task."""

    def __init__(
        self,
        room: Room,
        listen: Listen,
        *,
        tls: ssl.SSLContext | None,
        on_ready: Callable[[str], None],
        keeper: Doorkeeper | None = None,
    ) -> None:
        self._room = room
        self._listen, self._tls = listen, tls
        self._on_ready = on_ready
        self.keeper = keeper or Doorkeeper()
        self._pages, self._describe = Pages(), _describing()
        """Made here, in the thread that makes the server: both take a while."""
        self.url = ""
        """Where it is, once it is bound."""

    def hurry(self) -> None:
        """Something changed that open pages should see at once."""
        self._room.hub.hurry()

    async def run(self) -> None:
        """Serve until cancelled; StoreError when no port is free."""
        with _bound(self._listen) as sock:
            port = sock.getsockname()[1]
            scheme = "http" if self._tls is None else "https"
            gate = gate_for(self._listen.address, self._listen.hosts, scheme=scheme)
            serving = Serving(self._room, gate, cookie=f"gateway_session_{port}", open_machines=self._listen.local)
            runner = web.AppRunner(
                _application(serving, self._pages, self._describe),
                handle_signals=False,
                access_log=None,
                shutdown_timeout=CLOSE_S,
                keepalive_timeout=KEEPALIVE_S,
                auto_decompress=False,
                max_line_size=8190,
                max_field_size=8190,
            )
            await runner.setup()
            make = runner.server
            assert make is not None
            server = await asyncio.get_running_loop().create_server(
                lambda: Door(self.keeper, make), sock=sock, ssl=self._tls, start_serving=False
            )
            shown = f"[{self._listen.address}]" if ":" in self._listen.address else self._listen.address
            self.url = f"{scheme}://{shown}:{port}/"
            try:
                await server.start_serving()
                self._on_ready(self.url)
                await self._room.hub.run()
            finally:
                self.url = ""
                server.close()
                self._room.hub.close()
                await runner.cleanup()


def _application(serving: Serving, pages: Pages, describe: Handler) -> web.Application:
    application = web.Application(middlewares=[serving.middleware], client_max_size=MOST_BODY)
    for route in ROUTES:
        application.router.add_route(route.method, route.path, serving.handler(route))
    described = Route("GET", "/api/v1/openapi.json", describe, "This description", role=None)
    application.router.add_get(described.path, serving.handler(described))
    streamed = Route("GET", "/api/v1/stream", described.handler, "Server-sent events", media="text/event-stream")
    application.router.add_get(streamed.path, _streaming(serving, streamed))
    pages.add_to(application.router)
    return application


def _describing() -> Handler:
    """Handler of the description; it is made here, once, because making it takes half a second."""
    text = Text(json.dumps(description(ROUTES), separators=(",", ":")).encode(), "application/json")

    async def described(room: Room, asked: Asked) -> object:  # noqa: ARG001 - every handler has this shape
        return text

    return described


def _streaming(serving: Serving, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def stream(request: web.Request) -> web.StreamResponse:
        asked = await serving.asked(request, route)
        access, hub = serving.room.access, serving.room.hub
        bearer = request.headers.get("Authorization", "").partition(" ")[2].strip()

        def alive() -> bool:
            if asked.cookie:
                return access.session(asked.cookie) is not None
            return access.machine(bearer) is not None

        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        async with hub.client(alive) as one:
            with suppress(ConnectionResetError, TimeoutError):
                while (message := await one.next()) != ENDS:
                    async with asyncio.timeout(TAKE_S):
                        await response.write(message)
            if one.over.is_set() and request.transport is not None:
                request.transport.abort()  # it reads nothing, or may not any more: no farewell
        return response

    return stream


@contextmanager
def _bound(listen: Listen) -> Iterator[socket.socket]:
    """A listening socket on the first free port."""
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(sock, listen)
        yield sock


def _bind(sock: socket.socket, listen: Listen) -> None:
    last = listen.port + (TRIES - 1 if listen.port else 0)
    for port in range(listen.port, last + 1):
        try:
            sock.bind((listen.address, port))
            sock.listen(64)
        except OSError as exc:
            if port == last:
                raise StoreError(
                    f"dashboard: no port from {listen.port} on is free at {listen.address}: {exc}"
                ) from exc
        else:
            return
