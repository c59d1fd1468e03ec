"""An emulated serial line: Modbus RTU on a pty pair, several units on one line, with the time the bytes take."""

import asyncio
import os
import pty
import tty
from collections.abc import Mapping

from emulators.ledger import Ledger
from emulators.unit import Served


class RtuServer:
    """Modbus RTU on a pty pair: the gateway opens `path`; one request at a time, CRC errors and strangers are ignored."""

    def __init__(self, units: Mapping[int, Served], *, baud: int = 19200, ledger: Ledger | None = None) -> None:
        self.units = units
        self.ledger = ledger
        self._char_s = 10.0 / baud
        self._master = -1
        self._slave = -1
        self.path = ""
        self._buffer = b""
        self._flush: asyncio.TimerHandle | None = None

    async def start(self) -> str:
        """Open the pty; the path for the gateway."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        return self.path

    async def stop(self) -> None:
        """Close the pty."""
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = -1

    def _readable(self) -> None:
        try:
            self._buffer = (self._buffer + os.read(self._master, 512))[-512:]
        except (BlockingIOError, OSError):
            return
        loop = asyncio.get_running_loop()
        if self._flush is not None:
            self._flush.cancel()
        if frame := whole(self._buffer):
            self._buffer = b""
            # the bytes came at once; on a wire they would have taken their time, and 3.5 characters of silence end them
            loop.call_later((len(frame) + 3.5) * self._char_s, self._request, frame)
        else:
            self._flush = loop.call_later(0.05, self._forget)

    def _forget(self) -> None:
        self._buffer = b""

    def _request(self, frame: bytes) -> None:
        unit = self.units.get(frame[0])
        if unit is None:
            return
        answer = unit.answer(frame[1:-2])
        if self.ledger is not None:
            self.ledger.request(unit.device, frame[1:-2], answer)
        if answer.pdu is not None:
            data = bytes(((frame[0] + answer.unit_by) % 256,)) + answer.pdu
            data += crc16(data)
            delay_s = answer.delay_s + len(data) * self._char_s
            asyncio.get_running_loop().call_later(delay_s, self._send, answer.cut(data))

    def _send(self, data: bytes) -> None:
        if self._master >= 0:
            os.write(self._master, data)


def crc16(data: bytes) -> bytes:
    """The check of an RTU frame, low byte first (Modbus over Serial Line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def whole(buffer: bytes) -> bytes:
    """The request at the buffer's end, if a whole one with a right check stands there."""
    for start in range(len(buffer) - 3):
        frame = buffer[start:]
        if crc16(frame[:-2]) == frame[-2:]:
            return frame
    return b""
