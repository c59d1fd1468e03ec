"""`gateway score`: its answers, its exit codes, and whom it believes."""

import json
import math

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.score import score


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "en")
    app = typer.Typer()
    app.command()(score)
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


def signal(t_s):
    return 0.5 * math.sin(t_s / 60)


@pytest.fixture
def trace(tmp_path):
    """20 minutes, 2 s behind, shedding 100 kW more from 300 s on than at first, for ever."""
    rows = ["t_s,signal,capacity_w,basepoint_w,true_site_w,baseline_w"]
    for t in range(0, 1200, 2):
        site = 600_000 - 200_000 * signal(t - 2)
        rows.append(f"{t},{signal(t):.6f},200000,600000,{site:.0f},700000")
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_pjm_prints_its_parts(run, trace):
    result = run(trace, "--method", "pjm")
    assert result.exit_code == 0
    assert result.stdout.startswith("score 0.9")


@pytest.mark.parametrize(("least", "code"), [("0.9", 0), ("0.999", 1)])
def test_a_score_below_the_least_is_a_no(run, trace, least, code):
    result = run(trace, "--method", "pjm", "--min", least)
    assert result.exit_code == code
    assert ("below the wanted" in result.stderr) is (code == 1)


def test_json_holds_the_matching_part_of_a_report(run, trace):
    found = json.loads(run(trace, "--method", "pjm", "--json").stdout)
    assert set(found["pjm"]) == {"score", "correlation", "delay", "precision"}
    assert found["measured"] == "true_site_w"
    assert found["disagreements"] == []


def test_what_cannot_be_scored_is_null_and_no_score_is_not_good_enough(run, tmp_path):
    path = tmp_path / "short.csv"
    path.write_text("t_s,signal,capacity_w,basepoint_w,true_site_w\n0,1,2,3,4\n2,1,2,3,4\n", encoding="utf-8")
    result = run(path, "--method", "pjm", "--json")
    assert (result.exit_code, json.loads(result.stdout)["pjm"]) == (0, None)
    assert run(path, "--method", "pjm").stdout.startswith("no score")
    assert run(path, "--method", "pjm", "--min", "0").exit_code == 1


def test_the_head_end_is_believed_and_every_row_that_differs_is_reported(run, trace):
    rows = ["t_s,signal,basepoint_w,capacity_w,baseline_w"]
    rows += [f"{t},{signal(t):.6f},650000,200000," for t in range(0, 1200, 2)]
    trace.with_name("headend.csv").write_text("\n".join(rows), encoding="utf-8")
    result = run(trace, "--method", "pjm")
    assert result.stderr.count("basepoint_w is 600000 in the trace, 650000 at the head-end") == 600
    assert "600 rows" in result.stderr
    precision = json.loads(run(trace, "--method", "pjm", "--json").stdout)["pjm"]["precision"]
    assert precision < 0.5


