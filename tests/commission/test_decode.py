"""Raw words and their meanings."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli.decode import app
from gateway.commission.guess import best, meanings
from gateway.commission.rawwords import parse_words
from gateway.errors import ProfileError
from gateway.profiles.kinds import Kind, Order


@pytest.mark.parametrize(
    ("typed", "words", "manner"),
    [
        (["04F7", "F900"], (0x04F7, 0xF900), "hex"),
        (["04F7F900"], (0x04F7, 0xF900), "hex"),
        (["0x04F7", "0xF900"], (0x04F7, 0xF900), "hex"),
        (["5b14h", "1"], (0x5B14, 1), "mixed"),
        (["1271, 63744"], (1271, 63744), "decimal"),
        (["-200"], (0xFF38,), "decimal"),
        (["04", "F7", "F9", "00"], (0x04F7, 0xF900), "bytes"),
        (["0", "10"], (0, 10), "decimal"),
    ],
)
def test_words_are_taken_as_technicians_write_them(typed, words, manner):
    taken = parse_words(typed)
    assert (taken.words, taken.manner) == (words, manner)


@pytest.mark.parametrize("typed", [[], ["zzz"], ["70000"], ["-40000"], ["04", "F7", "F9"], ["1.5"], ["1"] * 126])
def test_what_is_no_word_is_refused(typed):
    with pytest.raises(ProfileError):
        parse_words(typed)


def words_of(letter: str, value: float, order: Order) -> list[int]:
    data = order.turned(struct.pack(f">{letter}", value))
    return list(struct.unpack(f">{len(data) // 2}H", data))


@pytest.mark.parametrize("order", [Order.ABCD, Order.CDAB])
@pytest.mark.parametrize(
    ("letter", "value", "kind"),
    [("f", 231.4, Kind.F32), ("f", 49.98, Kind.F32), ("f", -1250.5, Kind.F32), ("d", 12345.25, Kind.F64), ("I", 83_360, Kind.U32), ("i", -117_000, Kind.I32)],
)  # fmt: skip
def test_the_right_type_and_order_are_among_the_most_plausible(letter, value, kind, order):
    ranked = best(meanings(words_of(letter, value, order)))
    assert any(one.kind is kind and one.order is order and one.value == pytest.approx(value) for one in ranked)


def test_a_float_of_the_mains_comes_first():
    first = best(meanings(words_of("f", 231.4, Order.CDAB)))[0]
    assert (first.kind, first.order, first.why) == (Kind.F32, Order.CDAB, "mains_v")


@given(
    raw=st.integers(min_value=1000, max_value=2**31),
    power=st.integers(min_value=-3, max_value=3),
    order=st.sampled_from(list(Order)),
)
def test_what_the_display_shows_finds_type_order_and_scale(raw, power, order):
    ranked = best(meanings(words_of("I", raw, order), shows=raw * 10.0**power), most=50)
    assert any(
        one.kind is Kind.U32 and one.order is order and one.value * one.scale == pytest.approx(raw * 10.0**power)
        for one in ranked
    )


@given(
    data=st.binary(min_size=2, max_size=16).filter(lambda data: len(data) % 2 == 0), order=st.sampled_from(list(Order))
)
def test_reordering_twice_changes_nothing(data, order):
    assert order.turned(order.turned(data)) == data


def test_text_is_read_in_both_byte_orders():
    swapped = words_of("Q", int.from_bytes(b"AB12345 "), Order.BADC)
    assert "AB12345" in {one.value for one in best(meanings(swapped))[:2]}


def decode(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env={"GATEWAY_LANG": "en", "COLUMNS": "120"})
    return result.exit_code, result.output


def test_the_command_shows_every_order_and_a_line_for_the_profile():
    code, out = decode("04F7", "F900", "--shows", "833600")
    assert code == 0
    assert "83360000 ●" in out
    assert "dcba" in out
    assert "{type: u32, scale: 0.01}" in out


def test_the_command_says_no_when_nothing_is_what_the_display_shows():
    assert decode("1", "2", "--shows", "12.5")[0] == 1
    assert decode("zzz")[0] == 2


def test_a_negative_word_is_no_option():
    code, out = decode("-200")
    assert code == 0
    assert "FF38" in out
