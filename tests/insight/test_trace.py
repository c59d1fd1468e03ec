"""The records of a run are read strictly: every problem at once, each with its place."""

import numpy as np
import pytest

from gateway.errors import ConfigError
from gateway.insight.trace import HEADEND, disagreements, parse_plain, parse_trace, read_recording

HEADER = (
    "t_s,utc,mode,signal,capacity_w,basepoint_w,target_w,site_w,true_site_w,baseline_w,"
    "battery.command_w,battery.power_w,battery.headroom_w,battery.footroom_w,battery.reason"
)


def test_an_empty_cell_of_an_asset_repeats_the_row_above_and_one_of_the_site_does_not():
    table = parse_trace(
        f"{HEADER}\n"
        "0,2026-07-16T00:00:00Z,remote,0.5,200000,600000,500000,510000,,,,1000,,,share\n"
        "0.25,2026-07-16T00:00:00Z,remote,,200000,600000,500000,510000,,,-5000,,,,\n"
        "0.5,2026-07-16T00:00:00Z,remote,0.4,200000,600000,500000,510000,,,,,,,\n",
        "trace.csv",
    )
    assert table.numbers["battery.power_w"].tolist() == [1000, 1000, 1000]
    assert table.numbers["battery.command_w"][1:].tolist() == [-5000, -5000]
    assert np.isnan(table.numbers["battery.command_w"][0])
    assert np.isnan(table.numbers["signal"][1])
    assert table.words["mode"] == ["remote"] * 3
    assert table.has("signal") is True
    assert table.has("true_site_w") is False


def test_the_last_row_holds_as_long_as_the_one_before_it():
    assert parse_trace("t_s,signal\n0,1\n2,1\n", "t").end_s == 4
    assert parse_trace("t_s,signal\n7,1\n", "t").end_s == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["t.csv:1:1: t_s: this column is missing", "t.csv:1:1: : no rows"]),
        ("t_s,signal\n", ["t.csv:1:1: : no rows"]),
        ("signal\n1\n", ["t.csv:1:1: t_s: this column is missing"]),
        ("t_s,sginal\n0,1\n", ["t.csv:1:5: sginal: no such column"]),
        ("t_s,.power_w\n0,1\n", ["t.csv:1:5: .power_w: no such column"]),
        ("t_s,signal,signal\n0,1,1\n", ["t.csv:1:12: signal: this column stands here twice"]),
        ("t_s,signal\n0,1\n1,2,3\n", ["t.csv:3:1: : 3 cells, the header has 2"]),
        ("t_s,signal\n0,1\n1,x\n2,nan\n", ["t.csv:3:3: signal: 'x'", "t.csv:4:3: signal: 'nan'"]),
        ("t_s,signal\n0,1_0\n1,inf\n", ["t.csv:2:3: signal: '1_0'", "t.csv:3:3: signal: 'inf'"]),
        ("t_s,signal\n0,1\n,1\n", ["t.csv:3:1: t_s: this row has no time"]),
        ("t_s,signal\n5,1\n4,1\n", ["t.csv:3:1: t_s: 4 s comes after 5 s"]),
    ],
)
def test_every_problem_is_named_with_its_place(text, expected):
    with pytest.raises(ConfigError) as caught:
        parse_trace(text, "t.csv")
    found = [str(problem) for problem in caught.value.problems]
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_no_more_than_twenty_problems_are_listed():
    with pytest.raises(ConfigError) as caught:
        parse_trace("t_s,signal\n" + "0,x\n" * 50, "t.csv")
    assert len(caught.value.problems) == 20


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path, content):
    path = tmp_path / "trace.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recording(path)


def test_the_records_beside_a_trace_are_found(tmp_path):
    (tmp_path / "trace.csv").write_text("t_s,signal\n0,1\n", encoding="utf-8")
    alone = read_recording(tmp_path / "trace.csv")
    assert alone.headend is None
    assert alone.plant is None
    (tmp_path / "headend.csv").write_text(f"{','.join(HEADEND)}\n0,1,2,3,\n", encoding="utf-8")
    (tmp_path / "plant.csv").write_text("t_s,true_site_w\n0,5\n", encoding="utf-8")
    both = read_recording(tmp_path / "trace.csv")
    assert both.headend is not None
    assert both.plant is not None


def headend(*rows: str):
    return parse_plain("\n".join([",".join(HEADEND), *rows]), "headend.csv", HEADEND)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["0.3,0.5,600000,200000"], []),
        (["0.3,0.5,600000,200000", "2.2,0.5,600000,200000"], []),
        (["0.3,0.5,600000,200000", "4.3,0.5,600000,200000"], [(4.3, "signal", 0.5, 0.7)]),
        (["0.3,0.4,600000,200000"], [(0.3, "signal", 0.4, 0.5)]),
        (["0.3,,,"], []),
        (["0.3,0.5,610000,200000"], [(0.3, "basepoint_w", 610000, 600000)]),
        (["0.3,0.5,600000,100000"], [(0.3, "capacity_w", 100000, 200000)]),
        (["9,0.1,600000,200000"], [(9, "signal", 0.1, None)]),
    ],
    ids=["agrees", "travelling", "too late", "wrong", "says nothing", "base point", "capacity", "none was sent"],
)
def test_a_trace_may_be_late_but_never_differ(rows, expected):
    trace = parse_trace("\n".join(["t_s,signal,basepoint_w,capacity_w", *rows]), "trace.csv")
    sent = headend("0,0.5,600000,200000,", "2,0.7,600000,200000,", "6,,600000,200000,")
    found = disagreements(trace, sent)
    assert [(one.t_s, one.column, one.trace, one.headend) for one in found] == expected
