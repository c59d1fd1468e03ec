"""The report of a run: every figure from its judges' records, a reason for every one that is missing, a verdict."""

import json

import pytest

from gateway.errors import ConfigError
from gateway.insight.report import make_report
from gateway.insight.verdict import check, columns, report_lines


def write(folder, name, *rows):
    (folder / name).write_text("\n".join([*rows, ""]), encoding="utf-8")


BASE_KW, CAPACITY_KW = 600, 200


def site_kw(t_s: float) -> float:
    """A perfect site half a second behind: signal of 2 s steps from 10 to 50 s, a step of 150 kW at 50 s, an event from 60 to 85 s."""
    t_s -= 0.5
    if 10 <= t_s < 50:
        return BASE_KW - CAPACITY_KW * signal(t_s)
    if 50 <= t_s < 60:
        return BASE_KW - 150
    return BASE_KW - 100 if 60 <= t_s < 85 else BASE_KW


def signal(t_s: float) -> float:
    """Slow enough for the delay to cost little."""
    return 0.86 - ((t_s - 10) // 2) * 0.04


@pytest.fixture
def folder(tmp_path):
    times = [k / 4 for k in range(90 * 4)]
    trace = ["t_s,signal,capacity_w,basepoint_w,site_w,battery.power_w"]
    for t in times:
        followed = f"{signal(t - 0.5):.3f}" if 10.5 <= t < 50.5 else ""
        trace.append(f"{t},{followed},200000,600000,{1000 * site_kw(t):.0f},")
    headend = ["t_s,signal,basepoint_w,capacity_w,baseline_w"]
    for t in range(0, 90, 2):
        sent = f"{signal(t):.3f}" if 10 <= t < 50 else ""
        headend.append(f"{t},{sent},600000,200000,600000")
    write(tmp_path, "trace.csv", *trace)
    write(tmp_path, "headend.csv", *headend)
    write(tmp_path, "plant.csv", "t_s,true_site_w", *(f"{k / 10},{1000 * site_kw(k / 10):.0f}" for k in range(900)))
    events = [
        {"id": "dr1", "service": "dr", "start_s": 60, "for_s": 25, "shed_w": 100_000},
        {"id": "ar1", "service": "ar", "start_s": 50, "for_s": 10, "shed_w": 150_000},
    ]
    (tmp_path / "events.json").write_text(json.dumps(events), encoding="utf-8")
    run = {"seed": 7, "max_import_w": 1_000_000, "max_export_w": 0}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (tmp_path / "gateway.ledger.json").write_text('{"taken": 900}', encoding="utf-8")
    at_sink(tmp_path, samples=900)
    return tmp_path


def at_sink(folder, *, samples, unexplained=0, dropped=0):
    counts = {"samples": samples, "duplicates": 3, "unexplained": unexplained, "dropped_by_policy": dropped}
    (folder / "headend.json").write_text(json.dumps({"sent": 9, "telemetry": counts}), encoding="utf-8")


def nulls(value, place=()):
    if value is None:
        yield ".".join(place)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nulls(inner, (*place, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from nulls({key: inner[key] for key in inner if key != "id"}, (*place, inner["id"]))


def test_a_short_run_has_every_figure_but_pjm(folder):
    report = make_report(folder)
    assert report["pjm"] is None
    assert report["reasons"]["pjm"] == "needs 15 min"
    assert report["dr"] == [{"id": "dr1", "delivery": pytest.approx(1.0), "worst_quarter": None, "best_quarter": None}]
    assert report["ar"][0]["t90_s"] == pytest.approx(0.5)
    assert report["ar"][0]["steady_error"] == pytest.approx(0.0, abs=1e-9)
    assert 0.93 < report["tracking"]["precision"] < 1.0
    assert report["samples"] == {"taken": 900, "at_sink": 900, "lost": 0, "extra": 0}
    assert report["steps"] == 360
    assert report["jitter_ms"] == {"p50": 0.0, "p99": 0.0}
    assert report["latency_ms"]["p50"] == pytest.approx(500.0)
    assert report["seed"] == 7
    assert report["disagreements"] == 0


def test_every_missing_figure_has_its_reason(folder):
    report = make_report(folder)
    assert {place for place in nulls(report) if place not in report["reasons"]} == set()
    for name in ("headend.csv", "plant.csv", "events.json", "run.json", "gateway.ledger.json", "headend.json"):
        (folder / name).unlink()
    write(folder, "trace.csv", "t_s,signal", "0,")
    bare = make_report(folder)
    missing = set(nulls(bare))
    assert {
        "pjm",
        "tracking.precision",
        "samples.lost",
        "limit_violations",
        "latency_ms",
        "jitter_ms",
        "seed",
    } <= missing
    assert {place for place in missing if place not in bare["reasons"]} == set()


def test_a_report_is_plain_json(folder):
    report = make_report(folder)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize(
    ("sink", "expected"),
    [
        ({"samples": 900}, (0, 0)),
        ({"samples": 890}, (10, 0)),
        ({"samples": 890, "unexplained": 10}, (10, 0)),
        ({"samples": 890, "dropped": 12}, (12, 0)),
        ({"samples": 903}, (0, 3)),
    ],
)
@pytest.mark.fault("U1")
def test_samples_are_lost_or_extra_against_what_was_taken(folder, sink, expected):
    at_sink(folder, **sink)
    samples = make_report(folder)["samples"]
    assert (samples["lost"], samples["extra"]) == expected


@pytest.mark.parametrize(
    ("run", "counted", "expected"),
    [
        ({"max_import_w": 600_000}, None, 0),
        ({"max_import_w": 599_999}, None, 2),
        ({"max_import_w": 599_999}, 2, 4),
        ({"max_export_w": -430_000}, None, 1),
        ({}, 2, 2),
        ({}, None, None),
    ],
)
def test_every_time_the_site_left_its_limits_counts_once(folder, run, counted, expected):
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    if counted is not None:
        (folder / "devices.ledger.json").write_text(json.dumps({"limit_violations": counted}), encoding="utf-8")
    assert make_report(folder)["limit_violations"] == expected


def test_an_event_that_is_not_over_is_only_named(folder):
    write(folder, "plant.csv", "t_s,true_site_w", *(f"{k / 10},{1000 * site_kw(k / 10):.0f}" for k in range(700)))
    report = make_report(folder)
    assert report["dr"] == []
    assert report["reasons"]["dr.dr1"] == "not over when the record ends"
    assert [line.split(":")[0] for line in check(report)] == ["dr.dr1"]


def test_a_run_of_a_quarter_of_an_hour_has_its_pjm_score(tmp_path):
    """Every signal followed after 0.5 s, except one that never came."""
    times = range(0, 960, 2)
    sent = {t: round(0.5 + 0.4 * ((t // 60) % 2) + t / 1e4, 4) for t in times}
    rows = [f"{t},{sent[t]},600000,200000," for t in times]
    write(tmp_path, "headend.csv", "t_s,signal,basepoint_w,capacity_w,baseline_w", *rows)
    trace = [f"{t + 0.5},{sent[t]},{600_000 - 200_000 * sent[t]:.0f}" for t in times if t != 500]
    write(tmp_path, "trace.csv", "t_s,signal,true_site_w", f"0,,{600_000 - 200_000 * sent[0]:.0f}", *trace)
    report = make_report(tmp_path)
    assert report["pjm"]["score"] > 0.98
    assert "pjm" not in report["reasons"]
    assert report["latency_ms"] == {"p50": 500.0, "p99": 500.0}
    assert any(line.startswith("pjm.score") for line in report_lines(report))


def test_a_table_leaves_out_what_nobody_measured(tmp_path):
    write(tmp_path, "trace.csv", "t_s,signal", "0,")
    lines = report_lines(make_report(tmp_path))
    assert not any(line.startswith(("latency_ms", "jitter_ms")) for line in lines)


def test_without_a_plant_the_gateway_s_own_meter_stands_in_and_the_report_says_so(folder):
    (folder / "plant.csv").unlink()
    assert "site_w" in make_report(folder)["reasons"]["measured"]


def test_a_good_run_keeps_every_promise(folder):
    assert check(make_report(folder)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda r: r["dr"][0].update(delivery=0.96), "dr.dr1.delivery"),
        (lambda r: r["dr"][0].update(delivery=1.04), "dr.dr1.delivery"),
        (lambda r: r["dr"][0].update(delivery=None), "dr.dr1.delivery"),
        (lambda r: r["ar"][0].update(t90_s=3.2), "ar.ar1.t90_s"),
        (lambda r: r["ar"][0].update(t90_s=None), "ar.ar1.t90_s"),
        (lambda r: r["tracking"].update(precision=0.92), "tracking.precision"),
        (lambda r: r["tracking"].update(precision=None), "tracking.precision"),
        (lambda r: r["samples"].update(lost=1), "samples.lost"),
        (lambda r: r["samples"].update(extra=None), "samples.extra"),
        (lambda r: r.update(limit_violations=1), "limit_violations"),
        (lambda r: r.update(limit_violations=None), "limit_violations"),
        (lambda r: r.update(pjm={"score": 0.94}), "pjm.score"),
    ],
)
def test_a_figure_that_breaks_its_promise_is_named(folder, change, expected):
    report = make_report(folder)
    change(report)
    assert [line.split(":")[0] for line in check(report)] == [expected]


def test_every_call_is_measured(folder):
    report = make_report(folder)
    calls = {one["id"]: one for one in report["indices"]}
    assert calls["ar1"]["response_s"] == pytest.approx(0.5)
    assert calls["ar1"]["adjustable_w"] == pytest.approx(150_000, rel=0.05)
    assert calls["ar1"]["deviation"] == pytest.approx(0.0, abs=1e-9)
    assert calls["dr1"]["duration_s"] >= 22.0
    assert report["settlement"] == []
    assert report["reasons"]["instructions"]


def test_the_table_lines_up_in_both_languages(folder, monkeypatch):
    report = make_report(folder)
    for language in ("en", "zh"):
        monkeypatch.setenv("GATEWAY_LANG", language)
        lines = report_lines(report)
        assert (
            len(lines) == 1 + 6 + 1 + 2 + 1 + 1 + 1 + 2
        )  # figures, spreads and steps; a gap; two calls with their head
        assert len({columns(line.rpartition("  ")[0]) for line in lines[-2:]}) == 1
        assert any("needs 15 min" in line for line in lines)
    assert columns("达到 ok") == 7


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("events.json", "[{", "events.json"),
        ("events.json", '[{"id": "a", "service": "dr", "start_s": 0, "for_s": 0, "shed_w": 1}]', "0.for_s"),
        ("events.json", '[{"id": "a", "service": "reg", "start_s": 0, "for_s": 1, "shed_w": 1}]', "0.service"),
        ("run.json", '{"sede": 1}', "sede"),
        ("devices.ledger.json", '{"extra": -1}', "extra"),
        ("devices.ledger.json", '{"taken": 0}', "another ledger"),
        ("headend.json", '{"telemetry": {}}', "telemetry.samples"),
    ],
)
def test_a_broken_record_is_a_configuration_error(folder, name, content, expected):
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=expected):
        make_report(folder)
