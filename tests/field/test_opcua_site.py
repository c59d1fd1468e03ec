"""What a site file may say of an OPC UA connection, and every combination that cannot work, at its key."""

import pytest

from gateway.config import check_site, load_site
from tests.field.test_connections import written

SECURED = 'opcua: "opc.tcp://h:4840/", security_policy: Basic256Sha256'
OPEN = 'opcua: "opc.tcp://h:4840/"'


def site(tmp_path, plant):
    (tmp_path / "trusted").mkdir(exist_ok=True)
    for name in ("password", "user.crt", "user.key"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    more = f"  cooling: {{{plant}}}\n"
    return written(tmp_path, 'modbus_tcp: "10.0.0.1:502"', more)


def test_every_key_of_an_opc_ua_connection_arrives(tmp_path):
    plant = (
        f"{SECURED}, security_mode: Sign, user: tower, password_file: password, trust_dir: trusted, server_name: plc1, "
        "cert_file: own.crt, key_file: own.key, subscribe: true, deadband_pct: 0.5"
    )
    line = load_site(site(tmp_path, plant)).connections["cooling"]
    assert (line.security_policy, line.security_mode, line.user) == ("Basic256Sha256", "Sign", "tower")
    assert (line.password_file, line.trust_dir) == (tmp_path / "password", tmp_path / "trusted")
    assert (line.server_name, line.subscribe, line.deadband_pct) == ("plc1", True, 0.5)
    assert (line.cert_file, line.key_file) == (tmp_path / "own.crt", tmp_path / "own.key")


@pytest.mark.parametrize(
    ("plant", "key", "says"),
    [
        (f"{OPEN}, user: tower, password_file: password", "user", "a secured connection only"),
        (f"{OPEN}, security_mode: Sign", "security_mode", "a secured connection only"),
        (f"{OPEN}, security_policy: Basic256", "security_policy", ""),
        (f"{SECURED}, security_mode: None", "security_mode", ""),
        (f"{SECURED}, user: tower", "user", "goes together with password_file"),
        (f"{SECURED}, password_file: password", "password_file", "goes together with user"),
        (f"{SECURED}, user_cert_file: user.crt", "user_cert_file", "goes together with user_key_file"),
        (f"{SECURED}, key_file: own.key", "key_file", "goes together with cert_file"),
        (
            f"{SECURED}, user: tower, password_file: password, user_cert_file: user.crt, user_key_file: user.key",
            "user_cert_file",
            "there is one user",
        ),
        (f"{SECURED}, ca_file: ca.crt", "ca_file", "is for modbus_tls"),
        (f"{SECURED}, trust_dir: nowhere", "trust_dir", "no folder below"),
        (f"{SECURED}, trust_dir: ..", "trust_dir", "no folder below"),
        (f"{OPEN}, deadband_pct: 1", "deadband_pct", "is for subscriptions"),
        ('modbus_tcp: "h:1", user: tower', "user", "is for opcua"),
        ('modbus_tcp: "h:1", subscribe: true', "subscribe", "is for opcua"),
    ],
)
def test_what_cannot_go_together_is_refused_at_its_key(tmp_path, plant, key, says):
    _, problems = check_site(site(tmp_path, plant))
    found = [problem for problem in problems if problem.key.endswith(key)]
    assert found, problems
    assert says in found[0].message


def test_a_password_others_may_read_is_refused(tmp_path):
    path = site(tmp_path, f"{SECURED}, user: tower, password_file: password")
    (tmp_path / "password").chmod(0o644)
    assert [problem.code for problem in check_site(path)[1]] == ["secret_mode"]
