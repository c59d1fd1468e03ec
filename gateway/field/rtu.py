"""Rtu: Modbus RTU framing and matching without I/O (Modbus over Serial Line V1.02, section 2.5).

Theory. A frame is `unit, PDU, CRC` with nothing that says where it ends or which request it answers. We know what we
asked: the reply is `unit, function, …` of a length we can predict, or an exception of five bytes, and its CRC closes
it. So the buffer is searched for exactly that; noise before it and the echo of our own request are skipped.

A late reply looks like the answer to the next request of the same shape. The only remedy is silence: after a timeout
(or a mismatch) the line is listened to and everything is thrown away until the late reply itself has come, or for
`hold_off_s`, and in both cases until 3.5 characters of silence have passed. Nothing is sent meanwhile.

Another master on the line, which none may have, is told by its requests: what it asked is waited for like a late reply
of our own, and an answer that came behind its request is nobody's. A serial server with several clients shows each of them
all answers and no requests: some that nobody asked for, and that are not our last one again, tell of the other client.

An adapter that echoes sends our request back first. For a single write the echo equals the reply, so one echo seen on
a read teaches us to take the first copy of every request for an echo.
The buffer holds at most 512 bytes; what is older is noise.

    begin(query)       -> (key, bytes to send)     never before `clear_s`
    receive(data, now) -> [(key, data or error)]
    give_up(key, now)                             its deadline has passed: hold off
"""

from collections import Counter
from math import inf

from gateway.errors import BusMismatch
from gateway.field.pdu import FAILED, READ_COILS, READ_INPUT, Answer, Query, judge, read, said_size
from gateway.texts import say

MAX_BUFFER = 512
BITS_PER_CHARACTER = 11
FAST_BAUD, FAST_SILENCE_S = 19200, 0.00175
SILENCES = 3
REQUEST_SIZE, MIN_ANSWER = 8, 5
UNASKED = 3
"""So many answers that nobody asked for tell of another client; one may be very late."""


def crc_table() -> tuple[int, ...]:
    """CRC-16/MODBUS of every byte (reversed polynomial 0xA001)."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC_TABLE = crc_table()


def crc(data: bytes) -> bytes:
    """The two closing bytes of a frame, low byte first."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ CRC_TABLE[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def silence_s(baud: int) -> float:
    """3.5 characters: what separates two frames (section 2.5.1.1)."""
    return FAST_SILENCE_S if baud > FAST_BAUD else 3.5 * BITS_PER_CHARACTER / baud


