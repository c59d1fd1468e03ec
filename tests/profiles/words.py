"""A Modbus device that is a table of words: what is there can be read, what is written is kept and remembered."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from emulators.modbus_device import TcpServer
from emulators.unit import Answer

READ, WRITE_ONE, WRITE_MANY = 3, 6, 16
ILLEGAL_ADDRESS = 2


class Words:
    """Holding registers by address; `written` are (function, address, words) in their order."""

    device = "words"

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words
        self.written: list[tuple[int, int, list[int]]] = []
        self.asked: list[tuple[int, int]] = []

    def put(self, address: int, *words: int) -> None:
        self.words.update({address + index: word & 0xFFFF for index, word in enumerate(words)})

    def wait_s(self) -> float:
        return 0.0

    def answer(self, pdu: bytes) -> Answer:
        function, address, count = struct.unpack_from(">BHH", pdu)
        if function == READ:
            self.asked.append((address, count))
            if not all(address + index in self.words for index in range(count)):
                return Answer(bytes((function | 0x80, ILLEGAL_ADDRESS)), 0.0, "")
            data = struct.pack(f">{count}H", *(self.words[address + index] for index in range(count)))
            return Answer(bytes((function, len(data))) + data, 0.0, "")
        words = [count] if function == WRITE_ONE else list(struct.unpack(f">{count}H", pdu[6:]))
        self.written.append((function, address, words))
        self.put(address, *words)
        return Answer(pdu[:5], 0.0, "")


@asynccontextmanager
async def serving(device: Words) -> AsyncIterator[int]:
    """The device on a real socket, at unit 1; its port."""
    server = TcpServer({1: device})
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()
        await asyncio.sleep(0)
