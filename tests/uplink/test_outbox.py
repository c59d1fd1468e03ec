"""The outbox: numbered once, on the disk before it counts, gone only when every link has it."""

import asyncio
import random
import sqlite3

import pytest

from gateway.errors import StoreError
from gateway.model.command import Alarm
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Span, Stamp, Taken
from gateway.uplink.lost import replaced, samples_in
from gateway.uplink.outbox_file import OutboxFile
from gateway.wire.telemetry import GAP, HOLE, LOST, Receipt
from tests.uplink.parts import NOW_MS, POWER, clock_at, crash, make_outbox, opened, rows, stored, sunk, taken, until


async def test_samples_are_numbered_without_holes_and_read_back_as_they_were(tmp_path):
    odd = [
        Taken(POWER, -1.5, Quality.UNCERTAIN, 999.25),
        Taken(PointId("battery/battery.soc"), None, Quality.INVALID, 999.5),
        Taken(POWER, 1e9, Quality.STALE, 1000.0),
    ]
    async with opened(tmp_path) as outbox:
        outbox.add(Lot.of(odd))
        await outbox.commit()
        outbox.add(taken(2))
        await outbox.commit()
        batches = await stored(outbox)
    assert [batch.span for batch in batches] == [Span(1, 1, 3), Span(1, 4, 5)]
    assert batches[0].taken.rows() == odd


async def test_a_batch_is_one_row_however_many_samples_it_has(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(1500))
        await outbox.commit()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as db:
        assert db.execute("SELECT count(*) FROM batch").fetchone() == (1,)
    db.close()


async def test_a_receipt_deletes_only_whole_batches_and_the_newest_stays_unseen(tmp_path):
    async with opened(tmp_path) as outbox:
        for _ in range(3):
            outbox.add(taken(10))
            await outbox.commit()
        outbox.confirm("vpp", Receipt(outbox.box, 1, 25))
        await outbox.commit()
        assert await outbox.pending("vpp") == [Span(1, 21, 30)]
        outbox.confirm("vpp", Receipt(outbox.box, 1, 30))
        await outbox.commit()
        assert await outbox.pending("vpp") == []
        assert (await outbox.health()).stored == 0
    with sqlite3.connect(tmp_path / "outbox.sqlite") as db:
        assert db.execute("SELECT first FROM batch").fetchall() == [(21,)]
    db.close()


@pytest.mark.parametrize(
    ("box", "epoch", "seq"),
    [("another box", 1, 10), ("", 2, 10), ("", 1, 11), ("", 1, 10**15), ("", 1, 0)],
)
async def test_a_receipt_that_cannot_be_true_deletes_nothing(tmp_path, box, epoch, seq):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(10))
        await outbox.commit()
        outbox.confirm("vpp", Receipt(box or outbox.box, epoch, seq))
        await outbox.commit()
        assert await outbox.pending("vpp") == [Span(1, 1, 10)]


async def test_every_link_has_its_own_cursor(tmp_path):
    async with opened(tmp_path, links=("vpp", "local")) as outbox:
        for _ in range(2):
            outbox.add(taken(10))
            await outbox.commit()
        outbox.confirm("vpp", Receipt(outbox.box, 1, 20))
        await outbox.commit()
        assert await outbox.pending("vpp") == []
        assert await outbox.pending("local") == [Span(1, 1, 10), Span(1, 11, 20)]
        assert (await outbox.health()).stored == 20


async def three_batches(outbox) -> None:
    for _ in range(3):
        outbox.add(taken(10))
        await outbox.commit()


async def test_a_link_that_goes_holds_nothing_back_and_one_that_comes_gets_what_is_kept(tmp_path):
    async with opened(tmp_path, links=("vpp", "grid")) as outbox:
        await three_batches(outbox)
        outbox.confirm("vpp", Receipt(outbox.box, 1, 30))
        await outbox.commit()
        assert (await outbox.health()).stored == 30, "grid lacks them"
        outbox.serve(("vpp",))
        await outbox.commit()
        assert (await outbox.health()).stored == 0
        outbox.serve(("vpp", "grid"))
        outbox.add(taken(10))
        await outbox.commit()
        assert await outbox.pending("vpp") == [Span(1, 31, 40)]
        assert await outbox.pending("grid") == [Span(1, 21, 30), Span(1, 31, 40)], "and the newest batch always stays"


