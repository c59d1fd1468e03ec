"""Raw words <-> engineering values."""

import math
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.errors import ProfileError
from gateway.model.point import Unit
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import compile_block, decode_value, encode, encode_value
from gateway.profiles.raw import LETTER, from_wire, shown, to_wire
from gateway.profiles.schema import Block, Kind, Order, Point, Table

NUMBERS = [kind for kind in Kind if kind is not Kind.TEXT]
NAN16, NAN32, NAN64 = [0x7FC0], [0x7FC0, 0], [0x7FF8, 0, 0, 0]
SENTINEL = (None, Quality.INVALID, Cause.SENTINEL)
OUT = (None, Quality.INVALID, Cause.OUT_OF_RANGE)


def point(name: str = "x.p", kind: Kind = Kind.U16, **more: Any) -> Point:
    return replace(Point(name, Unit.ONE, kind, Table.HOLDING, words=kind.words), **more)


def decode(points: list[Point], words: list[int]):
    table = points[0].table or Table.HOLDING
    decoder = compile_block({p.name: p for p in points}, Block(table, 0, len(words), tuple(p.name for p in points)))
    return decoder, decoder(struct.pack(f">{len(words)}H", *words))


def one(p: Point, words: list[int]):
    values, qualities, causes = decode([p], words)[1]
    return values[0], qualities[0], causes[0]


@pytest.mark.fault("F-026")
@pytest.mark.parametrize(
    ("kind", "sentinel", "words"),
    [
        (Kind.U16, 0x8000, [0x8000]), (Kind.I16, 0x8000, [0x8000]),
        (Kind.U16, 0xFFFF, [0xFFFF]), (Kind.I16, 0xFFFF, [0xFFFF]),
        (Kind.U16, 0x7FFF, [0x7FFF]), (Kind.I16, 0x7FFF, [0x7FFF]),
        (Kind.U32, 0x80000000, [0x8000, 0]), (Kind.I32, 0x80000000, [0x8000, 0]),
        (Kind.U32, 0xFFFFFFFF, [0xFFFF, 0xFFFF]), (Kind.I32, 0xFFFFFFFF, [0xFFFF, 0xFFFF]),
        (Kind.F32, None, NAN32), (Kind.F64, None, NAN64),
    ],
)  # fmt: skip
def test_each_sentinel_of_each_type_is_never_a_value(kind, sentinel, words):
    low, high = kind.bounds if not kind.is_float else (0, 0)
    raw = () if sentinel is None else (sentinel if sentinel <= high else sentinel - (1 << 16 * kind.words),)
    assert one(point(kind=kind, invalid=raw), words) == SENTINEL
    assert all(low <= r <= high for r in raw)
    neighbour = [*words[:-1], words[-1] ^ 1] if sentinel is not None else [0x3F80, 0, 0, 0][: kind.words]
    value, quality, _ = one(point(kind=kind, invalid=raw), neighbour)
    assert quality is Quality.GOOD
    assert value is not None


@pytest.mark.parametrize("words", [[0x7F80, 0], [0xFF80, 0], [0xFFFF, 0xFFFF], NAN32])
def test_a_float_that_is_not_finite_is_invalid_without_being_told(words):
    assert one(point(kind=Kind.F32), words) == SENTINEL


def test_a_scaled_float_that_overflows_is_out_of_range_not_infinite():
    words = list(struct.unpack(">4H", struct.pack(">d", 1e308)))
    assert one(point(kind=Kind.F64, factor=1e3), words) == OUT


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Order.ABCD, [0x0102, 0x0304]), (Order.CDAB, [0x0304, 0x0102]),
        (Order.BADC, [0x0201, 0x0403]), (Order.DCBA, [0x0403, 0x0201]),
    ],
)  # fmt: skip
def test_each_order_of_bytes_gives_the_same_number(order, words):
    p = point(kind=Kind.U32, order=order)
    assert one(p, words) == (0x01020304, Quality.GOOD, Cause.NONE)
    assert encode(p, 0x01020304) == words


def test_scale_offset_and_sign_are_one_multiplication_and_one_addition():
    assert one(point(kind=Kind.I16, factor=-0.5, offset=3), [10])[0] == -2.0


