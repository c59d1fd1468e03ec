"""The demonstration: its time line, its counts, and the whole thing in an empty folder."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulators.plant import Plant
from emulators.scenario import load_scenario
from gateway.demo import last_row, like_today, limit_violations, tail, taken_samples, timeline

ROOT = Path(__file__).parents[1]
SCENARIO = load_scenario("demo_tower")
DAY_S = 86400.0
REPEAT_S = SCENARIO.upstream.repeat_s


def made(run_s):
    load_start_s = SCENARIO.load_start_s
    plant = Plant(SCENARIO.plant, SCENARIO.load(start_s=load_start_s), seed=1)
    return timeline(SCENARIO, plant, load_start_s=load_start_s, run_s=run_s), plant


def test_without_an_end_the_time_line_repeats():
    found, _ = made(None)
    assert found["repeat_s"] == REPEAT_S
    assert all(entry["at_s"] < REPEAT_S for entry in found["entries"])
    kinds = [entry["kind"] for entry in found["entries"]]
    assert {"reg", "ar", "dr"} == set(kinds)
    assert all(entry["shed_w"] > 0.0 for entry in found["entries"] if entry["kind"] != "reg")


def test_with_an_end_regulation_fills_the_rest():
    found, plant = made(1800.0)
    assert "repeat_s" not in found
    last = [entry for entry in found["entries"] if entry["kind"] == "reg"][-1]
    assert last["at_s"] >= REPEAT_S
    assert last["for_s"] is None or last["at_s"] + last["for_s"] >= 1800.0
    assert found["capacity_w"] == 200_000.0
    assert [one["basepoint_w"] for one in found["declared"]] == plant.declared_basepoints(3)
    assert [one["start_s"] for one in found["declared"]] == [0.0, 300.0, 600.0]


@pytest.mark.parametrize("weekday", range(7))
@pytest.mark.parametrize("start_s", [0.0, 198 * DAY_S + 50_400.0, 6 * DAY_S, 204 * DAY_S + 86_399.0])
def test_the_load_begins_on_today_s_weekday_in_the_same_week_at_the_same_time(start_s, weekday):
    found_s = like_today(start_s, weekday)
    assert (int(found_s // DAY_S) + 6) % 7 == weekday, "the file begins on a Sunday"
    assert found_s % DAY_S == start_s % DAY_S
    assert abs(found_s - start_s) <= 6 * DAY_S


@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        ([], 0),
        ([1.0, 1.79e6], 0),
        ([1.9e6, 1.9e6, 1.0, 1.9e6], 2),
        ([1.0, -1.0, -2.0, 1.0], 1),
    ],
)
def test_leaving_a_limit_counts_once_until_it_is_kept_again(tmp_path, watts, expected):
    rows = "".join(f"{at / 10},{watt}\n" for at, watt in enumerate(watts))
    (tmp_path / "plant.csv").write_text(f"t_s,true_site_w\n{rows}")
    assert limit_violations(tmp_path / "plant.csv", SCENARIO) == expected


@pytest.mark.parametrize(
    ("batches", "cursors", "expected"),
    [
        ([], [], 0),
        ([(1, 40)], [], 40),
        ([(1, 40), (1, 80)], [(1, 40)], 80),
        ([], [(1, 80)], 80),
        ([(2, 30)], [(1, 80), (2, 10)], 110),
    ],
)
def test_samples_taken_are_those_waiting_and_those_confirmed_in_every_epoch(tmp_path, batches, cursors, expected):
    file = tmp_path / "outbox.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, last INTEGER)")
        database.execute("CREATE TABLE cursor (link TEXT, epoch INTEGER, seq INTEGER)")
        for at, (epoch, last) in enumerate(batches):
            database.execute("INSERT INTO batch VALUES (?, ?)", (epoch << 40 | at, last))
        for epoch, seq in cursors:
            database.execute("INSERT INTO cursor VALUES ('vpp', ?, ?)", (epoch, seq))
    database.close()
    assert taken_samples(file) == expected


def test_the_newest_row_of_a_growing_trace_keeps_what_its_empty_asset_cells_had(tmp_path):
    trace = tmp_path / "trace.csv"
    columns, row = last_row(trace, (), {})
    assert (columns, row) == ((), {})
    trace.write_text("t_s,mode,battery.power_w\n0.0,local,100\n0.25,remote,\n0.5,rem")
    columns, row = last_row(trace, columns, row)
    assert list(columns) == ["t_s", "mode", "battery.power_w"]
    assert row == {"t_s": "0.25", "mode": "remote", "battery.power_w": "100"}


def test_the_end_of_a_log_is_its_last_lines(tmp_path):
    (tmp_path / "a.log").write_text("\n".join(map(str, range(20))))
    assert tail(tmp_path / "a.log", 3) == "17\n18\n19"


PARENT = """
import asyncio, pathlib, sys
from gateway.demo import _spawn
class Demo:
    folder, parts = pathlib.Path(sys.argv[1]), []
async def main():
    print((await _spawn(Demo, "child", "http.server", "0")).process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is of Linux")
def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        child = int(parent.stdout.readline())
        time.sleep(1.0)
        assert runs(child)
        parent.kill()
    until_s = time.monotonic() + 20.0
    while runs(child):
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.timeout(90)
def test_the_demo_runs_in_an_empty_folder_and_leaves_a_whole_report(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--for", "20s"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GATEWAY_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "devices " in done.stdout
    assert "gateway " in done.stdout
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["steps"] >= 20.0 / 0.25
    assert report["samples"]["taken"] == report["samples"]["at_sink"] > 1000
    assert report["samples"]["lost"] == report["samples"]["extra"] == 0
    assert report["limit_violations"] == 0
    assert report["disagreements"] == 0
    assert report["tracking"]["precision"] > 0.5, "ten seconds of the signal are followed"
    for log in (tmp_path / "out").glob("*.log"):
        assert "Traceback" not in log.read_text(), log.name
