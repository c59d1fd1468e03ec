"""The head-end: its time line, its sink, its record, its baseline; and the whole process over a real broker."""

import asyncio
import csv
import json
import math
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from emulators.load import LoadFile
from emulators.vpp_baseline import History, Rules, baseline
from emulators.vpp_record import Declared, HeadendCsv
from emulators.vpp_sink import Malformed, Numbers, Sink
from emulators.vpp_timeline import Entry, Signal, Timeline, read_timeline
from gateway.clock import SystemClock
from gateway.model.request import Request
from gateway.uplink.signers import Signers
from gateway.wire.command import parse_command

ROOT = Path(__file__).parents[2]
SIGNAL = Signal((0.0, 2.0, 4.0, 6.0), (0.1, 0.2, 0.3, 0.4))


def acts(*entries: Entry, **how) -> list[tuple[float, str, dict[str, float | None]]]:
    return [(act.t_s, act.kind, dict(act.values)) for act in Timeline(entries, signal=SIGNAL, **how).acts()]


def test_regulation_sends_the_held_value_on_its_raster_and_ends_one_period_after_the_last_row():
    assert acts(Entry("reg", 0.0, math.inf, "reg")) == [
        (0.0, "reg", {"signal": 0.1}),
        (2.0, "reg", {"signal": 0.2}),
        (4.0, "reg", {"signal": 0.3}),
        (6.0, "reg", {"signal": 0.4}),
        (8.0, "reg_over", {}),
    ]


def test_a_window_of_regulation_takes_the_signal_of_its_own_time():
    assert acts(Entry("reg", 2.0, 3.0, "reg")) == [
        (2.0, "reg", {"signal": 0.2}),
        (4.0, "reg", {"signal": 0.3}),
        (5.0, "reg_over", {}),
    ]


def test_an_event_is_told_its_notice_ahead_but_never_before_the_run():
    entries = (Entry("dr", 60.0, 25.0, "e", 55.0, {"shed_w": 1.0}), Entry("ar", 5.0, 1.0, "s", 10.0, {"shed_w": 2.0}))
    assert [(t_s, kind) for t_s, kind, _ in acts(*entries)] == [(0.0, "ar"), (5.0, "dr")]


def test_a_limit_is_withdrawn_when_its_time_is_over():
    assert acts(Entry("limit", 1.0, 2.0, "l", values={"max_import_w": 9.0})) == [
        (1.0, "limit", {"max_import_w": 9.0}),
        (3.0, "limit", {"max_import_w": None}),
    ]


def test_a_time_line_repeats_with_new_names():
    line = Timeline((Entry("ar", 1.0, 1.0, "s", values={"shed_w": 2.0}),), repeat_s=10.0).acts()
    assert [(act.t_s, act.id) for act, _ in zip(line, range(3), strict=False)] == [
        (1.0, "s"),
        (11.0, "s-1"),
        (21.0, "s-2"),
    ]


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {},
        {"entries": [{"kind": "reg", "at_s": 1}], "extra": 1},
        {"entries": [{"kind": "fcr", "at_s": 1}]},
        {"entries": [{"kind": "dr", "at_s": 1}]},
        {"entries": [{"kind": "dr", "at_s": 1, "shed_w": 1, "shed_kw": 1}]},
        {"entries": [], "baseline": {"weeks": 1}},
    ],
)
def test_a_broken_time_line_is_a_value_error(tmp_path, tree):
    path = tmp_path / "line.json"
    path.write_text(json.dumps(tree))
    with pytest.raises(ValueError, match=r"line\.json|entry"):
        read_timeline(path)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5))))
def test_numbers_know_exactly_what_was_put_in(pairs):
    numbers, plain = Numbers(), set()
    for first, length in pairs:
        numbers.add(first, first + length)
        plain |= set(range(first, first + length + 1))
    assert [n in numbers for n in range(1, 48)] == [n in plain for n in range(1, 48)]
    assert numbers.contiguous == next(n for n in range(48) if n + 1 not in plain)
    assert numbers.missing == len(set(range(1, max(plain, default=0) + 1)) - plain)


def sample(seq: int, point: str = "pcc/power.active", value: float | None = 1.0) -> list[Any]:
    return [seq, point, value, "good" if value is not None else "invalid", 5, False]


def message(*samples: list[Any]) -> dict[str, Any]:
    return {"box": "b", "epoch": 1, "samples": list(samples)}


def test_the_sink_counts_duplicates_and_confirms_only_what_has_no_hole():
    sink = Sink()
    assert sink.take(message(sample(1), sample(2)))[1] == ("b", 1, 2)
    assert sink.take(message(sample(5)))[1] == ("b", 1, 2)
    assert sink.take(message(sample(2), sample(3)))[1] == ("b", 1, 3)
    assert (sink.samples, sink.duplicates, sink.summary()["unexplained"]) == (4, 1, 1)
    assert sink.take(message(sample(4)))[1] == ("b", 1, 5)