def test_a_range_is_inclusive_and_beyond_it_there_is_no_value():
    p = point(kind=Kind.U16, factor=0.1, low=10.0, high=20.0)
    assert [one(p, [raw])[0] for raw in (99, 100, 200, 201)] == [None, 10.0, 20.0, None]
    assert one(p, [201]) == OUT
    assert one(point(low=70000.0), [5]) == OUT


def test_bits_of_one_word_are_points_of_their_own_and_share_its_sentinel():
    a, b = point("x.a", bits=(0, 0), invalid=(0xFFFF,)), point("x.b", bits=(4, 7), invalid=(0xFFFF,))
    whole = point("x.c")
    assert decode([a, b, whole], [0x00A1])[1][0] == [1, 10, 0xA1]
    assert decode([a, b, whole], [0xFFFF])[1][0] == [None, None, 65535]


def test_a_boolean_register_is_nothing_but_zero_or_one():
    p = point(kind=Kind.BOOL)
    assert [one(p, [w])[0] for w in (0, 1)] == [0, 1]
    assert one(p, [2]) == OUT


def test_coils_come_from_the_bits_of_the_reply_least_significant_first():
    points = {f"x.{n}": point(f"x.{n}", Kind.BOOL, table=Table.COIL, address=20 + n) for n in (0, 9)}
    decoder = compile_block(points, Block(Table.COIL, 20, 10, tuple(points)))
    assert decoder(bytes([0b1, 0b0]))[0] == [1, 0]
    assert decoder(bytes([0b0, 0b10]))[0] == [0, 1]
    assert encode(points["x.0"], 1) == [1]


def test_an_exponent_register_scales_its_group_and_its_sentinel_takes_the_group_along():
    exponent = point("x.sf", Kind.I16, address=1, invalid=(-32768,))
    p = point("x.p", Kind.I16, pow10="x.sf", pow10_plus=1)
    assert decode([p, exponent], [123, 0xFFFE])[1][0] == [pytest.approx(12.3), -2]
    assert decode([p, exponent], [123, 0x8000])[1][:2] == ([None, None], [Quality.INVALID] * 2)
    assert decode([p, exponent], [123, 500])[1][2][0] is Cause.OUT_OF_RANGE
    assert encode(p, 12.3, exponent=-1) == [123]


def test_text_is_identity_apart_from_the_numbers():
    serial, number = point("x.s", Kind.TEXT, words=3), point("x.n", address=3)
    decoder, (values, _, _) = decode([serial, number], [0x4142, 0x4300, 0x5858, 7])
    assert (decoder.names, values) == (("x.n",), [7])
    payload = struct.pack(">4H", 0x4142, 0x4300, 0x5858, 7)
    assert decoder.texts(payload) == {"x.s": "ABC"}
    assert from_wire(point(kind=Kind.TEXT, words=1, order=Order.BADC), b"BA") == "AB"


def test_a_state_in_letters_becomes_its_number_and_an_unknown_one_nothing():
    p = point(kind=Kind.TEXT, words=2, codes={"A": 0.0, "C2": 4.0})
    assert one(p, [0x4332, 0])[0] == 4
    assert one(p, [0x4100, 0])[0] == 0
    assert one(p, [0x5A00, 0]) == OUT


def test_a_reply_of_another_length_is_refused():
    decoder, _ = decode([point()], [1])
    with pytest.raises(ProfileError, match="3 bytes"):
        decoder(b"abc")


def test_a_block_of_overlapping_types_is_decoded_with_care():
    a, b = point("x.a", Kind.U32), point("x.b", address=1)
    assert decode([a, b], [1, 2])[1][0] == [65538, 2]


def test_a_block_without_numbers_gives_empty_columns():
    assert [list(column) for column in decode([point(kind=Kind.TEXT, words=1)], [0])[1]] == [[], [], []]


@pytest.mark.parametrize(
    ("p", "raw", "expected"),
    [
        (point(kind=Kind.F64, factor=1000.0, table=None), 78.5, 78500.0),
        (point(kind=Kind.BOOL, table=None), True, 1.0),
        (point(kind=Kind.F64, table=None), None, None),
        (point(kind=Kind.F64, table=None), math.nan, None),
        (point(kind=Kind.F64, table=None), "text", None),
        (point(kind=Kind.I32, table=None, invalid=(-1,)), -1, None),
    ],
)
def test_node_values_take_the_same_way_as_registers(p, raw, expected):
    assert decode_value(p, raw)[0] == expected


