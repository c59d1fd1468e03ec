"""Whom we trust: server certificates on disk, and what is wrong with one that may not be used.

A certificate is trusted when it lies in the folder itself, or when an authority that lies there signed it (its revocation
lists, `*.crl`, lie there too). Trusted or not, it must be in its time, strong enough (OPC 10000-7: SHA-256, RSA 2048 to
4096), for this application URI and for this host.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import BusDown
from gateway.texts import listed, say

SUFFIXES = (".der", ".pem", ".crt", ".cer")
LISTS = ".crl"
PEM = b"-----BEGIN"
LEAST_BITS, MOST_BITS = 2048, 4096
STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
MOST_BYTES = 65_536


class Untrusted(BusDown):
    """The server's certificate may not be used; nothing but the list of endpoints was asked of it."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """What lies in the folder."""

    certificates: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Files that are no certificates."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who the server has to be."""

    application_uri: str
    host: str
    """The host dialled, or the name that the owner says its certificate carries."""


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, in small letters."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def read_certificate(data: bytes) -> x509.Certificate:
    """A certificate, PEM or DER; of a chain the first. ValueError."""
    if PEM in data[:MOST_BYTES]:
        return x509.load_pem_x509_certificate(data)
    if len(data) < 4 or data[:2] != b"\x30\x82":
        raise ValueError("not a certificate")
    return x509.load_der_x509_certificate(data[: int.from_bytes(data[2:4], "big") + 4])


def read_folder(folder: Path) -> Trusted:
    """Everything in a folder; one that is not there is empty."""
    certificates: list[x509.Certificate] = []
    lists: list[x509.CertificateRevocationList] = []
    unreadable: list[str] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            if file.suffix.lower() in SUFFIXES:
                certificates.append(read_certificate(file.read_bytes()))
            elif file.suffix.lower() == LISTS:
                data = file.read_bytes()
                lists.append(x509.load_pem_x509_crl(data) if PEM in data else x509.load_der_x509_crl(data))
        except (ValueError, OSError):
            unreadable.append(file.name)
    return Trusted(tuple(certificates), tuple(lists), tuple(unreadable))


def faults_of(certificate: x509.Certificate, claim: Claim, now: datetime) -> list[str]:
    """What is wrong with a certificate whoever vouches for it."""
    found: list[str] = []
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        found.append(
            say("bus.not_valid_today", first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}", today=f"{now:%Y-%m-%d}")
        )
    if not isinstance(_hash_of(certificate), STRONG):
        found.append(say("bus.weak_signature", hash=_hash_name(certificate)))
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        found.append(say("bus.no_rsa"))
    elif not LEAST_BITS <= key.key_size <= MOST_BITS:
        found.append(say("bus.key_size", bits=key.key_size, least=LEAST_BITS, most=MOST_BITS))
    uris, hosts = _names(certificate)
    if claim.application_uri not in uris:
        found.append(say("bus.for_application", uris=_shown(uris), says=claim.application_uri))
    if _plain(claim.host) not in {_plain(host) for host in hosts}:
        found.append(say("bus.for_host", hosts=_shown(hosts), host=claim.host))
    return found


def vouched(certificate: x509.Certificate, trusted: Trusted, now: datetime) -> str:
    """'' when somebody in the folder vouches for it, else why not."""
    if certificate in trusted.certificates:
        return ""
    for authority in trusted.certificates:
        if not (_is_authority(authority) and _signed(certificate, authority)):
            continue
        if not authority.not_valid_before_utc <= now <= authority.not_valid_after_utc:
            return say("bus.authority_not_valid", authority=authority.subject.rfc4514_string())
        if _revoked(certificate, authority, trusted.lists):
            return say("bus.revoked", authority=authority.subject.rfc4514_string())
        return ""
    return say("bus.not_trusted")


def judge(data: bytes, trusted: Trusted, claim: Claim, now: datetime) -> x509.Certificate:
    """The certificate of a server that may be used; Untrusted with everything that is wrong with it."""
    try:
        certificate = read_certificate(data)
        found = faults_of(certificate, claim, now)
        why = vouched(certificate, trusted, now)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise Untrusted(say("bus.server_certificate_unreadable", why=str(exc))) from exc
    if why or found:
        said = listed(filter(None, [why, *found]), "word.semicolon")
        name = certificate.subject.rfc4514_string()
        raise Untrusted(say("bus.server_certificate", name=name, fingerprint=fingerprint(certificate), why=said))
    return certificate


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _revoked(
    certificate: x509.Certificate, authority: x509.Certificate, lists: Sequence[x509.CertificateRevocationList]
) -> bool:
    key = authority.public_key()
    own = [one for one in lists if one.issuer == authority.subject and one.is_signature_valid(key)]  # type: ignore[arg-type]  # keys of authorities sign
    return any(one.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None for one in own)


def _hash_of(certificate: x509.Certificate) -> hashes.HashAlgorithm | None:
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None


def _hash_name(certificate: x509.Certificate) -> str:
    found = _hash_of(certificate)
    return "an unknown method" if found is None else found.name


def _names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    """Application URIs and hosts that a certificate is for; without hosts, its common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        hosts = [
            *names.get_values_for_type(x509.DNSName),
            *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        ]
    except x509.ExtensionNotFound:
        uris, hosts = [], []
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return list(uris), hosts or [str(one.value) for one in common]


def _plain(host: str) -> str:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return host.rstrip(".").casefold()


def _shown(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "nobody"
