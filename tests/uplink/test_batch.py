"""Batches: packed and unpacked without loss; dated when they leave, by whatever clock can be true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import EARLIEST_UTC_MS
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Span, Stamp, Taken, pack, unpack
from tests.uplink.parts import NOW_MS, POWER

NAMES = [PointId(f"d{n}/power.active") for n in range(5)]
NUMBERS = {name: at for at, name in enumerate(NAMES, 1)}

rows = st.builds(
    lambda point, value, quality, age: Taken(
        point, value, quality if value is not None else Quality.INVALID, 5000.0 - age
    ),
    st.sampled_from(NAMES),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([Quality.GOOD, Quality.UNCERTAIN, Quality.SUBSTITUTED, Quality.STALE]),
    st.integers(0, 4000),
)


@given(st.lists(rows, min_size=1, max_size=40))
def test_a_batch_unpacks_to_what_was_packed(taken):
    body = pack(Lot.of(taken), NUMBERS, boot_s=5000.0)
    assert unpack(body, {at: name for name, at in NUMBERS.items()}, boot_s=5000.0).rows() == taken


@given(st.lists(st.lists(rows, max_size=6), max_size=6), st.integers(0, 40), st.integers(0, 40))
def test_lots_joined_and_parted_are_their_rows_joined_and_parted(lots, begin, end):
    together = [row for lot in lots for row in lot]
    joined = Lot.joined([Lot.of(lot) for lot in lots])
    assert (joined.rows(), len(joined)) == (together, len(together))
    assert joined.part(begin, end).rows() == together[begin:end]


@given(st.binary(max_size=60))
def test_bytes_that_are_no_batch_are_a_value_error(body):
    with pytest.raises(ValueError, match="batch"):
        unpack(body, {}, boot_s=0.0)


def dated(then: Stamp, now: Stamp, at_s: float = 100.0) -> tuple[int, Quality]:
    batch = Batch(Span(1, 1, 1), then, Lot.of([Taken(POWER, 1.0, Quality.GOOD, at_s)]))
    ((_, _, _, word, t_ms, _),) = batch.samples(now, historical=False)
    return t_ms, Quality[word.upper()]


@pytest.mark.fault("F-069")
@pytest.mark.parametrize("wrong_ms", [0, 180_000, EARLIEST_UTC_MS - 1])
def test_a_sample_taken_before_the_clock_was_set_gets_its_time_from_the_boot_clock(wrong_ms):
    then = Stamp("boot", 101.0, wrong_ms)
    now = Stamp("boot", 280.0, NOW_MS)
    assert dated(then, now) == (NOW_MS - 180_000, Quality.GOOD)


@pytest.mark.fault("F-069")
def test_of_an_earlier_boot_without_a_clock_the_latest_possible_time_is_told_as_uncertain():
    then, now = Stamp("earlier", 101.0, 500), Stamp("boot", 50.0, NOW_MS)
    assert dated(then, now) == (NOW_MS - 50_000 - 1000, Quality.UNCERTAIN)


@pytest.mark.fault("F-068")
@pytest.mark.parametrize("step_ms", [7_200_000, -7_200_000])
def test_a_step_of_the_wall_clock_after_the_commit_moves_no_sample(step_ms):
    then = Stamp("boot", 101.0, NOW_MS)
    assert dated(then, Stamp("boot", 102.0, NOW_MS + 1000 + step_ms)) == (NOW_MS - 1000, Quality.GOOD)
