"""The dashboard of one gateway, an edge of it: puts the room together from the parts and serves it.

The web server is imported here, in a thread, after control has begun: a gateway without a dashboard never loads it, one
with a dashboard starts as fast.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.clock import Clock
from gateway.dashboard.ports import Ask, Audit, Energies, History, Site
from gateway.log import get_logger
from gateway.model.listen import Listen

if TYPE_CHECKING:
    from gateway.dashboard.access import Access
    from gateway.dashboard.server import Server

log = get_logger("screen")

PATIENCE_S = 8.0
"""A gateway that cannot begin must be seen as well."""


class Screen:
    """One per gateway."""

    def __init__(
        self,
        listen: Listen,
        state: Path,
        clock: Clock,
        *,
        site: Site,
        ask: Ask,
        history: History,
        energies: Energies,
        audit: Audit,
        on_url: Callable[[str], None],
    ) -> None:
        self._listen, self._state, self._clock = listen, state, clock
        self._site, self._ask, self._history, self._audit = site, ask, history, audit
        self._energies = energies
        self._on_url = on_url
        self.server: Server | None = None
        self.access: Access | None = None

    @property
    def url(self) -> str:
        """Where it is; empty until it is bound."""
        return "" if self.server is None else self.server.url

    async def run(self) -> None:
        """Serve until cancelled; StoreError when it cannot bind."""
        await self._control_begun()
        self.server = await asyncio.to_thread(self._make)
        try:
            await self.server.run()
        finally:
            self.server = None

    def hurry(self) -> None:
        """Something changed that open pages should see at once."""
        if self.server is not None:
            self.server.hurry()

    async def _control_begun(self) -> None:
        """Loading a web server takes half a second of the interpreter: control's first steps come before."""
        end_s = self._clock.boot_s() + PATIENCE_S
        while "starting" in self._site.ready().reasons and self._clock.boot_s() < end_s:  # noqa: ASYNC110 - of control
            await asyncio.sleep(0.1)

    def _make(self) -> "Server":
        from gateway.dashboard.access import Access
        from gateway.dashboard.route import Room
        from gateway.dashboard.server import Server
        from gateway.dashboard.stream import Hub

        if self.access is None:  # a server that is started again keeps its logins
            self.access = Access(self._state, self._clock)
        hub = Hub(self._site)
        room = Room(self._site, self._ask, self._history, self._energies, self._audit, self.access, hub, self._clock)
        return Server(room, self._listen, tls=self._tls(), on_ready=self._ready)

    def _ready(self, url: str) -> None:
        log.info("dashboard", url=url)
        self._on_url(url)

    def _tls(self) -> Any:
        if not self._listen.encrypted:
            return None
        from gateway.dashboard.certificate import context

        return context(self._listen, self._state, utc_ms=self._clock.utc_ms())
