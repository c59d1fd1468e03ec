"""Mbap: Modbus TCP framing and matching without I/O (Modbus Messaging on TCP/IP V1.0b, section 3.1).

Theory. A frame is `transaction id, protocol id 0, length, unit, PDU`, lengths counting unit and PDU. The id is ours to
choose, the device copies it: an answer that comes after its deadline carries an id nobody waits for and is dropped.
So a late answer can never become the answer to the next request, and the connection stays in step without silence.

A connection is *spoiled*, and must be closed by whoever owns the socket, when the framing itself cannot be trusted
(protocol id, length), when transactions in a row ended in doubt (`patience` mismatches or silences without one good
answer), or when more arrives than anybody asked for. Nothing is read from a spoiled connection any more.
The buffer never holds more than one frame: at most 260 bytes.

    begin(query)       -> (id, bytes to send)
    receive(data, now) -> [(id, data or error)]    only ids that are open
    give_up(id, now)                               its deadline has passed
"""

import struct
from collections import Counter, deque
from math import inf

from gateway.errors import BusMismatch
from gateway.field.pdu import MAX_PDU, Answer, Query, judge
from gateway.texts import say

HEADER = struct.Struct(">HHHB")
MAX_LENGTH = MAX_PDU + 1
MOST_UNASKED = 32
MISMATCHES = 2


class Mbap:
    """The open transactions of one connection; `depth` at most at a time."""

    hold_off_s, stranger_s = 0.0, -inf  # ids tell whose an answer is

    def __init__(self, *, depth: int = 1, patience: int = 1, check_id: bool = True, first_id: int = 1) -> None:
        self.depth = depth
        self.spoiled = ""
        """Why the connection must be closed; empty while it need not."""
        self.counters: Counter[str] = Counter()
        self.clear_s = 0.0
        """Nothing may be sent before this time; TCP needs no silence."""
        self._patience = patience
        self._check_id = check_id
        self._next_id = first_id
        self._open: dict[int, Query] = {}
        self._given_up: deque[int] = deque(maxlen=MOST_UNASKED)
        self._newest: Query | None = None
        """The query asked last, while it is open; its good reply is taken without being cut apart."""
        self._newest_key = 0
        self._buffer = b""
        self._doubts = False
        """Something below is not zero."""
        self._silences = 0
        self._mismatches = 0
        self._foreign = 0
        self._unasked = 0

    def begin(self, query: Query) -> tuple[int, bytes]:
        """Open a transaction; RuntimeError when the depth is used up: a line has one owner."""
        if len(self._open) >= self.depth:
            raise RuntimeError("a transaction is open on this connection")
        key = self._newest_key = self._next_id
        self._next_id = key + 1 & 0xFFFF
        self._open[key] = self._newest = query
        return key, key.to_bytes(2, "big") + query.mbap_request

    def receive(self, data: bytes, _now_s: float) -> list[Answer]:
        """Take in bytes as they come; what they settle."""
        query = self._newest
        if (
            query is not None
            and len(data) == query.mbap_size
            and data.startswith(query.mbap_head, 2)
            and data[0] << 8 | data[1] == self._newest_key
            and not self._buffer
            and not self.spoiled
        ):  # the one whole good reply to the newest query, every field compared at once
            key = self._newest_key
            self._newest = None
            del self._open[key]
            if self._doubts:
                self._trusted()
            return [(key, data[query.mbap_start :])]
        answers: list[Answer] = []
        if self._buffer:
            data = self._buffer + data
        at, end = 0, len(data)
        while not self.spoiled and end - at >= 7:
            key, protocol, length, unit = HEADER.unpack_from(data, at)
            if protocol or not 2 <= length <= MAX_LENGTH:
                self.counters["frame_refused"] += 1
                self.spoiled = f"no Modbus frame: protocol {protocol}, length {length}"
                break
            stop = at + 6 + length
            if stop > end:
                break
            self._frame(key, unit, data[at + 7 : stop], answers)
            at = stop
        self._buffer = b"" if self.spoiled else data[at:]
        return answers

    def give_up(self, key: int, _now_s: float) -> None:
        """The deadline of an open transaction has passed; its answer will be known as late."""
        self._settled(key)
        self._given_up.append(key)
        self.counters["timeout"] += 1
        self._silences += 1
        self._doubts = True
        if self._silences >= self._patience or self._foreign or self._buffer or not self._check_id:
            self.spoiled = say("bus.spoiled")

    def _settled(self, key: int) -> Query | None:
        """A transaction is over; None when it was not open."""
        if key == self._newest_key:
            self._newest = None
        return self._open.pop(key, None)

    def _trusted(self) -> None:
        """A good answer came: what was doubtful before no longer counts."""
        self._silences = self._mismatches = self._foreign = self._unasked = 0
        self._doubts = False

    def _frame(self, key: int, unit: int, pdu: bytes, answers: list[Answer]) -> None:
        if not self._check_id and self._open:
            key = next(iter(self._open))
        query = self._settled(key)
        if query is None:
            self._drop(key)
            return
        outcome = judge(query, pdu) if unit == query.unit else BusMismatch(f"unit {unit} answered for {query.unit}")
        answers.append((key, outcome))
        if type(outcome) is BusMismatch:
            self.counters["reply_mismatch"] += 1
            self._mismatches += 1
            self._doubts = True
            if self._mismatches >= MISMATCHES:
                self.spoiled = f"{MISMATCHES} mismatched replies"
        elif self._doubts:
            self._trusted()

    def _drop(self, key: int) -> None:
        self._unasked += 1
        self._doubts = True
        if key in self._given_up:
            self._given_up.remove(key)
            self.counters["reply_late"] += 1
        else:
            self.counters["reply_foreign"] += 1
            self._foreign += 1
        if self._unasked > MOST_UNASKED:
            self.spoiled = "more replies than requests"
