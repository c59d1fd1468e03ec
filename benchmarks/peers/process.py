"""A gateway as a process tree: started, measured by the kernel's counters alone, ended."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.load import CACHE
from benchmarks.rig import now_s, rss_mb

STOP_S = 10.0
COMPILED = CACHE / "pycache"


@dataclass(frozen=True, slots=True)
class Command:
    """How a configured gateway is started; `folder` is its working directory and holds its log."""

    words: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)


class Tree:
    """A running gateway."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.began_s = now_s()

    @property
    def pids(self) -> list[int]:
        """The process and all that descend from it."""
        found, due = [], [self._process.pid]
        while due:
            pid = due.pop()
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    due += [int(word) for word in path.read_text().split()]
        return found

    def cpu_s(self) -> float:
        """CPU seconds so far, of every thread there is or was, to the nanosecond (`clock_getcpuclockid`)."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.pids)

    def rss_mb(self) -> float:
        """Resident memory now."""
        return sum(rss_mb(pid) for pid in self.pids)

    def alive(self) -> bool:
        """It has not ended by itself."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of its log, on one line."""
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-3:])[-300:]


@contextmanager
def running(command: Command) -> Iterator[Tree]:
    """Start it, and end it with the block; its output goes to `output.log` in its folder."""
    log = command.folder / "output.log"
    # every start but the first finds its compiled Python, as on a box that has run before
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(COMPILED)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command.words, cwd=command.folder, env={**os.environ, **compiled, **command.env}, stdout=file,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            yield Tree(process, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
