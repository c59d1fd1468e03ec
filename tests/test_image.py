"""The image: blocks in, readings out, whichever way a block comes."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.points import Groups
from gateway.model.reading import AllGood, Cause, Quality, Reading

NAMES = [PointId(f"d/p{at}") for at in range(6)]
GOOD, NONE = Quality.GOOD, Cause.NONE


def image(stale_after_s: float = 10.0) -> Image:
    return Image(PointSpec(name, Unit.WATT, stale_after_s) for name in NAMES)


def readings(one: Image, now_s: float = 1.0) -> list[Reading]:
    snapshot = one.snapshot(now_s)
    return [snapshot.reading(name) for name in NAMES]


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], (1.0, 2.0, 3.0), np.array([1.0, 2.0, 3.0])])
def test_a_block_vouched_for_lands_as_plain_numbers(values):
    one = image()
    one.post_block(one.columns(NAMES[1:4]), values, AllGood((GOOD,) * 3), (NONE,) * 3, 0.5)
    found = readings(one)
    assert found[1:4] == [Reading(value, GOOD, NONE, 0.5) for value in (1.0, 2.0, 3.0)]
    assert all(type(reading.value) is float for reading in found[1:4])
    assert found[0] == found[4] == Reading(None, Quality.INVALID, Cause.NEVER_READ, 0.0)


QUALITY = st.sampled_from([(GOOD, NONE), (Quality.UNCERTAIN, Cause.FROZEN), (Quality.INVALID, Cause.SENTINEL)])


@given(st.lists(st.lists(st.tuples(st.floats(-1e6, 1e6) | st.just(nan), QUALITY), min_size=3, max_size=3), max_size=4))
def test_a_block_says_what_its_points_would_one_by_one(blocks):
    whole, single = image(), image()
    for at_s, block in enumerate(blocks):
        columns = [(None if q is Quality.INVALID else value, q, cause) for value, (q, cause) in block]
        values, qualities, causes = ([one[at] for one in columns] for at in range(3))
        whole.post_block(whole.columns(NAMES[2:5]), values, qualities, causes, float(at_s))
        for name, (value, quality, cause) in zip(NAMES[2:5], columns, strict=True):
            single.post(name, Reading(value, quality, cause, float(at_s)))
    shown = [one.snapshot(3.0) for one in (whole, single)]
    assert repr(readings(whole)) == repr(readings(single))
    assert [shown[0].usable(name) for name in NAMES] == [shown[1].usable(name) for name in NAMES]
    assert repr(list(shown[0].rows())) == repr(list(shown[1].rows()))
    assert [shown[0].usable(name) for name in NAMES] == [shown[0].reading(name).usable for name in NAMES]


@given(
    st.lists(st.tuples(QUALITY, st.floats(0.0, 20.0)), min_size=6, max_size=6),
    st.lists(st.lists(st.sampled_from([*NAMES, PointId("d/unknown")]), max_size=3), max_size=5),
)
@example([((GOOD, NONE), 20.0), ((GOOD, NONE), 2.0), *[((GOOD, NONE), 20.0)] * 4], [NAMES[:2], []])
@example([((GOOD, NONE), 1.0), *[((GOOD, NONE), 0.0)] * 5], [NAMES[:1], NAMES[1:2]])
def test_groups_read_in_one_go_say_what_each_of_them_would(posted, groups):
    one = image()
    for at, (name, ((quality, cause), at_s)) in enumerate(zip(NAMES, posted, strict=True)):
        one.post(name, Reading(None if quality is Quality.INVALID else float(at), quality, cause, at_s))
    snapshot = one.snapshot(20.0)
    rows = snapshot.each_timed(Groups(groups))
    assert [values for values, _ in rows] == [tuple(map(snapshot.usable, group)) for group in groups]
    times = dict(zip(NAMES, (at_s for _, at_s in posted), strict=True))
    newest = [max(times.get(name, inf) for name in group) for group in groups if group]
    assert [at_s for (_, at_s), group in zip(rows, groups, strict=True) if group] == newest


def test_a_snapshot_stays_as_it_was_taken():
    one = image()
    columns = one.columns(NAMES)
    one.post_block(columns, [1.0] * 6, AllGood((GOOD,) * 6), (NONE,) * 6, 0.0)
    before = one.snapshot(1.0)
    one.post_block(columns, [2.0] * 6, AllGood((GOOD,) * 6), (NONE,) * 6, 1.0)
    assert before.usable(NAMES[0]) == before.reading(NAMES[0]).value == 1.0
    after = one.snapshot(1.0)
    assert after.changed(range(6), before.serial) == list(range(6))
    assert after.changed(range(6), after.serial) == []


def test_a_value_without_quality_is_refused():
    one = image()
    with pytest.raises(ValueError, match="no value exactly when"):
        one.post_block(one.columns(NAMES[:1]), [None], [GOOD], [NONE], 0.0)


ONES = st.tuples(st.sampled_from(range(6)), QUALITY, st.sampled_from([0.0, 10.0, 30.0]))


@given(
    st.lists(st.lists(st.sampled_from(NAMES), max_size=3), max_size=4),
    st.lists(st.tuples(st.lists(ONES, max_size=3), st.lists(st.sampled_from(NAMES), max_size=2), st.floats(0.0, 60.0))),
)
def test_groups_that_are_read_again_and_again_say_what_they_would_if_read_for_the_first_time(groups, turns):
    groups = [NAMES[:2], *groups]
    one, kept, older = image(), Groups(groups), []
    for at, (posts, doubted, now_s) in enumerate(turns):
        for number, (quality, cause), measured_s in posts:
            value = None if quality is Quality.INVALID else float(at)
            one.post(NAMES[number], Reading(value, quality, cause, measured_s))
        one.doubt(doubted)
        older.append(one.snapshot(now_s))
        for snapshot in (older[-1], older[0]):  # whatever was looked at in between
            assert snapshot.each_timed(kept) == snapshot.each_timed(Groups(groups))
    if older:
        rows = older[-1].each_timed(kept)
        again = one.snapshot(older[-1].now_s).each_timed(kept)
        assert all(row is before for row, before in zip(again, rows, strict=True) if row[0] and None not in row[0])
