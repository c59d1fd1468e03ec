"""Dialling a device over TCP: every socket, re-dialled ones too, gets the same options and one connect deadline."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence

from gateway.errors import BusDown
from gateway.field.line import Wire
from gateway.field.names import Address, HostNames
from gateway.field.tls import Security
from gateway.texts import say
from gateway.texts.causes import cause

KEEP_IDLE_S, KEEP_INTERVAL_S, KEEP_PROBES = 10, 3, 3
USER_TIMEOUT_MS = 5000


def split_address(address: str, *, default_port: int = 502) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or a bare host."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.startswith("[")):
        return address.strip("[]"), default_port
    return host.strip("[]"), int(port)


def set_options(sock: socket.socket) -> None:
    """No Nagle delay; a peer that vanished without a word is noticed within seconds."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)


async def dial_tcp(
    host: str,
    port: int,
    wire: Callable[[], Wire],
    *,
    timeout_s: float,
    security: Security | None = None,
    names: HostNames | None = None,
) -> Wire:
    """Connect, and shake hands where there is `security`, within `timeout_s`; or BusDown saying why not."""
    sock = None
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connected(await (names or HostNames()).addresses(host, port))
            return await _opened(sock, host, wire, security)
    except TimeoutError as exc:
        way = "bus.no_connection" if sock is None else "bus.no_handshake"
        raise BusDown(say(way, host=host, port=port, within=timeout_s)) from exc
    except ssl.SSLCertVerificationError as exc:
        raise BusDown(say("bus.certificate_refused", host=host, port=port, why=exc.verify_message)) from exc
    except ssl.SSLError as exc:
        raise BusDown(say("bus.no_tls", host=host, port=port, why=exc.reason or str(exc))) from exc
    except OSError as exc:
        way = "bus.refused" if sock is None or security is None else "bus.no_tls"
        raise BusDown(say(way, host=host, port=port, why=cause(exc) or say("bus.closed_by_device"))) from exc


async def _opened(sock: socket.socket, host: str, wire: Callable[[], Wire], security: Security | None) -> Wire:
    loop = asyncio.get_running_loop()
    try:
        if security is None:
            _, protocol = await loop.create_connection(wire, sock=sock)
        else:
            # read again for every connection: a renewed certificate counts without a restart
            context = await loop.run_in_executor(None, security.context)
            name = security.server_name or host
            _, protocol = await loop.create_connection(wire, sock=sock, ssl=context, server_hostname=name)
            protocol.hint = "bus.tls_closed"
    except BaseException:
        sock.close()
        raise
    return protocol


async def _connected(addresses: Sequence[Address]) -> socket.socket:
    """A socket to the first of a host's addresses that takes the call; the error of the last one that does not."""
    for number, (family, address) in enumerate(addresses, start=1):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_options(sock)
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError:
            sock.close()
            if number == len(addresses):
                raise
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise OSError(errno.EADDRNOTAVAIL, "no address")
