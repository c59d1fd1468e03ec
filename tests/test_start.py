"""What a start loads: nothing of a feature that the site file does not use."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest
import yaml

from gateway.cli import run as command
from gateway.cli.run import app

ROOT = Path(__file__).parents[1]
SITE = {
    "site": {"id": "plain", "timezone": "Asia/Shanghai", "meter": "pcc"},
    "connections": {"plant": {"modbus_tcp": "127.0.0.1:1"}},
    "devices": {"pcc": {"profile": "meter/abb_b23", "on": "plant", "unit_id": 1}},
    "assets": {},
    "limits": {"max_import_kw": 1000, "max_export_kw": 0},
    "links": {"vpp": {"mqtt": "mqtt://127.0.0.1:1"}},
}
ABSENT = {
    "aiohttp": "the dashboard's server",
    "asyncua": "OPC UA",
    "cryptography": "certificates",
    "fastapi": "another web server",
    "gateway.commission": "commissioning",
    "gateway.dashboard.answers": "the API",
    "gateway.dashboard.energy_records": "the API",
    "gateway.dashboard.records": "the API",
    "gateway.field.door": "devices that call",
    "gateway.insight.baseline": "events",
    "gateway.insight.energy_report": "reports",
    "gateway.panel": "the dashboard",
    "gateway.people": "what people ask with",
    "gateway.simulate": "virtual time",
    "gateway.store.parquet": "exports",
    "emulators": "test benches",
    "pygments": "colours",
    "pymodbus": "the peer of the tests",
    "rich.console": "tables in the terminal",
    "serial": "serial lines",
    "typer": "the other commands",
}
IMPORTED = re.compile(rb"import time: .*\| +([\w.]+)\n")


async def imported_by(words: list[str], until: bytes) -> set[str]:
    """The modules a process has imported when it has written this line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "importtime", "-m", "gateway", *words, cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stderr is not None
    found = set()
    try:
        async with asyncio.timeout(60):
            while until not in (line := await process.stderr.readline()):
                assert line, "it ended"
                if named := IMPORTED.match(line):
                    found.add(named[1].decode())
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    return found


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    site = folder / "plain.yaml"
    site.write_text(yaml.safe_dump(SITE))
    words = ["run", str(site), "--state", str(folder / "state"), "--no-dashboard"]
    return asyncio.run(imported_by(words, b'"event": "mode"'))


def test_the_modules_of_a_start_are_seen(loaded):
    assert {"gateway.app", "gateway.field.tcp", "gateway.uplink.mqtt", "numpy", "pydantic", "aiomqtt"} <= loaded


@pytest.mark.parametrize("name", ABSENT)
def test_a_plain_site_does_not_load(loaded, name):
    assert {one for one in loaded if one == name or one.startswith(f"{name}.")} == set()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "--no-dashboard"),
        ([], 2, "SITE.yaml"),
        (["site.yaml", "--nothing"], 2, "--nothing"),
        (["site.yaml", "--port", "many"], 2, "--port"),
        (["site.yaml", "--loop", "mine"], 2, "--loop"),
    ],
)
def test_what_the_daemon_cannot_take_is_said_and_ends_with_2(capsys, words, code, said):
    with pytest.raises(SystemExit) as ended:
        app(args=words, prog_name="gateway run")
    assert ended.value.code == code
    told = capsys.readouterr()
    assert said in told.out + told.err


def test_the_daemon_takes_its_options_in_any_order(monkeypatch):
    given = {}
    monkeypatch.setattr(command, "run", lambda **words: given.update(words))
    app(args=["--no-dashboard", "--origin", "1.5", "tower.yaml", "--log-level", "ERROR"], prog_name="gateway run")
    assert given == {
        "site": Path("tower.yaml"), "state": Path("state"), "shadow": False, "trace": None, "decisions": None,
        "origin": 1.5, "port": None, "dashboard": False, "loop": "uvloop", "log_level": "error",
    }  # fmt: skip
