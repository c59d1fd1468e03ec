"""Laws and vectors over every shipped profile."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.profiles.frames import for_device
from gateway.profiles.load import load_profile, profile_names
from gateway.profiles.readplan import plan, touches
from gateway.profiles.schema import Control, Kind, Mask, Profile, Set, Wear
from gateway.profiles.vectors import VectorsForm, check_vectors
from gateway.profiles.vocabulary import is_extra, unit_of
from gateway.shipped import shipped
from gateway.yamltext import Document, read_file
from gateway.yamltext.form import fit

NAMES = profile_names()
EVERY = pytest.mark.parametrize("name", NAMES)


@cache
def profile_of(name: str) -> Profile:
    """Each is loaded once: there are many laws."""
    return load_profile(name)


@cache
def vectors_of(name: str) -> tuple[Document, VectorsForm]:
    document = read_file(shipped("device_profiles") / f"{name}.vectors.yaml")
    form, problems = fit(document, VectorsForm)
    assert form is not None, [str(problem) for problem in problems]
    return document, form


@cache
def every_relative() -> list[Profile]:
    """Every profile and every variant."""
    bases = [profile_of(name) for name in NAMES]
    return bases + [profile_of(f"{base.name}@{variant}") for base in bases for variant in base.variants]


def every_control() -> list[tuple[Profile, Control]]:
    return [(profile, control) for profile in every_relative() for control in profile.controls.values()]


def test_every_profile_of_the_first_set_ships():
    assert set(NAMES) >= {
        "meter/abb_b23", "meter/eastron_sdm630", "battery/foxess_h3", "battery/acme_200", "ev_charger/alfen_ng9xx",
        "ev_charger/depot_bookings", "hvac/abb_acs580", "hvac/acme_chiller_opcua", "sensor/xy_md02",
        "lighting/acme_dimmer",
    }  # fmt: skip


@EVERY
def test_raw_words_become_the_readings_of_the_vectors_and_commands_their_frames(name):
    document, _ = vectors_of(name)
    problems = check_vectors(document, lambda variant: profile_of(f"{name}@{variant}" if variant else name))
    assert not problems, "\n".join(map(str, problems))


@EVERY
def test_there_is_a_vector_for_every_type_every_variant_and_every_control_in_every_phase(name):
    profile, (_, vectors) = profile_of(name), vectors_of(name)
    shown = {p for row in vectors.decode if not row.variant for p in row.expect}
    assert {profile.points[p].kind for p in shown} >= {
        p.kind for p in profile.points.values() if p.kind is not Kind.TEXT and p.readable
    }
    assert {row.variant for row in vectors.decode} >= set(profile.variants)
    written = {(row.control, row.phase) for row in vectors.write}
    for control in profile.controls.values():
        phases = ["apply", "release", *(["keepalive"] if control.keepalive else [])]
        assert {(control.name, phase) for phase in phases} <= written


def test_names_come_from_the_published_vocabulary_with_their_unit():
    for profile in every_relative():
        for point in profile.points.values():
            assert is_extra(point.name) or unit_of(point.name) is point.unit, (profile.name, point.name)


def test_points_of_a_table_do_not_overlap_unless_they_are_bits_of_one_word():
    for profile in every_relative():
        places = [
            (str(p.table), p.unit_id or 0, p.address, p.end, p.name)
            for p in profile.points.values()
            if p.table is not None and p.bits is None
        ]
        for first, second in pairwise(sorted(places)):
            assert first[:2] != second[:2] or first[3] <= second[2], (profile.name, first, second)


def test_every_control_has_a_range_a_release_and_says_what_happens_without_us():
    for profile, control in every_control():
        assert control.low <= control.high, (profile.name, control.name)
        assert any(isinstance(s, Set) for s in control.release), (profile.name, control.name)
        assert control.lost.then
        assert profile.points[control.name].writable, (profile.name, control.name)


def test_what_can_be_written_has_limits_or_names_and_a_profile_from_hearsay_writes_nothing():
    for profile in every_relative():
        for point in profile.points.values():
            if point.writable:
                bounded = point.low is not None and point.high is not None
                named = point.enum or point.kind is Kind.BOOL or point.is_virtual
                assert bounded or named, (profile.name, point.name)
                assert profile.confidence != "C", (profile.name, point.name)


@pytest.mark.fault("F-035")
def test_a_reversion_timer_is_refreshed_three_times_before_it_runs_out_and_never_in_flash():
    for profile, control in every_control():
        if control.keepalive:
            assert 3 * control.keepalive.every_s <= control.keepalive.timeout_s, (profile.name, control.name)
            for step in control.keepalive.steps:
                assert not isinstance(step, Mask)
                for point, _ in step.writes if isinstance(step, Set) else ():
                    assert profile.points[point].wear is Wear.VOLATILE, (profile.name, point)


def test_a_device_that_would_keep_our_last_command_is_given_back_by_its_release_steps():
    for profile, control in every_control():
        if control.keepalive is None:
            written = {p for s in control.apply if isinstance(s, Set) for p, _ in s.writes}
            released = {p for s in control.release if isinstance(s, Set) for p, _ in s.writes}
            assert written & released, (profile.name, control.name)


def test_reads_cover_every_point_once_and_touch_nothing_forbidden():
    for profile in every_relative():
        blocks = plan(profile.points.values(), profile.limits)
        assert sorted(p for b in blocks for p in b.points) == sorted(
            p.name for p in profile.points.values() if p.table is not None and p.readable
        ), profile.name
        for block in blocks:
            assert block.count <= profile.limits.max_read[block.table], profile.name
            end = block.address + block.count
            assert not touches(block.address, end, profile.limits.forbid, table=block.table), profile.name
            assert not (profile.limits.even and (block.address % 2 or block.count % 2)), profile.name


def test_a_device_without_parameters_takes_the_defaults():
    for profile in every_relative():
        made = for_device(profile, {})
        assert not any(step.param for point in made.points.values() for step in point.path), profile.name
        assert not any(point.scale_params for point in made.points.values()), profile.name


def test_what_a_device_is_known_by_can_be_read():
    for profile in every_relative():
        for trait in profile.identify:
            if trait.point is not None:
                assert profile.points[trait.point].readable, (profile.name, trait.point)


@pytest.mark.parametrize(
    ("control", "device_class"),
    [
        ("battery.power.setpoint", "battery"), ("ev.current.limit", "ev_charger"), ("fan.speed.setpoint", "hvac"),
        ("chiller.demand.limit", "hvac"), ("chiller.enable", "hvac"), ("light.level.setpoint", "lighting"),
    ],
)  # fmt: skip
def test_each_thing_the_gateway_steers_has_a_profile_with_its_control(control, device_class):
    assert any(control in profile_of(name).controls for name in NAMES if name.startswith(device_class))


def test_an_unknown_profile_names_the_nearest():
    with pytest.raises(ConfigError) as caught:
        load_profile("meter/abb_b32")
    assert caught.value.problems[0].nearest == "meter/abb_b23"


def test_a_site_may_bring_its_own_profiles(tmp_path: Path):
    own = tmp_path / "meter"
    own.mkdir()
    text = (shipped("device_profiles") / "meter/abb_b23.yaml").read_text(encoding="utf-8")
    (own / "abb_b24.yaml").write_text(text.replace("id: abb.b23", "id: abb.b24"), encoding="utf-8")
    assert load_profile("meter/abb_b24", [tmp_path]).id == "abb.b24"
