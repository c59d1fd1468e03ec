"""The seal of a commissioning: which files it wrote, their digests, and the Ed25519 signature of the box's own key over both.

`commission.sig` is JSON: `key` (the public key), `fingerprint` (what a person compares with the paper), `files` (name ->
SHA-256) and `signature` over the other three as canonical JSON. The private key is that which signs backups.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import GatewayError, StoreError
from gateway.store import archive
from gateway.texts import say
from gateway.texts.causes import cause

RECORD, PAGE, SEAL = "commission.json", "report.html", "commission.sig"
SEALED = (RECORD, PAGE)
MOST_BYTES = 64 * 2**20
MOST_SEAL = 64 * 1024


class BadSeal(GatewayError):
    """The seal does not fit what lies there; `code` says why: the end of a text's key below `commission.seal.`."""

    def __init__(self, code: str, file: str) -> None:
        super().__init__(f"{file}: {code}")
        self.code = code
        self.file = file


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal that fits: whose key, and the files."""

    fingerprint: str
    files: tuple[str, ...]


def seal(folder: Path, key: Ed25519PrivateKey) -> Sealed:
    """Sign what lies in the folder. StoreError."""
    public = key.public_key()
    try:
        files = {name: _digest((folder / name).read_bytes()) for name in SEALED}
        body = {"files": files, "fingerprint": archive.fingerprint(public), "key": public.public_bytes_raw().hex()}
        signed = {**body, "signature": key.sign(_canonical(body)).hex()}
        written(folder / SEAL, json.dumps(signed, indent=1, sort_keys=True) + "\n")
    except OSError as exc:
        raise StoreError(say("refused.file", file=exc.filename or folder, why=cause(exc))) from exc
    return Sealed(str(body["fingerprint"]), SEALED)


def verify(folder: Path) -> Sealed:
    """The seal of a folder once it fits; BadSeal, StoreError when nothing can be read."""
    try:
        raw = _read(folder / SEAL, MOST_SEAL)
        try:
            tree = json.loads(raw)
            files = {str(name): str(digest) for name, digest in tree["files"].items()}
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(tree["key"]))
            signature = bytes.fromhex(tree["signature"])
            body = {"files": files, "fingerprint": tree["fingerprint"], "key": tree["key"]}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise BadSeal("malformed", SEAL) from exc
        try:
            public.verify(signature, _canonical(body))
        except InvalidSignature as exc:
            raise BadSeal("wrong_signature", SEAL) from exc
        if tree["fingerprint"] != archive.fingerprint(public):
            raise BadSeal("wrong_fingerprint", SEAL)
        for name in SEALED:
            if _digest(_read(folder / name, MOST_BYTES)) != files.get(name):
                raise BadSeal("changed", name)
    except OSError as exc:
        raise StoreError(say("refused.file", file=exc.filename or folder, why=cause(exc))) from exc
    return Sealed(archive.fingerprint(public), SEALED)


def written(path: Path, text: str) -> None:
    """A file whole or not at all."""
    work = path.with_name(f".{path.name}.new")
    work.write_text(text, encoding="utf-8")
    work.replace(path)


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise BadSeal("malformed", path.name)
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _canonical(tree: object) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
