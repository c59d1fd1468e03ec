"""What modules of this room share: one secured OPC UA server, whose start takes seconds."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contracts.test_bus import free_port
from tests.field import things
from tests.field.opcua_papers import key, made, write_pair

ROOT = Path(__file__).parents[2]


@dataclass
class Peer:
    """A server with its papers (`server.der`), which also hold the password of the user `tower`."""

    port: int
    papers: Path
    process: subprocess.Popen[str]

    def lines(self, until: str) -> list[str]:
        """What it printed up to a line that begins so."""
        assert self.process.stdout is not None
        found = [self.process.stdout.readline().strip()]
        while not found[-1].startswith(until):
            found.append(self.process.stdout.readline().strip())
        return found

    def say(self, line: str) -> None:
        """Tell it to change a node."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A server with all policies, that wants a user and names another host in its endpoints."""
    folder = tmp_path_factory.mktemp("papers")
    write_pair(folder, "server", made(), key())
    (folder / "password").write_text("s3cret\n")
    port = free_port()
    command = [
        sys.executable,
        str(ROOT / "tests/field/opcua_server.py"),
        str(port),
        things.URI,
        "--papers",
        str(folder),
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd=ROOT) as process:
        found = Peer(port, folder, process)
        found.lines("READY")
        yield found
        process.kill()
