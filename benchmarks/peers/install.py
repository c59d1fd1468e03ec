"""Installs the peers into .cache/peers, each with pinned versions in an environment of its own; says why one cannot be.

`python -m benchmarks.peers.install`. What is there already and was made from the same files is left alone; a reason
for a peer that cannot be had is kept beside it and shown in the table.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.peers.load import CACHE

HERE = Path(__file__).parent
MADE_FROM, WHY_NOT = ".made_from", "why_not.txt"
LONGEST_S = 900.0


class Refused(Exception):
    """The package manager would not; the text is its last line."""


def thingsboard(folder: Path) -> None:
    """A virtual environment with requirements.txt."""
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([*pip, "-r", str(HERE / "thingsboard" / "requirements.txt")])


def node_red(folder: Path) -> None:
    """What package-lock.json names, without running any package's install script."""
    if shutil.which("npm") is None:
        raise Refused("npm is missing: apt-get install nodejs npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "node_red" / name, folder)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder)])


INSTALLED: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "thingsboard": (thingsboard, ("thingsboard/requirements.txt",)),
    "node_red": (node_red, ("node_red/package.json", "node_red/package-lock.json")),
}


def install(name: str) -> str:
    """Install one; empty, or why it cannot be."""
    work, files = INSTALLED[name]
    folder = CACHE / name
    digest = hashlib.sha256(b"".join((HERE / file).read_bytes() for file in files)).hexdigest()
    if (folder / MADE_FROM).is_file() and (folder / MADE_FROM).read_text() == digest:
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        work(folder)
    except Refused as exc:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / WHY_NOT).write_text(str(exc))
        return str(exc)
    (folder / MADE_FROM).write_text(digest)
    return ""


def why_not(name: str) -> str:
    """Why a peer is not there."""
    path = CACHE / name / WHY_NOT
    return path.read_text() if path.is_file() else "not installed: make bench-peers"


def _run(words: Sequence[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Refused(f"{words[0]}: {exc}") from exc
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Refused(f"{Path(words[0]).name}: {lines[-1] if lines else done.returncode}")


if __name__ == "__main__":
    for peer in INSTALLED:
        print(f"   installing {peer}", file=sys.stderr)
        if reason := install(peer):
            print(f"   {peer} cannot be installed: {reason}", file=sys.stderr)
