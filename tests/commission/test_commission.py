"""`gateway commission` over real sockets: what does what it should passes, what does not is named."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.cli import commission_seal
from gateway.cli.commission_run import leave
from gateway.cli.commissioning import DRILLS, Course
from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.phrases import sentence, subject
from gateway.commission.record import Circumstances, Record
from tests.commission.sites import Emulated, commissioned, rows, wishes

BATTERIES = ("good", "deaf", "lame", "stuck")


@pytest.fixture(scope="module")
def whole_course(tmp_path_factory) -> tuple[Course, Emulated]:
    """One commissioning of four batteries: one good, one that acknowledges only, one without power, one without a timer."""

    async def run() -> tuple[Course, Emulated]:
        async with Emulated(tmp_path_factory.mktemp("building"), BATTERIES, wrong_order=True, lamp=True) as there:
            there.values.deaf.add("deaf")
            there.values.stuck.add("stuck")
            there.values.hold_power("lame", 0.0, held=True)
            course = await commissioned(there, wishes())
            there.held = {one: there.reads(one, "battery.power.setpoint") for one in BATTERIES}
            return course, there

    return asyncio.run(run())


def test_a_good_device_passes_every_check(whole_course):
    course, _ = whole_course
    found = rows(course, owner="good")
    assert [check for check in found if check.verdict is not Verdict.PASSED and check.part is not Part.CAPABILITY] == []
    (step,) = rows(course, owner="good", subject="battery.power.setpoint", part=Part.COMMAND)
    assert step.reason == "followed"
    assert step.facts["readback"] == step.facts["asked"]
    assert abs(step.facts["change_w"] / step.facts["asked_w"] - 1.0) < 0.05
    assert rows(course, owner="good", subject="meter")[0].reason == "meter_saw"


@pytest.mark.parametrize(
    ("device", "reason"), [("deaf", "not_kept"), ("lame", "no_effect")], ids=["acknowledges only", "reads back only"]
)
def test_a_device_that_does_not_follow_is_named_with_its_reason(whole_course, device, reason):
    course, _ = whole_course
    (step,) = rows(course, owner=device, subject="battery.power.setpoint", part=Part.COMMAND)
    assert (step.verdict, step.reason) == (Verdict.FAILED, reason)


def test_a_timer_that_does_not_fire_is_named_and_the_good_one_passes(whole_course):
    course, _ = whole_course
    found = {check.owner: check for check in rows(course, subject="power_cut")}
    assert (found["stuck"].verdict, found["stuck"].reason) == (Verdict.FAILED, "timer_silent")
    assert found["stuck"].facts["after"] == found["stuck"].facts["held"]
    assert (found["good"].verdict, found["good"].reason) == (Verdict.PASSED, "fell_back")
    assert found["good"].facts["after"] == 0.0


def test_swapped_words_are_told_from_what_the_values_would_be_in_the_other_order(whole_course):
    course, _ = whole_course
    absurd = rows(course, owner="cellar", reason="other_order")
    assert {check.verdict for check in absurd} == {Verdict.FAILED}
    volts = next(check for check in absurd if check.subject == "voltage.l1-n")
    assert volts.facts["order"] == "abcd"
    assert volts.facts["meant"] == pytest.approx(230.2)
    assert not rows(course, owner="pcc", verdict=Verdict.FAILED)


def test_a_control_that_steers_no_asset_goes_one_step_and_back(whole_course):
    course, there = whole_course
    step, back = rows(course, owner="lamp", part=Part.COMMAND)
    assert (step.reason, back.reason) == ("nudged", "back")
    written = [value for device, _, value in there.values.writes if device == "lamp"]
    assert written == [step.facts["asked"], back.facts["before"]]
    assert abs(written[0] - written[1]) == pytest.approx(1.0), "one percent of its range"


@pytest.mark.parametrize("of", ["en", "zh"])
def test_every_row_can_be_said_in_both_languages(whole_course, of):
    course, _ = whole_course
    said = {check.reason: sentence(check, of) for check in course.checks}
    assert {reason for reason, text in said.items() if text == reason or "{" in text} == set()
    assert {check.subject for check in course.checks if "{" in subject(check, of)} == set()


def test_every_drill_has_a_row_and_the_losses_are_shown_by_registers(whole_course):
    course, _ = whole_course
    assert {check.subject for check in rows(course, part=Part.DRILL)} == set(DRILLS)
    for drill in ("upstream_lost", "meter_lost", "device_lost"):
        assert {check.verdict for check in rows(course, subject=drill)} == {Verdict.PASSED}, drill
    modes = rows(course, subject="upstream_lost", owner="tower")[0].facts["modes"]
    assert [modes.index(mode) for mode in ("hold", "ramp", "safe")] == sorted(
        modes.index(mode) for mode in ("hold", "ramp", "safe")
    )


def test_afterwards_every_register_is_as_it_was(whole_course):
    _, there = whole_course
    assert there.held == {"good": 0.0, "deaf": 0.0, "lame": 0.0, "stuck": 0.0}


RECORD = Record(
    Circumstances("tower", "Asia/Shanghai", "1.0", 0, 60_000, "then", "later", "me", "box", "direct", "ab" * 32),
    (),
    (),
    (
        Check(Part.READING, "pcc", "device.model", Verdict.PASSED, "said", {"said": "<script>alert(1)</script>"}),
        Check(Part.COMMAND, "battery", "battery.power.setpoint", Verdict.FAILED, "not_kept", {"asked": 1.0}),
    ),
    (),
)


def test_what_a_stranger_says_is_text_on_the_page(tmp_path):
    leave(RECORD, tmp_path, tmp_path)
    page = (tmp_path / commission_seal.PAGE).read_text()
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_a_seal_fits_until_something_is_changed(tmp_path):
    fingerprint = leave(RECORD, tmp_path, tmp_path)
    assert commission_seal.verify(tmp_path).fingerprint == fingerprint
    record = json.loads((tmp_path / commission_seal.RECORD).read_text())
    assert (record["result"], record["counts"]["failed"]) == ("failed", 1)


def _changed(name: str, old: str, new: str):
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def _signed_by_another(folder: Path) -> None:
    """Everything signed again by who has another key, under the old fingerprint."""
    old = json.loads((folder / commission_seal.SEAL).read_text())
    other = folder / "other"
    other.mkdir()
    for name in commission_seal.SEALED:
        (other / name).write_bytes((folder / name).read_bytes())
    leave(RECORD, other, other)
    new = json.loads((other / commission_seal.SEAL).read_text())
    (folder / commission_seal.SEAL).write_text(json.dumps({**new, "fingerprint": old["fingerprint"]}))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_changed("commission.json", '"failed"', '"passed"'), "changed"),
        (_changed("report.html", "battery", "bttry"), "changed"),
        (_changed("commission.sig", '"commission.json": "', '"commission.json": "0'), "wrong_signature"),
        (_changed("commission.sig", '"signature": "', '"signature": "zz'), "malformed"),
        (_changed("commission.sig", "{", "["), "malformed"),
        (_signed_by_another, "wrong_signature"),
    ],
    ids=["the record", "the page", "a digest", "no signature", "no JSON", "another's key"],
)
def test_a_change_after_signing_is_told(tmp_path, change, code):
    leave(RECORD, tmp_path, tmp_path)
    change(tmp_path)
    with pytest.raises(commission_seal.BadSeal) as bad:
        commission_seal.verify(tmp_path)
    assert bad.value.code == code
