"""Names of brokers to addresses, in a thread of our own: a resolver that never answers costs nobody but its link.

One question at a time: while it is open nothing else is asked, and the last address that was found is used. The thread
is a daemon, so an open question does not keep the process from ending.
"""

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress

from gateway.errors import LinkError

ANSWER_S = 5.0
THREAD = "resolver"


class Resolver:
    """The addresses of one link's host."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._open: asyncio.Future[str] | None = None

    async def address(self, host: str, port: int, *, within_s: float = ANSWER_S) -> str:
        """The address of a host now; else the last one found. LinkError when there is none."""
        with suppress(ValueError):
            return str(ipaddress.ip_address(host))
        if self._open is None:
            self._open = self._ask(host, port)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._open)
        except TimeoutError:
            reason = "its name is not answered for"
        except OSError as exc:
            reason = exc.strerror or str(exc)
        if host in self._last:
            return self._last[host]
        raise LinkError(f"{host}: {reason}")

    def _ask(self, host: str, port: int) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def settle(found: str | OSError) -> None:
            self._open = None
            if isinstance(found, str):
                self._last[host] = found
            if answer.done():
                return
            if isinstance(found, str):
                answer.set_result(found)
            else:
                answer.set_exception(found)
                answer.exception()  # seen, should nobody wait any longer

        def ask() -> None:
            found: str | OSError
            try:
                found = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
            except (OSError, UnicodeError) as exc:
                found = exc if isinstance(exc, OSError) else OSError(str(exc))
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=ask, name=THREAD, daemon=True).start()
        return answer
