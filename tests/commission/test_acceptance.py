"""Verdicts of a commissioning as tables: what passes, what fails and why, what only a person can judge."""

import struct
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.commission.acceptance import Check, Part, Verdict, Whole, whole
from gateway.commission.drills import Course, Cut, Loss, judge_course, judge_cut, judge_loss
from gateway.commission.plausible import bounds_of, is_plausible
from gateway.commission.readings import Kept, rhythm
from gateway.commission.trials import AtMeter, Tried, judge_back, judge_meter, judge_step, nudged, tolerance_of, why_not
from gateway.commission.whoisit import judge as judge_identity
from gateway.commission.wordorder import as_sent, other_order
from gateway.model.point import Unit
from gateway.profiles.load import load_profile
from gateway.profiles.schema import Kind, Lost, Order, Point, Then
from gateway.profiles.traits import Seen
from tests.commission.places import load_profile as known

P, F, N, S = Verdict.PASSED, Verdict.FAILED, Verdict.NOTED, Verdict.SKIPPED
CONTROL = load_profile("battery/acme_200").controls["battery.power.setpoint"]
METER = load_profile("meter/abb_b23")
FLOATS = load_profile("meter/eastron_sdm630")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([P, P], Whole.PASSED),
        ([P, N], Whole.PASSED),
        ([P, S], Whole.PASSED_IN_PART),
        ([P, S, F], Whole.FAILED),
        ([S, S], Whole.FAILED),
        ([], Whole.FAILED),
    ],
)
def test_what_was_skipped_never_counts_as_passed(verdicts, expected):
    assert whole([Check(Part.READING, "a", "b", one, "read") for one in verdicts]) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("voltage.l1-n", 230.0, True),
        ("voltage.l1-n", 0.0, True),
        ("voltage.l1-n", 2.4e-41, False),
        ("voltage.l1-n", 1.5e7, False),
        ("frequency", 50.0, True),
        ("frequency", 5000.0, False),
        ("power.active", 900_000.0, True),
        ("power.active", -117e6, False),
        ("power_factor", -0.98, True),
        ("power_factor", 98.0, False),
        ("energy.active.import", 1.2e9, True),
        ("energy.active.import", 1e19, False),
        ("current.l1", 1778.0, True),
        ("current.l1", 1e6, False),
    ],
)
def test_what_a_quantity_of_a_building_can_be(name, value, expected):
    assert is_plausible(value, bounds_of(METER.points[name], 1_800_000.0)) is expected


@given(st.floats(60.0, 500.0, width=32), st.sampled_from([one for one in Order if one is not Order.ABCD]))
def test_a_voltage_in_the_wrong_order_is_told_with_the_order_that_makes_sense(volts, order):
    sent = struct.pack(">f", volts)
    point = replace(FLOATS.points["voltage.l1-n"], order=order)
    bounds = bounds_of(point, inf)
    taken = as_sent(point, sent)
    assume(taken is None or not is_plausible(taken, bounds))  # where it makes sense either way nobody asks
    found = other_order(point, sent, bounds)
    assert found is not None
    assert is_plausible(found[1], bounds)


@pytest.mark.parametrize(
    ("profile", "seen", "nodes", "verdict", "reason"),
    [
        ("meter/abb_b23", Seen({"device.model": "B23"}), (0, 0), P, "is_it"),
        ("meter/abb_b23", Seen({"device.model": "PM5560"}), (0, 0), F, "is_other"),
        ("meter/abb_b23", Seen({}, {"vendor": "ABB", "model": "B23"}), (0, 0), P, "is_it"),
        ("meter/abb_b23", Seen({"device.model": None}), (0, 0), S, "tells_nothing"),
        ("meter/eastron_sdm630", Seen({"voltage.l1-n": 230.0}), (0, 0), N, "is_it"),
        ("battery/acme_200", Seen(), (0, 0), S, "has_no_identity"),
        ("hvac/acme_chiller_opcua", Seen(), (7, 7), P, "is_it"),
        ("hvac/acme_chiller_opcua", Seen(), (5, 7), S, "has_no_identity"),
    ],
)
def test_a_device_is_what_its_profile_says_when_something_of_it_says_so(profile, seen, nodes, verdict, reason):
    found = judge_identity("device", known(profile), seen, nodes=nodes)
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("profile", "reason"), [("battery/acme_200", "not_asked"), ("hvac/acme_chiller_opcua", "has_no_identity")]
)
def test_a_device_that_was_not_asked_who_it_is_is_told_apart_from_one_that_does_not_say(profile, reason):
    assert judge_identity("device", known(profile), Seen(), asked=False).reason == reason


