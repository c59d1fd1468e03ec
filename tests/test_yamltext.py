"""Strict YAML: what is read how, what is refused where, and that nothing else escapes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.yamltext import MAX_BYTES, read_file, read_text
from tests.spoken import in_both_languages


def refused(raw: bytes) -> list[tuple[int, int, str]]:
    with pytest.raises(ConfigError) as caught:
        read_text(raw, "f.yaml")
    in_both_languages(caught.value.problems[:20])
    return [(p.line, p.column, p.code) for p in caught.value.problems]


@pytest.mark.fault("A-020")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("true", True), ("False", False),
        ("1:30", "1:30"), ("1_000", "1_000"), ("5kW", "5kW"), ("2026-07-01", "2026-07-01"), ("2001-99-99", "2001-99-99"),
        ("1e3", 1000.0), ("1.5E-2", 0.015), (".5", 0.5), ("3.", 3.0), ("-0.5", -0.5), ("+7", 7), ("0", 0), ("-0", 0),
        ("0x1F", 31), ("0o17", 15), ('"12"', "12"), ("'true'", "true"), ("~", None), ("null", None), ("''", ""),
        ("18446744073709551615", 2**64 - 1), ("-9223372036854775808", -(2**63)), ("8E1", 80.0), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text, value):
    read = read_text(f"a: {text}\n".encode(), "f.yaml").data["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        pytest.param(b"a: 012\n", [(1, 4, "leading_zero")], marks=pytest.mark.fault("A-020")),
        pytest.param(b"a: -007.5\n", [(1, 4, "leading_zero")], marks=pytest.mark.fault("A-020")),
        pytest.param(b"a: .nan\n", [(1, 4, "not_finite")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"a: [1, -.inf]\n", [(1, 8, "not_finite")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"a: 1e999\n", [(1, 4, "number_too_large")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"a: " + b"9" * 5000, [(1, 4, "number_too_large")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"a: 0x" + b"f" * 5000, [(1, 4, "number_too_large")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"a: 18446744073709551616", [(1, 4, "number_too_large")], marks=pytest.mark.fault("A-021")),
        pytest.param(b"limit: 10\nb: 1\nlimit: 100\n", [(3, 1, "duplicate_key")], marks=pytest.mark.fault("A-017")),
        pytest.param("ü: {é: 1, é: 2}".encode(), [(1, 11, "duplicate_key")], marks=pytest.mark.fault("A-017")),
        pytest.param(b"&x [*x]\n", [(1, 1, "anchor"), (1, 5, "alias")], marks=pytest.mark.fault("A-016")),
        pytest.param(b"a: *x\n", [(1, 4, "alias")], marks=pytest.mark.fault("A-016")),
        pytest.param(b"<<: {a: 1}\n", [(1, 1, "merge_key")], marks=pytest.mark.fault("A-015")),
        pytest.param(b"!!python/object/apply:os.system ['x']", [(1, 1, "tag")], marks=pytest.mark.fault("A-018")),
        pytest.param(b"a: !!binary aGk=\n", [(1, 4, "tag")], marks=pytest.mark.fault("A-018")),
        pytest.param(b"a: !mine 1\nb: !!str 2", [(1, 4, "tag"), (2, 4, "tag")], marks=pytest.mark.fault("A-018")),
        pytest.param(b"x: " + b"[" * 3000, [(1, 23, "too_deep")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"- " * 3000, [(1, 41, "too_deep")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"? " * 3000, [(1, 41, "too_deep")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"a: x\x00y\n", [(1, 5, "unseen_character")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"b: 1\na: \x1b[0m\n", [(2, 4, "unseen_character")], marks=pytest.mark.fault("A-022")),
        pytest.param("ä: a\u202eb\n".encode(), [(1, 5, "unseen_character")], marks=pytest.mark.fault("A-022")),
        pytest.param(b'a: "\\u202e"\n', [(1, 4, "unseen_character")], marks=pytest.mark.fault("A-022")),
        pytest.param("a: 1\u2028b: 2\n".encode(), [(1, 5, "unseen_character")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"a: 1\nb: \xff\n", [(2, 4, "not_utf8")], marks=pytest.mark.fault("A-022")),
        pytest.param(b"a: 1\n" * (MAX_BYTES // 5 + 1), [(1, 1, "too_large")], marks=pytest.mark.fault("A-022")),
        (b"", [(1, 1, "empty")]),
        (b"# nothing\n", [(1, 1, "empty")]),
        (b"a: 1\n---\nb: 2\n", [(2, 1, "documents")]),
        (b"%YAML 1.1\n---\na: 1\n", [(1, 1, "directive")]),
        (b"a: b: c\n", [(1, 5, "syntax")]),
        (b"a:\n\t- b\n", [(2, 1, "syntax")]),
        (b"a: [1, 2\n", [(2, 1, "syntax")]),
        (b"true: 1\n", [(1, 1, "bad_key")]),
        (b"1.5: 1\n", [(1, 1, "bad_key")]),
        (b"? [1]\n: 2\n", [(1, 3, "bad_key")]),
        (b"a: 01\nb: .inf\n", [(1, 4, "leading_zero"), (2, 4, "not_finite")]),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_what_two_readers_could_read_in_two_ways_is_refused_at_its_place(raw, problems):
    assert refused(raw) == problems


@pytest.mark.fault("A-017")
def test_a_duplicate_key_names_the_place_of_the_first():
    with pytest.raises(ConfigError) as caught:
        read_text(b"limit: 10\nlimit: 100\n", "f.yaml")
    assert caught.value.problems[0].see == "f.yaml:1:1"


@pytest.mark.fault("A-015", "A-016")
@pytest.mark.parametrize("form", [b"a%d: &a%d {<<: [*a%d, *a%d]}\n", b"a%d: &a%d [*a%d, *a%d]\n"])
def test_a_bomb_of_aliases_is_refused_before_anything_is_built(form):
    bomb = b"a0: &a0 {x: 1}\n" + b"".join(form % (n, n, n - 1, n - 1) for n in range(1, 27))
    start = time.perf_counter()
    assert {code for _, _, code in refused(bomb)} <= {"anchor", "alias", "merge_key"}
    assert time.perf_counter() - start <= 0.1


def test_a_byte_order_mark_is_tolerated_and_does_not_shift_the_columns():
    assert read_text(b"\xef\xbb\xbfa: 1\n", "f").data == {"a": 1}
    assert refused(b"\xef\xbb\xbfa: 01\n") == [(1, 4, "leading_zero")]


def test_every_key_and_value_has_its_place_in_characters():
    document = read_text("ä: {b: [1, 'ü', x]}\nc:\n  d: 2\n".encode(), "f")
    assert [(document.at(p).line, document.at(p).column) for p in [("ä",), ("ä", "b", 2), ("c", "d")]] == [
        (1, 4), (1, 17), (3, 6)
    ]  # fmt: skip
    assert (document.key_at(("c", "d")).line, document.key_at(("c", "d")).column) == (3, 3)
    assert document.at(("c", "nothing", "there")) == document.at(("c",))
    assert document.key_at(()).line == document.key_at(()).column == 1


def test_a_file_that_cannot_be_read_is_a_problem_like_any_other(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            read_file(path)
        assert caught.value.problems[0].code == "unreadable"


def test_a_flood_of_problems_ends_at_a_hundred():
    assert len(refused(b"".join(b"a%d: *x\n" % n for n in range(500)))) == 100


@pytest.mark.fault("A-021", "A-022")
@given(
    st.one_of(st.binary(max_size=60), st.text("[]{}:,-?!&*#|>%@`'\" \n\tax01.~<=\u202e\0", max_size=60).map(str.encode))
)
def test_nothing_but_a_configuration_error_escapes(raw):
    try:
        document = read_text(raw, "f")
    except ConfigError as error:
        assert error.problems
        assert all(p.line >= 1 and p.column >= 1 for p in error.problems)
    else:
        assert () in document.values
