"""Server-sent events: what changes is told to every open page, made once for all of them (F-091).

`now` comes every second and at each change of mode; `alarms` and `events` when they change. A client has a short queue
of shared messages; one that does not take them in time is dropped, and its page connects again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.dashboard import answers, records
from gateway.dashboard.jsontext import dump
from gateway.dashboard.ports import Site

EVERY_S = 1.5
"""At the latest; the app hurries it once a second, behind a control step."""
QUEUE = 16
"""Messages one client may be behind; each is some kB, and shared."""
MOST_BYTES = 512 * 1024
"""All that one client may be behind."""
ENDS = b""


@dataclass(slots=True, eq=False)
class Client:
    """One open page."""

    alive: Callable[[], bool]
    """Whether its login still holds (A-037)."""
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    behind: int = 0
    """Bytes that wait."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes) -> bool:
        """False when it is too far behind."""
        if self.queue.full() or self.behind + len(message) > MOST_BYTES:
            return False
        self.behind += len(message)
        self.queue.put_nowait(message)
        return True

    async def next(self) -> bytes:
        """The next message; ENDS when the stream is over."""
        message = await self.queue.get()
        self.behind -= len(message)
        return message

    def end(self) -> None:
        """Wake whoever serves it, at once: what waits is not told any more."""
        self.over.set()
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(ENDS)


class Hub:
    """All open pages; `run` is its task."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clients: set[Client] = set()
        self._due = asyncio.Event()
        self._told: dict[str, object] = {}
        self.dropped = 0

    @property
    def clients(self) -> int:
        """Open pages."""
        return len(self._clients)

    @asynccontextmanager
    async def client(self, alive: Callable[[], bool]) -> AsyncIterator[Client]:
        """One page, told everything once at its begin."""
        one = Client(alive)
        for message in self._everything():
            one.put(message)
        self._clients.add(one)
        try:
            yield one
        finally:
            self._clients.discard(one)

    def hurry(self) -> None:
        """Something changed that should be seen at once."""
        self._due.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            if self._clients:
                self._tell()

    def close(self) -> None:
        """End every stream."""
        for one in list(self._clients):
            one.end()

    def _tell(self) -> None:
        now = self._site.now()
        messages = [event("now", answers.Now, now)]
        alarms, events = self._site.alarms(), self._site.events()
        for name, kind, found, seen in (
            ("alarms", records.Alarms, alarms, alarms.alarms),
            ("events", records.Events, events, (events.running, events.coming, events.past)),
        ):
            if self._told.get(name) != seen:
                self._told[name] = seen
                messages.append(event(name, kind, found))
        for one in list(self._clients):
            if not one.alive() or not all(one.put(message) for message in messages):
                self.dropped += one.alive()
                self._clients.discard(one)
                one.end()

    def _everything(self) -> list[bytes]:
        site = self._site
        return [
            event("now", answers.Now, site.now()),
            event("alarms", records.Alarms, site.alarms()),
            event("events", records.Events, site.events()),
        ]


def event(name: str, kind: type, answer: object) -> bytes:
    """One message as it goes over the wire (HTML Living Standard 9.2.5)."""
    return b"event: " + name.encode() + b"\ndata: " + dump(kind, answer) + b"\n\n"
