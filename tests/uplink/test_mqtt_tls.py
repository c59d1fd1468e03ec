"""The encrypted link: both sides show certificates, and a stranger's broker gets nothing."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulators.broker import free_port, listening
from gateway.clock import SystemClock
from tests.needs import program
from tests.uplink.gateway_side import uplink
from tests.uplink.parts import taken, until

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(folder: Path, name: str, signer: Signer | None = None) -> Signer:
    """A certificate of `name` for localhost, as files; its own authority when nobody signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / f"{name}.key").chmod(0o644)  # mosquitto drops root and reads it as somebody else
    return made, key


@pytest.fixture
async def tls_port(tmp_path):
    """mosquitto that asks for a client certificate."""
    found = program("mosquitto")
    authority = certificate(tmp_path, "authority")
    certificate(tmp_path, "stranger")
    certificate(tmp_path, "broker", authority)
    certificate(tmp_path, "gateway", authority)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    port = free_port()
    (tmp_path / "tls.conf").write_text(
        f"listener {port} 127.0.0.1\ncafile {tmp_path}/authority.crt\ncertfile {tmp_path}/broker.crt\n"
        f"keyfile {tmp_path}/broker.key\nrequire_certificate true\nallow_anonymous true\nlog_type none\n"
        "user root\n"
    )
    process = await asyncio.create_subprocess_exec(found, "-c", str(tmp_path / "tls.conf"))
    await listening(port)
    yield port
    process.kill()
    await process.wait()


async def test_both_sides_show_certificates_and_samples_flow(tmp_path, tls_port):
    files = {
        "ca_file": tmp_path / "authority.crt",
        "cert_file": tmp_path / "gateway.crt",
        "key_file": tmp_path / "gateway.key",
    }
    async with uplink(tmp_path / "s", tls_port, url=f"mqtts://localhost:{tls_port}", receipts=False, **files) as side:
        await until(lambda: side.link.connected)
        side.outbox.add(taken(10, at_s=SystemClock().boot_s()))
        await side.outbox.commit()
        await until(lambda: bool(side.outbox._receipts) or side.link.sessions > 1)
        assert side.link.sessions == 1


@pytest.mark.filterwarnings("ignore:multiple unraisable", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("ca", "cert"), [("stranger", "gateway"), ("authority", None), ("authority", "stranger")])
async def test_a_certificate_nobody_vouches_for_makes_no_session(tmp_path, tls_port, ca, cert):
    """paho leaves the socket of a failed handshake to the garbage collector."""
    files = {"ca_file": tmp_path / f"{ca}.crt"}
    if cert is not None:
        files |= {"cert_file": tmp_path / f"{cert}.crt", "key_file": tmp_path / f"{cert}.key"}
    async with uplink(tmp_path / "s", tls_port, url=f"mqtts://localhost:{tls_port}", **files) as side:
        await until(lambda: bool(side.alarms), within_s=20)
        assert side.link.sessions == 0
        assert [one.key for one in side.alarms] == ["uplink_down:vpp"]
