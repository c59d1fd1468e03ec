"""`gateway simulate` in-process: every step, agreement of the records, replay, seeds, services, faults, refusals."""

import csv
import json
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from emulators.fault_table import FaultSpec
from emulators.plant import Plant
from emulators.scenario import load_scenario
from gateway.cli.score import score
from gateway.cli.simulate import simulate
from gateway.config import load_site
from gateway.control.watched import control_points
from gateway.decisions import replay
from gateway.model.command import Command, Fate
from gateway.model.image import Image
from gateway.model.point import PointId
from gateway.model.reading import Cause
from gateway.simulate import SimField, _specs

SCENARIO = load_scenario("battery_full")
RECORDS = ("trace.csv", "headend.csv", "decisions.jsonl", "report.json", "events.json", "run.json")

app = typer.Typer()
app.command()(simulate)
app.command()(score)


def run(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def report_of(folder):
    return json.loads((folder / "report.json").read_text())


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """The plant of battery_full with an upstream that asks for nothing by itself."""
    folder = tmp_path_factory.mktemp("quiet")
    text = SCENARIO.file.read_text()
    (folder / "quiet.yaml").write_text(text[: text.index("upstream:")] + "upstream: {declared_blocks: 3}\n")
    (folder / SCENARIO.site.name).write_text(SCENARIO.site.read_text())
    return folder / "quiet.yaml"


@pytest.fixture(scope="module")
def quarter(tmp_path_factory):
    """A quarter of an hour of regulation."""
    folder = tmp_path_factory.mktemp("quarter")
    result = run("battery_full", "--for", "15m", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder


def test_every_control_step_is_executed_and_counted(quarter):
    report, trace = report_of(quarter), rows(quarter / "trace.csv")
    period_s = load_site(SCENARIO.site).control.period_s
    assert report["steps"] == len(trace) >= 900.0 / period_s
    assert len((quarter / "decisions.jsonl").read_text().splitlines()) == report["steps"]
    times = [float(row["t_s"]) for row in trace]
    assert times == sorted(set(times))
    assert max(later - earlier for earlier, later in pairwise(times)) <= period_s + 1e-3
    assert report["pjm"]["score"] > 0.95
    assert report["limit_violations"] == 0


def test_the_trace_says_what_the_head_end_says(quarter):
    assert report_of(quarter)["disagreements"] == 0
    result = CliRunner().invoke(app, ["score", str(quarter / "trace.csv"), "--method", "pjm"])
    assert result.exit_code == 0
    assert "disagree" not in result.output


@pytest.mark.fault("I-25")
def test_the_decision_log_replays_byte_for_byte(quarter):
    with (quarter / "decisions.jsonl").open() as log:
        assert list(replay(islice(log, 2000), load_site(SCENARIO.site))) == []


@pytest.mark.fault("I-25")
def test_the_same_seed_writes_the_same_files_and_another_does_not(tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        assert run("battery_full", "--for", "60s", "--seed", seed, "--out", tmp_path / name).exit_code == 0
    for name in RECORDS:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "trace.csv").read_bytes() != (tmp_path / "other" / "trace.csv").read_bytes()
    assert report_of(tmp_path / "other")["seed"] == 6


def test_a_demand_response_event_delivers_what_was_asked(tmp_path, quiet):
    event = "dr,start=5m,for=15m,shed_kw=80,notice=4m"
    result = run(quiet, "--start", "198d12h10m", "--event", event, "--for", "21m", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    (found,) = report["dr"]
    assert 0.97 <= found["delivery"] <= 1.03
    assert 0.97 <= found["worst_quarter"] <= found["best_quarter"] <= 1.03
    assert report["disagreements"] == 0


def test_an_automatic_response_steps_within_seconds(tmp_path, quiet):
    result = run(quiet, "--event", "ar,start=30s,for=1m,shed_kw=150", "--for", "100s", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    (found,) = report_of(tmp_path)["ar"]
    assert found["first_move_s"] <= 2.0
    assert found["t90_s"] <= 3.0
    assert abs(found["steady_error"]) < 0.02


def test_another_capacity_and_signal_are_what_the_site_offers_and_follows(tmp_path):
    signal = tmp_path / "signal.csv"
    signal.write_text("t_s,signal\n" + "".join(f"{100 + 2 * at},{-0.5 + at % 3 / 2}\n" for at in range(20)))
    arguments = ("--signal", signal, "--capacity-kw", "120", "--for", "50s", "--out", tmp_path / "out")
    assert run("battery_full", *arguments).exit_code == 0
    trace = rows(tmp_path / "out" / "trace.csv")
    assert {row["capacity_w"] for row in trace} == {"120000.0"}
    asked = [row for row in trace if row["signal"]]
    assert float(asked[0]["t_s"]) < 2.5, "the first row falls on the run's begin whatever its t_s"
    assert float(asked[-1]["t_s"]) <= 41.0, "the service ends one period after the last row"
    row = asked[-5]
    target_w = float(row["basepoint_w"]) - float(row["signal"]) * 120_000.0
    assert float(row["target_w"]) == pytest.approx(target_w, abs=1.0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--signal", "bad.csv"], "bad.csv:3:1"),
        (["--signal", "none.csv"], "cannot be read"),
        (["--event", "dr,start=1h,shed_kw=80"], "'for' is missing"),
        (["--event", "dr,start=1h,for=30m,shed_kw=nan"], "more than 0"),
        (["--event", "dr,start=1h,for=30m,shed=80"], "unknown 'shed'"),
        (["--event", "ev,start=1h"], "write for example"),
        (["--start", "noon"], "--start:1:1"),
        (["--load", "none.csv"], "none.csv"),
        (["--capacity-kw", "0"], "0.1"),
        (["--perturb", "3"], "0.9"),
    ],
)
def test_a_bad_argument_ends_with_two_its_place_and_nothing_written(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Path("bad.csv").write_text("t_s,signal\n0,0.1\n2,half\n")
    result = run("battery_full", "--for", "10s", *arguments)
    assert result.exit_code == 2
    assert expected in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


class Field:
    """The simulated devices with faults; time goes by polling."""

    def __init__(self, fault, *, device="battery"):
        scenario = replace(SCENARIO, faults=(FaultSpec(device, fault, 10.0, 20.0),))
        scenario = replace(scenario, lines={name: _sound(line) for name, line in scenario.lines.items()})
        points = control_points(load_site(scenario.site))
        self.plant = Plant(scenario.plant, scenario.load(), seed=1)
        self.image = Image(_specs(points, scenario))
        self.field = SimField(self.plant, scenario, self.image, points, seed=1)

    def poll(self, point, *, at_s):
        self.plant.advance(at_s)
        _, answer = self.field.poll(point.partition("/")[0], at_s)
        answer()
        return self.image.snapshot(at_s).stored(PointId(point))

    def write(self, watts, *, at_s):
        self.plant.advance(at_s)
        sent = self.field.write(Command("battery", "battery.power.setpoint", watts, "", at_s + 60.0, 0), at_s)
        assert sent is not None
        self.plant.advance(sent[0])
        sent[1](sent[0])
        return self.field.outcomes.pop().fate


def _sound(line):
    return replace(line, lost_share=0.0, refused_share=0.0, ignored_share=0.0)


@pytest.mark.parametrize("fault", ["offline", "hang", "late", "busy", "wrong_tid"])
def test_a_device_that_cannot_be_heard_is_a_lost_poll_and_an_unknown_write(fault):
    field = Field(fault)
    assert field.poll("battery/battery.soc", at_s=5.0).value == 50.0
    for at_s in (11.0, 12.0):
        field.poll("battery/battery.soc", at_s=at_s)
    found = field.poll("battery/battery.soc", at_s=13.0)
    assert (found.value, found.cause) == (None, Cause.OFFLINE)
    assert field.write(40_000.0, at_s=14.0) is Fate.UNKNOWN
    assert field.plant.read("battery", "battery.power.setpoint") == 0.0
    assert field.poll("battery/battery.soc", at_s=31.0).value is not None


@pytest.mark.fault("F-024")
def test_an_ignored_write_is_told_as_written_and_does_nothing():
    field = Field("ignore_writes")
    assert field.write(40_000.0, at_s=5.0) is Fate.WRITTEN
    assert field.write(60_000.0, at_s=11.0) is Fate.WRITTEN
    assert field.plant.read("battery", "battery.power.setpoint") == 40_000.0


def test_a_dead_battery_reads_back_and_does_not_move():
    field = Field("asset_dead")
    assert field.write(40_000.0, at_s=11.0) is Fate.WRITTEN
    assert field.plant.read("battery", "battery.power.setpoint") == 40_000.0
    assert field.poll("battery/battery.power", at_s=15.0).value == 0.0


def test_a_frozen_reading_stands_and_one_not_available_is_a_sentinel():
    field = Field("frozen", device="pcc")
    before = field.poll("pcc/power.active", at_s=10.0).value
    assert {field.poll("pcc/power.active", at_s=at_s).value for at_s in (15.0, 20.0, 25.0)} == {before}
    assert field.poll("pcc/power.active", at_s=31.0).value != before
    assert Field("sentinel", device="pcc").poll("pcc/power.active", at_s=11.0).cause is Cause.SENTINEL
