"""Link: what the app asks of any upstream: say something, take what arrives, know whether it is there."""

from collections.abc import Callable
from typing import Protocol

from gateway.model.request import Arrival
from gateway.wire.command import Refusal
from gateway.wire.messages import Message

OnArrival = Callable[[Arrival], None]
"""Called on the event loop for every well-formed command and heartbeat; repeated ids come again."""
OnRefusal = Callable[[Refusal], None]
"""Called for every message that is none; answer it, where it has an id, with `link.tell(refusal)`."""


class Link(Protocol):
    """One upstream. `run` is its only task; it reconnects by itself and ends only by cancellation."""

    @property
    def connected(self) -> bool:
        """There is a session with the peer's broker now; it does not mean that the peer is alive."""
        ...

    def tell(self, message: Message) -> None:
        """Queue one message; never waits. Of status and plan only the newest is kept."""
        ...

    async def run(self) -> None:
        """Keep the session, send and receive."""
        ...