def test_a_hole_record_explains_exactly_the_numbers_before_it():
    sink = Sink()
    sink.take(message(sample(1)))
    lost = [sample(9, "gateway/hole", 6.0), sample(10, "gateway/lost/pcc/power.active", 8.0)]
    assert sink.take(message(*lost))[1] == ("b", 1, 1), "number 2 is not explained"
    assert sink.take(message(sample(2)))[1] == ("b", 1, 10)
    assert sink.summary()["dropped_by_policy"] == 8


@pytest.mark.parametrize(
    "tree",
    [None, {}, {"box": "b", "epoch": 1}, message([1, "p", 1.0, "good", 5]), message([0, "p", 1.0, "good", 5, False]),
     message([1, "p", None, "good", 5, False]), message([1, "p", 1.0, "invalid", 5, False]), message([1, "p", True, "good", 5, False]),
     message([1, "p", 1.0, "fine", 5, False]), {"box": 1, "epoch": 1, "samples": []}],
)  # fmt: skip
def test_what_is_no_telemetry_is_not_stored(tree):
    sink = Sink()
    with pytest.raises(Malformed):
        sink.take(tree)
    assert sink.samples == 0


def test_a_base_point_holds_only_when_its_plan_came_in_time():
    declared = Declared([(0.0, 300.0, 600.0)], lead_s=300.0)
    declared.plan([(0.0, 300.0, 1.0), (300.0, 600.0, 610.0), (600.0, 900.0, 620.0)], at_s=0.0)
    declared.plan([(300.0, 600.0, 5.0), (600.0, 900.0, 630.0)], at_s=0.1)
    assert [declared.at(t_s) for t_s in (0.0, 299.9, 300.0, 600.0, 900.0)] == [600.0, 600.0, 610.0, 630.0, None]
    assert declared.late == 2


