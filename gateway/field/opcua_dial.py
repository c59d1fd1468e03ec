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
from gateway.texts import listed, say

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
            raise Untrusted(say("bus.other_application", now=application.ApplicationUri, before=claim.application_uri))

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
    raise BusDown(say("bus.no_endpoint", policy=policy, mode=mode, there=there))


def prepared(
    given: Connection, papers: Papers | None, endpoint: Endpoint, claim: Claim, now: datetime
) -> tuple[Own, Identity, x509.Certificate]:
    """Everything from the disk, in a thread of its own: who we are, and the server's certificate, judged."""
    own = own_of(given, papers, now)
    folder = given.trust_dir or (papers.trusted if papers else None)
    if folder is None:
        raise BusDown(say("bus.no_trust_dir"))
    trusted = read_folder(folder)
    try:
        server = judge(endpoint.certificate, trusted, claim, now)
    except Untrusted as exc:
        remedy = kept(endpoint.certificate, papers, folder)
        said = listed([exc.said, remedy], "word.semicolon")
        if trusted.unreadable:
            said = say("bus.not_readable", said=said, files=", ".join(trusted.unreadable))
        raise Untrusted(said) from exc
    return own, identity_of(given), server


def kept(certificate: bytes, papers: Papers | None, folder: Path) -> str:
    """Keep a refused certificate; what the owner can do."""
    try:
        file = papers.keep(certificate) if papers else None
    except (OSError, ValueError) as exc:
        return say("bus.not_kept", why=str(exc))
    if file is None:
        return say("bus.put_into", folder=folder)
    return say("bus.kept_as", file=file, folder=folder)


def own_of(given: Connection, papers: Papers | None, now: datetime) -> Own:
    """Our certificate: the one the site file names, else the one of the state folder."""
    if given.cert_file is not None and given.key_file is not None:
        return read_own(given.cert_file, given.key_file)
    if papers is None:
        raise BusDown(say("bus.no_own_certificate"))
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
        raise BusDown(say("bus.user_files", why=str(exc))) from exc
    return Identity()
