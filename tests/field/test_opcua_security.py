"""OPC UA: secured channels to a real server that names another host; whom we trust, who we are, what is never sent."""

import asyncio
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.clock import SystemClock
from gateway.errors import BusDown
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_dial import Endpoint, chosen, client_for
from gateway.field.opcua_papers import MOST_KEPT, Papers
from gateway.field.opcua_trust import Claim, Trusted, Untrusted, fingerprint, judge, read_certificate, read_folder
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.field import things
from tests.field.conftest import Peer
from tests.field.opcua_papers import NOW, der, key, made, revoking, write_pair

SERVER = made()
CLAIM = Claim("urn:tests:server", "127.0.0.1")
AUTHORITY = made(number=1, authority=True)
BY_AUTHORITY = made(number=2, signer=(AUTHORITY, key(number=1)))


def line(port: int, **more) -> Connection:
    given = {"timeout_s": 5.0, "connect_timeout_s": 10.0, "security_policy": "Basic256Sha256"} | more
    return Connection("line", Transport.OPCUA, f"opc.tcp://127.0.0.1:{port}/", **given)


def named(peer: Peer, **more) -> Connection:
    return line(peer.port, user="tower", password_file=peer.papers / "password", **more)


def machine():
    points = [
        things.node("word", "Word", Kind.U16, writable=True),
        things.node("small", "Small", Kind.F64, writable=True),
    ]
    return things.Member(Device("thing", "test/thing", "line"), things.profile(points))


def trusting(folder: Path, peer: Peer) -> Path:
    papers = Papers(folder)
    papers.own(NOW)
    (papers.trusted / "plant.der").write_bytes((peer.papers / "server.der").read_bytes())
    return folder