@pytest.mark.parametrize(
    ("p", "value"),
    [
        (point(), math.nan), (point(), math.inf), (point(), -1), (point(), 70000), (point(low=0, high=10), 11),
        (point(invalid=(5,)), 5), (point(kind=Kind.TEXT, words=2), 1), (point(bits=(0, 1)), 1),
        (point(kind=Kind.F32), 1e39), (point(kind=Kind.BOOL), 2), (point(kind=Kind.F32), 1e308),
    ],
)  # fmt: skip
def test_a_value_the_point_cannot_carry_is_refused(p, value):
    with pytest.raises(ProfileError):
        encode(p, value)
    with pytest.raises(ValueError):  # noqa: PT011 - callers may catch it as such
        encode_value(p, value)


@pytest.mark.fault("I-34")
@given(
    st.sampled_from([Kind.I16, Kind.I32, Kind.I64, Kind.F32, Kind.F64]),
    st.sampled_from([1.0, 0.1, 0.01, 0.005, 1000.0, -1.0, -0.1, -10.0]),
    st.floats(-300, 300),
    st.sampled_from([0.0, 6.0, -20.0]),
)
def test_what_is_written_decodes_to_a_value_never_beyond_the_limit(kind, factor, value, safe):
    p = point(kind=kind, factor=factor)
    assume(kind.is_float or abs(value / factor) < 30000)
    assume(abs(value) > 1e-30 or value == 0.0)  # not among the subnormal numbers of 32 bits
    decoded = one(p, encode(p, value, safe=safe))[0]
    assert decoded is not None
    slack = 1e-9 * max(abs(value), abs(factor))
    low, high = sorted((value, safe))
    nothing_between = not kind.is_float and math.ceil(low / abs(factor) - 1e-9) > math.floor(high / abs(factor) + 1e-9)
    assert nothing_between or low - slack <= decoded <= high + slack
    if not kind.is_float:
        assert abs(decoded - value) <= abs(factor) * (1 + 1e-9)


@pytest.mark.fault("I-33", "I-34")
@given(st.sampled_from(NUMBERS), st.sampled_from(list(Order)), st.data())
def test_words_and_raw_values_are_inverse_in_every_order(kind, order, data):
    words = data.draw(st.lists(st.integers(0, 65535), min_size=kind.words, max_size=kind.words))
    p = point(kind=kind, order=order)
    raw = from_wire(p, struct.pack(f">{len(words)}H", *words))
    assume(raw == raw)  # NaN has many patterns  # noqa: PLR0124
    assert not isinstance(raw, str)
    assert to_wire(p, raw) == words


@pytest.mark.fault("I-33")
@given(st.sampled_from([1.0, -1.0]), st.integers(-32000, 32000))
def test_the_sign_turned_twice_is_the_sign(sign, value):
    p = point(kind=Kind.I16, factor=sign)
    assert one(p, encode(p, value))[0] == value


def layouts():
    def make(draw):
        points, at = [], 0
        for n in range(draw(st.integers(1, 6))):
            kind = draw(st.sampled_from(NUMBERS))
            at += draw(st.integers(0, 2))
            low, high = sorted((draw(st.floats(-1e5, 1e5)), draw(st.floats(-1e5, 1e5))))
            least, greatest = kind.bounds if not kind.is_float else (-100, 100)
            points.append(
                point(
                    f"x.p{n}", kind, address=at, order=draw(st.sampled_from(list(Order))),
                    factor=draw(st.sampled_from([1.0, 0.1, -1.0, -0.01, 1000.0])), offset=draw(st.sampled_from([0.0, -273.15])),
                    invalid=tuple(draw(st.lists(st.sampled_from([least, greatest, 0]), max_size=2, unique=True))),
                    low=draw(st.sampled_from([None, low])), high=draw(st.sampled_from([None, high])),
                    bits=(1, 3) if kind.is_integer and draw(st.booleans()) else None,
                )
            )  # fmt: skip
            at += kind.words
        words = draw(
            st.lists(st.sampled_from([0, 1, 0xFFFF, 0x8000, 0x7FFF, 100, 0x4248, 0x7FC0]), min_size=at, max_size=at)
        )
        return points, words

    return st.composite(make)()


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(layouts())
def test_the_fast_way_says_what_the_careful_way_says(layout):
    points, words = layout
    payload = struct.pack(f">{len(words)}H", *words)
    _, (values, qualities, causes) = decode(points, words)
    expected = [decode_value(p, from_wire(p, payload[2 * p.address : 2 * p.end])) for p in points]
    assert list(zip(values, qualities, causes, strict=True)) == expected
    assert all((v is None) == (q is Quality.INVALID) for v, q in zip(values, qualities, strict=True))


