"""A recorded bus: the bytes that `gateway lines SITE --trace LINE` shows -> requests with the replies they had, in time.

A line of the file is `[number, time in ms, "out" | "in" | "note", hex]` (`--json`) or `12:34:56.789 > 01 03 …` (`>` out,
`<` in, `#` a note). What came in is a stream: it is cut by the frames' own lengths (Modbus TCP, found by transaction
id) or by the next request (RTU, kept when its check is right). A request without a reply was met with silence.
"""

import json
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emulators.modbus_rtu import crc16
from gateway.errors import ConfigError, Problem
from gateway.texts import say

_SHOWN = re.compile(r"(\d\d):(\d\d):(\d\d\.\d\d\d) ([<>#]) (.*)")
_SENT = {"out": True, ">": True, "in": False, "<": False, "note": None, "#": None}
_HEADER = struct.Struct(">HHHB")
MOST_BYTES = 256 * 1024 * 1024
"""A longer recording is refused: it is held in memory."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that went over the line at one instant."""

    at_s: float
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and its reply after `delay_s`; `reply` empty: silence."""

    at_s: float
    unit: int
    request: bytes
    reply: bytes
    delay_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """All exchanges of a line, in time; `serial`: they were RTU frames."""

    exchanges: tuple[Exchange, ...]
    serial: bool


def read_recording(path: Path) -> Recording:
    """The recording in a file; ConfigError when it is none, naming the line. OSError when it cannot be read."""
    if path.stat().st_size > MOST_BYTES:
        raise ConfigError(
            [_problem(path, 1, say("problem.recording_long", mib=MOST_BYTES >> 20), say("remedy.record_shorter"))]
        )
    pieces = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text.strip():
            piece = _piece(path, number, text.strip())
            pieces += [piece] if piece is not None else []
    return recording_of(pieces, path)


def recording_of(pieces: Iterable[Piece], path: Path = Path("recording")) -> Recording:
    """The exchanges in what went over a line; ConfigError when nothing of it is Modbus."""
    pieces = list(pieces)
    sent = [piece for piece in pieces if piece.sent]
    serial = bool(sent) and all(_is_rtu(piece.data) for piece in sent)
    if not serial and not all(_is_tcp(piece.data) for piece in sent):
        raise ConfigError([_problem(path, 1, say("problem.no_frames"), say("remedy.trace_one"))])
    exchanges = tuple(_rtu(pieces) if serial else _tcp(pieces))
    if not exchanges:
        raise ConfigError([_problem(path, 1, say("problem.no_request"), say("remedy.record_polled"))])
    return Recording(exchanges, serial)


def _piece(path: Path, number: int, text: str) -> Piece | None:
    """One line of the file; None for a note."""
    try:
        if text.startswith("["):
            _, at_ms, way, data = json.loads(text)
        else:
            hour, minute, second, way, data = _SHOWN.fullmatch(text).groups()  # type: ignore[union-attr]  # else: no such line
            at_ms = 1000.0 * (3600 * int(hour) + 60 * int(minute) + float(second))
        sent = _SENT[way]
        return None if sent is None else Piece(float(at_ms) / 1000.0, sent, bytes.fromhex(data))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = say("problem.no_recording")
        remedy = say("remedy.record")
        raise ConfigError([_problem(path, number, message, remedy)]) from error


def _problem(path: Path, line: int, message: str, remedy: str) -> Problem:
    return Problem(str(path), line, 1, "(recording)", "bad_recording", message, remedy)


def _is_rtu(data: bytes) -> bool:
    return len(data) >= 4 and crc16(data[:-2]) == data[-2:]


def _is_tcp(data: bytes) -> bool:
    return len(data) >= 8 and data[2:4] == b"\0\0" and _HEADER.unpack_from(data)[2] == len(data) - 6


def _rtu(pieces: list[Piece]) -> Iterator[Exchange]:
    asked: Piece | None = None
    came = b""
    at_s = 0.0
    for piece in [*pieces, Piece(0.0, True, b"")]:
        if not piece.sent:
            came, at_s = came + piece.data, piece.at_s
            continue
        if asked is not None:
            right = _is_rtu(came) and came[0] == asked.data[0]
            reply, delay_s = (came[1:-2], at_s - asked.at_s) if right else (b"", 0.0)
            yield Exchange(asked.at_s, asked.data[0], asked.data[1:-2], reply, max(0.0, delay_s))
        asked, came = piece, b""


def _tcp(pieces: list[Piece]) -> Iterator[Exchange]:
    replies: dict[int, tuple[float, bytes]] = {}
    stream = b""
    open_requests: list[Piece] = []
    made: list[Exchange] = []

    def settle() -> None:
        for asked in list(open_requests):
            transaction, _, _, unit = _HEADER.unpack_from(asked.data)
            if transaction in replies:
                at_s, reply = replies.pop(transaction)
                made.append(Exchange(asked.at_s, unit, asked.data[7:], reply, max(0.0, at_s - asked.at_s)))
                open_requests.remove(asked)

    for piece in pieces:
        if piece.sent:
            open_requests.append(piece)
            continue
        stream += piece.data
        while len(stream) >= _HEADER.size and len(stream) >= 6 + _HEADER.unpack_from(stream)[2]:
            transaction, _, length, _ = _HEADER.unpack_from(stream)
            replies[transaction] = piece.at_s, stream[7 : 6 + length]
            stream = stream[6 + length :]
        settle()
    for asked in open_requests:
        made.append(Exchange(asked.at_s, asked.data[6], asked.data[7:], b"", 0.0))
    yield from sorted(made, key=lambda one: one.at_s)
