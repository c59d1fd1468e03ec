"""A slow disk and a worn one: the store's thread waits alone, commits batch up, and what is written in a day is known."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Lot, Taken
from tests.needs import program
from tests.uplink.parts import opened
from tests.uplink.slow_disk import A_SECOND

ROOT = Path(__file__).parents[2]
STALL_S = 0.05
"""A tick is late by a fifth of T_c at most (U4), which is not compressed."""


@pytest.mark.timeout(500)
@pytest.mark.fault("F-067", "U4")
def test_a_disk_that_takes_two_seconds_for_every_commit_delays_nobody_and_loses_nothing(tmp_path, soak):
    factor = 1.0 if soak else 10.0
    slow_s, commit_s, for_s = 2.0 / factor, 1.0 / factor, 300.0 if soak else 2.0
    inject = f"inject=fdatasync:delay_enter={round(slow_s * 1e6)}:when=12+"  # what makes the file comes first
    command = [sys.executable, "-m", "tests.uplink.slow_disk", str(tmp_path / "state"), str(commit_s), str(for_s)]
    done = subprocess.run(
        [program("strace"), "-f", "-qq", "-o", "/dev/null", "-e", inject, *command],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=450, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["most"] >= 0.5 * slow_s * A_SECOND, "the disk was slow"
    assert seen["commits"] <= for_s / slow_s + 5, "commits batch up"
    assert seen["held"] == seen["added"]
    late = sorted(seen["late"])
    assert late[int(0.99 * (len(late) - 1))] <= STALL_S
    assert seen["drained"] <= 30.0 / factor


@pytest.mark.fault("F-067")
@pytest.mark.parametrize(("commit_s", "most_gib"), [(1.0, 3.0), (5.0, 1.2)])
async def test_what_is_written_in_a_day_at_three_hundred_points_a_second_is_known(tmp_path, commit_s, most_gib, soak):
    """Bytes this process hands to the disk, log and checkpoints included."""
    draw, commits = random.Random(67), 600 if soak else 40

    def second(at_s: float) -> Lot:
        points = [PointId(f"d{n}/power.active") for n in range(300)]
        return Lot.of(Taken(point, draw.random() * 1e4, Quality.GOOD, at_s) for point in points)

    async with opened(tmp_path) as outbox:
        before = 0
        for number in range(10 + commits):
            if number == 10:
                before = _written()
            for at in range(round(commit_s)):
                outbox.add(second(1000.0 + number * commit_s + at))
            await outbox.commit()
        per_commit = (_written() - before) / commits
    assert per_commit * 86_400.0 / commit_s <= most_gib * 2**30


def _written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar:")).split()[1])
