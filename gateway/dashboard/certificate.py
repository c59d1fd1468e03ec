"""TLS of the dashboard: the owner's certificate, or one of our own made at the first start (ECDSA P-256, two years)."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.dashboard.accessfile import write_private
from gateway.errors import StoreError
from gateway.model.listen import Listen

CERT, KEY = "dashboard.crt", "dashboard.key"
LIFE = timedelta(days=730)
RENEW = timedelta(days=30)


def context(listen: Listen, state: Path, *, utc_ms: int) -> ssl.SSLContext:
    """The server's context: TLS 1.2 or newer. StoreError: a file is missing, wrong, or its key is open to others."""
    cert, key = listen.cert_file, listen.key_file
    if cert is None or key is None:
        cert, key = state / CERT, state / KEY
        if not _good(cert, key, utc_ms):
            make(cert, key, names=frozenset({listen.address, "localhost", "127.0.0.1", *listen.hosts}), utc_ms=utc_ms)
    try:
        if key.stat().st_mode & 0o077:
            raise StoreError(f"{key}: others may read it; chmod 600 it")
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.minimum_version = ssl.TLSVersion.TLSv1_2
        found.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as exc:
        raise StoreError(f"{cert}, {key}: not a certificate and its key: {exc}") from exc
    return found


def make(cert: Path, key: Path, *, names: frozenset[str], utc_ms: int) -> None:
    """Write a certificate for these names, signed by its own key. StoreError."""
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.fromtimestamp(utc_ms / 1000.0, tz=UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(key, private.private_bytes(*shape))
    write_private(cert, made.public_bytes(serialization.Encoding.PEM))


def fingerprint(cert: Path) -> str:
    """SHA-256 of a certificate, to be compared with what a browser shows."""
    return x509.load_pem_x509_certificate(cert.read_bytes()).fingerprint(hashes.SHA256()).hex(":").upper()


def _good(cert: Path, key: Path, utc_ms: int) -> bool:
    """Whether both are there and last a while; a clock that was not set yet does not make a new one."""
    try:
        ends = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return False
    return key.exists() and ends - datetime.fromtimestamp(utc_ms / 1000.0, tz=UTC) > RENEW


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)
