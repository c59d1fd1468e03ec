"""What a process holds: tasks, descriptors, memory; and that it holds no more after something than before."""

import asyncio
import gc
import resource
from dataclasses import dataclass
from pathlib import Path

MOST_MORE_FDS, MOST_MORE_MB = 2, 5.0
"""U6, F-045."""


@dataclass(frozen=True)
class Footprint:
    """What this process holds now."""

    tasks: int
    descriptors: int
    rss_mb: float


def footprint() -> Footprint:
    """Tasks, descriptors and resident memory of this process, garbage left out."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Footprint(len(asyncio.all_tasks()), descriptors, pages * resource.getpagesize() / 2**20)


def assert_nothing_left(before: Footprint, after: Footprint) -> None:
    """No task more or less, descriptors within two, at most 5 MiB."""
    assert after.tasks == before.tasks
    assert abs(after.descriptors - before.descriptors) <= MOST_MORE_FDS
    assert after.rss_mb - before.rss_mb <= MOST_MORE_MB
