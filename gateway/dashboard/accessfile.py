"""STATE/access.json: users and tokens, mode 0600, written atomically; passwords as scrypt, tokens as SHA-256."""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.dashboard.roles import WORDS, Role
from gateway.errors import StoreError

NAME = "access.json"
FORMAT = 1
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Account:
    """One person."""

    name: str
    role: Role
    password: str
    """As `passwords.kept` made it; empty: none, only by link."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One bearer token."""

    id: str
    name: str
    role: Role
    digest: str
    made_ms: int


@dataclass(slots=True)
class Book:
    """Everybody who may ask."""

    accounts: dict[str, Account] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)


def load(folder: Path) -> Book:
    """What the file holds, empty when there is none. StoreError: damaged, newer, or others may read it (A-051)."""
    path = folder / NAME
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise StoreError(f"{path}: others may read it (mode {mode & 0o777:04o}); chmod 600 it")
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] > FORMAT:
            raise StoreError(f"{path}: written by a newer version (format {tree['format']}); install that version")
        return Book(
            {one["name"]: Account(one["name"], WORDS[one["role"]], one["password"]) for one in tree["users"]},
            {one["id"]: Machine(**(one | {"role": WORDS[one["role"]]})) for one in tree["tokens"]},
        )
    except FileNotFoundError:
        return Book()
    except OSError as exc:
        raise StoreError(f"{path}: cannot be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"{path}: is damaged ({exc}); restore it from a backup, or remove it to begin anew") from exc


def save(folder: Path, book: Book) -> None:
    """Write it so that after a power cut the old or the new is there. StoreError. Blocks."""
    tree = {
        "format": FORMAT,
        "users": [_plain(one) for one in book.accounts.values()],
        "tokens": [_plain(one) for one in book.machines.values()],
    }
    write_private(folder / NAME, json.dumps(tree, indent=1).encode() + b"\n")


def write_private(path: Path, data: bytes) -> None:
    """Replace a file by one that only its owner may read. StoreError. Blocks."""
    fresh = path.with_name(path.name + ".new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.fchmod(handle, 0o600)
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(path)
    except OSError as exc:
        raise StoreError(f"{path}: cannot be written: {exc.strerror}") from exc


def _plain(one: Account | Machine) -> dict[str, Any]:
    return asdict(one) | {"role": one.role.word}
