"""Passwords: scrypt with a salt of their own (RFC 7914), compared in constant time; 16 MiB and some 50 ms a try."""

import hashlib
import hmac
import secrets
from typing import Final

N, R, P = 2**14, 8, 1
SALT_BYTES, KEY_BYTES = 16, 32
LEAST, MOST = 10, 200
NOBODY: Final = f"scrypt${N}${R}${P}${'00' * SALT_BYTES}${'00' * KEY_BYTES}"
"""What a try for a name nobody has is compared with, so that it takes as long."""


def kept(password: str) -> str:
    """What is kept of a password. Blocks for the time of a try: use a thread."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt${N}${R}${P}${salt.hex()}${_key(password, salt, n=N, r=R, p=P).hex()}"


def fits(password: str, kept_as: str) -> bool:
    """Whether it is the one; False for a record nobody can read. Blocks for the time of a try."""
    try:
        scheme, n, r, p, salt, key = kept_as.split("$")
        if scheme != "scrypt":
            return False
        found = _key(password, bytes.fromhex(salt), n=int(n), r=int(r), p=int(p))
        return hmac.compare_digest(found, bytes.fromhex(key))
    except ValueError:
        return False


def weakness(password: str, name: str) -> str | None:
    """Why a password is not taken, as a reason code (NIST SP 800-63B 5.1.1.2: length counts, rules do not)."""
    if not LEAST <= len(password) <= MOST:
        return "password_length"
    if name.lower() in password.lower() or len(set(password)) < 4:
        return "password_guessable"
    return None


def _key(password: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 * 2**20, dklen=KEY_BYTES)
