"""The daemon's local socket: `STATE/gateway.sock`, mode 0600; one JSON line asks, one JSON line answers, then it closes.

Whoever may open it is the user the daemon runs as, or root. Sizes, times and the number of askers are bounded.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock
from gateway.errors import StoreError
from gateway.log import get_logger
from gateway.texts import say
from gateway.texts.causes import cause
from gateway.texts.packed import packed, unpacked
from gateway.wire.strictjson import BadJson, dumps, loads

log = get_logger("localsocket")

NAME = "gateway.sock"
MOST_REQUEST, MOST_ANSWER = 64 * 1024, 4 * 1024 * 1024
MOST_DEPTH = 4
MOST_ASKERS = 8
LINE_S = 2.0
"""How long an asker may take to send its line, and to take ours."""
ANSWER_S = 20.0
"""How long an answer may take to be made."""

Handle = Callable[[dict[str, Any], int], Awaitable[dict[str, Any]]]
"""From a request and the asker's user id to the answer."""


class LocalSocket:
    """The server, an edge of the daemon: `run` is its task."""

    def __init__(self, folder: Path, handle: Handle) -> None:
        self._folder = folder
        self._handle = handle
        self._askers = 0

    async def run(self) -> None:
        """Serve until cancelled; a socket left by a daemon that was killed is replaced."""
        with _path(self._folder) as path:
            listener = _listener(path)
            try:
                async with asyncio.TaskGroup() as group:
                    server = await asyncio.start_unix_server(
                        lambda reader, writer: self._accept(group, reader, writer), sock=listener, limit=MOST_REQUEST
                    )
                    async with server:
                        await server.serve_forever()
            finally:
                _remove(path)

    def _accept(self, group: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._askers >= MOST_ASKERS:
            writer.transport.abort()
            return
        self._askers += 1
        group.create_task(self._serve(reader, writer), name="local-asker")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(LINE_S):
                line = await reader.readline()
            if line:
                writer.write(await self._answer(line, _user(writer)) + b"\n")
                async with asyncio.timeout(LINE_S):
                    await writer.drain()
        except (TimeoutError, ValueError, OSError) as exc:  # ValueError: the line is longer than the reader's limit
            log.info("asker_dropped", error=str(exc) or type(exc).__name__)
        finally:
            self._askers -= 1
            writer.close()

    async def _answer(self, line: bytes, user: int) -> bytes:
        try:
            request = loads(line, max_bytes=MOST_REQUEST, max_depth=MOST_DEPTH)
            if not isinstance(request, dict):
                return dumps(packed({"error": "malformed", "text": say("refused.no_object")}))
            async with asyncio.timeout(ANSWER_S):
                return dumps(packed(await self._handle(request, user)))
        except BadJson as exc:
            return dumps({"error": exc.reason, "text": exc.text})
        except TimeoutError:
            return dumps(packed({"error": "too_late", "text": say("refused.too_late", within=ANSWER_S)}))


def ask(folder: Path, request: dict[str, Any], *, timeout_s: float = ANSWER_S + 2.0) -> dict[str, Any]:
    """Ask the daemon of a state directory; StoreError when it does not answer in time or at all."""
    clock = SystemClock()
    end_s = clock.boot_s() + timeout_s
    try:
        with _path(folder) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(path)
            line.sendall(dumps(request) + b"\n")
            received = bytearray()
            while not received.endswith(b"\n") and (more := line.recv(65536)):
                received += more
                line.settimeout(max(0.001, end_s - clock.boot_s()))
                if len(received) > MOST_ANSWER:
                    raise StoreError(say("refused.answer_too_long", file=folder / NAME, most=MOST_ANSWER))
        answer = unpacked(json.loads(received))
    except (OSError, ValueError) as exc:
        raise StoreError(
            say("refused.no_answer", file=folder / NAME, why=cause(exc) if isinstance(exc, OSError) else str(exc))
        ) from exc
    if not isinstance(answer, dict):
        raise StoreError(say("refused.answer_no_object", file=folder / NAME))
    return answer


def _listener(path: str) -> socket.socket:
    _remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    os.fchmod(listener.fileno(), 0o600)  # before bind: Linux makes the file with it, so it is never open to others
    listener.bind(path)
    return listener


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        Path(path).unlink()


@contextmanager
def _path(folder: Path) -> Iterator[str]:
    """A short name of the socket: the address of a UNIX socket holds 107 bytes, a state directory's path may be longer."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


def _user(writer: asyncio.StreamWriter) -> int:
    """The user id of the process at the other end."""
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", peer)[1])