async def test_receipts_of_a_link_that_is_gone_do_not_count_for_the_one_in_its_place(tmp_path):
    async with opened(tmp_path, links=("vpp", "grid")) as outbox:
        await three_batches(outbox)
        outbox.confirm("grid", Receipt(outbox.box, 1, 30))
        await outbox.commit()
    async with opened(tmp_path, links=("vpp", "other")) as outbox:
        outbox.confirm("vpp", Receipt(outbox.box, 1, 30))
        outbox.add(taken(10))
        await outbox.commit()
        assert (await outbox.pending("other"))[0] == Span(1, 1, 10)


async def test_a_clean_stop_goes_on_with_the_next_number_of_the_same_epoch(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(10))
        box = outbox.box
    async with opened(tmp_path) as outbox:
        outbox.add(taken(5))
        await outbox.commit()
        assert (outbox.box, outbox.epoch) == (box, 1)
        assert [batch.span for batch in await stored(outbox)] == [Span(1, 1, 10), Span(1, 11, 15)]


@pytest.mark.fault("F-061")
async def test_an_unclean_stop_begins_an_epoch_with_a_record_of_the_gap(tmp_path):
    clock = clock_at()
    outbox = make_outbox(tmp_path, clock)
    await outbox.open()
    outbox.add(taken(10))
    await outbox.commit()
    outbox.add(taken(3))  # never committed
    await crash(outbox)
    clock.now_s += 7.5
    async with opened(tmp_path, clock) as again:
        assert (again.box, again.epoch) == (outbox.box, 2)
        gap = (await stored(again))[-1]
    assert gap.span == Span(2, 1, 1)
    assert gap.taken.rows() == [Taken(GAP, 7.5, Quality.GOOD, 1007.5)]


@pytest.mark.parametrize(
    ("boot_id", "utc_ms", "expected_s"),
    [("boot-2", NOW_MS + 60_000, 60.0), ("boot-2", 1000, None), ("boot-2", NOW_MS - 5000, 0.0)],
)
async def test_across_a_reboot_the_gap_is_measured_on_the_wall_clock_if_both_can_be_true(
    tmp_path, boot_id, utc_ms, expected_s
):
    outbox = make_outbox(tmp_path)
    await outbox.open()
    outbox.add(taken(1))
    await outbox.commit()
    await crash(outbox)
    async with opened(tmp_path, clock_at(5.0, utc_ms), boot_id=boot_id) as again:
        found = (await stored(again))[-1].taken.rows()[0]
    assert found.value == expected_s
    assert (found.quality is Quality.INVALID) is (expected_s is None)


async def test_a_lost_identity_file_keeps_the_box_and_leaps_over_every_epoch_that_may_have_been_sent(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(1))
        box = outbox.box
    (tmp_path / "outbox.id").write_text("{")
    async with opened(tmp_path) as again:
        assert (again.box, again.epoch) == (box, 1001)


async def test_a_lost_database_never_reuses_an_epoch(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(1))
    (tmp_path / "outbox.sqlite").unlink()
    async with opened(tmp_path) as again:
        assert (again.box, again.epoch) == (outbox._open_file.found.box if outbox._file else again.box, 2)


@pytest.mark.fault("I-31")
async def test_memory_is_bounded_and_what_falls_out_is_counted_per_point(tmp_path):
    async with opened(tmp_path, max_waiting=100) as outbox:
        outbox.add(taken(150))
        outbox.add(taken(30, point=PointId("b/c")))
        assert (await outbox.health()).waiting == 100
        await outbox.commit()
        health = await outbox.health()
        found = rows(await stored(outbox))
    assert health.dropped == 80
    assert [(point, value) for _, _, point, value in found if point.startswith(LOST)] == [(LOST + POWER, 80.0)]
    assert len(found) == 101


