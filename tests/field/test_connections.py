"""What a site file may say of a connection, and every combination that cannot work, at its place."""

import pytest

from gateway.config import check_site, load_site
from gateway.errors import ConfigError
from gateway.model.site import Transport

SITE = """\
site: {{id: tower, timezone: Asia/Shanghai, meter: pcc}}
connections:
  plant: {{{plant}}}
{more}devices:
  pcc: {{profile: meter/abb_b23, on: plant, unit_id: 1}}
"""


def written(tmp_path, plant: str, more: str = ""):
    for name in ("ca.crt", "own.crt", "own.key"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(plant=plant, more=more))
    return path


def test_every_key_of_a_connection_arrives(tmp_path):
    plant = 'modbus_tls: "10.0.0.1:802", ca_file: ca.crt, cert_file: own.crt, key_file: own.key, server_name: meter, pipeline: 4'
    more = (
        '  one: {modbus_rtu_tcp: "0.0.0.0:5020", dials_in: true, registration: "DTU-1", heartbeat: "hex:FE01"}\n'
        '  two: {modbus_rtu_tcp: "0.0.0.0:5020", dials_in: true, registration: "hex:00Ff"}\n'
        '  well: {modbus_tcp: "0.0.0.0:5021", dials_in: true, peer: 10.64.3.7, release_after_poll: true}\n'
    )
    lines = load_site(written(tmp_path, plant, more)).connections
    assert lines["plant"].transport is Transport.MODBUS_TLS
    assert (lines["plant"].ca_file, lines["plant"].key_file) == (tmp_path / "ca.crt", tmp_path / "own.key")
    assert (lines["plant"].server_name, lines["plant"].pipeline) == ("meter", 4)
    assert (lines["one"].registration, lines["one"].heartbeat) == (b"DTU-1", b"\xfe\x01")
    assert lines["two"].registration == b"\x00\xff"
    assert (lines["well"].peer, lines["well"].release_after_poll) == ("10.64.3.7", True)


@pytest.mark.parametrize(
    ("plant", "key", "says"),
    [
        ('modbus_rtu: /dev/ttyS0, dials_in: true, peer: "1.2.3.4"', "dials_in", "is not for modbus_rtu"),
        ('modbus_tcp: "h:1", dials_in: true', "dials_in", "nobody could tell who calls"),
        ('modbus_tcp: "h:1", registration: "A"', "registration", "is for devices that dial in"),
        ('modbus_rtu_tcp: "h:1", pipeline: 2', "pipeline", "needs transaction ids"),
        ('modbus_tcp: "h:1", pipeline: 2, check_transaction_id: false', "pipeline", "needs transaction ids"),
        ('modbus_tcp: "h:1", pipeline: 2, min_gap_s: 0.1', "pipeline", "no min_gap_s"),
        ('modbus_tcp: "h:1", ca_file: ca.crt', "ca_file", "is for modbus_tls"),
        ('modbus_tls: "h:1", cert_file: own.crt', "cert_file", "go together"),
        ('modbus_tls: "h:1", ca_file: nowhere.crt', "ca_file", "cannot be read"),
        ('modbus_tls: "h:1", ca_file: ../ca.crt', "ca_file", "out of the site file"),
        ('modbus_tcp: "h:1", dials_in: true, registration: "hex:0"', "registration", ""),
        ('modbus_tcp: "h:1", dials_in: true, registration: "hex:"', "registration", ""),
    ],
)
def test_what_cannot_go_together_is_refused_at_its_key(tmp_path, plant, key, says):
    _, problems = check_site(written(tmp_path, plant))
    found = [problem for problem in problems if problem.key.endswith(key)]
    assert found, problems
    assert says in found[0].message
    with pytest.raises(ConfigError):
        load_site(tmp_path / "site.yaml")


def test_a_key_others_may_read_is_refused(tmp_path):
    path = written(tmp_path, 'modbus_tls: "h:1", cert_file: own.crt, key_file: own.key')
    (tmp_path / "own.key").chmod(0o644)
    assert [problem.code for problem in check_site(path)[1]] == ["secret_mode"]


def test_two_connections_may_share_a_door_and_not_a_caller(tmp_path):
    one = '  one: {modbus_tcp: "0.0.0.0:5020", dials_in: true, registration: "A"}\n'
    two = one.replace("one", "two")
    assert check_site(written(tmp_path, 'modbus_tcp: "h:1"', one + two.replace('"A"', '"B"')))[1] == []
    assert [p.code for p in check_site(written(tmp_path, 'modbus_tcp: "h:1"', one + two))[1]] == ["same_line"]


@pytest.mark.fault("F-110")
@pytest.mark.parametrize(
    ("one", "two", "confusable"),
    [
        ("registration: DTU-1", "registration: DTU-17", True),
        ("registration: DTU-17", 'registration: "hex:4454552D31"', True),
        ("registration: DTU-1", "registration: DTU-2", False),
        ("registration: DTU-1, peer: 10.0.0.1", "registration: DTU-17, peer: 10.0.0.2", False),
        ("registration: DTU-1, peer: 10.0.0.1", "peer: 10.0.0.1", True),
        ("registration: DTU-1", "peer: 10.0.0.1", False),
        ("peer: 10.0.0.2", "peer: 10.0.0.1", False),
    ],
)
def test_devices_that_could_be_taken_for_one_another_are_refused(tmp_path, one, two, confusable):
    lines = "".join(
        f'  {name}: {{{way}: "0.0.0.0:5020", dials_in: true, {who}}}\n'
        for name, way, who in (("one", "modbus_tcp", one), ("two", "modbus_rtu_tcp", two))
    )
    found = check_site(written(tmp_path, 'modbus_tcp: "h:1"', lines))[1]
    assert [problem.code for problem in found] == ["same_caller"] * confusable
