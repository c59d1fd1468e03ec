"""Many node values decoded as one array: what is said is what the law for one value says, else nothing is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.point import Unit
from gateway.model.reading import AllGood, Cause, Quality
from gateway.profiles.codec import decode_value
from gateway.profiles.nodecode import quick_decoder
from gateway.profiles.schema import Kind, Point

GOOD = (Quality.GOOD, Cause.NONE)
RAW = st.floats() | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.sampled_from([-1, 0, 65535, 1.7e308])
BOUND = st.none() | st.floats(-1e6, 1e6)


def node(kind: Kind = Kind.F64, **more: Any) -> Point:
    return Point("x.p", Unit.NONE, kind, **more)


POINTS = st.builds(
    node,
    st.sampled_from([Kind.I16, Kind.U64, Kind.F32, Kind.F64]),
    factor=st.sampled_from([1.0, 0.1, -1.0, 1000.0]),
    offset=st.sampled_from([0.0, -40.0]),
    invalid=st.sampled_from([(), (65535,), (-1, 2**64 - 1)]),
    low=BOUND,
    high=BOUND,
)


@given(st.lists(st.tuples(POINTS, RAW), min_size=1, max_size=5))
def test_many_values_are_decoded_as_each_by_itself_or_not_at_all(pairs):
    decode = quick_decoder([point for point, _ in pairs])
    assert decode is not None
    expected = [decode_value(point, raw) for point, raw in pairs]
    found = decode([raw for _, raw in pairs])
    if all(quality is Quality.GOOD for _, quality, _ in expected):
        assert found is not None
        assert list(found[0]) == [value for value, *_ in expected]
        assert type(found[1]) is AllGood
        assert list(zip(found[1], found[2], strict=True)) == [GOOD] * len(pairs)
    else:
        assert found is None


@pytest.mark.parametrize(
    "odd",
    [
        node(Kind.TEXT),
        node(Kind.BOOL),
        node(Kind.U16, bits=(0, 3)),
        node(Kind.U16, codec="bcd"),
        node(Kind.U16, codes={1: 5.0}),
        node(invalid_below=-5.0),
        node(invalid_above=5.0),
        node(pow10="x.exponent"),
    ],
)
def test_a_point_that_needs_more_than_compare_multiply_and_add_is_left_to_the_law(odd):
    assert quick_decoder([node(), odd]) is None


def test_of_no_points_nothing_is_decoded():
    assert quick_decoder([]) is None