def tried(**changes) -> Tried:
    t_s = np.arange(0.1, 10.0, 0.5)
    given = {
        "device": "battery",
        "control": "battery.power.setpoint",
        "asked": -50_000.0,
        "asked_w": -50_000.0,
        "begin_w": 0.0,
        "t_s": t_s,
        "watts": np.where(t_s > 1.0, -50_000.0, 0.0),
        "readback": -50_000.0,
        "tolerance": 1.0,
        "fate": "confirmed",
        "unit": "W",
    }
    return Tried(**given | changes)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, P, "followed"),
        ({"readback": 0.0}, F, "not_kept"),
        ({"fate": "refused", "readback": None}, F, "not_written"),
        ({"begin_w": None}, F, "power_unknown"),
        ({"watts": np.full(20, np.nan)}, F, "power_unknown"),
        ({"watts": np.zeros(20)}, F, "no_effect"),
        ({"watts": np.zeros(20), "may_rest": True}, N, "draws_nothing"),
        ({"watts": np.linspace(0.0, 50_000.0, 20)}, F, "wrong_way"),
        ({"watts": np.full(20, -150_000.0)}, F, "too_much"),
        ({"asked_w": 0.0}, N, "step_too_small"),
    ],
)
def test_a_command_has_worked_when_register_and_power_say_so(changes, verdict, reason):
    found = judge_step(tried(**changes))
    assert (found.verdict, found.reason) == (verdict, reason)


QUIET = [1e6, 1e6 + 2e3]
MOVED = [9.5e5, 9.5e5 + 2e3]
OTHER_WAY = [1.05e6, 1.05e6 + 2e3]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "reason"),
    [
        (QUIET, MOVED, P, "meter_saw"),
        (QUIET, QUIET, F, "meter_not_seen"),
        (QUIET, OTHER_WAY, F, "meter_wrong_way"),
        ([1e6, 1.1e6], [9.5e5, 1.05e6], N, "meter_noisy"),
        (QUIET, [], F, "meter_unknown"),
    ],
)
def test_the_site_meter_must_see_a_step_that_stands_out(before, after, verdict, reason):
    meter = np.array([*before, *after])
    drawn = np.array([0.0] * len(before) + [-50_000.0] * len(after))
    seen = AtMeter(np.array(before), np.array(after), meter, drawn)
    found = judge_meter("battery", -50_000.0, seen)
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("before", "after", "timer", "reason"),
    [
        (0.0, 0.0, True, "back"),
        (30_000.0, 0.0, True, "back_by_itself"),
        (30_000.0, 0.0, False, "not_back"),
        (0.0, None, True, "back_unknown"),
    ],
)
def test_a_device_must_be_back_as_it_was_or_governed_by_its_timer(before, after, timer, reason):
    control = CONTROL if timer else replace(CONTROL, keepalive=None)
    assert judge_back("battery", control, before, after).reason == reason


def test_one_step_beside_what_was_written_is_not_what_was_written():
    limit = known("ev_charger/alfen_ng9xx").controls["ev.current.limit"]
    near = tried(asked=7.0, readback=6.0, tolerance=tolerance_of(limit), unit="A")
    assert judge_step(near).reason == "not_kept"


def test_a_volume_of_water_is_no_temperature():
    volume = Point("water.volume", Unit.CUBIC_METRE, Kind.U32)
    assert is_plausible(31_480.0, bounds_of(volume, inf))


def test_a_register_that_a_release_does_not_touch_may_keep_what_it_has():
    drive = known("hvac/abb_acs580").controls["fan.speed.setpoint"]
    assert judge_back("ahu01", drive, 80.0, 75.0).reason == "released"


def cut(**changes) -> Cut:
    given = {
        "device": "battery",
        "control": CONTROL,
        "timeout_s": 15.0,
        "silent_s": 22.0,
        "rest": 10.0,
        "held": -50_000.0,
        "asked": -50_000.0,
        "after": 0.0,
        "rest_w": 0.0,
        "held_w": -50_000.0,
        "after_w": 0.0,
    }
    return Cut(**given | changes)


