"""The service: ready, watched, restarted, and able to do very little."""

import configparser
import subprocess
from pathlib import Path

import pytest

from tests.needs import program

UNIT = Path(__file__).parents[1] / "systemd" / "gateway.service"


@pytest.fixture
def service():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # configparser's way to keep capitals
    unit.read(UNIT, encoding="utf-8")
    return unit["Service"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("WatchdogSec", "10"),
        ("Restart", "always"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "vpp-gateway"),
        ("StateDirectoryMode", "0700"),
    ],
)
@pytest.mark.fault("A-054")
def test_the_unit_says_what_it_should(service, key, value):
    assert service[key] == value


@pytest.mark.fault("A-054")
def test_nothing_but_the_state_directory_may_be_written(service):
    assert not {"ReadWritePaths", "BindPaths", "CacheDirectory", "LogsDirectory", "RuntimeDirectory"} & set(service)
    assert service["ExecStart"].endswith("--state ${STATE_DIRECTORY}")


@pytest.mark.fault("A-054")
def test_systemd_finds_the_service_well_confined():
    command = [program("systemd-analyze"), "security", "--offline=yes", "--no-pager", "--threshold=20", str(UNIT)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout.splitlines()[-1:] + judged.stderr.splitlines()


def test_systemd_understands_the_whole_unit(tmp_path):
    unit = tmp_path / "gateway.service"
    unit.write_text(
        UNIT.read_text(encoding="utf-8").replace("/opt/vpp-gateway/bin/gateway", "/bin/true"), encoding="utf-8"
    )
    judged = subprocess.run(
        [program("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "gateway.service:" not in judged.stderr, judged.stderr
