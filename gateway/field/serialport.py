"""A serial port as an asyncio transport: a non-blocking descriptor on the loop's own reader and writer."""

import asyncio
import os
import termios
from collections.abc import Callable

import serial

from gateway.errors import BusDown
from gateway.field.line import Wire
from gateway.texts import say
from gateway.texts.causes import cause

CHUNK = 512
MOST_UNSENT = 1024


class SerialTransport(asyncio.Transport):
    """The port while it is open; works on pseudo-terminals and on asyncio and uvloop alike."""

    def __init__(self, port: serial.Serial, wire: Wire) -> None:
        super().__init__()
        self._port: serial.Serial | None = port
        self._fd: int = port.fileno()
        self._wire = wire
        self._unsent = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._fd, False)
        wire.connection_made(self)
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send now what the port takes, the rest when it is writable."""
        if self._port is None:
            return
        if self._unsent:
            self._unsent = (self._unsent + bytes(data))[:MOST_UNSENT]
            return
        self._unsent = bytes(data)
        self._writable()

    def abort(self) -> None:
        """Close the port and tell nobody."""
        port, self._port = self._port, None
        if port is None:
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        try:
            port.close()
        except (OSError, termios.error):
            return  # an unplugged adapter cannot be closed in good order, and need not be

    def close(self) -> None:
        """The same: there is nobody to say goodbye to."""
        self.abort()

    def is_closing(self) -> bool:
        """Whether the port is closed."""
        return self._port is None

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._wire.connection_lost(exc)
            return
        if data:
            self._wire.data_received(data)
        else:
            self._wire.connection_lost(None)

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._unsent = b""
            self._loop.remove_writer(self._fd)
            self._loop.call_soon(self._wire.connection_lost, exc)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)


async def dial_serial(
    path: str, wire: Callable[[], Wire], *, baud: int, parity: str, stop_bits: int, timeout_s: float
) -> Wire:
    """Open the port by its name within `timeout_s`, or BusDown saying why not; opening happens off the loop."""

    def opened() -> serial.Serial:
        return serial.Serial(path, baud, parity=parity, stopbits=stop_bits, timeout=0, write_timeout=0, exclusive=True)

    opening = asyncio.get_running_loop().run_in_executor(None, opened)
    try:
        async with asyncio.timeout(timeout_s):
            port = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    except TimeoutError as exc:
        opening.add_done_callback(_close_unwanted)
        raise BusDown(say("bus.not_opened", path=path, within=timeout_s)) from exc
    except (OSError, termios.error, ValueError) as exc:
        why = cause(exc) if isinstance(exc, OSError) and exc.errno else str(exc)
        raise BusDown(say("bus.cannot_open", path=path, why=why)) from exc
    protocol = wire()
    SerialTransport(port, protocol)
    return protocol


def _close_unwanted(opening: asyncio.Future[serial.Serial]) -> None:
    """A port that opened after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
