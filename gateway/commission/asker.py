"""Asker: one Modbus line that is only ever read, at a bounded rate; what may write never leaves it."""

import asyncio
import struct
from collections.abc import Callable

from gateway.errors import BusDown, BusError, BusMismatch, BusRefused, BusTimeout, ProfileError
from gateway.field import pdu
from gateway.field.identity import Access, Identity, read_identity
from gateway.field.line import Line
from gateway.field.modbus import READS
from gateway.profiles.schema import Table
from gateway.texts import say

HARMLESS = frozenset((*READS.values(), pdu.IDENTIFY))
"""Functions that change nothing in a device."""
BUSY = 6
NOBODY_THERE = (10, 11)
"""Exceptions of a gateway whose line has no such unit (V1.1b3, section 7)."""
BUSY_WAIT_S = 0.3


class Asker:
    """Reads for a scan: every request passes `transact`, which knows no function that writes."""

    def __init__(self, line: Line, *, rate_per_s: float, tell: Callable[[int], None] = lambda _asked: None) -> None:
        """`tell` hears the number of requests so far, before each."""
        self.asked = 0
        self.line = line
        self._gap_s = 1.0 / rate_per_s
        self._next_s = 0.0
        self._tell = tell

    async def transact(self, query: pdu.Query) -> bytes:
        """One request, not before its turn; BusError, or ProfileError for a function that could change something."""
        if query.function not in HARMLESS:
            raise ProfileError(say("refused.scan_function", function=query.function))
        loop = asyncio.get_running_loop()
        if (wait_s := self._next_s - loop.time()) > 0.0:
            await asyncio.sleep(wait_s)
        self._next_s = loop.time() + self._gap_s
        self.asked += 1
        self._tell(self.asked)
        return await self.line.transact(query, again=True)

    async def answers(self, unit: int) -> bool:
        """Whether somebody answers at this unit id, be it with a refusal; BusDown when there is no line at all."""
        query = pdu.read(unit, pdu.READ_HOLDING, 0, 1)
        for _ in range(2):
            try:
                await self.transact(query)
            except BusMismatch:
                continue  # half a frame, or somebody else's: once more
            except BusRefused as refusal:
                return refusal.code not in NOBODY_THERE
            except BusTimeout:
                return False
            return True
        return True

    async def words(self, unit: int, table: Table, address: int, *, count: int) -> bytes | None:
        """The data of a read; None when the device refuses or does not answer it."""
        query = pdu.read(unit, READS[table], address, count)
        for _ in range(2):
            try:
                return await self.transact(query)
            except BusRefused as refusal:
                if refusal.code != BUSY:
                    return None
                await asyncio.sleep(BUSY_WAIT_S)
            except BusDown:
                raise
            except BusError:
                return None
        return None

    async def registers(self, unit: int, address: int, *, count: int) -> tuple[int, ...] | None:
        """Holding registers as numbers."""
        data = await self.words(unit, Table.HOLDING, address, count=count)
        return None if data is None else struct.unpack(f">{count}H", data)

    async def identity(self, unit: int) -> Identity | None:
        """What it says of itself by function 43/14; None when it does not."""
        try:
            return await read_identity(self.transact, unit, access=Access.REGULAR)
        except BusDown:
            raise
        except BusError:
            return None

    async def close(self) -> None:
        """Hang up."""
        await self.line.close()
