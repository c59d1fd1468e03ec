"""Credentials of a link: certificates, password and keys of signers from their files, when they end, and whether the files have changed.

Files are read for every dial and looked at while a session lasts, so a renewed certificate counts without a restart. An
authority's file may also hold its revocation list (PEM): then a certificate without a list that speaks for it is
refused. There is no way to switch verification off.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import LinkError
from gateway.model.site import Link
from gateway.texts import say
from gateway.texts.causes import cause

if TYPE_CHECKING:
    from gateway.uplink.signers import Signers

STAGES_DAYS = (30, 7, 1, 0)
"""So long before a certificate ends somebody is told, and told again."""
DAY_S = 86_400.0
Stamp = tuple[tuple[int, int], ...]


class NamedContext(ssl.SSLContext):
    """Checks certificates against the name in the site file, whatever address is dialled; keeps hold of its last socket."""

    server_name = ""
    _last: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: Any, *args: Any, **how: Any) -> ssl.SSLSocket:
        """A socket of ours."""
        self._last = super().wrap_socket(sock, *args, **{**how, "server_hostname": self.server_name})
        return self._last

    def peer_ends_s(self) -> float | None:
        """When the certificate ends that the other side has shown (UTC s)."""
        shown = None if self._last is None else self._last.getpeercert()
        return float(ssl.cert_time_to_seconds(str(shown["notAfter"]))) if shown else None

    def close(self) -> None:
        """Close the socket of a handshake that failed, which nobody else does."""
        if self._last is not None:
            self._last.close()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one dial needs; `stamp` changes with the files, `ends_s` is when our own certificate ends (UTC s)."""

    context: NamedContext | None
    password: str | None
    stamp: Stamp
    ends_s: float | None
    signers: "Signers | None" = None
    """Whose commands are taken; None: no command needs a signature."""


def read(link: Link, *, server_name: str | None) -> Credentials:
    """Read the files now; no `server_name`: the line is not encrypted. LinkError names the file that does not read."""
    try:
        stamp = stamp_of(link)
        context = None if server_name is None else _context(link, server_name)
        password = link.password_file.read_text().rstrip("\r\n") if link.password_file else None
        ends_s = None
        if server_name is not None and link.cert_file is not None:
            ends_s = _ends_s(link.cert_file)
        signers = _signers(link)
    except (OSError, ValueError) as exc:
        raise LinkError(say("alarm.credentials", link=link.id, why=_why(exc))) from exc
    return Credentials(context, password, stamp, ends_s, signers)


def _why(exc: OSError | ValueError) -> str:
    """What does not read, and why."""
    if isinstance(exc, OSError) and exc.filename:
        return say("refused.file", file=exc.filename, why=cause(exc))
    return str(exc)


def stamp_of(link: Link) -> Stamp:
    """Size and time of every file; OSError when one is not there."""
    files = (link.ca_file, link.cert_file, link.key_file, link.password_file, *link.signers.values())
    found = [file.stat() for file in files if file is not None]
    return tuple((one.st_mtime_ns, one.st_size) for one in found)


def stage_of(ends_s: float, *, now_s: float) -> int | None:
    """How many days at most are left, as one of STAGES_DAYS; None: more than all of them."""
    return min((days for days in STAGES_DAYS if ends_s - now_s <= days * DAY_S), default=None)


def _signers(link: Link) -> "Signers | None":
    if not link.signers:
        return None
    from gateway.uplink.signers import read_signers  # as large, and only where commands are signed

    return read_signers(link.signers)


def _ends_s(certificate: Path) -> float:
    from cryptography import x509  # 8 MB, and only a link with a certificate of its own has a use for it

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def _context(link: Link, server_name: str) -> NamedContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the chain and the name
    context.server_name = server_name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if link.ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(link.ca_file)
        if context.cert_store_stats()["crl"]:
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if link.cert_file is not None:
        context.load_cert_chain(link.cert_file, link.key_file)
    return context
