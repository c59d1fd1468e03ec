"""The emulators' encoder: against the profiles' own vectors, and against the gateway's decoder."""

import ast
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emulators
from emulators.registers import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Refusal, RegisterMap, decode, encode
from gateway.model.point import Unit
from gateway.model.reading import Quality
from gateway.profiles import codec
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Block, Kind, Order, Point, Table
from gateway.shipped import shipped
from gateway.yamltext import read_file

MODBUS = [
    "battery/acme_200",
    "ev_charger/alfen_ng9xx",
    "ev_charger/depot_bookings",
    "hvac/abb_acs580",
    "lighting/acme_dimmer",
    "meter/abb_b23",
    "sensor/xy_md02",
]
"""What scenarios are made of; every other profile is read both ways in tests/profiles."""
FORBIDDEN = {
    "gateway.profiles.codec",
    "gateway.profiles.raw",
    "gateway.profiles.blockcode",
    "gateway.profiles.wholeblock",
    "gateway.profiles.readplan",
}


def point(**facts):
    return Point("p", Unit.ONE, **{"kind": Kind.U16, "table": Table.HOLDING, **facts})


def test_no_emulator_imports_the_gateways_decoder_or_control():
    for path in Path(emulators.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not FORBIDDEN & set(names), path


@pytest.mark.parametrize(
    ("facts", "value", "words"),
    [
        ({}, 258.0, "0102"),
        ({"order": Order.BADC}, 258.0, "0201"),
        ({"kind": Kind.I16}, -2.0, "fffe"),
        ({"kind": Kind.U32, "words": 2}, float(0x01020304), "01020304"),
        ({"kind": Kind.U32, "words": 2, "order": Order.CDAB}, float(0x01020304), "03040102"),
        ({"kind": Kind.U32, "words": 2, "order": Order.BADC}, float(0x01020304), "02010403"),
        ({"kind": Kind.U32, "words": 2, "order": Order.DCBA}, float(0x01020304), "04030201"),
        ({"kind": Kind.F32, "words": 2}, 1.0, "3f800000"),
        ({"kind": Kind.I32, "words": 2, "factor": -1.0}, 100_000.0, "fffe7960"),
        ({"factor": 0.1}, 50.5, "01f9"),
        ({"factor": 0.1, "offset": -40.0}, 0.0, "0190"),
        ({"kind": Kind.I16}, 99_999.0, "7fff"),
        ({}, -5.0, "0000"),
        ({"invalid": (65535.0,)}, None, "ffff"),
        ({"bits": (2, 2)}, 1.0, "0004"),
        ({"kind": Kind.TEXT, "words": 2, "codes": {"C2": 4.0}}, 4.0, "43320000"),
    ],
)
def test_a_value_becomes_the_words_of_the_document(facts, value, words):
    assert encode(point(**facts), value).hex() == words


@given(st.binary(min_size=1, max_size=16).map(lambda data: data * 2), st.sampled_from(list(Order)))
def test_reordering_twice_changes_nothing(data, order):
    assert order.turned(order.turned(data)) == data


@pytest.mark.parametrize("name", MODBUS)
def test_the_expected_readings_of_a_profiles_vectors_become_its_words(name):
    profile = load_profile(name)
    vectors = read_file(shipped("device_profiles") / f"{name}.vectors.yaml").data
    compared = 0
    for vector in vectors["decode"]:
        words = {at + n: word for at, run in vector["words"].items() for n, word in enumerate(run)}
        for quantity, expected in vector["expect"].items():
            one = profile.points[quantity]
            if isinstance(expected, str) or one.bits is not None or one.table != vector["table"]:
                continue
            if one.address not in words:  # worked out of other points
                continue
            data = b"".join(struct.pack(">H", words[at]) for at in range(one.address, one.end))
            assert encode(one, expected) == data, quantity
            compared += 1
    assert compared > 0


@pytest.mark.parametrize("name", MODBUS)
def test_what_the_emulator_encodes_the_gateway_decodes(name):
    profile = load_profile(name)
    for one in profile.points.values():
        if one.is_text or one.pow10 is not None:
            continue
        value = next(iter(one.enum)) if one.enum else one.factor * 42.0 + one.offset
        if one.codes:
            value = next(iter(one.codes.values()))
        if one.low is not None and not one.low <= value <= one.high:
            value = one.low
        if one.bits is not None or one.table.of_bits:
            value = 1.0
        block = Block(one.table, one.address, one.words, (one.name,))
        (decoded,), (quality,), _ = codec.compile_block(profile.points, block)(encode(one, float(value)))
        assert quality is Quality.GOOD, one.name
        assert decoded == pytest.approx(value, abs=abs(one.factor) / 2.0 + 1e-9), one.name
        if one.writable and not one.codes:
            words = codec.encode(one, float(value))
            assert decode(one, struct.pack(f">{len(words)}H", *words)) == pytest.approx(value, abs=abs(one.factor))


METER = RegisterMap(load_profile("meter/abb_b23"))
BATTERY = RegisterMap(load_profile("battery/acme_200"))
FANS = RegisterMap(load_profile("hvac/abb_acs580"))
FLOATS = RegisterMap(load_profile("meter/eastron_sdm630"))
SENSOR = RegisterMap(load_profile("sensor/xy_md02"))


def test_a_block_holds_every_point_at_its_place_and_a_value_not_there_is_not_available():
    values = {"power.active": 123_400.0, "voltage.l1-n": 230.1}
    data = METER.words(Table.HOLDING, 0x5B00, 0x1E, values.get)
    assert data[:4].hex() == "000008fd"
    assert int.from_bytes(data[0x14 * 2 : 0x16 * 2], "big") == 12_340_000
    assert data[0x0C * 2 : 0x0E * 2] == b"\xff" * 4


def test_half_a_value_can_be_read():
    values = {"power.active": 123_400.0}
    whole = METER.words(Table.HOLDING, 0x5B14, 2, values.get)
    assert METER.words(Table.HOLDING, 0x5B15, 1, values.get) == whole[2:]


def test_bits_share_their_word_with_the_rest():
    values = {"x.status_word": 0x0200, "fan.running": 1.0, "fan.tripped": 1.0}
    assert FANS.words(Table.HOLDING, 3, 1, values.get).hex() == "020c"


@pytest.mark.parametrize(
    ("registers", "table", "address", "count", "code"),
    [
        (METER, Table.HOLDING, 0x5A00, 2, ILLEGAL_ADDRESS),
        (METER, Table.INPUT, 0x5B00, 2, ILLEGAL_ADDRESS),
        (BATTERY, Table.HOLDING, 100, 65, ILLEGAL_VALUE),
        (BATTERY, Table.HOLDING, 100, 0, ILLEGAL_VALUE),
        (FLOATS, Table.INPUT, 1, 2, ILLEGAL_ADDRESS),
        (FLOATS, Table.INPUT, 0, 3, ILLEGAL_ADDRESS),
        (SENSOR, Table.INPUT, 0, 2, ILLEGAL_ADDRESS),
    ],
)
def test_what_the_device_does_not_give_is_refused(registers, table, address, count, code):
    with pytest.raises(Refusal) as caught:
        registers.words(table, address, count, {}.get)
    assert caught.value.code == code


def test_a_written_block_becomes_values_and_half_a_point_is_refused():
    found = BATTERY.written(200, bytes.fromhex("0000c35000010000000f"))
    assert [(one.name, value) for one, value in found] == [
        ("battery.power.setpoint", -50_000.0),
        ("battery.enable", 1.0),
        ("battery.power.setpoint.timeout", 15.0),
    ]
    for address, data in ((200, "0000"), (201, "c350"), (100, "0000c350"), (204, "000f")):
        with pytest.raises(Refusal):
            BATTERY.written(address, bytes.fromhex(data))


@settings(max_examples=min(100, settings().max_examples))  # no law of safety: the hundredth example says little more
@given(st.floats(width=32))
def test_a_written_float_is_a_number_in_range_or_refused(value):
    limit = load_profile("ev_charger/alfen_ng9xx").points["ev.current.limit"]
    try:
        taken = decode(limit, struct.pack(">f", value))
    except Refusal:
        assert not 0.0 <= value <= 100.0
    else:
        assert 0.0 - 0.5 <= taken <= 100.5
