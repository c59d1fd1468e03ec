"""Kills, power cuts and damage: what was called stored is there, numbers are never given twice, holes are told."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.model.command import Alarm
from gateway.uplink.outbox_file import OutboxFile
from gateway.wire.telemetry import GAP
from tests.needs import program
from tests.uplink.parts import POWER, clock_at, crash, make_outbox, opened, rows, stored, sunk, taken

ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("crash_writer.py")
COMMIT_S = 0.02


async def killed_run(folder: Path, prefix: list[str], *, after_s: float | None) -> list[tuple[int, int]]:
    """Run the writer until it is killed; what it said was stored."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        str(WRITER),
        str(folder),
        str(COMMIT_S),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    said: list[tuple[int, int]] = []
    try:
        async with asyncio.timeout(30):
            while (line := await process.stdout.readline()) and line.endswith(b"\n"):
                words = line.decode().split()
                if words[0] == "open" and after_s is not None:
                    asyncio.get_running_loop().call_later(after_s, process.send_signal, signal.SIGKILL)
                elif words[0].isdigit():
                    said.append((int(words[0]), int(words[1])))
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said


@pytest.mark.timeout(240)
@pytest.mark.fault("F-061")
async def test_a_killed_writer_loses_nothing_it_called_stored_and_reuses_no_number(tmp_path, soak):
    draw = random.Random(61)
    said: list[tuple[int, int]] = []
    for _ in range(100 if soak else 12):
        said += await killed_run(tmp_path, [], after_s=draw.uniform(0.0, 0.15))
    await check(tmp_path, said)


@pytest.mark.timeout(240)
@pytest.mark.fault("F-061")
async def test_a_writer_killed_at_the_nth_fdatasync_loses_nothing_it_called_stored(tmp_path, soak):
    strace = program("strace")
    said: list[tuple[int, int]] = []
    for n in range(3, 103 if soak else 11):
        inject = f"inject=fdatasync:signal=SIGKILL:when={n}"
        said += await killed_run(tmp_path, [strace, "-f", "-qq", "-o", "/dev/null", "-e", inject], after_s=3.0)
    await check(tmp_path, said)


async def check(folder: Path, said: list[tuple[int, int]]) -> None:
    """Everything said is there, no identity twice, every epoch after the first begins with its gap."""
    clock = SystemClock()
    async with opened(folder, clock, boot_id=None) as outbox:
        batches = await stored(outbox)
        summary = (await sunk(outbox)).summary()
    assert (summary["unexplained"], summary["duplicates"]) == (0, 0)
    found = rows(batches)
    identities = [(epoch, seq) for epoch, seq, _, _ in found]
    assert len(set(identities)) == len(identities)
    assert identities == sorted(identities)
    assert said, "the writer was killed before it ever stored anything"
    assert len(set(said)) == len(said)
    assert set(said) <= set(identities)
    for epoch in {epoch for epoch, _ in identities}:
        seqs = [seq for one, seq in identities if one == epoch]
        assert seqs == list(range(1, len(seqs) + 1)), "a prefix without holes"
    firsts = {epoch: (point, value) for epoch, seq, point, value in found if seq == 1 and epoch > 1}
    assert firsts
    for epoch, (point, value) in firsts.items():
        assert point == GAP
        before = [one for one in batches if one.span.epoch < epoch]
        if before:
            # the gap begins at the last commit that was told: nothing older than that is missing
            begin_s = next(one.taken.rows()[0].at_s for one in batches if one.span.epoch == epoch) - (value or 0.0)
            assert begin_s == pytest.approx(before[-1].stamp.boot_s, abs=1e-3)
            newest = before[-1].taken.at_s.max()
            assert before[-1].stamp.boot_s - newest < COMMIT_S + 0.5


