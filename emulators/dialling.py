"""Devices that dial in: they call the gateway, say who they are, and call again when the connection is gone."""

import asyncio
from collections.abc import Callable, Container
from typing import Protocol, TypeVar

AGAIN_S = 0.5
"""Between two calls."""


class Call(Protocol):
    """Something that can open a connection to a gateway."""

    @property
    def connections(self) -> Container[object]:
        """Those that stand."""
        ...

    async def call(self, port: int, registration: bytes = b"") -> object:
        """Dial in to 127.0.0.1:`port`; OSError when nobody listens."""
        ...


P = TypeVar("P", bound=asyncio.BaseProtocol)


async def dial(protocol: Callable[[], P], port: int) -> P:
    """A connection to 127.0.0.1:`port`; OSError when nobody listens."""
    transport, made = await asyncio.get_running_loop().create_connection(protocol, "127.0.0.1", port)
    if transport.get_extra_info("sockname") == transport.get_extra_info("peername"):
        transport.abort()  # nobody listens, and chance gave us that very port: TCP connects to itself
        raise ConnectionRefusedError(f"nobody listens on 127.0.0.1:{port}")
    return made


async def keep_calling(caller: Call, port: int, registration: bytes) -> None:
    """Have one connection all the while, until cancelled."""
    connection: object = None
    while True:
        if connection is None or connection not in caller.connections:
            try:
                connection = await caller.call(port, registration)
            except OSError:
                connection = None
        await asyncio.sleep(AGAIN_S)