async def test_samples_added_and_dropped_while_a_commit_runs_are_counted_once(tmp_path):
    async with opened(tmp_path, max_waiting=10) as outbox:
        outbox.add(taken(10))
        committing = asyncio.create_task(outbox.commit())
        for _ in range(3):
            await asyncio.sleep(0)  # the job is with the worker now
        outbox.add(taken(4, point=PointId("b/c")))
        await committing
        await outbox.commit()
        found = rows(await stored(outbox))
        assert (await outbox.health()).dropped == 0
    assert [value for _, _, _, value in found] == [*range(10), *range(4)]


@pytest.mark.fault("F-066")
async def test_the_cap_drops_the_oldest_and_counts_them_to_the_last_one(tmp_path):
    cap = 128 * 1024
    points = [PointId(f"dev{n}/power.active") for n in range(20)]
    alarms: list[Alarm] = []
    draw = random.Random(1)
    async with opened(tmp_path, cap_bytes=cap, on_alarm=alarms.append) as outbox:
        for n in range(300):
            outbox.add(Lot.of(Taken(points[at % 20], draw.random(), Quality.GOOD, 1000.0 + n) for at in range(100)))
            await outbox.commit()
        batches = await stored(outbox)
        health = await outbox.health()
        summary = (await sunk(outbox)).summary()
    assert summary["unexplained"] == 0
    assert summary["dropped_by_policy"] == health.dropped
    assert health.used_bytes <= cap
    assert (tmp_path / "outbox.sqlite").stat().st_size <= cap * 1.1
    kept = [row for row in rows(batches) if row[2] in points]
    counted = {point: value or 0.0 for _, _, point, value in rows(batches) if point.startswith(LOST)}
    hole = next(value for _, _, point, value in rows(batches) if point == HOLE)
    assert sum(counted.values()) == health.dropped == 300 * 100 - len(kept)
    assert set(counted) == {LOST + point for point in points}
    assert kept[-1][1] == 300 * 100
    first = rows(batches)[0][1]
    assert hole == first - 1, "every number before the record is explained"
    assert [alarm.key for alarm in alarms if alarm.raised] == ["outbox_full"]


@pytest.mark.parametrize(
    ("spans", "points"),
    [([(1, 5)], 1), ([(1, 5)], 5), ([(1, 1)], 1), ([(6, 9), (10, 12)], 2), ([(4, 5), (6, 8), (9, 9)], 3)],
)
def test_what_replaces_batches_explains_every_number_of_them(spans, points):
    stamp = Stamp("b", 10.0, NOW_MS)
    names = [PointId(f"d{n}/p") for n in range(points)]
    batches = [
        Batch(
            Span(1, first, last),
            stamp,
            Lot.of(Taken(names[n % points], 1.0, Quality.GOOD, 5.0) for n in range(first, last + 1)),
        )
        for first, last in spans
    ]
    record = replaced(batches[:1])
    for batch in batches[1:]:
        record = replaced([record, batch])
    total, counts = spans[-1][1] - spans[0][0] + 1, record.taken.rows()
    assert samples_in(batches) == total
    assert samples_in([record]) == 0
    assert record.span.last == spans[-1][1]
    assert sum(one.value or 0.0 for one in counts if one.point.startswith(LOST)) == total
    hole = counts[0].value if counts[0].point == HOLE else 0
    assert hole is not None
    assert record.span.first - hole == spans[0][0]
    assert len(counts) == record.span.last - record.span.first + 1


async def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="cannot be made"):
        await make_outbox(tmp_path / "state").open()


@pytest.mark.fault("F-063", "F-064")
async def test_while_the_disk_refuses_nothing_is_called_stored_and_nothing_is_lost(tmp_path, monkeypatch):
    alarms: list[Alarm] = []
    told: list[Batch] = []
    refuses = True
    real = OutboxFile._insert

    def insert(self, batch, *, lost):
        real(self, batch, lost=lost)
        if refuses:
            raise sqlite3.OperationalError("database or disk is full")

    async with opened(tmp_path, on_alarm=alarms.append) as outbox:
        outbox.on_commit(told.extend)
        monkeypatch.setattr(OutboxFile, "_insert", insert)
        for _ in range(4):
            outbox.add(taken(10))
            await outbox.commit()
        assert told == []
        assert (await outbox.health()).stored == 0
        assert [(alarm.key, alarm.raised) for alarm in alarms] == [("outbox_disk", True)]
        refuses = False
        await outbox.commit()
        assert [(alarm.key, alarm.raised) for alarm in alarms] == [("outbox_disk", True), ("outbox_disk", False)]
        assert [seq for _, seq, _, _ in rows(told)] == list(range(1, 41))


