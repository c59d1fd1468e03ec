"""Laws and vectors over every shipped profile."""

import struct
from functools import cache
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.model.reading import Cause, Quality
from gateway.profiles.codec import compile_block, decode_value, encode_value
from gateway.profiles.frames import assignments, for_device, frames, steps_of
from gateway.profiles.load import load_profile as loaded
from gateway.profiles.load import profile_names
from gateway.profiles.readplan import plan, touches
from gateway.profiles.schema import Block, Kind, Mask, Protocol, Set, Table, Wear
from gateway.profiles.vocabulary import is_extra, unit_of
from gateway.shipped import shipped
from gateway.yamltext import read_file

NAMES = profile_names()
EVERY = pytest.mark.parametrize("name", NAMES)
WORDS = {"sentinel": Cause.SENTINEL, "out_of_range": Cause.OUT_OF_RANGE}


load_profile = cache(loaded)
"""Shipped files are read once."""


@cache
def vectors_of(name: str):
    return read_file(shipped("device_profiles") / f"{name}.vectors.yaml").data


def decode_rows():
    return [(name, row) for name in NAMES for row in vectors_of(name)["decode"]]


def write_rows():
    return [(name, row) for name in NAMES for row in vectors_of(name).get("write", ())]


def readings(profile, row):
    """What the profile makes of the words of a vector row, through the decoder of one great block per run of words."""
    values: dict[str, object] = {}
    for at, words in row.get("words", {}).items():
        inside = [
            p for p in profile.points.values()
            if p.table == row["table"] and at <= p.address and p.end <= at + len(words)
        ]  # fmt: skip
        block = Block(Table(row["table"]), at, len(words), tuple(p.name for p in inside))
        decoder = compile_block(profile.points, block)
        payload = struct.pack(f">{len(words)}H", *words)
        values |= dict(zip(decoder.names, zip(*decoder(payload), strict=True), strict=True))
        values |= decoder.texts(payload)
    for point, raw in row.get("nodes", {}).items():
        values[point] = decode_value(profile.points[point], raw)
    return values


def test_every_profile_of_the_first_set_ships():
    assert set(NAMES) >= {
        "meter/abb_b23", "meter/eastron_sdm630", "battery/foxess_h3", "battery/acme_200", "ev_charger/alfen_ng9xx",
        "ev_charger/depot_bookings", "hvac/abb_acs580", "hvac/acme_chiller_opcua", "sensor/xy_md02",
        "lighting/acme_dimmer",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "row"), decode_rows(), ids=lambda v: v if isinstance(v, str) else "")
def test_raw_words_become_the_readings_of_the_vector(name, row):
    values = readings(load_profile(name), row)
    for point, expected in row["expect"].items():
        if expected in WORDS:
            assert values[point] == (None, Quality.INVALID, WORDS[expected]), point
        elif isinstance(expected, str):
            assert values[point] == expected, point
        else:
            assert values[point] == (pytest.approx(expected, rel=1e-6, abs=1e-9), Quality.GOOD, Cause.NONE), point


