"""Certificates of OPC UA applications for tests: right ones, and wrong ones of every kind."""

import datetime as dt
import functools
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

APPLICATION = "urn:tests:server"
NOW = dt.datetime.now(dt.UTC)


def key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """The key of that number; made once."""
    return _key(bits, number)


@functools.cache
def _key(bits: int, _number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def made(
    *,
    uri: str = APPLICATION,
    host: str = "127.0.0.1",
    bits: int = 2048,
    number: int = 0,
    days: tuple[int, int] = (-1, 1),
    signer: tuple[x509.Certificate, rsa.RSAPrivateKey] | None = None,
    authority: bool = False,
    method: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """A certificate; signed by itself unless somebody signs it."""
    own = key(bits, number)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"thing {number}")])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (name, own)
    alternatives = [x509.UniformResourceIdentifier(uri), x509.IPAddress(ipaddress.ip_address(host))]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(1000 + number)
        .not_valid_before(NOW + dt.timedelta(days=days[0]))
        .not_valid_after(NOW + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(issuer_key, method or hashes.SHA256())
    )


def revoking(authority: x509.Certificate, signing: rsa.RSAPrivateKey, serial: int) -> x509.CertificateRevocationList:
    gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(NOW - dt.timedelta(days=1))
        .next_update(NOW + dt.timedelta(days=1))
        .add_revoked_certificate(gone)
        .sign(signing, hashes.SHA256())
    )


def der(one: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return one.public_bytes(serialization.Encoding.DER)


def write_pair(folder: Path, name: str, certificate: x509.Certificate, private: rsa.RSAPrivateKey) -> None:
    """`name.der` and `name.pem`."""
    (folder / f"{name}.der").write_bytes(der(certificate))
    form = serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / f"{name}.pem").chmod(0o600)
