"""Parquet out of the history: read back by a reader of its own, written from the format's papers (parquet.thrift)."""

import gzip
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.export import export
from gateway.errors import StoreError
from gateway.model.point import Unit
from gateway.store.parquet import Kind, Parquet
from gateway.store.past import Means, put_past

COLUMNS = {"t": Kind.TIME_MS, "mean": Kind.NUMBER, "quality": Kind.TEXT}


class Compact:
    """Thrift's compact protocol, reading."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def varint(self) -> int:
        shift = found = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7

    def struct(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        last = 0
        while (head := self.data[self.at]) != 0:
            self.at += 1
            last += head >> 4
            found[last] = self.value(head & 15)
        self.at += 1
        return found

    def value(self, kind: int) -> Any:
        if kind in (5, 6):
            raw = self.varint()
            return raw >> 1 ^ -(raw & 1)
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size : self.at].decode()
        if kind == 9:
            head = self.data[self.at]
            self.at += 1
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(count)]
        assert kind == 12, kind
        return self.struct()


def read(path: Path) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Columns by name, and the file's own words."""
    data = path.read_bytes()
    assert data[:4] == data[-4:] == b"PAR1"
    (size,) = struct.unpack("<I", data[-8:-4])
    meta = Compact(data[-8 - size : -8]).struct()
    names = [one[4] for one in meta[2][1:]]
    found: dict[str, list[Any]] = {name: [] for name in names}
    for group in meta[4]:
        for chunk in group[1]:
            about = chunk[3]
            page = Compact(data, about[9])
            header = page.struct()
            raw = gzip.decompress(data[page.at : page.at + header[3]])
            assert len(raw) == header[2]
            found[about[3][0]] += plain(about[1], raw, header[5][1])
        assert {len(column) for column in found.values()} == {len(found[names[0]])}
    assert meta[3] == len(found[names[0]])
    return found, {one[1]: one[2] for one in meta.get(5, [])}


def plain(kind: int, raw: bytes, count: int) -> list[Any]:
    if kind == Kind.TIME_MS:
        return list(struct.unpack(f"<{count}q", raw))
    if kind == Kind.TEXT:
        texts, at = [], 0
        for _ in range(count):
            (size,) = struct.unpack_from("<I", raw, at)
            texts.append(raw[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return texts
    (size,) = struct.unpack_from("<I", raw)
    levels = Compact(raw, 4)
    groups = levels.varint()
    assert groups & 1 == 1
    bits = np.unpackbits(np.frombuffer(raw[levels.at : 4 + size], np.uint8), bitorder="little")[:count]
    values = iter(np.frombuffer(raw[4 + size :], "<f8").tolist())
    return [next(values) if there else None for there in bits]


ROW = st.tuples(st.integers(0, 2**50), st.one_of(st.none(), st.floats(allow_nan=False)), st.text(max_size=8))


@settings(max_examples=25)
@given(st.lists(st.lists(ROW, max_size=40), max_size=18))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, pieces: list[list[Any]]) -> None:
    path = tmp_path_factory.mktemp("pq") / "x.parquet"
    with Parquet(path, COLUMNS, about={"point": "pcc/power.active"}) as file:
        for rows in pieces:
            file.write([[row[at] for row in rows] for at in range(3)])
    columns, about = read(path)
    flat = [row for rows in pieces for row in rows]
    assert [list(columns[name]) for name in COLUMNS] == [[row[at] for row in flat] for at in range(3)]
    assert about == {"point": "pcc/power.active"}


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(RuntimeError), Parquet(path, COLUMNS, about={}):
        raise RuntimeError
    assert not path.exists()
    with pytest.raises(StoreError):
        Parquet(tmp_path / "no" / "x.parquet", COLUMNS, about={})


def test_the_history_goes_out_as_parquet_with_its_unit_and_without_its_gaps(tmp_path: Path) -> None:
    watts = np.arange(200.0)
    watts[50:60] = np.nan
    put_past(
        tmp_path,
        {"pcc/power.active": Means(Unit.WATT, watts, watts, watts)},
        begin_ms=1_784_000_000_000 // 900_000 * 900_000,
    )
    export(
        ["pcc/"],
        tmp_path,
        tmp_path,
        datetime.fromisoformat("2026-07-10"),
        datetime.fromisoformat("2026-07-20"),
        step="quarter",
        format_="parquet",
    )
    columns, about = read(tmp_path / "pcc_power.active.parquet")
    assert columns["mean"] == watts[np.isfinite(watts)].tolist()
    assert (np.diff(columns["t"]) % 900_000 == 0).all()
    assert set(columns["quality"]) == {"good"}
    assert about == {"point": "pcc/power.active", "unit": "W", "step_s": "900", "time": "UTC"}
