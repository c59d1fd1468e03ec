"""The audit chain: what was written is there, and whatever was touched is named."""

import json
import os
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.audit import app
from gateway.clock import VirtualClock
from gateway.errors import StoreError
from gateway.store.audit import HEAD, Audit, verify

RECORDS = 60


def write_chain(folder: Path, *, records: int = RECORDS, rotate_bytes: int = 3000, seal: str = "sha256") -> list[Path]:
    """A chain over several files, interrupted by a restart."""
    clock = VirtualClock(10.0, 1_795_000_000_000)
    for part in (range(records // 2), range(records // 2, records)):
        audit = Audit(folder, clock, rotate_bytes=rotate_bytes, seal=seal)
        for n in part:
            clock.now_s += 0.5
            audit.append("command", {"id": f"r-{n}", "target_w": 1000.0 * n, "text": "塔 €"}, durable=n % 10 == 0)
        audit.close()
    return sorted(folder.glob("audit-*.jsonl"))


def all_lines(files: list[Path]) -> list[tuple[Path, bytes]]:
    return [(path, line) for path in files for line in path.read_bytes().splitlines(keepends=True)]


def rewrite(lines: list[tuple[Path, bytes]], files: list[Path]) -> None:
    for path in files:
        path.write_bytes(b"".join(line for owner, line in lines if owner == path))


def test_a_chain_over_restarts_and_files_is_whole(tmp_path):
    files = write_chain(tmp_path)
    assert len(files) > 3
    assert verify(tmp_path) is None
    numbers = [json.loads(line)["n"] for _, line in all_lines(files)]
    assert numbers == list(range(1, RECORDS + 1))


@pytest.mark.fault("A-053")
@pytest.mark.parametrize("seed", range(100))
def test_the_first_record_that_was_touched_is_named(tmp_path, seed):
    draw = random.Random(seed)
    files = write_chain(tmp_path)
    lines = all_lines(files)
    how = ("change", "delete", "insert", "move")[seed % 4]
    at = draw.randrange(len(lines))
    path, line = lines[at]
    if how == "change":
        place = draw.randrange(len(line) - 1)
        lines[at] = (path, line[:place] + bytes([line[place] ^ 1 << draw.randrange(7)]) + line[place + 1 :])
    elif how == "delete":
        del lines[at]
    elif how == "insert":
        copy = line if draw.random() < 0.5 else line.replace(b'"r-', b'"x-')
        lines.insert(at, (path, copy))
        at += copy == line  # a true copy: the second of the two is the one that does not belong
    else:
        other = draw.choice([n for n in range(len(lines)) if n != at])
        lines[at], lines[other] = (lines[at][0], lines[other][1]), (lines[other][0], lines[at][1])
        at = min(at, other)
    rewrite(lines, files)
    found = verify(tmp_path)
    assert found is not None
    assert found.number == at + 1, (how, at, str(found))


@pytest.mark.fault("A-053")
@pytest.mark.parametrize("gone", [0, 2, -1])
def test_a_file_that_was_removed_is_named(tmp_path, gone):
    files = write_chain(tmp_path)
    before = sum(len(path.read_bytes().splitlines()) for path in files[: gone % len(files)])
    files[gone].unlink()
    found = verify(tmp_path)
    assert found is not None
    assert found.number == before + 1


def test_a_record_sealed_anew_without_the_rest_breaks_at_the_next(tmp_path):
    files = write_chain(tmp_path, records=4, rotate_bytes=10**6)
    other = tmp_path / "other"
    forged = write_chain(other, records=2, rotate_bytes=10**6)
    lines = all_lines(files)
    body = json.loads(all_lines(forged)[0][1])
    assert body["hash"] == json.loads(lines[0][1])["hash"], "the same content gives the same seal"
    lines[1] = (files[0], lines[1][1].replace(b'"target_w":1000.0', b'"target_w":9000.0'))
    rewrite(lines, files)
    found = verify(tmp_path)
    assert found is not None
    assert found.number == 2


@pytest.mark.parametrize("stump", [b'{"at":1', b"\xff\x00", b"{}"])
def test_a_record_cut_off_by_a_power_cut_is_cut_away_and_told(tmp_path, stump):
    files = write_chain(tmp_path, records=6, rotate_bytes=10**6)
    with files[-1].open("ab") as file:
        file.write(stump)
    found = verify(tmp_path)
    assert found is not None
    assert (found.number, found.why) == (7, "cut off")
    audit = Audit(tmp_path, VirtualClock())
    assert "unfinished record" in audit.repaired
    audit.append("command", {})
    audit.close()
    assert verify(tmp_path) is None
    kinds = [json.loads(line)["kind"] for _, line in all_lines(files)]
    assert kinds[-2:] == ["audit_repaired", "command"]


def test_a_broken_last_record_does_not_keep_the_gateway_from_starting_but_stays_named(tmp_path):
    files = write_chain(tmp_path, records=6, rotate_bytes=10**6)
    lines = all_lines(files)
    lines[-1] = (files[0], b"{broken}\n")
    rewrite(lines, files)
    audit = Audit(tmp_path, VirtualClock())
    assert "cannot be read" in audit.repaired
    audit.append("command", {})
    audit.close()
    found = verify(tmp_path)
    assert found is not None
    assert found.number == 6


def test_a_durable_record_is_synced_before_append_returns(tmp_path, monkeypatch):
    audit = Audit(tmp_path, VirtualClock())
    synced: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    audit.append("note", {}, durable=False)
    assert synced == []
    audit.append("command", {}, durable=True)
    assert len(synced) == 1
    audit.close()


def test_a_disk_that_takes_half_a_record_leaves_no_stump(tmp_path, monkeypatch):
    audit = Audit(tmp_path, VirtualClock())
    audit.append("command", {"id": 1})
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, line: real(handle, line[: len(line) // 2]))
    with pytest.raises(StoreError, match="only a part"):
        audit.append("command", {"id": 2})
    monkeypatch.setattr(os, "write", real)
    assert audit.append("command", {"id": 3}) == 2
    audit.close()
    assert verify(tmp_path) is None


def test_a_value_that_is_not_json_is_refused_and_the_chain_goes_on(tmp_path):
    audit = Audit(tmp_path, VirtualClock())
    with pytest.raises(ValueError, match="JSON"):
        audit.append("command", {"w": float("nan")})
    audit.append("command", {"w": 1.0})
    audit.close()
    assert verify(tmp_path) is None


def test_the_witness_shows_a_cut_tail_and_may_be_older_than_the_chain(tmp_path):
    files = write_chain(tmp_path, records=6, rotate_bytes=10**6)
    head = (tmp_path / HEAD).read_bytes()
    audit = Audit(tmp_path, VirtualClock())
    audit.append("command", {})
    audit.close()
    (tmp_path / HEAD).write_bytes(head)
    assert verify(tmp_path) is None
    rewrite(all_lines(files)[:5], files)
    found = verify(tmp_path)
    assert found is not None
    assert (found.number, found.line) == (6, 6)


def test_the_command_says_whole_or_names_the_record(tmp_path):
    run = CliRunner()
    files = write_chain(tmp_path)
    assert run.invoke(app, ["verify", str(tmp_path)]).exit_code == 0
    lines = all_lines(files)
    rewrite(lines[:10] + lines[11:], files)
    answer = run.invoke(app, ["verify", str(tmp_path)], env={"GATEWAY_LANG": "en"})
    assert answer.exit_code == 1
    assert "record 11 is the first bad one" in answer.output
    assert run.invoke(app, ["verify", str(tmp_path / "nothing")]).exit_code == 2


def test_a_chain_may_be_sealed_with_sm3_and_change_to_it(tmp_path):
    """GB/T 32905-2016; every byte of either part is covered."""
    write_chain(tmp_path)
    sealed = Audit(tmp_path, VirtualClock(100.0, 1_795_000_100_000), seal="sm3")
    for number in range(5):
        sealed.append("command", {"id": f"s-{number}"})
    sealed.close()
    assert verify(tmp_path) is None
    newest = max(tmp_path.glob("audit-*.jsonl"))
    lines = newest.read_text().splitlines()
    assert all(json.loads(line)["hash"].startswith("sm3:") for line in lines[-5:])
    newest.write_text("\n".join([*lines[:-2], lines[-2].replace("s-3", "s-4"), lines[-1]]) + "\n")
    bad = verify(tmp_path)
    assert bad is not None
    assert (bad.number, bad.why) == (RECORDS + 4, "its seal does not fit")