def many_alike():
    """Blocks long enough to be decoded as a whole; words near bounds and sentinels, so that plain blocks are among them."""

    def make(draw):
        kind = draw(st.sampled_from([Kind.U16, Kind.I16, Kind.U32, Kind.I32, Kind.F32]))
        order = draw(st.sampled_from([Order.ABCD, Order.DCBA]))
        factor, offset = draw(st.sampled_from([1.0, 0.1, -0.01])), draw(st.sampled_from([0.0, -40.0]))
        low, high = draw(st.sampled_from([(None, None), (0.0, 500.0), (-5.0, 60.0), (1.0, None), (None, -1.0)]))
        invalid = draw(st.sampled_from([(), (kind.bounds[1],), (kind.bounds[0], 7)])) if not kind.is_float else (3.5,)
        count = draw(st.integers(24, 40))
        points = [
            point(
                f"x.p{n}", kind, address=n * kind.words, order=order, factor=factor, offset=offset, low=low, high=high,
                invalid=tuple(map(float, invalid)),
            )
            for n in range(count)
        ]  # fmt: skip
        usual = draw(st.sampled_from([400, 1, 0]))
        raws = [usual] * count
        if draw(st.booleans()):
            low, high = (-4, 4) if kind.is_float else kind.bounds
            odd = draw(st.sampled_from([low, high, high - 1, low + 1, 7, 5000, 5001, (high + 1) // 2]))
            raws[draw(st.integers(0, count - 1))] = odd if low <= odd <= high else usual
        return points, [word for p, raw in zip(points, raws, strict=True) for word in to_wire(p, raw)]

    return st.composite(make)()


@given(many_alike())
def test_a_long_block_says_what_the_careful_way_says(layout):
    points, words = layout
    payload = struct.pack(f">{len(words)}H", *words)
    _, (values, qualities, causes) = decode(points, words)
    expected = [decode_value(p, from_wire(p, payload[2 * p.address : 2 * p.end])) for p in points]
    assert list(zip(values, qualities, causes, strict=True)) == expected


def test_a_value_below_the_smallest_float_is_rounded_to_the_side_of_safety():
    p = point(kind=Kind.F32)
    assert encode_value(p, 1e-46) == 0.0
    assert encode_value(p, -1e-46, safe=6.0) == 0.0
    assert encode_value(p, 1e-46, safe=6.0) == 2.0**-149


def test_a_sentinel_that_is_nan_needs_no_saying():
    assert one(point(kind=Kind.F32, invalid=(math.nan, 5.0)), [0x3F80, 0])[0] == 1.0
    assert one(point(kind=Kind.F32, invalid=(math.nan, 1.0)), [0x3F80, 0]) == SENTINEL


def test_every_type_of_number_has_its_letter():
    assert set(LETTER) == set(NUMBERS)
    assert all(struct.calcsize(">" + LETTER[kind]) == 2 * kind.words for kind in NUMBERS)


@pytest.mark.fault("A-008", "A-052")
@pytest.mark.parametrize(
    ("said", "shown_as"),
    [
        ("PLC 7/ü", "PLC 7/ü"),
        ("a\x1b[31m\n\x00b", "a\\x1b[31m\\n\\x00b"),
        ("\u202e47", "\\u202e47"),
        ("x" * 300, "x" * 256 + "…"),
    ],
)
def test_what_a_device_says_in_words_reaches_no_terminal_as_a_command(said, shown_as):
    assert shown(said) == shown_as


def test_a_text_of_registers_is_shown_without_control_characters():
    text = point("x.s", Kind.TEXT, words=3)
    block = Block(text.table, text.address, 3, (text.name,))
    assert compile_block({"x.s": text}, block).texts(b"A\x1b[2J\0") == {"x.s": "A\\x1b[2J"}