def test_hunan_takes_its_region_s_numbers(run, tmp_path, trace):
    rows = ["t_s,signal,capacity_w,basepoint_w,true_site_w"]
    rows += [
        f"{t},{0.5 * (t // 120 % 2)},200000,600000,{600_000 - 100_000 * ((t - 2) // 120 % 2)}"
        for t in range(2, 1200, 2)
    ]
    trace.write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "p.yaml").write_text("cap: 2.0\nt0_s: 20\n", encoding="utf-8")
    found = json.loads(run(trace, "--method", "hunan", "--params", tmp_path / "p.yaml", "--json").stdout)["hunan"]
    assert found["k1"] == 2.0
    assert found["k2"] == pytest.approx(0.9)
    assert run(trace, "--method", "hunan", "--min", "1.0").exit_code == 0


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ("committed_w: 100000\nstart_s: 0\nend_s: 900\n", 1.0),
        ("committed_w: 100000\nstart_s: 0\nend_s: 900\nbaseline: 650000.0\n", 0.5),
        ("committed_w: 100000\nstart_s: 0\nend_s: 900\nbaseline: base.csv\n", 0.0),
    ],
    ids=["of the record", "constant", "file"],
)
def test_demand_response_is_scored_against_the_baseline_that_was_agreed(run, trace, tmp_path, params, expected):
    (tmp_path / "p.yaml").write_text(params, encoding="utf-8")
    (tmp_path / "base.csv").write_text("t_s,baseline_w\n0,600000\n900,600000\n", encoding="utf-8")
    found = json.loads(run(trace, "--method", "dr", "--params", tmp_path / "p.yaml", "--json").stdout)["dr"]
    mean_w = 200_000 * sum(signal(t - 2) for t in range(0, 900, 2)) / 450
    assert found["delivery"] == pytest.approx(expected + mean_w / 100_000, abs=1e-3)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--method", "dr"], "committed_w"),
        (["--method", "dr", "--params", "bad.yaml"], "after start_s"),
        (["--method", "hunan", "--params", "typo.yaml"], "e0"),
        (["--method", "pjm", "--params", "missing.yaml"], "missing.yaml"),
        (["--method", "nonsense"], "nonsense"),
        ([], "--method"),
    ],
)
def test_bad_arguments_and_parameters_are_refused(run, trace, tmp_path, monkeypatch, args, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("committed_w: 1.0\nstart_s: 5.0\nend_s: 5.0\n", encoding="utf-8")
    (tmp_path / "typo.yaml").write_text("e_0: 1.0\n", encoding="utf-8")
    result = run(trace, *args)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_bad_trace_is_refused_with_every_place(run, trace):
    trace.write_text("t_s,signal\n0,x\n1,y\n", encoding="utf-8")
    result = run(trace, "--method", "pjm")
    assert result.exit_code == 2
    assert "trace.csv:2:3" in result.stderr
    assert "trace.csv:3:3" in result.stderr


def steps(trace):
    """Instructions of 120 s, followed after 2 s to within half a percent."""
    rows = ["t_s,signal,capacity_w,basepoint_w,true_site_w"]
    rows += [
        f"{t},{0.5 * (t // 120 % 2)},200000,600000,{600_000 - 101_000 * ((t - 2) // 120 % 2)}"
        for t in range(2, 1200, 2)
    ]
    trace.write_text("\n".join(rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("params", "k"),
    [
        ("hunan_2025", 0.4 * 3 + 0.3 * (1 - 2 / 60) + 0.3 * (1 - 0.0025 / 0.02)),
        ("guangdong", 0.5 * 5 + 0.25 * (1 - 2 / 300) + 0.25 * (1 - 0.0025 / 0.015)),
        ("north_china", 2 * (2 - 2 / 60) * (2 - 0.0025 / 0.01)),
        ("jiangsu", 3 * (1 - 0.0025 / 0.02)),
    ],
)
def test_a_region_is_named_and_says_what_is_not_confirmed(run, trace, params, k):
    steps(trace)
    found = json.loads(run(trace, "--method", "k", "--params", params, "--json").stdout)["k"]
    # steps up are 0.5 % off (half of them), steps down are exact
    assert found["k"] == pytest.approx(min(k, 3.0) if params == "guangdong" else k, rel=0.03)
    assert found["region"] == params
    assert ("unconfirmed" in found) is (params != "hunan_2025")
    shown = run(trace, "--method", "k", "--params", params).stdout
    assert ("unconfirmed" in shown) is (params != "hunan_2025")


def test_the_variant_of_pjm_may_be_named(run, trace):
    strict, late = (
        json.loads(run(trace, "--method", "pjm", "--params", name, "--json").stdout)["pjm"]
        for name in ("strict", "allowance")
    )
    assert strict["precision"] > late["precision"]  # 2 s late: an allowance of 10 s does it no good


def test_every_call_of_a_record_is_measured(run, trace, tmp_path):
    steps(trace)
    event = {"id": "ar1", "service": "ar", "start_s": 120, "for_s": 100, "shed_w": 100_000}
    (tmp_path / "events.json").write_text(json.dumps([event]), encoding="utf-8")
    found = json.loads(run(trace, "--method", "indices", "--json").stdout)["indices"]
    assert [one["service"] for one in found] == ["ar", *["reg"] * (len(found) - 1)]
    assert len(found) >= 8
    assert found[0]["response_s"] == 2.0
    assert found[0]["deviation"] == pytest.approx(0.01, abs=1e-3)
    assert "adjustable" in run(trace, "--method", "indices").stdout


def test_an_event_is_settled_by_the_rules_that_are_named(run, trace, tmp_path):
    text = "committed_w: 100000\nstart_s: 0\nend_s: 900\nbaseline: 700000.0\nrules: {}\n"
    verdicts = {}
    for rules in ("usual", "provincial", "zhejiang"):
        (tmp_path / "p.yaml").write_text(text.format(rules), encoding="utf-8")
        part = json.loads(run(trace, "--method", "dr", "--params", tmp_path / "p.yaml", "--json").stdout)["dr"]
        verdicts[rules] = part["settlement"]["valid"]
        assert part["settlement"]["rate"] == pytest.approx(part["delivery"])
    assert verdicts == {"usual": True, "provincial": True, "zhejiang": True}
    assert "effective minutes" in run(trace, "--method", "dr", "--params", tmp_path / "p.yaml").stdout
