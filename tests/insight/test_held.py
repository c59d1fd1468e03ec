"""Sample and hold: means are weighted by time, and a stretch without a value never enters one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.insight.held import Held, combine, pieces, raster

NAN = float("nan")


def held(*rows: tuple[float, float], end_s: float) -> Held:
    return Held(np.array([t for t, _ in rows]), np.array([v for _, v in rows]), end_s)


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [(0, 10, 3.0), (0, 4, 1.0), (2, 6, 2.5), (4, 10, 13 / 3), (4, 5, 4.0), (6, 10, 4.5)],
)
def test_a_mean_is_weighted_by_the_time_each_row_holds(start_s, end_s, expected):
    assert held((0, 1), (4, 4), (8, 5), end_s=10).mean(start_s, end_s) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-1, 2), (9, 11), (3, 7), (4, 4)], ids=["before", "after", "hole", "no width"]
)
def test_a_stretch_that_is_not_known_throughout_has_no_mean(start_s, end_s):
    assert np.isnan(held((0, 1), (4, NAN), (6, 2), end_s=10).mean(start_s, end_s))


def test_nothing_at_all_has_no_mean():
    nothing = Held(np.empty(0), np.empty(0), 0.0)
    assert np.isnan(nothing.mean(0, 1))
    assert nothing.known is False


@pytest.mark.parametrize(("t_s", "expected"), [(-0.1, NAN), (0, 1), (3.9, 1), (4, 4), (9.9, 4), (10, NAN)])
def test_a_value_stands_from_its_row_until_the_next(t_s, expected):
    assert held((0, 1), (4, 4), end_s=10).at(np.array([t_s]))[0] == pytest.approx(expected, nan_ok=True)


def test_of_two_rows_at_one_time_the_last_holds():
    assert held((0, 1), (4, 9), (4, 4), end_s=10).mean(0, 10) == pytest.approx((4 * 1 + 6 * 4) / 10)


ROWS = st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(-9, 9)), min_size=1, max_size=12)


@given(ROWS, st.integers(0, 60), st.integers(1, 30))
def test_means_agree_with_adding_up_tenths_of_a_second(rows, start, width):
    times = np.cumsum([0, *(gap for gap, _ in rows)]) / 10.0
    values = np.array([NAN if value is None else float(value) for _, value in rows])
    series = Held(times[:-1], values, float(times[-1]))
    tenths = [series.at(np.array([(start + k) / 10.0 + 0.05]))[0] for k in range(width)]
    expected = NAN if np.isnan(tenths).any() else np.mean(tenths)
    assert series.mean(start / 10.0, (start + width) / 10.0) == pytest.approx(expected, nan_ok=True, abs=1e-9)


def test_a_formula_holds_while_all_its_parts_do():
    total = combine(np.add, held((0, 1), (4, 2), end_s=10), held((1, 10), (6, 20), end_s=8))
    assert total.t_s.tolist() == [1, 4, 6]
    assert total.value.tolist() == [11, 12, 22]
    assert total.end_s == 8


@pytest.mark.parametrize(("end_s", "cells"), [(19.9, 1), (20.0, 2), (9.0, 0), (-5.0, 0)])
def test_a_raster_holds_whole_steps_only(end_s, cells):
    assert len(raster(0.0, end_s, 10.0)) == cells + 1


def test_pieces_are_the_unbroken_stretches():
    assert pieces(np.array([0, 1, 1, 0, 1], dtype=bool)) == [slice(1, 3), slice(4, 5)]
    assert pieces(np.zeros(3, dtype=bool)) == []
