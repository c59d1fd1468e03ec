"""Signed commands: only those of the issuers of the site file are taken, whatever the broker lets through (A-043)."""

import json
from base64 import b64encode
from dataclasses import replace

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import SystemClock
from gateway.model.request import Request
from gateway.uplink import incoming
from gateway.uplink.signers import Signers, read_signers
from gateway.wire.command import UNSIGNED, parse_command
from tests.uplink.gateway_side import QUICK, Peer, uplink
from tests.uplink.parts import until

VPP, NEXT, OTHER, STRANGER = (Ed25519PrivateKey.generate() for _ in range(4))
COMMAND = {
    "id": "r-1", "issuer": "vpp", "seq": 7, "service": "reg", "kind": "setpoint", "target": "site",
    "issued_at": 1_795_000_000_000, "valid_until": 1_795_000_010_000, "signal": 0.5,
}  # fmt: skip
SIGNERS = Signers({"vpp": [VPP.public_key(), NEXT.public_key()], "grid": [OTHER.public_key()]})


def pem(*keys) -> bytes:
    return b"".join(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys)


def signed(command, key=VPP):
    return {**command, "sig": b64encode(key.sign(rfc8785.dumps(command))).decode()}


def judged(payload, signers=SIGNERS):
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    found = parse_command(text, "vpp/v1/tower/command", site="tower", verify=signers.refusal)
    return "taken" if isinstance(found, Request) else found.reason


@pytest.mark.fault("A-043")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (signed(COMMAND), "taken"),
        (signed(COMMAND, NEXT), "taken"),  # the next key beside the old one
        (signed({**COMMAND, "issuer": "grid"}, OTHER), "taken"),
        (json.dumps(signed(COMMAND), indent=1).replace("0.5,", "0.50,").encode(), "taken"),
        (dict(reversed(signed(COMMAND).items())), "taken"),
        (COMMAND, "unsigned"),
        (signed(COMMAND, STRANGER), "bad_signature"),
        (signed(COMMAND, OTHER), "bad_signature"),  # another issuer's
        (signed({**COMMAND, "issuer": "nobody"}, VPP), "unknown_issuer"),
        (signed({**COMMAND, "issuer": "grid"}, VPP), "bad_signature"),
        ({**COMMAND, "sig": ""}, "bad_signature"),
        ({**COMMAND, "sig": "not Base64 ä"}, "bad_signature"),
        ({**COMMAND, "sig": 5}, "bad_signature"),
        ({**COMMAND, "sig": None}, "bad_signature"),
        ({**COMMAND, "sig": b64encode(bytes(64)).decode()}, "bad_signature"),
        ({**signed(COMMAND), "seq": 2**60}, "bad_signature"),  # a number that canonical JSON does not have
        ({**signed(COMMAND), "issuer": 5}, "malformed"),
        (signed({**COMMAND, "signal": 7}), "out_of_range"),  # who may command may still be wrong
    ],
)
def test_a_command_is_taken_that_its_issuer_has_signed(command, expected):
    assert judged(command) == expected


@pytest.mark.fault("A-043")
@given(st.sampled_from(sorted(COMMAND)), st.text(max_size=3) | st.integers(-9, 9) | st.floats(-1.0, 1.0) | st.none())
def test_whatever_is_changed_of_a_signed_command_it_is_not_taken(key, value):
    changed = {**signed(COMMAND), key: value}
    if rfc8785.dumps(changed) != rfc8785.dumps(signed(COMMAND)):
        assert judged(changed) in {*UNSIGNED, "malformed"}
    assert judged({name: value for name, value in signed(COMMAND).items() if name != key}) in {*UNSIGNED, "malformed"}


@pytest.mark.parametrize(
    "content",
    [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", pem(generate_private_key(SECP256R1()))],
)
def test_a_file_without_a_key_of_the_right_kind_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "vpp.pem").write_bytes(content + pem(VPP) if content.startswith(b"---") else content)
    with pytest.raises(ValueError, match=r"vpp\.pem: there must be Ed25519 public keys"):
        read_signers({"vpp": tmp_path / "vpp.pem"})


@pytest.mark.fault("A-043")
async def test_over_a_broker_strangers_are_refused_and_told_of_and_a_new_key_counts_without_a_restart(
    tmp_path, broker, monkeypatch
):
    monkeypatch.setattr(incoming, "OVER_S", 0.3)
    file = tmp_path / "vpp.pem"
    file.write_bytes(pem(VPP))
    now_ms = SystemClock().utc_ms()
    command = {**COMMAND, "issued_at": now_ms, "valid_until": now_ms + 10_000}
    times = replace(QUICK, papers_s=0.1)
    async with Peer(broker.port).running() as peer, uplink(
        tmp_path / "box", broker.port, version=broker.version, signers={"vpp": file}, times=times
    ) as side:  # fmt: skip
        await until(lambda: side.link.connected)
        await peer.command(command)
        await peer.command(signed(command, STRANGER))
        await peer.command(signed({**command, "id": "r-2"}))
        await until(lambda: [one.request.id for one in side.arrivals if one.request] == ["r-2"])
        assert [(one.id, one.reason) for one in side.refusals] == [("r-1", "unsigned"), ("r-1", "bad_signature")]
        await until(lambda: [(one.key, one.raised) for one in side.alarms] == [
            ("command_forged:vpp", True), ("command_forged:vpp", False),
        ])  # fmt: skip
        file.write_bytes(pem(NEXT))
        await until(lambda: side.link.sessions == 2 and side.link.connected)
        await peer.command(signed({**command, "id": "r-3"}, NEXT))
        await peer.command(signed({**command, "id": "r-4"}, VPP))
        await until(lambda: len(side.refusals) == 3)
        assert [one.request.id for one in side.arrivals if one.request] == ["r-2", "r-3"]