@pytest.mark.parametrize(("name", "row"), write_rows(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_command_becomes_the_frames_of_the_vector(name, row):
    profile = load_profile(name)
    control = profile.controls[row["control"]]
    steps = [s for s in steps_of(control, row.get("phase", "apply")) if isinstance(s, Set)]
    if profile.protocol is Protocol.OPCUA:
        sent = [{p: encode_value(profile.points[p], v) for p, v in assignments(s, row.get("value"))} for s in steps]
        assert sent == row["nodes"]
        return
    made = [f for s in steps for f in frames(profile.points, s, value=row.get("value"), control=control)]
    assert [(f.function, f.address, list(f.words)) for f in made] == [
        (f["function"], f["at"], f["words"]) for f in row["frames"]
    ]


@EVERY
def test_there_is_a_vector_for_every_type_and_every_control_in_every_phase(name):
    profile, vectors = load_profile(name), vectors_of(name)
    shown = {p for row in vectors["decode"] for p in row["expect"]}
    assert shown <= set(profile.points)
    assert {profile.points[p].kind for p in shown} >= {
        p.kind for p in profile.points.values() if p.kind is not Kind.TEXT
    }
    written = {(row["control"], row.get("phase", "apply")) for row in vectors.get("write", ())}
    for control in profile.controls.values():
        phases = ["apply", "release", *(["keepalive"] if control.keepalive else [])]
        assert {(control.name, phase) for phase in phases} <= written


@EVERY
def test_names_come_from_the_published_vocabulary_with_their_unit(name):
    for point in load_profile(name).points.values():
        assert is_extra(point.name) or unit_of(point.name) is point.unit


@EVERY
def test_points_of_a_table_do_not_overlap_unless_they_are_bits_of_one_word(name):
    points = [p for p in load_profile(name).points.values() if p.table is not None]
    for a in points:
        for b in points:
            if a is not b and (a.table, a.unit_id) == (b.table, b.unit_id) and a.bits is None and b.bits is None:
                assert a.end <= b.address or b.end <= a.address, (a.name, b.name)


@EVERY
def test_every_control_has_a_range_a_release_and_says_what_happens_without_us(name):
    profile = load_profile(name)
    for control in profile.controls.values():
        assert control.low <= control.high
        assert any(isinstance(s, Set) for s in control.release)
        assert control.lost.then
        assert profile.points[control.name].writable
        assert profile.confidence != "C"


@EVERY
@pytest.mark.fault("F-035")
def test_a_reversion_timer_is_refreshed_three_times_before_it_runs_out_and_never_in_flash(name):
    profile = load_profile(name)
    for control in profile.controls.values():
        if control.keepalive:
            assert 3 * control.keepalive.every_s <= control.keepalive.timeout_s
            for step in control.keepalive.steps:
                assert not isinstance(step, Mask)
                for point, _ in step.writes if isinstance(step, Set) else ():
                    assert profile.points[point].wear is Wear.VOLATILE


@EVERY
def test_reads_cover_every_point_once_and_touch_nothing_forbidden(name):
    profile = load_profile(name)
    blocks = plan(profile.points.values(), profile.limits)
    assert sorted(p for b in blocks for p in b.points) == sorted(
        p.name for p in profile.points.values() if p.table is not None and p.readable
    )
    for block in blocks:
        assert block.count <= profile.limits.max_read[block.table]
        assert not touches(block.address, block.address + block.count, profile.limits.forbid, table=block.table)
        assert not (profile.limits.even and (block.address % 2 or block.count % 2))


@EVERY
def test_a_device_without_parameters_takes_the_defaults(name):
    profile = for_device(load_profile(name), {})
    assert not any(step.param for point in profile.points.values() for step in point.path)


@pytest.mark.parametrize(
    ("control", "device_class"),
    [
        ("battery.power.setpoint", "battery"), ("ev.current.limit", "ev_charger"), ("fan.speed.setpoint", "hvac"),
        ("chiller.demand.limit", "hvac"), ("chiller.enable", "hvac"), ("light.level.setpoint", "lighting"),
    ],
)  # fmt: skip
def test_each_thing_the_gateway_steers_has_a_profile_with_its_control(control, device_class):
    assert any(control in load_profile(name).controls for name in NAMES if name.startswith(device_class))


def test_an_unknown_profile_names_the_nearest():
    with pytest.raises(ConfigError) as caught:
        loaded("meter/abb_b32")
    assert caught.value.problems[0].nearest == "meter/abb_b23"


def test_a_site_may_bring_its_own_profiles(tmp_path: Path):
    own = tmp_path / "meter"
    own.mkdir()
    text = (shipped("device_profiles") / "meter/abb_b23.yaml").read_text(encoding="utf-8")
    (own / "abb_b24.yaml").write_text(text.replace("id: abb.b23", "id: abb.b24"), encoding="utf-8")
    assert loaded("meter/abb_b24", [tmp_path]).id == "abb.b24"
