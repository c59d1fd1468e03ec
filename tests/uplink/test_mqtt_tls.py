"""The encrypted link: both sides show certificates, and a stranger's broker gets nothing."""

import asyncio
import datetime as dt
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulators.broker import free_port, listening
from gateway.clock import SystemClock, VirtualClock
from gateway.model.site import Link
from gateway.uplink.papers import Papers
from tests.needs import program
from tests.uplink.gateway_side import QUICK, uplink
from tests.uplink.parts import taken, until

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(
    folder: Path,
    name: str,
    signer: Signer | None = None,
    *,
    host: str = "localhost",
    days: tuple[float, float] = (-1, 90),
) -> Signer:
    """A certificate of `name` for a host, as files; its own authority when nobody signs."""
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
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / f"{name}.key").chmod(0o644)  # mosquitto drops root and reads it as somebody else
    return made, key


@pytest.fixture
async def tls_broker(tmp_path):
    """mosquitto that asks for a client certificate: its port and its process."""
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
    yield port, process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
def tls_port(tls_broker):
    return tls_broker[0]


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
        async with asyncio.timeout(10):
            while await side.outbox.pending("vpp"):  # noqa: ASYNC110  # the disk has no event
                await asyncio.sleep(0.02)
        assert side.link.sessions == 1


@pytest.mark.parametrize(("ca", "cert"), [("stranger", "gateway"), ("authority", None), ("authority", "stranger")])
async def test_a_certificate_nobody_vouches_for_makes_no_session(tmp_path, tls_port, ca, cert):
    files = {"ca_file": tmp_path / f"{ca}.crt"}
    if cert is not None:
        files |= {"cert_file": tmp_path / f"{cert}.crt", "key_file": tmp_path / f"{cert}.key"}
    times = replace(QUICK, answer_s=0.5)
    async with uplink(tmp_path / "s", tls_port, url=f"mqtts://localhost:{tls_port}", times=times, **files) as side:
        await until(lambda: bool(side.alarms), within_s=20)
        assert side.link.sessions == 0
        assert [one.key for one in side.alarms] == ["uplink_down:vpp"]


def files_of(folder: Path) -> dict[str, Path]:
    return {
        "ca_file": folder / "authority.crt",
        "cert_file": folder / "gateway.crt",
        "key_file": folder / "gateway.key",
    }


def keys(side) -> list[tuple[str, bool]]:
    return [(one.key.partition(":")[0], one.raised) for one in side.alarms]


@pytest.mark.fault("F-053")
async def test_a_renewed_certificate_is_taken_over_without_a_restart_and_a_broken_one_is_left_alone(
    tmp_path, tls_broker
):
    port, _ = tls_broker
    authority = certificate(tmp_path, "authority2")
    times = replace(QUICK, papers_s=0.05)
    async with uplink(tmp_path / "s", port, url=f"mqtts://localhost:{port}", times=times, **files_of(tmp_path)) as side:
        await until(lambda: side.link.connected)
        whole = (tmp_path / "gateway.crt").read_bytes()
        (tmp_path / "gateway.crt").write_bytes(whole[:200])  # half saved
        await until(lambda: ("credentials_unusable", True) in keys(side))
        assert side.link.connected
        assert side.link.sessions == 1
        (tmp_path / "gateway.crt").write_bytes(whole)
        await until(lambda: side.link.sessions == 2 and side.link.connected)
        assert keys(side) == [("credentials_unusable", True), ("credentials_unusable", False)]
        certificate(tmp_path, "gateway", authority)  # of an authority the broker does not know: used all the same
        await until(lambda: not side.link.connected)


@pytest.mark.fault("F-053")
async def test_a_broker_whose_certificate_ends_is_left_and_dialled_in_vain_until_it_shows_another(tmp_path, tls_broker):
    port, broker = tls_broker
    authority = certificate(tmp_path, "authority")
    short_s = 4.0
    certificate(tmp_path, "broker", authority, days=(-1, short_s / 86_400))
    certificate(tmp_path, "gateway", authority)
    broker.kill()
    await broker.wait()
    again = await asyncio.create_subprocess_exec(program("mosquitto"), "-c", str(tmp_path / "tls.conf"))
    try:
        await listening(port)
        times = replace(QUICK, papers_s=0.05)
        async with uplink(
            tmp_path / "s", port, url=f"mqtts://localhost:{port}", times=times, **files_of(tmp_path)
        ) as side:
            await until(lambda: side.link.connected)
            await until(lambda: ("certificate_ends", True) in keys(side))
            await until(lambda: not side.link.connected, within_s=3 * short_s)
            await until(lambda: ("uplink_down", True) in keys(side))
            assert side.link.sessions == 1
            certificate(tmp_path, "broker", authority)
            again.send_signal(signal.SIGHUP)
            await until(lambda: side.link.connected)
            await until(lambda: keys(side)[-1] == ("uplink_down", False))
            assert keys(side).count(("certificate_ends", True)) == keys(side).count(("certificate_ends", False)) == 2
    finally:
        again.kill()
        await again.wait()


@pytest.mark.fault("F-053", "U7")
async def test_the_end_of_a_certificate_is_told_thirty_seven_and_one_day_before(tmp_path):
    certificate(tmp_path, "authority")
    certificate(tmp_path, "gateway", days=(-1, 40))
    told: list[str] = []
    clock = VirtualClock(0.0, time.time_ns() // 1_000_000)
    papers = Papers(
        Link("vpp", "mqtts://localhost", **files_of(tmp_path)), clock, every_s=1.0,
        alarm=lambda cause, **_: told.append(cause), clear=lambda _cause: None,
    )  # fmt: skip
    days = []
    for day in range(42):
        count = len(told)
        for _ in range(3):
            await papers.read()
        days += [day] * (len(told) - count)
        clock.now_s += 86_400.0
    assert days == [10, 33, 39, 40]
    assert set(told) == {"certificate_ends"}


async def test_a_clock_that_is_not_set_says_nothing_of_certificates(tmp_path):
    certificate(tmp_path, "authority")
    certificate(tmp_path, "gateway", days=(-1, 1))
    told: list[str] = []
    papers = Papers(
        Link("vpp", "mqtts://localhost", **files_of(tmp_path)), VirtualClock(), every_s=1.0,
        alarm=lambda cause, **_: told.append(cause), clear=lambda _cause: None,
    )  # fmt: skip
    await papers.read()
    assert told == []
