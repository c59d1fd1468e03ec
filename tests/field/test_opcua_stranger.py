"""A stranger's OPC UA server (node-opcua), encrypted: our client finds its nodes, reads, is told, writes and calls.

It is installed from npm into `.cache/peers/node_opcua` (70 MB) at the first run, so the nightly tier runs it.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.clock import SystemClock
from gateway.errors import BusError
from gateway.field.opcua import OpcUaBus
from gateway.field.opcua_papers import Papers
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Kind
from tests.contracts.test_bus import free_port
from tests.field import things
from tests.field.opcua_papers import NOW, key, made, write_pair
from tests.field.test_opcua_methods import call, point
from tests.needs import program

pytestmark = [pytest.mark.tier_s, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "peers" / "node_opcua"
INSTALLED = ROOT / ".cache" / "peers" / "node_opcua"
MEMBER = things.Member(
    Device("thing", "test/thing", "line", poll_s=1.0),
    things.profile(
        [
            things.node("power", "Power", Kind.F64),
            things.node("word", "Word", Kind.U16, writable=True),
            point("limit", "Limit", Kind.F64, call("SetLimit")),
            things.node("absent", "NoSuchNode", Kind.F64),
        ]
    ),
)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path, subprocess.Popen[str]]]:
    """Its port, the folder of its papers, its process."""
    node, npm = program("node"), program("npm")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(SOURCE / name, INSTALLED / name)
    quiet = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    if not (INSTALLED / "node_modules").exists():
        subprocess.run([npm, "ci", *quiet, "--prefix", str(INSTALLED)], check=True, timeout=240)
    folder, port = tmp_path_factory.mktemp("stranger"), free_port()
    write_pair(folder, "server", made(), key())
    certificate = made().public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").rename(folder / "server.key")
    (folder / "server.pem").write_bytes(certificate)
    (folder / "password").write_text("s3cret\n")
    (folder / "wrong").write_text("secret\n")
    command = [node, str(INSTALLED / "server.js"), str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said_of(process, "READY")
        yield port, folder, process
        process.kill()


def said_of(process: subprocess.Popen[str], beginning: str) -> str:
    """The next line it prints that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return line.strip()
    raise AssertionError(f"it ended without {beginning}")


def bus_to(stranger, folder: Path, **more) -> OpcUaBus:
    port, papers_of, _ = stranger
    papers = Papers(folder)
    papers.own(NOW)
    (papers.trusted / "stranger.der").write_bytes((papers_of / "server.der").read_bytes())
    given = {"security_policy": "Basic256Sha256", "user": "tower", "password_file": papers_of / "password"} | more
    address = f"opc.tcp://127.0.0.1:{port}/"
    line = Connection("line", Transport.OPCUA, address, timeout_s=10.0, connect_timeout_s=30.0, **given)
    return OpcUaBus(line, [MEMBER], clock=SystemClock(), papers=folder)


async def values_of(bus: OpcUaBus) -> dict[str, float | None]:
    return dict(zip(bus.batches("thing")[0].points, (await bus.read("thing", 0)).values, strict=True))


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"])
async def test_every_policy_in_both_modes_reads_a_stranger(stranger, tmp_path, policy, mode):
    bus = bus_to(stranger, tmp_path / "own", security_policy=policy, security_mode=mode)
    found = await values_of(bus)
    assert (found["power"], found["absent"]) == (12.5, None)
    await bus.close()


async def test_a_stranger_is_written_with_its_own_types_called_and_tells_changes(stranger, tmp_path):
    bus = bus_to(stranger, tmp_path / "own", subscribe=True)
    await bus.write("thing", {"word": 9.0, "limit": 42.5})
    assert said_of(stranger[2], "CALLED") == "CALLED SetLimit Float:42.5"
    async with asyncio.timeout(60):
        while (await bus.read("thing", 0)).took_s:  # noqa: ASYNC110 - each look is a read
            await asyncio.sleep(0.1)
    assert bus.counters["nodes_watched"] == 3
    found = await values_of(bus)
    assert (found["word"], found["limit"]) == (9.0, 42.5)
    await bus.close()


async def test_a_stranger_lets_nobody_in_with_a_wrong_password(stranger, tmp_path):
    bus = bus_to(stranger, tmp_path / "own", password_file=stranger[1] / "wrong")
    with pytest.raises(BusError):
        await bus.read("thing", 0)
    await bus.close()
