"""Twelve endpoints nobody should talk to, on the link and on a Modbus line: each is refused, nothing is said to any."""

import asyncio
import datetime as dt
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from gateway.errors import BusDown
from gateway.field.line import Wire
from gateway.field.mbap import Mbap
from gateway.field.tcp import dial_tcp
from gateway.field.tls import Security
from gateway.model.site import Link
from gateway.uplink.credentials import read
from gateway.uplink.mqtt_session import SessionEnded, session
from tests.uplink.test_mqtt_tls import Signer, certificate

WEAK = "ALL:NULL:@SECLEVEL=0"
RC4_SHA, DES3_SHA = 0x0005, 0x000A
"""Suites that are no longer built; their endpoints are played with plain bytes."""


@dataclass
class Endpoint:
    """One server: what it shows, which versions and suites it speaks."""

    cert: str = "broker"
    version: ssl.TLSVersion | None = None
    ciphers: str = ""
    suite: int | None = None
    port: int = 0
    said: list[bytes] = field(default_factory=list)
    """What came through, encrypted or not, after the handshake."""

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator["Endpoint"]:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self._context(folder))
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    def _context(self, folder: Path) -> ssl.SSLContext | None:
        if self.suite is not None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{self.cert}.crt", folder / f"{self.cert}.key")
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.version is not None:
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, self.version
        return context

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.suite is not None:
                await self._hello(reader, writer, self.suite)
            elif data := await reader.read(100):
                self.said.append(data)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, suite: int) -> None:
        """A ServerHello of TLS 1.2 (RFC 5246, 7.4.1.3) that chose this suite; an alert (21) is the right answer."""
        head = await reader.readexactly(5)
        await reader.readexactly(int.from_bytes(head[3:], "big"))
        body = b"\x03\x03" + bytes(32) + b"\x00" + struct.pack(">HB", suite, 0)
        hello = b"\x02" + len(body).to_bytes(3, "big") + body
        writer.write(b"\x16\x03\x03" + len(hello).to_bytes(2, "big") + hello)
        await writer.drain()
        answer = await reader.read(100)
        if answer[:1] != b"\x15":
            self.said.append(answer)


ENDPOINTS = {
    "TLS 1.0": Endpoint(version=ssl.TLSVersion.TLSv1, ciphers=WEAK),
    "TLS 1.1": Endpoint(version=ssl.TLSVersion.TLSv1_1, ciphers=WEAK),
    "NULL": Endpoint(version=ssl.TLSVersion.TLSv1_2, ciphers="NULL:@SECLEVEL=0"),
    "RC4": Endpoint(suite=RC4_SHA),
    "3DES": Endpoint(suite=DES3_SHA),
    "self-signed": Endpoint("alone"),
    "wrong host": Endpoint("elsewhere"),
    "expired": Endpoint("expired"),
    "not yet valid": Endpoint("early"),
    "other authority": Endpoint("foreign"),
    "revoked": Endpoint("revoked"),
    "no list of its authority": Endpoint("listless"),
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Authorities and what they signed; `trusted.pem` is the right one, with its list of what it revoked."""
    folder = tmp_path_factory.mktemp("papers")
    authority, other = certificate(folder, "authority"), certificate(folder, "other")
    silent = certificate(folder, "silent")
    certificate(folder, "alone")
    certificate(folder, "broker", authority)
    certificate(folder, "elsewhere", authority, host="elsewhere.example")
    certificate(folder, "expired", authority, days=(-9, -1))
    certificate(folder, "early", authority, days=(1, 9))
    certificate(folder, "foreign", other)
    certificate(folder, "listless", silent)
    gone, _ = certificate(folder, "revoked", authority)
    pem = serialization.Encoding.PEM
    parts = [authority[0].public_bytes(pem), silent[0].public_bytes(pem), revoking(authority, gone).public_bytes(pem)]
    (folder / "trusted.pem").write_bytes(b"".join(parts))
    return folder


def revoking(authority: Signer, gone: x509.Certificate) -> x509.CertificateRevocationList:
    now = dt.datetime.now(dt.UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(gone.serial_number).revocation_date(now).build()
    made = x509.CertificateRevocationListBuilder().issuer_name(authority[0].subject).add_revoked_certificate(entry)
    return made.last_update(now - dt.timedelta(days=1)).next_update(now + dt.timedelta(days=1)).sign(
        authority[1], hashes.SHA256()
    )  # fmt: skip


async def link_to(endpoint: Endpoint, papers: Path) -> None:
    """Dial as the link does; a session ends with the broker's silence, the handshake done."""
    link = Link("vpp", f"mqtts://localhost:{endpoint.port}", ca_file=papers / "trusted.pem", user="tower")
    credentials = read(link, server_name="localhost")
    async with session(
        link, "gateway-x", credentials=credentials, host="127.0.0.1", version=aiomqtt.ProtocolVersion.V311,
        will=("t", b""), keepalive_s=5, answer_s=1.0, late=print,
    ):  # fmt: skip
        raise AssertionError("these endpoints speak no MQTT")


async def line_to(endpoint: Endpoint, papers: Path) -> None:
    """Dial as a Modbus line does."""
    security = Security(papers / "trusted.pem", server_name="localhost")
    await dial_tcp("127.0.0.1", endpoint.port, lambda: Wire(Mbap(), timeout_s=1.0), timeout_s=1.0, security=security)


async def anybody(endpoint: Endpoint) -> None:
    """Somebody who takes anything: the endpoint does serve, so whoever is refused is refused by us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(WEAK)
    _, writer = await asyncio.open_connection("127.0.0.1", endpoint.port, ssl=context)
    writer.close()


@pytest.mark.fault("A-050")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("name", list(ENDPOINTS))
async def test_an_endpoint_nobody_should_talk_to_is_refused_and_told_nothing(papers, name):
    async with ENDPOINTS[name].serving(papers) as endpoint:
        if endpoint.suite is None:
            await anybody(endpoint)
            endpoint.said.clear()
        with pytest.raises(SessionEnded):
            await link_to(endpoint, papers)
        with pytest.raises(BusDown):
            await line_to(endpoint, papers)
    assert endpoint.said == []


@pytest.mark.fault("A-050")
async def test_the_right_endpoint_is_told_who_comes(papers):
    async with Endpoint().serving(papers) as endpoint:
        await line_to(endpoint, papers)
        with pytest.raises(SessionEnded):
            await link_to(endpoint, papers)
    assert any(b"MQTT" in said for said in endpoint.said)