class Rtu:
    """The open transaction of one line."""

    depth = 1

    def __init__(self, *, hold_off_s: float, quiet_s: float, silences: int = SILENCES) -> None:
        self.spoiled = ""
        """Why the line must be closed and opened again; empty while it need not."""
        self.clear_s = 0.0
        """Nothing may be sent before this time."""
        self.counters: Counter[str] = Counter()
        self.hold_off_s = hold_off_s
        """After a request whose answer may still come nothing may be sent for so long."""
        self.stranger_s = -inf
        """When another master was last heard."""
        self._quiet_s = quiet_s
        self._most_silences = silences
        self._silences = 0
        self._query: Query | None = None
        self._late: Query | None = None
        self._late_until_s = 0.0
        self._request = self._answer = b""
        self._echoes = False
        self._buffer = b""

    def begin(self, query: Query) -> tuple[int, bytes]:
        """Open the transaction; RuntimeError while one is open: a line has one owner."""
        if self._query is not None:
            raise RuntimeError("a transaction is open on this line")
        body = bytes((query.unit,)) + query.pdu
        self._query, self._late = query, None
        self._request, self._buffer = body + crc(body), b""
        return 0, self._request

    def receive(self, data: bytes, now_s: float) -> list[Answer]:
        """Take in bytes as they come; what they settle."""
        self.clear_s = max(self.clear_s, now_s + self._quiet_s)
        buffer = self._buffer + data
        if len(buffer) > MAX_BUFFER:
            self.counters["noise"] += len(buffer) - MAX_BUFFER
            buffer = buffer[-MAX_BUFFER:]
        self._buffer = buffer
        query = self._query
        if query is None:
            self._drain(now_s)
            return []
        found = self._find(query)
        if found is None:
            return []
        start, stop = found
        before, after, outcome = buffer[:start], buffer[stop:], judge(query, buffer[start + 1 : stop - 2])
        self._query, self._buffer, self._silences = None, after, 0
        self._answer = buffer[start:stop]
        if asked_in(before, but=self._request) is not None:
            self._heard(now_s)
            outcome = BusMismatch(say("bus.asked_by_other", unit=query.unit))
        if isinstance(outcome, BusMismatch):
            self.counters["reply_mismatch"] += 1
            self._hold_off(query, now_s)
        elif after:
            self._drain(now_s)
        return [(0, outcome)]

    def give_up(self, _key: int, now_s: float) -> None:
        """The deadline of the open transaction has passed: its late reply must not meet the next request."""
        query, self._query = self._query, None
        self.counters["timeout"] += 1
        self._silences += 1
        if self._silences >= self._most_silences:
            self.spoiled = say("bus.spoiled")
        if query is not None:
            self._hold_off(query, now_s)

    def _hold_off(self, query: Query, now_s: float) -> None:
        self._late, self._late_until_s = query, now_s + self.hold_off_s
        self.clear_s = max(self.clear_s, self._late_until_s)

    def _drain(self, now_s: float) -> None:
        if (other := asked_in(self._buffer, but=self._request)) is not None:
            self._buffer = b""
            self._heard(now_s)
            self._hold_off(other, now_s)
            return
        found = None if self._late is None else self._find(self._late)
        if found is None:
            self.counters["unasked_bytes"] += 1
            if self._late is None and is_answer(self._buffer) and self._buffer != self._answer:
                self._buffer = b""
                self.counters["unasked_answers"] += 1
                if self.counters["unasked_answers"] % UNASKED == 0:
                    self._heard(now_s)
            return
        self.counters["reply_late"] += 1
        self._answer = self._buffer[found[0] : found[1]]
        self._late, self._buffer = None, b""
        self.clear_s = now_s + self._quiet_s

    def _heard(self, now_s: float) -> None:
        self.counters["second_master"] += 1
        self.stranger_s = now_s

    def _find(self, query: Query) -> tuple[int, int] | None:
        """Where the first whole frame in the buffer that comes from the unit asked begins and ends, if there is one yet."""
        buffer = self._buffer
        echo = self._echo_size(query)
        at = buffer.find(query.unit, echo)
        while at >= 0:
            size = reply_size(query, buffer, at)
            if size and at + size <= len(buffer):
                stop = at + size
                if crc(buffer[at : stop - 2]) == buffer[stop - 2 : stop]:
                    self.counters["noise"] += at - echo
                    return at, stop
            at = buffer.find(query.unit, at + 1)
        return None

    def _echo_size(self, query: Query) -> int:
        if not self._buffer.startswith(self._request):
            return 0
        if READ_COILS <= query.function <= READ_INPUT:
            self._echoes = True
        return len(self._request) if self._echoes else 0


def reply_size(query: Query, buffer: bytes, at: int) -> int:
    """How long the frame that begins at `at` must be by its own first bytes; 0 when it cannot be a reply, or not yet."""
    function = buffer[at + 1] if len(buffer) > at + 1 else 0
    if function != query.function and function != query.function | FAILED and not READ_COILS <= function <= READ_INPUT:
        return 0
    size = said_size(buffer[at + 1 :])
    return 3 + size if size else 0


def is_answer(heard: bytes) -> bool:
    """Whether these bytes are one whole reply to a read of whatever unit."""
    if len(heard) < MIN_ANSWER or not READ_COILS <= heard[1] <= READ_INPUT:
        return False
    return len(heard) == 3 + said_size(heard[1:]) and crc(heard[:-2]) == heard[-2:]


def asked_in(heard: bytes, *, but: bytes) -> Query | None:
    """The read that somebody asked for in these bytes, if there is a whole one other than `but`: eight bytes, CRC included."""
    for at in range(len(heard) - REQUEST_SIZE + 1):
        unit, function = heard[at], heard[at + 1]
        stop = at + REQUEST_SIZE
        if not READ_COILS <= function <= READ_INPUT or heard[at:stop] == but:
            continue
        if crc(heard[at : stop - 2]) == heard[stop - 2 : stop]:
            address, count = (
                int.from_bytes(heard[at + 2 : at + 4], "big"),
                int.from_bytes(heard[at + 4 : at + 6], "big"),
            )
            try:
                return read(unit, function, address, count)
            except ValueError:
                continue
    return None
