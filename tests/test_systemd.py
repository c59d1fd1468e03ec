"""The service: ready, watched, restarted, and able to do very little."""

import configparser
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.needs import program

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "gateway.service"
SITE = """\
site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:9"}}
devices:
  pcc:     {profile: meter/abb_b23, on: plant, unit_id: 1}
  battery: {profile: battery/acme_200, on: plant, unit_id: 2}
assets:  {battery: {kind: battery, device: battery, max_charge_kw: 200, max_discharge_kw: 200, energy_kwh: 400, safe_kw: 0}}
limits:  {max_import_kw: 1000, max_export_kw: 0}
"""
OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"(?P<path>[^"]+)", (?P<flags>[A-Z_|]+)')
CREATED = re.compile(
    r'(?:mkdir|rename|link|symlink|unlink|rmdir|truncate|creat)(?:at2?)?\((?:AT_FDCWD, )?"(?P<path>[^"]+)"'
)


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


def unprivileged() -> list[str]:
    """What takes every capability away, and the user too where nobody may read this checkout and its Python."""
    nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]
    confine = [program("setpriv"), "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]
    if os.geteuid() != 0:
        return []
    tried = subprocess.run(
        [*confine, *nobody, sys.executable, "-c", "import gateway"], cwd=ROOT, capture_output=True, check=False
    )
    return [*confine, *nobody] if tried.returncode == 0 else confine


def written(log: str) -> set[str]:
    """Paths that system calls opened for writing, made, moved or removed."""
    opened = {m["path"] for m in OPENED.finditer(log) if re.search("O_WRONLY|O_RDWR|O_CREAT", m["flags"])}
    return opened | {m["path"] for m in CREATED.finditer(log)}


@pytest.fixture
def open_folder():
    """A folder anybody may enter; pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.fault("A-054")
def test_without_any_privilege_it_runs_and_writes_only_its_state(open_folder):
    site, state, log = open_folder / "site.yaml", open_folder / "state", open_folder / "calls"
    site.write_text(SITE, encoding="utf-8")
    state.mkdir()
    confine = unprivileged()
    if "--reuid=65534" in confine:
        os.chown(state, 65534, 65534)
    calls = (
        "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,symlink,unlink,unlinkat,rmdir,truncate"
    )
    watch = [program("strace"), "-f", "-qq", "--signal=none", "-e", calls, "-o", str(log)]
    daemon = [sys.executable, "-m", "gateway", "run", str(site), "--state", str(state), "--no-dashboard"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"\0{open_folder}")
        supervisor.settimeout(30.0)
        env = os.environ | {"NOTIFY_SOCKET": f"@{open_folder}", "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen([*watch, *confine, *daemon], cwd=ROOT, env=env, stderr=subprocess.PIPE) as process:
            try:
                said = {supervisor.recv(64) for _ in range(4)}
            finally:
                for child in children(process.pid):
                    os.kill(child, signal.SIGTERM)
                _, errors = process.communicate(timeout=20)
    assert b"WATCHDOG=1" in said
    assert process.returncode == 0, errors.decode()
    paths = written(log.read_text(encoding="utf-8", errors="replace"))
    assert any(path.startswith(str(state)) for path in paths)
    # the local socket is bound through a descriptor of the state directory: its path may be longer than a socket's
    own = re.compile(rf"{re.escape(str(state))}|/dev/|/proc/self/fd/\d+/gateway\.sock$")
    assert {path for path in paths if not own.match(path)} == set()


def children(pid: int) -> list[int]:
    """The processes a process started."""
    deadline = time.monotonic() + 2.0
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    while not (found := listed.read_text(encoding="ascii").split()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return [int(child) for child in found]
