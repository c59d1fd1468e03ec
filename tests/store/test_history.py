"""History: what goes in comes out, in every tier, after a restart, within its space; a gap stays a gap."""

import math
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.export import export
from gateway.clock import VirtualClock
from gateway.errors import StoreError
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality, Reading
from gateway.store import chunks, history_file
from gateway.store.history import History
from gateway.store.history_file import NAME, HistoryFile
from gateway.store.past import Means, put_past
from gateway.store.recorder import Recorder
from gateway.store.tiers import MINUTE, NOTHING, QUARTER, RAW, Columns, empty, merge, thinned

T0_MS = 1_800_000_000_000 // QUARTER.span_ms * QUARTER.span_ms
POWER, ENERGY = point_id("pcc", "power.active"), point_id("pcc", "energy.active.import")
SPECS = [PointSpec(POWER, Unit.WATT, 5.0), PointSpec(ENERGY, Unit.WATT_HOUR, 5.0)]


class Second:
    """An image that is posted to once a second."""

    def __init__(self, folder):
        self.image = Image(SPECS)
        self.tiers = Recorder(folder, SPECS)

    def take(self, at_ms, watts, quality=Quality.GOOD):
        at_s = at_ms / 1000.0
        if watts is None:
            self.image.post(POWER, Reading(None, Quality.INVALID, Cause.OFFLINE, at_s))
        else:
            self.image.post(POWER, Reading(watts, quality, Cause.NONE, at_s))
            self.image.post(ENERGY, Reading(123_456_789.0 + at_ms / 1000.0 % 1e6, Quality.GOOD, Cause.NONE, at_s))
        self.tiers.take(self.image.snapshot(at_s), at_ms)

    def found(self, *, from_ms=T0_MS, seconds=600, most=10_000, point=POWER):
        return self.tiers.find(point, from_ms=from_ms, to_ms=from_ms + seconds * 1000, most=most)


@pytest.fixture
def second(tmp_path):
    made = Second(tmp_path)
    yield made
    made.tiers.close()


def fill(second, seconds, *, first=0, watts=lambda second: 1000.0 + second):
    for at in range(first, first + seconds):
        second.take(T0_MS + at * 1000, watts(at))


def test_every_second_comes_back_from_memory_and_from_the_disk(second, tmp_path):
    fill(second, 400)  # the first chunk is on the disk, the second in memory
    found = second.found(seconds=400)
    assert (found.tier, found.step_ms, found.begin_ms, found.unit) == ("raw", 1000, T0_MS, "W")
    assert found.columns.mean.tolist() == [1000.0 + at for at in range(400)]
    second.tiers.close()
    second.tiers = Recorder(tmp_path, SPECS)
    assert second.found(seconds=400).columns.mean.tolist() == found.columns.mean.tolist()


def test_minutes_and_quarters_are_means_least_and_most_of_their_seconds(second):
    fill(second, 2700)
    minute = second.found(seconds=2700, most=45)
    assert (minute.tier, minute.step_ms) == ("minute", 60_000)
    assert minute.columns.mean[3] == pytest.approx(1000.0 + 180 + 29.5)
    assert (minute.columns.low[3], minute.columns.high[3]) == (1180.0, 1239.0)
    quarter = second.found(seconds=2700, most=3)
    assert (quarter.tier, quarter.step_ms) == ("quarter", 900_000)
    fine = second.tiers.find(POWER, from_ms=T0_MS, to_ms=T0_MS + 7_200_000, most=8)
    assert (fine.tier, fine.step_ms) == ("quarter", 900_000)
    assert fine.columns.mean[0] == pytest.approx(1000.0 + 449.5)
    assert fine.columns.count[1] == 900


@pytest.mark.parametrize("quality", [Quality.GOOD, Quality.UNCERTAIN, Quality.SUBSTITUTED])
def test_a_gap_stays_a_gap_and_the_worst_quality_shows(second, quality):
    fill(second, 60)
    fill(second, 60, first=60, watts=lambda _at: None)
    second.take(T0_MS + 120_000, 5.0, quality)
    found = second.found(seconds=180)
    assert np.isnan(found.columns.mean[60:120]).all()
    assert (found.columns.quality[60:120] == NOTHING).all()
    assert found.columns.quality[120] == quality
    coarse = second.found(seconds=180, most=3)
    assert np.isnan(coarse.columns.mean[1])
    assert coarse.columns.quality[1] == NOTHING


def test_a_stale_value_is_a_gap(second):
    second.take(T0_MS, 5.0)
    second.tiers.take(second.image.snapshot(T0_MS / 1000.0 + 6.0), T0_MS + 6000)
    assert math.isnan(second.found(seconds=10).columns.mean[6])


def test_a_counter_keeps_its_last_digits(second):
    fill(second, 301)
    found = second.found(seconds=300, point=ENERGY)
    assert np.diff(found.columns.mean).tolist() == [1.0] * 299


