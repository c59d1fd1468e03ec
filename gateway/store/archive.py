"""One signed archive: a tar.gz of plain files behind a manifest that names each with size and SHA-256.

Reading trusts nothing: the first member is the manifest, the second its Ed25519 signature, and no byte of a file is read
before the signature is that of a key we were told to trust. After it only the files of the manifest may come, in its
order, as regular files of exactly their size; anything else refuses the archive whole. Blocks: commands only.
"""

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import GatewayError, StoreError
from gateway.texts import say

FORMAT = 1
KEY = "backup.key"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
MOST_MANIFEST = 4 * 2**20
MOST_BYTES = 8 * 2**30
MOST_FILES = 20_000
MOST_HELD = 64 * 2**20
"""Larger files are not held in memory."""
PIECE = 2**20
NAME = re.compile(r"[A-Za-z0-9_@=+.-][A-Za-z0-9_@=+. -]{0,200}(/[A-Za-z0-9_@=+.-][A-Za-z0-9_@=+. -]{0,200}){0,12}")


class BadArchive(GatewayError):
    """Not an archive of ours, or not as it was made; `code` says why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself; `files`: name -> (bytes, SHA-256)."""

    version: str
    made_ms: int
    site: str
    key: str
    files: Mapping[str, tuple[int, str]]


def own_key(state: Path) -> Ed25519PrivateKey:
    """The key of a state directory, made when there is none, mode 0600. StoreError."""
    path = state / KEY
    try:
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Ed25519PrivateKey.generate().private_bytes_raw())
        if path.stat().st_mode & 0o077:
            raise StoreError(say("refused.others_read", file=path))
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise StoreError(say("refused.file", file=path, why=str(exc))) from exc


def fingerprint(key: Ed25519PublicKey) -> str:
    """What a person compares and types: 32 hexadecimal digits in groups of four."""
    digest = hashlib.sha256(_raw(key)).hexdigest()[:32]
    return "-".join(digest[at : at + 4] for at in range(0, 32, 4))


def write(
    path: Path, files: Iterable[tuple[str, Path]], key: Ed25519PrivateKey, *, about: Mapping[str, Any]
) -> Manifest:
    """Make an archive, mode 0600. StoreError.

    A file is read once, so that one that grows meanwhile is taken as it was; one above `MOST_HELD` is read twice and must
    not change.
    """
    copies = sorted((name, _held(source)) for name, source in files)
    listed = {name: _measured(data) for name, data in copies}
    tree = {"format": FORMAT, "key": _raw(key.public_key()).hex(), "files": listed, **about}
    manifest = json.dumps(tree, indent=1, sort_keys=True).encode()
    parts: list[tuple[str, bytes | Path]] = [(MANIFEST, manifest), (SIGNATURE, key.sign(manifest)), *copies]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(handle, "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            for name, data in parts:
                member = tarfile.TarInfo(name)
                member.mode = 0o600
                with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as source:
                    member.size = source.seek(0, os.SEEK_END)
                    source.seek(0)
                    tar.addfile(member, source)
    except OSError as exc:
        raise StoreError(say("refused.file", file=path, why=str(exc))) from exc
    return _manifest(manifest)


def _held(source: Path) -> bytes | Path:
    return source.read_bytes() if source.stat().st_size <= MOST_HELD else source


def _measured(data: bytes | Path) -> tuple[int, str]:
    """Size and SHA-256."""
    if isinstance(data, bytes):
        return len(data), hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def unpack(path: Path, folder: Path, *, trusted: frozenset[str]) -> Manifest:
    """Check all of an archive and unpack it into an empty folder; BadArchive leaves nothing of use there, StoreError."""
    try:
        with (
            path.open("rb") as raw,
            gzip.GzipFile(fileobj=raw) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            return _unpack(tar, folder, trusted)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as exc:
        raise BadArchive("not_an_archive", say("refused.file", file=path, why=str(exc))) from exc
    except OSError as exc:
        raise StoreError(say("refused.file", file=path, why=str(exc))) from exc


def _unpack(tar: tarfile.TarFile, folder: Path, trusted: frozenset[str]) -> Manifest:
    raw = _member(tar, MANIFEST, most=MOST_MANIFEST)
    signature = _member(tar, SIGNATURE, most=64)
    manifest = _manifest(raw)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest.key))
    try:
        key.verify(signature, raw)
    except InvalidSignature as exc:
        raise BadArchive("wrong_signature", say("refused.manifest_changed")) from exc
    if fingerprint(key) not in trusted:
        raise BadArchive("unknown_key", say("refused.unknown_signer", fingerprint=fingerprint(key)))
    for name, (size, digest) in manifest.files.items():
        member = tar.next()
        if member is None or member.name != name or not member.isreg() or member.size != size:
            raise BadArchive("not_as_listed", say("refused.not_as_listed", name=name, size=size))
        _write(folder / name, tar.extractfile(member), digest)
    if tar.next() is not None:
        raise BadArchive("not_as_listed", say("refused.more_than_listed"))
    return manifest


def _member(tar: tarfile.TarFile, name: str, *, most: int) -> bytes:
    member = tar.next()
    if member is None or member.name != name or not member.isreg() or member.size > most:
        raise BadArchive("not_an_archive", f"it does not begin with {MANIFEST} and {SIGNATURE}")
    file = tar.extractfile(member)
    return b"" if file is None else file.read(most)


def _write(path: Path, source: IO[bytes] | None, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        while source is not None and (piece := source.read(PIECE)):
            found.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if found.hexdigest() != digest:
        raise BadArchive("not_as_listed", f"{path.name} is not what was signed")


def _manifest(raw: bytes) -> Manifest:
    try:
        tree = json.loads(raw)
        if tree["format"] > FORMAT:
            raise BadArchive("newer_version", f"made by a newer version ({tree['version']}); install that version")
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in tree["files"].items()}
        manifest = Manifest(str(tree["version"]), int(tree["made_ms"]), str(tree["site"]), str(tree["key"]), files)
        bytes.fromhex(manifest.key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise BadArchive("not_an_archive", f"its manifest cannot be read: {exc}") from exc
    for name in files:
        if NAME.fullmatch(name) is None or ".." in name.split("/"):
            raise BadArchive("bad_name", f"{name!r} is no name a backup makes")
    if len(files) > MOST_FILES or sum(size for size, _ in files.values()) > MOST_BYTES:
        raise BadArchive("too_large", f"a backup has {MOST_FILES} files and {MOST_BYTES} bytes at most")
    if len(manifest.key) != 64:
        raise BadArchive("not_an_archive", "its manifest names no key")
    return manifest


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
