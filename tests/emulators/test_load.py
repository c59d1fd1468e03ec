"""The uncontrolled load: reading, scaling, history."""

from datetime import datetime, timedelta, timezone

import pytest

from emulators.history import write_history
from emulators.load import Load, read_load, seconds
from gateway.shipped import shipped

OFFICE = shipped("data") / "building_lbnl_rmv2" / "baseline_2006_hourly.csv"
SMALL = shipped("data") / "building_lbnl_dr_15min" / "kw.csv"


def written(folder, rows, head="t_s,load_w"):
    path = folder / "load.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("9d14h", 828_000.0), ("90", 90.0), ("90s", 90.0), ("20m", 1200.0), ("1d2h3m4s", 93_784.0), ("0", 0.0)],
)
def test_spans_of_time(text, wanted):
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "h", "3x", "-5s", "1h2d", "1:30"])
def test_what_is_no_span_of_time_is_refused(text):
    with pytest.raises(ValueError, match="no span of time"):
        seconds(text)


def test_the_load_is_linear_between_the_middles_of_its_intervals(tmp_path):
    load = Load.from_csv(written(tmp_path, ["0,100", "10,200", "20,400"]), mean_w=None)
    assert [load.at(t) for t in (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 99.0)] == [100, 100, 150, 200, 300, 400, 400]


def test_a_gap_is_bridged_in_the_run_and_stays_a_gap_in_the_history(tmp_path):
    path = written(tmp_path, ["0,100", "10,", "20,300", "30,300"])
    assert Load.from_csv(path, mean_w=None).at(15.0) == 200.0
    assert Load.from_csv(path, 30.0, mean_w=None).history(50.0) == ([-30.0, -20.0, -10.0], [150.0, None, 350.0])


def test_the_day_from_the_start_is_scaled_and_the_history_by_the_same_factor():
    load = Load.from_csv(OFFICE, seconds("198d"), mean_w=600_000.0)
    hours = [load.at(3600.0 * hour + 1800.0) for hour in range(24)]
    assert sum(hours) / 24.0 == pytest.approx(600_000.0)
    times, watts = load.history()
    raw = read_load(OFFICE).watts
    assert (len(times), times[0], times[-1]) == (198 * 24, -198 * 86_400.0, -3600.0)
    assert watts[100] / raw[100] == pytest.approx(hours[0] / raw[198 * 24])


def test_the_small_building_keeps_its_gaps_and_says_when_it_began():
    file = read_load(SMALL)
    assert sum(value is None for value in file.watts) == 743
    assert len(file.watts) == 5472
    assert file.t0 == datetime(2013, 8, 1, tzinfo=timezone(timedelta(hours=8)))


def test_the_office_file_survives_the_hour_without_a_time():
    file = read_load(OFFICE)
    assert len(file.watts) == 8759
    assert None not in file.watts


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [(["0,1", "10,2", "25,3"], "equal"), (["0,1", "x,2"], ":3:"), (["0,1"], "two rows"), (["0,1", "5"], ":3:")],
)
def test_a_bad_load_file_is_refused_with_its_place(tmp_path, rows, wrong):
    with pytest.raises(ValueError, match=wrong):
        read_load(written(tmp_path, rows))


def test_the_history_file_ends_where_the_run_begins_and_can_be_read_again(tmp_path):
    load = Load.from_csv(SMALL, seconds("20d"), mean_w=600_000.0)
    begin = datetime(2026, 7, 16, 14, tzinfo=timezone(timedelta(hours=8)))
    write_history(tmp_path / "history.csv", load, assets_w=1000.0, begin=begin)
    file = read_load(tmp_path / "history.csv")
    assert file.t0 + timedelta(seconds=len(file.watts) * file.interval_s) == begin
    _, watts = load.history(1000.0)
    assert [value is None for value in file.watts] == [value is None for value in watts]
    assert file.watts[0] == pytest.approx(watts[0], abs=0.5)
