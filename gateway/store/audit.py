"""The audit chain: who asked, what we answered, who intervened; append-only, each record sealed by the one before.

A record is one JSON line `{n, at, boot_s, kind, data, hash}`; its hash is SHA-256 over the previous hash and the
record's own canonical bytes (keys sorted, no blanks, without `hash`), or SM3 (GB/T 32905-2016) of the same, then
written `sm3:…`; a chain may change from one to the other. Files `audit-000001.jsonl`, … continue one
chain. `audit.head` holds the number and hash of the newest record, so that a cut tail shows too.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import Clock
from gateway.errors import StoreError

GENESIS = "0" * 64
SHA256, SM3 = "sha256", "sm3"
SEALS = (SHA256, SM3)
ROTATE_BYTES = 16 * 2**20
HEAD = "audit.head"
_KEYS = {"n", "at", "boot_s", "kind", "data", "hash"}


@dataclass(frozen=True, slots=True)
class BadRecord:
    """The first record that does not belong: file and line as found, its number in the chain as it should be."""

    file: str
    line: int
    number: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: record {self.number}: {self.why}"


class Audit:
    """The chain of one state directory, open for appending; used by one thread at a time."""

    def __init__(self, folder: Path, clock: Clock, *, rotate_bytes: int = ROTATE_BYTES, seal: str = SHA256) -> None:
        """`seal`: which of `SEALS` new records get."""
        self._folder = folder
        self._seal = seal
        self._clock = clock
        self._rotate_bytes = rotate_bytes
        self._n = 0
        self._hash = GENESIS
        self._size = 0
        self._number = 1
        self.repaired = ""
        """What opening had to repair: a record cut off by a power cut, or a chain that no longer continues."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open()
        except OSError as exc:
            raise StoreError(f"audit in {folder}: {exc}") from exc
        if self.repaired:
            self.append("audit_repaired", {"what": self.repaired})

    def append(self, kind: str, data: Mapping[str, Any], *, durable: bool = True) -> int:
        """Add one record and return its number; `durable`: it is on the disk when this returns.

        Raises StoreError when the disk refuses, ValueError when the data is not JSON.
        """
        record: dict[str, Any] = {
            "n": self._n + 1,
            "at": self._clock.utc_ms(),
            "boot_s": round(self._clock.boot_s(), 3),
            "kind": kind,
            "data": dict(data),
        }
        seal = _seal(self._hash, record, self._seal)
        line = _canonical(record | {"hash": seal}) + b"\n"
        try:
            self._write(line, durable=durable)
        except OSError as exc:
            raise StoreError(f"audit in {self._folder}: {exc}") from exc
        self._n, self._hash = self._n + 1, seal
        self._note_head()
        return self._n

    def close(self) -> None:
        """Have everything on the disk and let go of the files."""
        for handle in (self._file, self._head):
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _write(self, line: bytes, *, durable: bool) -> None:
        if self._size and self._size + len(line) > self._rotate_bytes:
            os.fsync(self._file)
            os.close(self._file)
            self._begin_file(self._number + 1)
        try:
            self._put(line)
            if durable:
                os.fsync(self._file)
        except OSError:  # take it back: the next record shall start on its own line, with the same number
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _put(self, line: bytes) -> None:
        if os.write(self._file, line) != len(line):
            raise OSError("the disk took only a part of a record")

    def _note_head(self) -> None:
        """Overwrite the witness in place; it may be older than the chain, after a crash or on a bad disk, never newer."""
        with suppress(OSError):
            os.pwrite(self._head, f"{self._n:020d} {self._hash}\n".encode(), 0)

    def _open(self) -> None:
        files = _files(self._folder)
        if files:
            self._number = int(files[-1].stem.removeprefix("audit-"))
            self._continue(files)
        self._head = os.open(self._folder / HEAD, os.O_RDWR | os.O_CREAT, 0o640)
        if not files:
            self._begin_file(1)
            return
        path = _path(self._folder, self._number)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._size = path.stat().st_size

    def _continue(self, files: list[Path]) -> None:
        """Find the last whole record; cut a stump behind it."""
        for path in reversed(files):
            raw = path.read_bytes()
            end = raw.rfind(b"\n") + 1
            if end < len(raw):
                os.truncate(path, end)
                self.repaired = f"{path.name}: {len(raw) - end} bytes of an unfinished record cut off"
            if end:
                last = raw[raw.rfind(b"\n", 0, end - 1) + 1 : end]
                try:
                    record = json.loads(last)
                    self._n, self._hash = int(record["n"]), str(record["hash"])
                except (ValueError, KeyError, TypeError):
                    self.repaired = f"{path.name}: its last record cannot be read; the chain is broken here"
                    self._n = sum(1 for _ in _lines(files))
                return

    def _begin_file(self, number: int) -> None:
        self._number, self._size = number, 0
        path = _path(self._folder, number)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def verify(folder: Path) -> BadRecord | None:
    """The first record that was changed, removed, inserted or moved; None when the chain is whole.

    Raises StoreError when there is no chain to verify.
    """
    try:
        return _verify(folder)
    except OSError as exc:
        raise StoreError(f"audit in {folder}: {exc}") from exc