def lost(then: Then) -> dict[str, object]:
    return {"control": replace(CONTROL, lost=Lost(then))}


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({}, P, "fell_back"),
        ({"after": -50_000.0, "after_w": -50_000.0}, F, "timer_silent"),
        ({"after": 7_000.0}, F, "fell_elsewhere"),
        ({"after": None}, F, "gone_after_cut"),
        ({"held": 0.0}, S, "step_not_held"),
        ({"held": None}, S, "step_not_held"),
        ({"held": 0.0, "asked": 0.0}, S, "step_is_fallback"),
        (lost(Then.KEEPS_LAST) | {"after": -50_000.0}, N, "keeps_last"),
        (lost(Then.KEEPS_LAST), F, "fell_elsewhere"),
        (lost(Then.OWN_CONTROL) | {"after": -50_000.0}, P, "took_over"),
        (lost(Then.OWN_CONTROL) | {"after": -50_000.0, "after_w": -49_000.0}, F, "timer_silent"),
        (lost(Then.STOPS) | {"after": -50_000.0, "after_w": None}, N, "not_to_be_seen"),
    ],
)
def test_after_a_silence_registers_and_powers_tell_what_fell_back(changes, verdict, reason):
    found = judge_cut(cut(**changes))
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("gaps", "since_last_s", "expected"),
    [
        ([1.0, 1.1, 3.4], 1.0, ""),
        ([1.0, 3.6, 1.0], 1.0, "late_once"),
        ([1.0, 1.0], 3.6, "late_once"),
        ([3.6, 3.6], 1.0, "late"),
        ([1.0, 3.6], 3.6, "late"),
        ([1.0, 7.1], 1.0, "late"),
        ([], 3.6, "late_once"),
        (None, 0.0, "late"),
    ],
)
def test_one_lost_answer_is_for_a_person_to_judge_and_a_rhythm_that_is_too_slow_fails(gaps, since_last_s, expected):
    kept = Kept(reads=0 if gaps is None else len(gaps) + 1, last_s=20.0)
    for gap_s in gaps or ():
        kept.gap(gap_s)
    assert rhythm(kept, 20.0 + since_last_s, 1.0) == expected


@pytest.mark.parametrize(
    ("unused_s", "back_s", "late", "reason"),
    [
        (3.0, 1.0, (), "lost_and_found"),
        (None, 1.0, (), "used_too_long"),
        (30.0, 1.0, (), "used_too_long"),
        (3.0, None, (), "not_back_in_time"),
        (3.0, 40.0, (), "not_back_in_time"),
        (3.0, 1.0, ("pcc",), "others_suffered"),
    ],
)
def test_a_lost_device_is_out_of_use_in_time_and_back_in_time(unused_s, back_s, late, reason):
    assert judge_loss(Loss("battery", 3.0, unused_s, 10.0, back_s, late)).reason == reason


def course(modes, *, value, asked=0.0) -> Course:
    return Course(("hold", "ramp", "safe"), modes, 16.0, asked, -50_000.0, (("battery", value),), 1.0, "W")


GOOD = ((6.0, "hold"), (11.0, "ramp"), (16.0, "safe"))


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        (course(GOOD, value=0.0), ["modes_right", "register_safe"]),
        (course(GOOD, value=-50_000.0), ["modes_right", "register_unsafe"]),
        (course(GOOD, value=None), ["modes_right", "register_unknown"]),
        (course(GOOD, value=3.0, asked=None), ["modes_right", "register_released"]),
        (course(GOOD, value=-50_000.0, asked=None), ["modes_right", "register_unsafe"]),
        (course(GOOD, value=-50_000.0, asked=-50_000.0), ["modes_right", "register_safe"]),
        (course((GOOD[0], GOOD[2]), value=0.0), ["modes_wrong", "register_safe"]),
        (course((*GOOD[:2], (60.0, "safe")), value=0.0), ["modes_late", "register_safe"]),
        (course((), value=0.0), ["modes_wrong", "register_safe"]),
    ],
)
def test_the_modes_must_come_in_order_and_in_time_and_the_registers_follow(given, reasons):
    assert [row.reason for row in judge_course("tower", "upstream_lost", given)] == reasons


@given(st.floats(-200_000.0, 200_000.0))
def test_a_nudge_is_a_lawful_step_away(value):
    away = nudged(CONTROL, value)
    assert CONTROL.low <= away <= CONTROL.high
    assert abs(away - value) == pytest.approx(4_000.0)


@pytest.mark.parametrize(
    ("profile", "control", "expected"),
    [
        ("lighting/acme_dimmer", "light.level.setpoint", ""),
        ("battery/acme_200", "battery.power.setpoint", "starts_something"),
        ("hvac/acme_chiller_opcua", "chiller.enable", "switches"),
        ("hvac/abb_acs580", "fan.speed.setpoint", "starts_something"),
    ],
)
def test_what_starts_or_switches_something_is_not_nudged(profile, control, expected):
    one = known(profile)
    assert why_not(one, one.controls[control]) == expected