@pytest.fixture(scope="module")
def state(peer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusting(tmp_path_factory.mktemp("state") / "opcua", peer)


@pytest.mark.fault("A-014")
@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
async def test_every_policy_in_both_modes_stays_with_the_host_that_was_dialled(peer, state, policy, mode):
    given = named(peer, security_policy=policy, security_mode=mode)
    bus = OpcUaBus(given, [machine()], clock=SystemClock(), papers=state)
    assert (await bus.read("thing", 0)).values[1] == 5.0  # its endpoints lie on a link-local address
    policy_of = bus._session.client.security_policy
    assert policy_of.URI.endswith(policy)
    assert policy_of.Mode.name == mode
    await bus.close()
    peer.lines("USER tower in")


async def test_a_user_may_be_known_by_a_certificate(peer, state, tmp_path):
    write_pair(tmp_path, "user", made(number=3, uri="urn:tests:user"), key(number=3))
    given = line(peer.port, user_cert_file=tmp_path / "user.der", user_key_file=tmp_path / "user.pem")
    bus = OpcUaBus(given, [machine()], clock=SystemClock(), papers=state)
    await bus.read("thing", 0)
    await bus.close()
    peer.lines("USER by certificate in")


async def test_a_wrong_password_is_refused_by_the_server_and_said(peer, state, tmp_path):
    (tmp_path / "password").write_text("guess")
    given = replace(named(peer), password_file=tmp_path / "password")
    bus = OpcUaBus(given, [machine()], clock=SystemClock(), papers=state)
    with pytest.raises(BusDown, match="BadUserAccessDenied"):
        await bus.read("thing", 0)
    peer.lines("USER tower out")


async def test_a_number_is_written_as_the_type_of_its_node_whatever_the_profile_says(peer, state):
    bus = OpcUaBus(named(peer), [machine()], clock=SystemClock(), papers=state)
    await bus.write("thing", {"small": 200.0})
    assert peer.lines("WROTE")[-1] == "WROTE Byte None"
    with pytest.raises(Exception, match="does not fit the node's Byte"):
        await bus.write("thing", {"small": 300.0})
    await bus.write("thing", {"small": 5.0})
    await bus.close()


class Wire:
    """A relay that keeps what the client says."""

    def __init__(self, port: int) -> None:
        self.said = b""
        self._port = port
        self._relays: list[asyncio.Task[None] | None] = []

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _relay(self, reader, writer) -> None:
        self._relays.append(asyncio.current_task())
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def copy(source, sink, *, keep):
            while data := await source.read(4096):
                self.said += data if keep else b""
                sink.write(data)
            sink.close()

        await asyncio.gather(
            copy(reader, to_writer, keep=True), copy(to_reader, writer, keep=False), return_exceptions=True
        )

    async def stop(self) -> None:
        self._server.close()
        await asyncio.gather(*filter(None, self._relays))


@pytest.mark.fault("A-013")
async def test_an_unknown_server_is_refused_by_name_and_fingerprint_with_what_to_do_and_told_nothing(peer, tmp_path):
    wire = Wire(peer.port)
    given = line(await wire.start(), user="tower", password_file=peer.papers / "password")
    bus = OpcUaBus(given, [machine()], clock=SystemClock(), papers=tmp_path)
    with pytest.raises(Untrusted) as caught:
        await bus.read("thing", 0)
    print_ = fingerprint(read_certificate((peer.papers / "server.der").read_bytes()))
    file = tmp_path / "rejected" / f"{print_}.der"
    for said in ("CN=thing 0", print_, "is not trusted", str(file), str(tmp_path / "trusted"), "fingerprint"):
        assert said in str(caught.value)
    assert bus.trouble()["untrusted"] == str(caught.value)
    assert b"tower" not in wire.said
    assert b"CreateSession" not in wire.said
    file.rename(tmp_path / "trusted" / file.name)  # what the message says
    await bus.read("thing", 0)
    assert bus.trouble() == {}
    await bus.close()
    assert b"s3cret" not in wire.said
    assert b"tower" not in wire.said
    await wire.stop()
    peer.lines("USER")


@pytest.mark.fault("A-012")
@pytest.mark.parametrize(
    "there",
    [
        [],
        [("None", "None")],
        [("Basic256Sha256", "Sign"), ("Basic256", "SignAndEncrypt"), ("Aes128_Sha256_RsaOaep", "SignAndEncrypt")],
        [("None", "SignAndEncrypt"), ("Basic256Sha256", "None")],
    ],
)
def test_less_than_the_configured_endpoint_is_no_endpoint(there):
    with pytest.raises(BusDown, match="does not offer Basic256Sha256 SignAndEncrypt"):
        chosen([Endpoint(policy, mode, b"", "") for policy, mode in there], "Basic256Sha256", "SignAndEncrypt")


def weak() -> bytes:
    """A certificate signed with SHA-1; the library makes none any more."""
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha1", "-days", "2", "-subj", "/CN=old"),
        *("-keyout", "/dev/null", "-outform", "DER", "-addext", "subjectAltName=URI:urn:tests:server,IP:127.0.0.1"),
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


REVOKED = Trusted((AUTHORITY,), (revoking(AUTHORITY, key(number=1), BY_AUTHORITY.serial_number),))


@pytest.mark.fault("A-013")
@pytest.mark.parametrize(
    ("shown", "trusted", "why"),
    [
        (der(made(number=4)), Trusted((SERVER,)), "is not trusted"),
        (der(made(days=(-3, -1))), None, "and today is"),
        (der(made(days=(1, 3))), None, "and today is"),
        (der(made(uri="urn:tests:other")), None, "is for the application 'urn:tests:other'"),
        (der(made(host="127.0.0.2")), None, "is for the host '127.0.0.2', not 127.0.0.1"),
        (weak(), None, "signed with sha1"),
        (der(made(bits=1024)), None, "a key of 1024 bits"),
        (der(BY_AUTHORITY), REVOKED, "has revoked it"),
        (der(made(number=2, signer=(SERVER, key()))), Trusted((SERVER,)), "is not trusted"),  # no authority
        (b"0\x82", None, "cannot be read"),
        (b"", None, "cannot be read"),
    ],
)
def test_a_server_certificate_that_is_wrong_in_any_way_is_refused_with_the_reason(shown, trusted, why):
    if trusted is None:
        trusted = Trusted((read_certificate(shown),) if len(shown) > 4 else ())
    with pytest.raises(Untrusted, match=why):
        judge(shown, trusted, CLAIM, NOW)


def test_a_server_is_trusted_for_itself_or_for_its_authority():
    assert judge(der(SERVER), Trusted((SERVER,)), CLAIM, NOW) == SERVER
    assert judge(der(BY_AUTHORITY) + der(AUTHORITY), Trusted((AUTHORITY,)), CLAIM, NOW) == BY_AUTHORITY
    with pytest.raises(Untrusted, match="not valid today"):
        judge(der(made(number=2, days=(-1, 9), signer=(AUTHORITY, key(number=1)))), Trusted((AUTHORITY,)), CLAIM, NOW + timedelta(days=2))  # fmt: skip


def test_the_trust_folder_takes_both_forms_and_names_what_it_cannot_read(tmp_path):
    write_pair(tmp_path, "one", SERVER, key())
    (tmp_path / "two.crt").write_bytes(AUTHORITY.public_bytes(Encoding.PEM))  # fmt: skip
    (tmp_path / "one.pem").unlink()
    (tmp_path / "broken.der").write_bytes(b"nothing")
    (tmp_path / "list.crl").write_bytes(der(REVOKED.lists[0]))
    found = read_folder(tmp_path)
    assert (set(found.certificates), len(found.lists), found.unreadable) == ({SERVER, AUTHORITY}, 1, ("broken.der",))
    assert read_folder(tmp_path / "nowhere") == Trusted()


def test_our_certificate_is_made_once_and_its_key_is_for_us_alone(tmp_path):
    papers = Papers(tmp_path / "opcua")
    first = papers.own(NOW)
    assert papers.own(NOW).certificate == first.certificate
    assert first.application_uri.startswith("urn:vpp-gateway:")
    assert (tmp_path / "opcua" / "own.key").stat().st_mode & 0o777 == 0o600
    assert isinstance(first.certificate.signature_hash_algorithm, hashes.SHA256)


def test_a_server_that_shows_a_new_certificate_each_time_does_not_fill_the_disk(tmp_path):
    papers = Papers(tmp_path)
    papers.rejected.mkdir(parents=True)
    for number in range(MOST_KEPT + 5):
        (papers.rejected / f"{number}.der").write_bytes(b"")
    papers.keep(der(SERVER))
    assert len(list(papers.rejected.iterdir())) == MOST_KEPT


async def test_a_user_is_never_named_over_an_open_connection(peer):
    given = replace(named(peer), security_policy="")
    client = await client_for(given, None, now=NOW)
    client.set_user("tower")
    with pytest.raises(Exception, match="secured connection only"):
        await client.connect()
    await asyncio.sleep(0.01)  # the socket closes
