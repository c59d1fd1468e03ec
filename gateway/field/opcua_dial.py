"""Dial an OPC UA server: the endpoint with exactly the configured policy and mode or none, a server we trust or none.

The list of endpoints comes over an open connection, so nothing in it is believed but what the certificate proves: anybody
between us and the server can leave out the secured endpoints (then there is no connection), name other hosts (they are
not dialled) or show another certificate (it is not in the trust list). Credentials go out after all that only.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.errors import BusDown
from gateway.field.opcua_guard import POLICIES, GuardedClient
from gateway.field.opcua_papers import Own, Papers, read_key, read_own
from gateway.field.opcua_trust import Claim, Untrusted, judge, read_certificate, read_folder
from gateway.model.site import Connection

MODES = {"Sign": ua.MessageSecurityMode.Sign, "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt}
URI = "http://opcfoundation.org/UA/SecurityPolicy#"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What of an endpoint's description matters; its address does not."""

    policy: str
    mode: str
    certificate: bytes
    application_uri: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we say we are once the channel is up; nothing: anonymous."""

    user: str | None = None
    password: str | None = None
    certificate: x509.Certificate | None = None
    key: RSAPrivateKey | None = None


async def client_for(given: Connection, papers: Papers | None, *, now: datetime) -> GuardedClient:
    """A client that may connect. BusDown (Untrusted) when there must be no connection; nobody is told who we are by then."""
    client = GuardedClient(given.address, timeout_s=given.timeout_s)
    if not given.security_policy:
        return client
    endpoint = chosen(await offered(given), given.security_policy, given.security_mode)
    host = given.server_name or urlparse(given.address).hostname or ""
    claim = Claim(endpoint.application_uri, host)
    own, identity, server = await asyncio.to_thread(prepared, given, papers, endpoint, claim, now)

    async def same(_certificate: x509.Certificate, application: ua.ApplicationDescription) -> None:
        if application.ApplicationUri != claim.application_uri:  # now over the secured channel
            raise Untrusted(f"the server says it is {application.ApplicationUri!r}, before {claim.application_uri!r}")

    client.certificate_validator = same
    client.application_uri = own.application_uri
    policy = POLICIES[given.security_policy](server, own.certificate, own.key, MODES[given.security_mode])
    client.security_policy = policy
    client.uaclient.set_security(policy)
    if identity.user is not None:
        client.set_user(identity.user)
        client.set_password(identity.password or "")
    client.user_certificate, client.user_private_key = identity.certificate, identity.key
    return client


async def offered(given: Connection) -> list[Endpoint]:
    """The endpoints of the server at the configured address, asked without security: there is no other way."""
    client = GuardedClient(given.address, timeout_s=given.timeout_s)
    try:
        found = await client.connect_and_get_server_endpoints()
    finally:
        client.disconnect_socket()
    modes = {mode: name for name, mode in MODES.items()}
    return [
        Endpoint(
            (one.SecurityPolicyUri or "").removeprefix(URI),
            modes.get(one.SecurityMode, "None"),
            one.ServerCertificate or b"",
            one.Server.ApplicationUri or "",
        )
        for one in found
        if (one.EndpointUrl or "").startswith("opc.tcp://")
    ]


def chosen(endpoints: Sequence[Endpoint], policy: str, mode: str) -> Endpoint:
    """The endpoint with exactly this policy and mode. BusDown: there is none, and a weaker one is not taken."""
    for endpoint in endpoints:
        if (endpoint.policy, endpoint.mode) == (policy, mode):
            return endpoint
    there = ", ".join(sorted({f"{one.policy} {one.mode}" for one in endpoints})) or "nothing"
    raise BusDown(f"the server does not offer {policy} {mode}, but {there}; less is not accepted")


def prepared(
    given: Connection, papers: Papers | None, endpoint: Endpoint, claim: Claim, now: datetime
) -> tuple[Own, Identity, x509.Certificate]:
    """Everything from the disk, in a thread of its own: who we are, and the server's certificate, judged."""
    own = own_of(given, papers, now)
    folder = given.trust_dir or (papers.trusted if papers else None)
    if folder is None:
        raise BusDown("no folder of trusted certificates: trust_dir")
    trusted = read_folder(folder)
    try:
        server = judge(endpoint.certificate, trusted, claim, now)
    except Untrusted as exc:
        remedy = kept(endpoint.certificate, papers, folder)
        ignored = f" (not readable there: {', '.join(trusted.unreadable)})" if trusted.unreadable else ""
        raise Untrusted(f"{exc}; {remedy}{ignored}") from exc
    return own, identity_of(given), server


def kept(certificate: bytes, papers: Papers | None, folder: Path) -> str:
    """Keep a refused certificate; what the owner can do."""
    try:
        file = papers.keep(certificate) if papers else None
    except (OSError, ValueError) as exc:
        return f"it could not be kept: {exc}"
    if file is None:
        return f"if it is the right one, put it into {folder}"
    return f"it is kept as {file}; if the server shows the same fingerprint, copy it to {folder}"


def own_of(given: Connection, papers: Papers | None, now: datetime) -> Own:
    """Our certificate: the one the site file names, else the one of the state folder."""
    if given.cert_file is not None and given.key_file is not None:
        return read_own(given.cert_file, given.key_file)
    if papers is None:
        raise BusDown("no certificate of our own: cert_file and key_file, or a state folder")
    return papers.own(now)


def identity_of(given: Connection) -> Identity:
    """The user the site file names, with what its files say today. BusDown."""
    try:
        if given.user is not None:
            said = given.password_file.read_text("utf-8").rstrip("\r\n") if given.password_file else ""
            return Identity(given.user, said)
        if given.user_cert_file is not None and given.user_key_file is not None:
            certificate = read_certificate(given.user_cert_file.read_bytes())
            return Identity(certificate=certificate, key=read_key(given.user_key_file))
    except (OSError, ValueError) as exc:
        raise BusDown(f"the user's files cannot be used: {exc}") from exc
    return Identity()