@pytest.mark.fault("F-064")
async def test_a_commit_that_failed_after_all_was_done_is_not_stored_twice(tmp_path, monkeypatch):
    real = OutboxFile.commit
    failures = iter([True])

    def commit(self, rows_, now, *, lost, receipts):
        done = real(self, rows_, now, lost=lost, receipts=receipts)
        if next(failures, False):
            raise StoreError("EIO, but the log was already written")
        return done

    async with opened(tmp_path) as outbox:
        monkeypatch.setattr(OutboxFile, "commit", commit)
        outbox.add(taken(10))
        await outbox.commit()
        outbox.add(taken(5, first=100.0))
        await outbox.commit()
        found = rows(await stored(outbox))
    assert [value for _, _, _, value in found] == [*map(float, range(10)), *map(float, range(100, 105))]
    assert [seq for _, seq, _, _ in found] == list(range(1, 16))


@pytest.mark.fault("F-069")
async def test_a_batch_whose_bytes_rotted_is_counted_and_passed_over(tmp_path):
    async with opened(tmp_path) as outbox:
        for _ in range(3):
            outbox.add(taken(10))
            await outbox.commit()
    with sqlite3.connect(tmp_path / "outbox.sqlite") as db:
        db.execute("UPDATE batch SET body = x'00112233' WHERE first = 11")
    db.close()
    async with opened(tmp_path) as outbox:
        spans = await outbox.pending("vpp")
        assert await outbox.read(spans[1]) is None
        outbox.add(taken(1))
        await outbox.commit()
        found = rows(await stored(outbox))
    assert (1, 20, LOST + "unknown/unknown", 10.0) in found
    assert (1, 19, HOLE, 8.0) in found


@pytest.mark.parametrize("soon", [True, False])
async def test_samples_a_link_waits_for_do_not_wait_for_the_ordinary_commit(tmp_path, soon):
    async with opened(tmp_path, commit_s=60.0) as outbox:
        seen: list[Batch] = []
        outbox.on_commit(seen.extend)
        running = asyncio.create_task(outbox.run())
        await asyncio.sleep(0.3)  # the pause after a commit is over: only a hurry ends the wait
        outbox.add(taken(3), soon=soon)
        if soon:
            await until(lambda: bool(seen))
            assert len(seen[0].taken) == 3
        else:
            await asyncio.sleep(0.1)
            assert seen == []
        running.cancel()


async def test_what_is_added_during_a_commit_waits_for_the_next(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.add(taken(5))
        under_way = asyncio.create_task(outbox.commit())
        for _ in range(3):  # until it has taken what there is
            await asyncio.sleep(0)
        outbox.add(taken(3, first=100.0))
        await under_way
        assert [len(one.taken) for one in await stored(outbox)] == [5]
        await outbox.commit()
        assert [len(one.taken) for one in await stored(outbox)] == [5, 3]
        assert (await outbox.health()).dropped == 0


async def test_what_falls_out_of_the_queue_while_it_is_being_stored_is_not_lost(tmp_path):
    async with opened(tmp_path, max_waiting=6) as outbox:
        outbox.add(taken(5))
        under_way = asyncio.create_task(outbox.commit())
        for _ in range(3):  # until it has taken what there is
            await asyncio.sleep(0)
        outbox.add(taken(4, first=100.0))  # three of the five have no room any more
        await under_way
        assert (await outbox.health()).waiting == 4
        await outbox.commit()
        assert [value for _, _, _, value in rows(await stored(outbox))] == [*map(float, range(5)), *range(100, 104)]
        assert (await outbox.health()).dropped == 0