def test_a_minute_cut_by_a_restart_is_merged(second, tmp_path):
    fill(second, 30, watts=lambda _at: 100.0)
    second.tiers.close()
    second.tiers = Recorder(tmp_path, SPECS)
    fill(second, 40, first=30, watts=lambda _at: 200.0)
    second.tiers.flush()
    found = second.found(seconds=120, most=2)
    assert found.columns.mean[0] == pytest.approx(150.0)
    assert found.columns.count[0] == 60


def test_a_wall_clock_that_is_set_back_loses_nothing_else(second):
    fill(second, 700)
    fill(second, 10, first=100, watts=lambda _at: 1.0)
    found = second.found(seconds=700)
    assert found.columns.mean[105] == 1.0
    assert found.columns.mean[699] == 1699.0
    assert found.columns.mean[99] == 1099.0


def test_a_minute_that_comes_again_after_it_was_kept_is_merged_and_its_hour_stays(second, tmp_path):
    fill(second, 400)  # the first five minutes are on the disk
    fill(second, 30, first=60, watts=lambda _at: 0.0)
    fill(second, 1, first=420)
    second.tiers.flush()
    for again in range(2):
        found = second.found(seconds=420, most=7)
        assert found.columns.count.tolist() == [60, 90, 60, 60, 60, 60, 40]
        assert found.columns.mean[1] == pytest.approx((60 * 1089.5 + 30 * 0.0) / 90, rel=1e-4)
        assert (found.columns.low[1], found.columns.high[2]) == (0.0, pytest.approx(1179.0, rel=1e-4))
        if not again:
            second.tiers.close()
            second.tiers = Recorder(tmp_path, SPECS)


def test_what_is_not_on_the_disk_takes_two_kilobytes_a_point(tmp_path):
    specs = [PointSpec(point_id("pcc", f"x.value{at}"), Unit.WATT, 5.0) for at in range(1000)]
    image = Image(specs)
    recorder = Recorder(tmp_path, specs)
    tracemalloc.start()
    try:
        for second in (0, 1, 61, 121, 181):  # three minutes are over
            recorder.take(image.snapshot(float(second)), T0_MS + 1000 * second)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        recorder.close()
    assert used < 2000 * len(specs)


def test_nothing_is_answered_of_a_point_nobody_kept(second):
    with pytest.raises(LookupError):
        second.found(point=point_id("pcc", "nothing"))


def test_old_chunks_go_when_a_tier_is_full(tmp_path, monkeypatch):
    file = HistoryFile(tmp_path)
    (series,) = file.series([("a/b", "W")])
    small = type(RAW)("raw", RAW.step_ms, RAW.slots, 1000)
    for at in range(20):
        file.put(small, T0_MS + at * small.span_ms, [(series, bytes(100))])
    assert file.oldest_ms(small) == T0_MS + 10 * small.span_ms
    assert file.bytes() == 1000
    assert len(list(file.chunks(small, series, from_ms=T0_MS, to_ms=T0_MS + 20 * small.span_ms))) == 10
    file.close()


def test_a_tier_that_has_lost_the_time_asked_for_leaves_it_to_a_coarser_one(second, monkeypatch):
    fill(second, 1000)
    second.tiers.flush()
    lost = second.tiers._file._base
    lost.execute("DELETE FROM raw WHERE begin < ?", (T0_MS + 86_400_000 * 3,))
    lost.execute("UPDATE size SET begin = begin + ? WHERE tier = 'raw'", (86_400_000 * 3,))
    assert second.found(seconds=900).tier == "minute"


def test_a_damaged_file_is_put_aside_and_a_newer_one_refused(tmp_path):
    (tmp_path / NAME).write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    HistoryFile(tmp_path).close()
    assert (tmp_path / "history.damaged").exists()
    file = HistoryFile(tmp_path)
    file._base.execute(f"PRAGMA user_version={history_file.FORMAT + 1}")
    file.close()
    with pytest.raises(StoreError, match="newer version"):
        HistoryFile(tmp_path)


async def test_a_disk_that_refuses_is_told_once_and_the_answer_is_an_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    told = []
    history = History(tmp_path / "file", Image(SPECS), VirtualClock(10.0, T0_MS), on_alarm=told.append)
    for at in range(3):
        await history._keep(history._image.snapshot(float(at)), T0_MS + at * 1000)
    assert [(alarm.key, alarm.raised) for alarm in told] == [("disk_refuses:history", True)]
    with pytest.raises(StoreError):
        await history.find(POWER, from_ms=T0_MS, to_ms=T0_MS + 1000, most=10)
    await history.close()


