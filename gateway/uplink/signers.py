"""Signed commands: Ed25519 (RFC 8032) over a command without its `sig`, as canonical JSON (RFC 8785); `sig` is Base64.

The canonical form does not depend on the order of keys, on blanks or on how a number was written, so that any program
that reads JSON can sign and check.
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.texts import say

_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


class Signers:
    """Everybody whose commands are taken, by the `issuer` they sign as; each may have several keys, the next one beside the old."""

    def __init__(self, keys: Mapping[str, Sequence[Ed25519PublicKey]]) -> None:
        self._keys = dict(keys)

    def refusal(self, command: Mapping[str, Any], issuer: str) -> str | None:
        """Why a command of this issuer is not taken: `unsigned`, `unknown_issuer`, `bad_signature`; None: it is signed."""
        if "sig" not in command:
            return "unsigned"
        if issuer not in self._keys:
            return "unknown_issuer"
        try:
            signature, signed = b64decode(str(command["sig"]), validate=True), _signed(command)
        except ValueError:  # no Base64; a number that has no canonical form
            return "bad_signature"
        if any(_is_of(key, signature, signed) for key in self._keys[issuer]):
            return None
        return "bad_signature"


def read_signers(files: Mapping[str, Path]) -> Signers:
    """The keys in each issuer's file, PEM, one or more. OSError, or ValueError that names the file, when they do not read."""
    return Signers({issuer: _read(file) for issuer, file in files.items()})


def _read(file: Path) -> list[Ed25519PublicKey]:
    try:
        found = [load_pem_public_key(block) for block in _BLOCK.findall(file.read_bytes())]
    except (ValueError, UnsupportedAlgorithm):
        found = []
    keys = [key for key in found if isinstance(key, Ed25519PublicKey)]
    if not keys or len(keys) < len(found):
        raise ValueError(say("refused.not_a_signers_key", file=file))
    return keys


def _is_of(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _signed(command: Mapping[str, Any]) -> bytes:
    return rfc8785.dumps({key: value for key, value in command.items() if key != "sig"})
