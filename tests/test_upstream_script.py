"""What the upstream of a simulation sends: events of both signs, and which of signal and events are left out."""

import csv

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.simulate import simulate
from gateway.errors import ConfigError
from gateway.upstream_script import parse_event


@pytest.mark.parametrize(("kw", "shed_w"), [("100", 100_000.0), ("-60", -60_000.0), ("0.5", 500.0)])
def test_an_event_sheds_or_fills(kw, shed_w):
    event = parse_event(f"dr,start=14h,for=2h,shed_kw={kw},notice=1d", 1)
    assert (event.id, event.shed_w, event.for_s, event.notice_s) == ("dr1", shed_w, 7200.0, 86_400.0)


@pytest.mark.parametrize("kw", ["0", "nan", "inf", "-inf", "many"])
def test_an_event_of_nothing_or_of_no_number_is_refused(kw):
    with pytest.raises(ConfigError):
        parse_event(f"dr,start=14h,for=2h,shed_kw={kw}", 1)


@pytest.mark.parametrize(("event", "signals"), [((), True), (("--event", "dr,start=3s,for=1m,shed_kw=50"), False)])
def test_who_names_an_event_gets_no_regulation_he_did_not_name(tmp_path, event, signals):
    app = typer.Typer()
    app.command()(simulate)
    result = CliRunner().invoke(app, ["battery_full", "--for", "6s", "--out", str(tmp_path), *event])
    assert result.exit_code == 0, result.output
    with (tmp_path / "headend.csv").open(newline="") as file:
        assert any(row["signal"] for row in csv.DictReader(file)) is signals