@pytest.mark.fault("F-062")
@pytest.mark.parametrize("how", ["cut", "garble", "cut, no shm"])
async def test_a_torn_log_leaves_a_prefix_and_no_number_is_given_twice(tmp_path, soak, how):
    draw = random.Random(f"62 {how}")
    source = tmp_path / "source"
    outbox = make_outbox(source)
    await outbox.open()
    for n in range(30):
        outbox.add(taken(20, first=20.0 * n))
        await outbox.commit()
    sent = {(epoch, seq) for epoch, seq, _, _ in rows(await stored(outbox))}
    victim = tmp_path / "killed"
    shutil.copytree(source, victim)
    await crash(outbox)
    size = (victim / "outbox.sqlite-wal").stat().st_size
    assert size > 30 * 4096
    for n in range(70 if soak else 8):
        folder = tmp_path / f"torn{n}"
        shutil.copytree(victim, folder)
        wal = folder / "outbox.sqlite-wal"
        at = draw.randrange(size)
        if how == "garble":
            with wal.open("r+b") as file:
                file.seek(at)
                file.write(draw.randbytes(min(200, size - at)))
        else:
            os.truncate(wal, at)
            if how.endswith("shm"):
                (folder / "outbox.sqlite-shm").unlink()
        async with opened(folder) as again:
            found = rows(await stored(again))
            again.add(taken(5))
            await again.commit()
            fresh = [row for row in rows(await stored(again)) if row[0] == again.epoch]
        old = [row for row in found if row[0] == 1]
        assert [seq for _, seq, _, _ in old] == list(range(1, len(old) + 1))
        assert [value for _, _, _, value in old] == [float(n) for n in range(len(old))]
        assert not {(epoch, seq) for epoch, seq, _, _ in fresh} & sent
        assert fresh[0][2] == GAP
        with sqlite3.connect(folder / "outbox.sqlite") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


@pytest.mark.fault("F-065")
@pytest.mark.parametrize("how", ["bytes", "header", "empty", "text", "schema"])
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path, soak, how):
    source = tmp_path / "source"
    async with opened(source) as outbox:
        for n in range(60):
            outbox.add(taken(50, first=50.0 * n))
            await outbox.commit()
        box = outbox.box
    for seed in range(50 if soak else 5):
        folder = tmp_path / f"damaged{seed}"
        shutil.copytree(source, folder)
        damage(folder / "outbox.sqlite", how, random.Random(seed))
        alarms: list[Alarm] = []
        async with opened(folder, clock_at(2000.0), on_alarm=alarms.append) as again:
            assert again.box == box
            found = rows(await stored(again))
            again.add(taken(5))
            await again.commit()
            after = rows(await stored(again))
            summary = (await sunk(again)).summary()
        assert summary["unexplained"] == 0
        assert summary["duplicates"] == 0
        assert len(after) >= len(found) + 5
        aside = list(folder.glob("outbox.damaged-*.sqlite"))
        if aside:
            assert again._file is None  # closed cleanly
            assert [alarm.key for alarm in alarms] == ["outbox_damaged"]
            assert (
                f"{len([row for row in found if row[0] == 1 and row[2] == POWER])} samples salvaged" in alarms[0].detail
            )
        else:
            assert how in {"bytes", "empty"}, "only damage that hits no structure may pass quick_check"
        identities = [(epoch, seq) for epoch, seq, _, _ in after]
        assert len(set(identities)) == len(identities)


def damage(path: Path, how: str, draw: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    if how == "bytes":
        for _ in range(64):
            raw[draw.randrange(len(raw))] ^= draw.randrange(1, 256)
    elif how == "header":
        raw[:100] = bytes(100)
    elif how == "empty":
        raw.clear()
    elif how == "text":
        raw[:] = b"not a database" * 1000
    else:
        raw[100:4096] = draw.randbytes(3996)
    path.write_bytes(raw)


@pytest.mark.fault("F-064")
async def test_the_thread_that_commits_is_not_the_one_that_decides(tmp_path, monkeypatch):
    import threading

    threads = []
    real = OutboxFile.commit

    def commit(self, *args, **how):
        threads.append(threading.current_thread())
        return real(self, *args, **how)

    monkeypatch.setattr(OutboxFile, "commit", commit)
    async with opened(tmp_path) as outbox:
        outbox.add(taken(3))
        await outbox.commit()
    assert threads
    assert threading.main_thread() not in threads