def test_the_record_has_a_row_for_every_change_and_none_between(tmp_path):
    record = HeadendCsv(tmp_path / "headend.csv", capacity_w=200_000.0)
    for t_s, value in ((0.0, None), (1.0, None), (2.0, 0.5), (4.0, 0.5), (6.0, None)):
        record.note(t_s, signal=value, basepoint_w=600_000.0, baseline_w=None)
    record.close()
    with (tmp_path / "headend.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["t_s", "signal", "basepoint_w", "capacity_w", "baseline_w"]
    assert [(float(row["t_s"]), row["signal"]) for row in rows] == [(0.0, ""), (2.0, "0.500000"), (6.0, "")]


def history(daily: dict[int, float], *, hours: float = 14.0) -> History:
    """Hourly rows of 30 days from a Monday; `daily` sets the level of single days; the run begins on day 28."""
    watts = [daily.get(row // 24, 100.0) + row % 24 for row in range(30 * 24)]
    return History(LoadFile(0.0, 3600.0, tuple(watts), datetime(2026, 6, 1)), start_s=28 * 86400.0 + hours * 3600.0)  # noqa: DTZ001


def test_measured_quarters_count_each_for_itself_whatever_the_spacing_of_the_history():
    hourly = LoadFile(0.0, 3600.0, (100.0,) * 24 * 40)
    quarters = {0: 140.0, 1: 60.0, 2: 300.0}
    past = History(hourly, start_s=30 * 86_400.0, measured=lambda t_s: quarters.get(int(t_s // 900)))
    found = baseline(past, start_s=3600.0, end_s=7200.0, rules=Rules(adjust_begin_s=5400.0, adjust_end_s=900.0))
    # from 30 min before the run to 45 min into it: two quarters of history, then the three that were measured
    assert found.adjust_w == pytest.approx((0.0 + 0.0 + 40.0 - 40.0 + 200.0) / 5)


def test_the_baseline_is_the_mean_of_the_last_five_days_of_the_same_type():
    found = baseline(history({23: 110.0, 26: 900.0, 27: 900.0}), start_s=0.0, end_s=3600.0)
    assert found is not None
    assert found.days == (3, 4, 5, 6, 7), "day 28 is a Monday: the weekend before it does not count"
    assert found.raw(0.0) == pytest.approx(114.0 + 10.0 / 5)


def test_a_day_unlike_the_others_is_replaced_by_an_older_one():
    found = baseline(history({25: 300.0, 23: 10.0}), start_s=0.0, end_s=3600.0)
    assert found is not None
    assert found.days == (4, 6, 7, 10, 11)


@pytest.mark.parametrize(("today", "expected"), [(105.0, 5.0), (95.0, -5.0), (200.0, 114.0 * 0.2), (0.0, -114.0 * 0.2)])
def test_the_day_itself_moves_the_baseline_by_no_more_than_a_fifth(today, expected):
    found = baseline(history({28: today}), start_s=0.0, end_s=3600.0)
    assert found is not None
    assert found.at(0.0) == pytest.approx(114.0 + expected)


def test_the_adjustment_looks_only_at_its_window_weighted_by_time():
    watts = [100.0] * (30 * 24)
    watts[28 * 24 + 11], watts[28 * 24 + 12] = 110.0, 120.0  # 11:00 and 12:00 of the day
    past = History(LoadFile(0.0, 3600.0, tuple(watts), None), start_s=28 * 86400.0 + 14 * 3600.0)
    found = baseline(past, start_s=0.0, end_s=3600.0, rules=Rules())
    assert found is not None
    assert found.adjust_w == pytest.approx((0.5 * 10.0 + 1.0 * 20.0 + 0.5 * 0.0) / 2.0)  # 11:30 to 13:30


def test_what_was_measured_since_the_run_began_counts_before_the_file():
    past = history({})
    known = History(past._file, start_s=past._start_s, measured=lambda t_s: 500.0 if t_s < 600.0 else None)
    assert (known.at(-1.0), known.at(0.0), known.at(700.0)) == (113.0, 500.0, 114.0)


def test_no_history_is_no_baseline():
    empty = History(LoadFile(0.0, 3600.0, (1.0, 2.0), None))
    assert baseline(empty, start_s=0.0, end_s=60.0) is None


async def test_the_process_sends_what_the_time_line_says_and_writes_everything_down(tmp_path):
    pytest.importorskip("amqtt", reason="needs the Python package amqtt: pip install 'vpp-gateway[demo]'")
    (tmp_path / "signal.csv").write_text("t_s,signal\n100,0.25\n110,-0.5\n")
    line = {
        "signal": {"file": "signal.csv", "period_s": 0.4, "delay_s": [0.0, 0.1]},
        "capacity_w": 200_000,
        "declared": [{"start_s": 0, "end_s": 300, "basepoint_w": 600_000}],
        "heartbeat_s": 0.2,
        "entries": [
            {"kind": "reg", "at_s": 2.0, "for_s": 1.1},
            {"kind": "dr", "id": "event", "at_s": 3.3, "for_s": 0.5, "shed_w": 1000, "notice_s": 1.0},
            {"kind": "limit", "at_s": 3.0, "for_s": None, "max_import_w": 5},
        ],
    }
    (tmp_path / "line.json").write_text(json.dumps(line))
    key, out = Ed25519PrivateKey.generate(), tmp_path / "out"
    (tmp_path / "vpp.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulators.vpp", "--site", "tower", "--origin", str(SystemClock().boot_s() + 1.0),
        "--out", str(out), "--timeline", str(tmp_path / "line.json"), "--key", str(tmp_path / "vpp.key"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT, env={**os.environ},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            port = int((await process.stdout.readline()).split()[1])
            commands, heartbeats = await talk(port)
            process.send_signal(signal.SIGTERM)
            summary = json.loads(await process.stdout.read())
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    verify = Signers({commands[0]["issuer"]: [key.public_key()]}).refusal
    read = [
        parse_command(json.dumps(one).encode(), "vpp/v1/tower/command", site="tower", verify=verify) for one in commands
    ]
    parsed = [one for one in read if isinstance(one, Request)]
    assert parsed == read, "the gateway understands every one"
    assert [one.seq for one in parsed] == sorted({one.seq for one in parsed}), "never out of order"
    assert [one.issued_ms for one in parsed] == sorted(one.issued_ms for one in parsed)
    assert [one.signal for one in parsed if one.signal is not None] == [0.25, 0.25, 0.25]
    assert {one.service.value for one in parsed} == {"reg", "dr", "limit"}
    assert heartbeats
    assert summary["first_answers"]["accepted"] == len(commands)
    assert summary["telemetry"]["samples"] == 2
    with (out / "headend.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["t_s"]), row["signal"], row["basepoint_w"]) for row in rows] == [
        (0.0, "", "600000.0"),
        (2.0, "0.250000", "600000.0"),
        (3.1, "", "600000.0"),
    ]
    names = {"headend.csv", "headend.json", "sent.jsonl", "acks.jsonl", "sink.jsonl", "received.jsonl"}
    assert names <= {path.name for path in out.iterdir()}


async def talk(port: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Be a gateway that accepts everything and reports two samples, until the limit has come and been answered."""
    commands: list[dict[str, Any]] = []
    heartbeats: list[dict[str, Any]] = []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("vpp/v1/tower/#", qos=1)
        async for one in client.messages:
            name, tree = one.topic.value.rpartition("/")[2], json.loads(one.payload)
            if name == "heartbeat":
                if not heartbeats:  # it listens by now
                    batch = json.dumps(message(sample(1), sample(2)))
                    await client.publish("vpp/v1/tower/telemetry", batch, qos=1)
                heartbeats.append(tree)
            elif name == "command":
                commands.append(tree)
                answer = {"id": tree["id"], "result": "accepted", "reason": "ok", "text": "", "at": 1}
                await client.publish("vpp/v1/tower/ack", json.dumps(answer), qos=1)
            if len(commands) == 6 and heartbeats:
                await asyncio.sleep(0.3)
                break
    return commands, heartbeats
