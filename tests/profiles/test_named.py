"""Named codecs: what each makes of raw numbers, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.model.point import Unit
from gateway.model.reading import Cause
from gateway.profiles.codec import decode_value, encode_value
from gateway.profiles.kinds import Kind, Table
from gateway.profiles.schema import Point


def point(codec, kind, **more):
    return Point("x.a", Unit.ONE, kind, table=Table.HOLDING, words=kind.words, codec=codec, **more)


READ = [
    ("bcd", Kind.U16, 0x1234, 1234),
    ("bcd", Kind.U16, 0x12A4, None),
    ("bcd", Kind.U32, 0x00009999, 9999),
    ("sign_magnitude", Kind.U16, 0x8001, -1),
    ("sign_magnitude", Kind.U16, 0x7FFF, 32767),
    ("sign_magnitude", Kind.U32, 0x80000010, -16),
    ("m10k", Kind.U32, 0x00010002, 10_002),
    ("m10k", Kind.U32, 0x00012710, None),  # the low word counts to 9999 only
    ("pf4q", Kind.F32, 0.85, 0.85),
    ("pf4q", Kind.F32, 1.25, 0.75),
    ("pf4q", Kind.F32, -1.25, -0.75),
    ("pf4q", Kind.F32, 2.5, None),
    ("decade", Kind.U16, 2, 100),
    ("decade", Kind.I16, -3, 0.001),
    ("decade", Kind.U16, 31, None),
    ("packed_time", Kind.U64, 0x001A_0B16_0A1E_01F4, 1795343400.5),
    ("packed_time", Kind.U64, 0x001A_021E_0A1E_01F4, None),
]


@pytest.mark.parametrize(("codec", "kind", "raw", "number"), READ)
def test_a_raw_number_has_the_value_of_its_code_or_none(codec, kind, raw, number):
    value, _, cause = decode_value(point(codec, kind), raw)
    assert value == (None if number is None else pytest.approx(number))
    assert (cause is Cause.OUT_OF_RANGE) == (number is None)


@given(st.integers(-327_680_000, 327_670_000))
def test_a_signed_m10k_carries_its_sign_in_both_words(number):
    signed = point("m10k", Kind.I32)
    raw = encode_value(signed, number)
    assert decode_value(signed, raw)[0] == number


@given(st.integers(0, 9999), st.integers(-32_767, 32_767), st.integers(0, 655_359_999))
def test_what_is_written_reads_back(digits, signed, great):
    for codec, kind, number in (
        ("bcd", Kind.U16, digits),
        ("sign_magnitude", Kind.U16, signed),
        ("m10k", Kind.U32, great),
    ):
        assert decode_value(point(codec, kind), encode_value(point(codec, kind), number))[0] == number


@pytest.mark.parametrize(
    ("codec", "kind", "number"),
    [("bcd", Kind.U16, 10_000), ("sign_magnitude", Kind.U16, 32_768), ("m10k", Kind.U32, -1), ("pf4q", Kind.F32, 0.5)],
)
def test_what_a_code_cannot_say_is_not_written(codec, kind, number):
    with pytest.raises(ProfileError):
        encode_value(point(codec, kind), number)


def test_raw_values_beyond_the_last_measurement_are_codes():
    sensor = point(None, Kind.I16, invalid_below=-32_000, invalid_above=32_000)
    assert [decode_value(sensor, raw)[2] for raw in (-32_000, -32_001, 32_001)] == [
        Cause.NONE, Cause.SENTINEL, Cause.SENTINEL,
    ]  # fmt: skip
