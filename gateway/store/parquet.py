"""A Parquet file of flat columns, written piece by piece: data pages of format 1, PLAIN values, gzip, no statistics.

Only what history needs of the format (apache/parquet-format 2.9: README.md, Encodings.md, parquet.thrift): INT64 times
in ms UTC, DOUBLE that may be missing, text. Its metadata is Thrift's compact protocol, of which a few types suffice.
"""

import gzip
import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from gateway.errors import StoreError

MAGIC = b"PAR1"
VERSION, CREATED_BY = 1, "vpp-gateway"
REQUIRED, OPTIONAL = 0, 1
PLAIN, RLE = 0, 3
GZIP, GZIP_LEVEL = 2, 6
DATA_PAGE = 0


class Kind(IntEnum):
    """What a column holds; the value is Parquet's physical type."""

    TIME_MS = 2
    NUMBER = 5
    TEXT = 6


CONVERTED = {Kind.TIME_MS: 9, Kind.TEXT: 0}
"""TIMESTAMP_MILLIS (adjusted to UTC), UTF8."""
Field = tuple[int, "int | str | Struct | List"]
Struct = list[Field]
List = tuple[int, list["int | str | Struct"]]
"""(compact type of its elements, elements)."""
I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


class Parquet:
    """One file under way; use it as a context: left by an error, nothing stays. StoreError."""

    def __init__(self, path: Path, columns: Mapping[str, Kind], *, about: Mapping[str, str]) -> None:
        self._path, self._columns, self._about = path, dict(columns), dict(about)
        self._groups: list[Struct] = []
        self.rows = 0
        try:
            self._file: IO[bytes] = path.open("wb")
            self._file.write(MAGIC)
        except OSError as exc:
            raise StoreError(f"{path}: {exc}") from exc

    def write(self, columns: Sequence[Sequence[int | float | str | None]]) -> None:
        """Add rows, given as columns of equal length in the file's order; only NUMBER may be None. StoreError."""
        count = len(columns[0])
        if not count:
            return
        begin = self._file.tell()
        try:
            chunks = [
                self._chunk(name, kind, values)
                for (name, kind), values in zip(self._columns.items(), columns, strict=True)
            ]
        except OSError as exc:
            raise StoreError(f"{self._path}: {exc}") from exc
        self._groups.append([(1, (STRUCT, list(chunks))), (2, _wide(self._file.tell() - begin)), (3, _wide(count))])
        self.rows += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as failed:
            raise StoreError(f"{self._path}: {failed}") from failed
        finally:
            self._file.close()
            if kind is not None:
                self._path.unlink(missing_ok=True)

    def _chunk(self, name: str, kind: Kind, values: Sequence[int | float | str | None]) -> Struct:
        raw = _page(kind, values)
        packed = gzip.compress(raw, GZIP_LEVEL, mtime=0)
        header = thrift(
            [
                (1, DATA_PAGE), (2, len(raw)), (3, len(packed)),
                (5, [(1, len(values)), (2, PLAIN), (3, RLE), (4, RLE)]),
            ]
        )  # fmt: skip
        at = self._file.tell()
        self._file.write(header + packed)
        meta: Struct = [
            (1, int(kind)), (2, (I32, [PLAIN, RLE])), (3, (BINARY, [name])), (4, GZIP), (5, _wide(len(values))),
            (6, _wide(len(header) + len(raw))), (7, _wide(len(header) + len(packed))), (9, _wide(at)),
        ]  # fmt: skip
        return [(2, _wide(at)), (3, meta)]

    def _finish(self) -> None:
        schema: list[int | str | Struct] = [[(4, "history"), (5, len(self._columns))]]
        for name, kind in self._columns.items():
            element: Struct = [(1, int(kind)), (3, OPTIONAL if kind is Kind.NUMBER else REQUIRED), (4, name)]
            schema.append(element + ([(6, CONVERTED[kind])] if kind in CONVERTED else []))
        about: list[int | str | Struct] = [[(1, key), (2, value)] for key, value in self._about.items()]
        footer = thrift(
            [
                (1, VERSION), (2, (STRUCT, schema)), (3, _wide(self.rows)), (4, (STRUCT, list(self._groups))),
                (5, (STRUCT, about)), (6, CREATED_BY),
            ]
        )  # fmt: skip
        self._file.write(footer + struct.pack("<I", len(footer)) + MAGIC)


class _Wide(int):
    """A whole number that goes as i64."""


def _wide(value: int) -> int:
    return _Wide(value)


def _page(kind: Kind, values: Sequence[int | float | str | None]) -> bytes:
    """A data page before it is packed: definition levels where values may be missing, then the values there are."""
    if kind is Kind.TEXT:
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    if kind is Kind.TIME_MS:
        return np.array(values, dtype="<i8").tobytes()
    there = np.array([value is not None for value in values])
    levels = _varint(-(-len(values) // 8) << 1 | 1) + np.packbits(there, bitorder="little").tobytes()
    known = np.array([value for value in values if value is not None], dtype="<f8")
    return struct.pack("<I", len(levels)) + levels + known.tobytes()


def thrift(fields: Struct) -> bytes:
    """A struct in Thrift's compact protocol; ids rise by less than 16."""
    out, last = bytearray(), 0
    for number, value in fields:
        out += bytes(((number - last) << 4 | _type(value),)) + _value(value)
        last = number
    return bytes(out) + b"\0"


def _type(value: object) -> int:
    if isinstance(value, int):
        return I64 if isinstance(value, _Wide) else I32
    return BINARY if isinstance(value, str) else STRUCT if isinstance(value, list) else LIST


def _value(value: "int | str | Struct | List") -> bytes:
    if isinstance(value, int):
        return _varint(value << 1 ^ value >> 63)
    if isinstance(value, str):
        text = value.encode()
        return _varint(len(text)) + text
    if isinstance(value, list):
        return thrift(value)
    kind, elements = value
    head = bytes((len(elements) << 4 | kind,)) if len(elements) < 15 else bytes((0xF0 | kind,)) + _varint(len(elements))
    return head + b"".join(_each(elements))


def _each(elements: Iterable["int | str | Struct"]) -> Iterable[bytes]:
    return (_value(element) for element in elements)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
