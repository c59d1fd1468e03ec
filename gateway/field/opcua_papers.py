"""Papers: our own certificate and key towards OPC UA servers, made on first start; servers that came and were not trusted."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.errors import BusDown
from gateway.field.opcua_trust import fingerprint, read_certificate
from gateway.texts import say

BITS = 2048
DAYS = 3650
"""A controller that pinned our certificate is not visited every year."""
MOST_KEPT = 50
"""Certificates of untrusted servers that are kept; a server that shows a new one each time must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Own:
    """Who we are."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    application_uri: str


@dataclass(frozen=True, slots=True)
class Papers:
    """A folder of the state directory: `own.der` and `own.key`, `trusted/`, `rejected/`."""

    folder: Path

    @property
    def trusted(self) -> Path:
        """Where the owner puts certificates of servers, unless the site file names another folder."""
        return self.folder / "trusted"

    @property
    def rejected(self) -> Path:
        """Where those of untrusted servers lie, each under its fingerprint."""
        return self.folder / "rejected"

    def own(self, now: datetime) -> Own:
        """Our certificate; made when there is none. BusDown when the folder cannot be used."""
        certificate, key = self.folder / "own.der", self.folder / "own.key"
        try:
            self.trusted.mkdir(parents=True, exist_ok=True)
            if not (certificate.exists() and key.exists()):
                _make(certificate, key, now)
        except OSError as exc:
            raise BusDown(say("bus.own_certificate", why=str(exc))) from exc
        return read_own(certificate, key)

    def keep(self, data: bytes) -> Path:
        """Keep the certificate of a server that is not trusted, for the owner to look at; where it lies."""
        file = self.rejected / f"{fingerprint(read_certificate(data))}.der"
        self.rejected.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(data)
        for old in sorted(self.rejected.glob("*.der"), key=lambda one: one.stat().st_mtime)[:-MOST_KEPT]:
            old.unlink()
        return file


def read_own(certificate: Path, key: Path) -> Own:
    """A certificate of ours and its key, PEM or DER. BusDown."""
    try:
        read = read_certificate(certificate.read_bytes())
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        return Own(read, read_key(key), uris[0])
    except (OSError, ValueError, IndexError, x509.ExtensionNotFound) as exc:
        said = say("bus.no_application_uri") if isinstance(exc, IndexError | x509.ExtensionNotFound) else str(exc)
        raise BusDown(say("bus.our_certificate", name=certificate.name, why=said)) from exc


def read_key(file: Path) -> rsa.RSAPrivateKey:
    """An RSA key without a password, PEM or DER. ValueError, OSError."""
    data = file.read_bytes()
    load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
    try:
        key = load(data, password=None)
    except TypeError as exc:
        raise ValueError(f"{file.name} has a password") from exc
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{file.name} is not an RSA key")  # noqa: TRY004 - of the file, not of a type
    return key


def _make(certificate: Path, key_file: Path, now: datetime) -> None:
    key = rsa.generate_private_key(65537, BITS)
    uri = f"urn:vpp-gateway:{uuid4()}"
    host = socket.gethostname()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"vpp-gateway {host}"[:64])])
    usage = dict.fromkeys(
        ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    ) | dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), True)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(host)]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key_file, pem, mode=0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.DER), mode=0o644)


def _write(file: Path, data: bytes, *, mode: int) -> None:
    """All or nothing, on the disk."""
    whole = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    whole.replace(file)
