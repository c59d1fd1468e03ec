"""HostNames: the addresses of one host, asked for in a thread of its own that nobody waits for at the end.

A resolver that never answers holds its thread for half a minute. In the event loop's own pool a few such hosts would leave
no thread to open a serial port or read a certificate, and a process would not end before the last of them. Here a host has
one question at most under way, and what was known before is used while there is no answer (F-052).
"""

import asyncio
import ipaddress
import socket
import threading

Address = tuple[int, tuple[str, int]]
"""Address family, and what `connect` takes."""
PATIENCE_S = 1.0
"""So long an answer is waited for at a time; the question stays."""


class HostNames:
    """One host, dialled again and again."""

    def __init__(self) -> None:
        self._known: list[Address] = []
        self._asked: asyncio.Future[list[Address]] | None = None

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Where the host may be dialled, the best first; OSError when nobody knows."""
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            return await self._looked_up(host, port)
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]

    async def _looked_up(self, host: str, port: int) -> list[Address]:
        if self._asked is None:
            self._asked = asked(host, port)
        done, _ = await asyncio.wait([self._asked], timeout=PATIENCE_S)
        if done:
            found, self._asked = self._asked, None
            try:
                self._known = found.result()
            except OSError:
                if not self._known:
                    raise
        if not self._known:
            raise OSError(socket.EAI_AGAIN, "the resolver does not answer")
        return self._known


def asked(host: str, port: int) -> asyncio.Future[list[Address]]:
    """The question, under way in a thread of its own."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # it may be that nobody asks any more

    def settle(found: list[Address] | OSError) -> None:
        if answer.cancelled():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[Address] | OSError
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [(family, (str(address[0]), int(address[1]))) for family, *_, address in told]
        except OSError as exc:
            found = exc
        except UnicodeError:
            found = OSError(socket.EAI_NONAME, "Name or service not known")  # no name at all
        try:
            loop.call_soon_threadsafe(settle, found)
        except RuntimeError:
            return  # the loop has ended meanwhile

    threading.Thread(target=ask, name=f"name {host}", daemon=True).start()
    return answer
