"""The payload of `command`: what becomes a request, and the reason for everything that does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.request import Kind, Request, Service, Source
from gateway.wire.command import MAX_BYTES, Refusal, parse_command
from gateway.wire.topics import topic

HERE = "vpp/v1/tower/command"
SETPOINT: dict[str, Any] = {
    "id": "r-1",
    "issuer": "vpp",
    "seq": 7,
    "service": "reg",
    "kind": "setpoint",
    "target": "site",
    "issued_at": 1_795_000_000_000,
    "not_before": 1_795_000_000_000,
    "valid_until": 1_795_000_010_000,
    "signal": 0.5,
}
EVENT = {**SETPOINT, "service": "dr", "kind": "event", "shed_w": 100_000.0}
del EVENT["signal"]
LIMIT = {**EVENT, "service": "limit", "kind": "limit", "max_import_w": 900_000.0}
del LIMIT["shed_w"], LIMIT["valid_until"]


def parse(command: Any, *, at: str = HERE, retained: bool = False) -> Request | Refusal:
    payload = command if isinstance(command, bytes) else json.dumps(command).encode()
    return parse_command(payload, at, site="tower", retained=retained)


def refused(command: Any, **how: Any) -> str:
    found = parse(command, **how)
    assert isinstance(found, Refusal), found
    return found.reason


def raw(key: str, text: str, command: dict[str, Any] = SETPOINT) -> bytes:
    """The command with the JSON text of one value replaced, however unlawful."""
    return json.dumps({**command, key: "@@"}).replace('"@@"', text).encode()


def test_a_setpoint_becomes_a_request_with_every_field():
    assert parse(SETPOINT) == Request(
        id="r-1",
        issuer="vpp",
        source=Source.REMOTE,
        seq=7,
        service=Service.REG,
        kind=Kind.SETPOINT,
        target="site",
        issued_ms=1_795_000_000_000,
        begin_ms=1_795_000_000_000,
        end_ms=1_795_000_010_000,
        signal=0.5,
    )


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        (EVENT, "shed_w", 100_000.0),
        ({**EVENT, "replaces": "old"}, "replaces", "old"),
        (LIMIT, "max_import_w", 900_000.0),
        (LIMIT, "end_ms", None),
        ({**LIMIT, "max_import_w": None}, "withdraws", "max_import_w"),
        ({**LIMIT, "max_import_w": None}, "max_import_w", None),
        ({**LIMIT, "max_import_w": 0}, "max_import_w", 0.0),
        ({key: value for key, value in SETPOINT.items() if key != "not_before"}, "begin_ms", SETPOINT["issued_at"]),
        ({**{k: v for k, v in LIMIT.items() if k != "max_import_w"}, "kind": "cancel", "ref": "r-1"}, "ref", "r-1"),
        ({**SETPOINT, "sig": "ab"}, "id", "r-1"),
    ],
)
def test_each_kind_carries_its_value(command, field, value):
    found = parse(command)
    assert isinstance(found, Request), found
    assert getattr(found, field) == value


@pytest.mark.fault("A-038")
@pytest.mark.parametrize("key", ["signal", "issued_at", "not_before", "valid_until", "seq"])
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e309", "1e308", "-1e308", "9" * 400])
def test_numbers_without_measure_are_refused(key, text):
    assert refused(raw(key, text)) in {"non_finite", "out_of_range", "malformed"}


@pytest.mark.fault("A-038")
@pytest.mark.parametrize("key", ["power_w", "shed_w"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "non_finite"),
        ("-Infinity", "non_finite"),
        ("1e999", "non_finite"),
        ("1e308", "out_of_range"),
        ("-1e308", "out_of_range"),
        ("1000000001", "out_of_range"),
        ("9" * 5000, "out_of_range"),
    ],
)
def test_powers_without_measure_are_refused_and_never_clamped(key, text, reason):
    command = {name: value for name, value in EVENT.items() if name != "shed_w"}
    assert refused(raw(key, text, command)) == reason


@pytest.mark.fault("A-039")
@pytest.mark.parametrize("text", ["true", "false", '"12"', '"1_000"', '"١٢"', "null", "[1]", "{}", '"1 kW"'])
@pytest.mark.parametrize("key", ["signal", "seq", "issued_at", "valid_until"])
def test_what_is_not_a_number_is_no_number(key, text):
    assert refused(raw(key, text)) == "malformed"


@pytest.mark.fault("A-039")
@pytest.mark.parametrize("key", ["shed", "shed_kw", "power", "power_kw", "max_import", "limit", "value"])
def test_a_number_without_its_unit_has_no_key_to_stand_under(key):
    command = {name: value for name, value in EVENT.items() if name != "shed_w"}
    assert refused({**command, key: 100}) == "malformed"


@pytest.mark.parametrize(
    "command",
    [
        {**SETPOINT, "power_w": 1.0},
        {key: value for key, value in SETPOINT.items() if key != "signal"},
        {**SETPOINT, "extra": 1},
        {**SETPOINT, "service": "dr"},
        {**SETPOINT, "kind": "event"},
        {**SETPOINT, "service": "fcr"},
        {**EVENT, "kind": "limit"},
        {**LIMIT, "valid_until": SETPOINT["valid_until"]},
        {**LIMIT, "kind": "setpoint"},
        {**SETPOINT, "signal": None},
        {**EVENT, "valid_until": EVENT["not_before"]},
        {**SETPOINT, "sig": 5},
        [],
        "x",
        None,
        *({key: value for key, value in SETPOINT.items() if key != gone} for gone in SETPOINT if gone != "not_before"),
    ],
)
def test_a_command_of_the_wrong_shape_is_malformed(command):
    assert refused(command) == "malformed"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({**SETPOINT, "signal": 1.0001}, "out_of_range"),
        ({**SETPOINT, "signal": -1.0001}, "out_of_range"),
        ({**LIMIT, "max_import_w": -1}, "out_of_range"),
        ({**SETPOINT, "seq": -1}, "out_of_range"),
        ({**SETPOINT, "valid_until": 10**15}, "out_of_range"),
        (b'{"id": "a", "id": "b"}', "malformed"),
        (json.dumps(SETPOINT).replace('"seq": 7', '"seq": 7, "seq": 8').encode(), "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"", "malformed"),
        (b"{" * 5, "malformed"),
    ],
)
def test_each_refusal_says_why(command, reason):
    assert refused(command) == reason


@pytest.mark.fault("A-044")
def test_a_retained_command_is_refused_and_still_names_itself():
    assert parse(SETPOINT, retained=True) == Refusal("r-1", "vpp", "retained", "a command is never retained")


@pytest.mark.fault("A-043")
@pytest.mark.parametrize("at", ["vpp/v1/other/command", "vpp/v1/tower/x/command", "vpp/v1/tower/commands", ""])
def test_another_sites_command_is_refused(at):
    assert refused(SETPOINT, at=at) == "wrong_site"


@pytest.mark.fault("A-045")
@pytest.mark.parametrize("bad", ["+", "#", "a/b", "$SYS", "a\0", "", "-a", "a b", "x" * 65, "塔", "a\n"])
@pytest.mark.parametrize("key", ["id", "issuer", "target"])
def test_ids_that_could_leave_our_tree_are_refused(key, bad):
    assert refused({**SETPOINT, key: bad}) == "malformed"
    with pytest.raises(ValueError, match="does not match"):
        topic(bad, "command")


@pytest.mark.fault("A-046")
@pytest.mark.parametrize(
    "payload", [b" " * (MAX_BYTES + 1), b"[" * 2_000_000, json.dumps({**SETPOINT, "sig": "x" * 2**20}).encode()]
)
def test_an_oversized_command_is_refused_before_it_is_parsed(payload):
    assert refused(payload) == "too_large"


@pytest.mark.fault("A-046")
@pytest.mark.parametrize("payload", [b"[" * 8000, b'{"a":' * 1000 + b"1" + b"}" * 1000])
def test_a_deeply_nested_command_never_reaches_the_recursive_parser(payload):
    assert refused(payload) == "malformed"


def test_brackets_inside_a_text_are_not_depth():
    assert isinstance(parse({**SETPOINT, "sig": '[[[{{{"\\'}), Request)


@given(st.binary(max_size=400))
def test_no_payload_raises(payload):
    assert isinstance(parse(payload), Request | Refusal)


@given(
    st.dictionaries(
        st.sampled_from([*SETPOINT, "power_w", "ref", "x"]),
        st.from_type(type) | st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    )
)
def test_no_odd_value_raises(odd):
    command = {**SETPOINT, **odd}
    try:
        payload = json.dumps(command).encode()
    except TypeError:
        return
    assert isinstance(parse(payload), Request | Refusal)