def test_history_comes_out_as_csv_while_it_is_written(second, tmp_path, capsys):
    fill(second, 400)
    second.tiers.flush()
    begin, end = (datetime.fromtimestamp(T0_MS / 1000.0 + after_s, tz=UTC) for after_s in (0, 400))
    export(["pcc/power.active", "pcc/"], tmp_path, tmp_path / "out", from_=begin, to=end, step="second")
    assert "400 rows" in capsys.readouterr().out
    lines = (tmp_path / "out" / "pcc_power.active.csv").read_text().splitlines()
    assert lines[0] == "t_ms,utc,mean,min,max,quality"
    assert lines[1].split(",")[2:] == ["1000.0", "1000.0", "1000.0", "good"]
    assert len(lines) == 401
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "pcc_energy.active.import.csv",
        "pcc_power.active.csv",
    ]
    with pytest.raises(typer.Exit) as nothing:
        export(["nothing/"], tmp_path, tmp_path / "out", from_=begin, to=end, step="minute")
    assert nothing.value.exit_code == 1


SHORT = 2.0**-16


numbers = st.lists(st.floats(-1e6, 1e6, width=32) | st.just(math.nan), min_size=8, max_size=8)


def columns_of(values):
    mean = np.array(values)
    known = np.isfinite(mean)
    return Columns(
        mean, mean.copy(), mean.copy(), known.astype(np.uint16), np.where(known, 0, NOTHING).astype(np.uint8)
    )


@given(numbers, st.booleans(), st.booleans())
def test_a_chunk_comes_back_as_it_was_packed(values, wide, plain):
    columns = columns_of(values)
    back = chunks.unpack(chunks.pack(columns, wide=wide, plain=plain), 8)
    for name in ("mean", "low", "high", "count", "quality"):
        assert getattr(back, name) == pytest.approx(getattr(columns, name), rel=0.0 if wide else SHORT, nan_ok=True)


@pytest.mark.parametrize(
    "data", [b"", b"\x02\x00", b"\x01\x00nonsense", chunks.pack(columns_of([1.0] * 4), wide=False, plain=False)]
)
def test_a_damaged_chunk_is_an_error_not_numbers(data):
    with pytest.raises(ValueError, match="chunk"):
        chunks.unpack(data, 8)


@given(numbers, st.sampled_from([1, 2, 4, 8]))
def test_thinning_loses_no_extreme_and_keeps_the_weighted_mean(values, every):
    columns = columns_of(values)
    thin = thinned(columns, every)
    assert thin.count.sum() == columns.count.sum()
    if columns.count.any():
        assert np.nanmin(thin.low) == np.nanmin(columns.low)
        assert np.nanmax(thin.high) == np.nanmax(columns.high)
        total = float(np.nansum(thin.mean * thin.count))
        assert total == pytest.approx(float(np.nansum(columns.mean)), abs=1e-3)


@given(numbers, numbers)
def test_merging_is_a_mean_weighted_by_seconds(one, other):
    into = empty(1, 8)
    for values in (one, other):
        merge(into, 0, columns_of(values))
    for at, pair in enumerate(zip(one, other, strict=True)):
        known = [value for value in pair if not math.isnan(value)]
        assert into.count[0, at] == len(known)
        if known:
            assert into.mean[0, at] == pytest.approx(sum(known) / len(known), abs=1e-6)
            assert into.high[0, at] == max(known)
        else:
            assert math.isnan(into.mean[0, at])
    assert MINUTE.span_ms == 3_600_000


def test_charts_have_what_is_fine_and_before_it_whole_coarser_slots(tmp_path):
    quarters = np.arange(8.0)
    put_past(tmp_path, {POWER: Means(Unit.WATT, quarters, quarters, quarters)}, begin_ms=T0_MS)
    live = Second(tmp_path)
    for second in range(8 * 900 + 300, 8 * 900 + 365):
        live.take(T0_MS + second * 1000, 5000.0)
    try:
        whole = {"from_ms": T0_MS, "to_ms": T0_MS + 9 * 900_000, "most": 100_000}
        found = live.tiers.find(POWER, fill=True, **whole).columns.mean
        assert found[: 8 * 900 : 900].tolist() == quarters.tolist()
        assert np.isnan(found[8 * 900 : 8 * 900 + 300]).all()  # the quarter under way says nothing of before it
        assert found[8 * 900 + 310] == 5000.0
        before = {"from_ms": T0_MS + 7 * 900_000, "to_ms": T0_MS + 8 * 900_000 + 200_000, "most": 100_000}
        of_before = live.tiers.find(POWER, fill=True, **before).columns.mean
        assert (of_before[:900] == 7.0).all()
        assert np.isnan(of_before[900:]).all()  # nor where nothing fine is in sight
        of_one_tier = live.tiers.find(POWER, **whole)
        assert (of_one_tier.tier, of_one_tier.step_ms) == ("quarter", 900_000)
        assert of_one_tier.columns.mean[8] == 5000.0  # also the slot under way
    finally:
        live.tiers.close()