def _verify(folder: Path) -> BadRecord | None:
    files = _files(folder)
    if not files:
        raise StoreError(f"{folder} holds no audit files")
    before, number, file, line = GENESIS, 0, files[0].name, 0
    head_n, head_hash = _head(folder)
    for file, line, raw in _lines(files):
        number += 1
        why, seal = _examine(raw, number, before)
        if not why and number == head_n and seal != head_hash:
            why = "not the record that was written last"
        if why:
            return BadRecord(file, line, number, why)
        before = seal
    gap = next((at for at, path in enumerate(files, 1) if path != _path(folder, at)), None)
    if gap is not None:
        return BadRecord(_path(folder, gap).name, 1, number + 1, "a file of the chain is missing")
    if number < head_n:
        return BadRecord(file, line + 1, number + 1, f"missing: {head_n} records were written")
    return None


def _examine(raw: bytes, number: int, before: str) -> tuple[str, str]:
    """What is wrong with one line (empty: nothing), and its hash."""
    if not raw.endswith(b"\n"):
        return "cut off", ""
    try:
        record = json.loads(raw)
    except ValueError:
        return "not a record", ""
    if not isinstance(record, dict) or record.keys() != _KEYS:
        return "not a record", ""
    seal = record.pop("hash")
    if record["n"] != number:
        return f"numbered {record['n']!r}", ""
    algorithm = SM3 if str(seal).startswith(f"{SM3}:") else SHA256
    if seal != _seal(before, record, algorithm) or raw != _canonical(record | {"hash": seal}) + b"\n":
        return "its seal does not fit", ""
    return "", str(seal)


def _seal(before: str, record: Mapping[str, Any], algorithm: str) -> str:
    sealed = before.encode() + _canonical(record)
    if algorithm == SM3:
        from cryptography.hazmat.primitives import hashes  # only where it is asked for: OpenSSL's own name varies

        digest = hashes.Hash(hashes.SM3())
        digest.update(sealed)
        return f"{SM3}:{digest.finalize().hex()}"
    return hashlib.sha256(sealed).hexdigest()


def _canonical(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("audit-*.jsonl"))


def _path(folder: Path, number: int) -> Path:
    return folder / f"audit-{number:06d}.jsonl"


def _lines(files: list[Path]) -> Iterator[tuple[str, int, bytes]]:
    for path in files:
        with path.open("rb") as file:
            for line, raw in enumerate(file, 1):
                yield path.name, line, raw


def _head(folder: Path) -> tuple[int, str]:
    """The witness; (0, "") when there is none."""
    try:
        number, seal = (folder / HEAD).read_text().split()
        return int(number), seal
    except (FileNotFoundError, ValueError):
        return 0, ""
