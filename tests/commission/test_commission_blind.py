"""`gateway commission` where a setpoint can only be written: its measured effect judges, or nobody does."""

import asyncio

import pytest

from gateway.cli.commissioning import Course
from gateway.commission.acceptance import Part, Verdict, Whole, whole
from tests.commission.sites import Emulated, commissioned, rows, wishes

P, F, N, S = Verdict.PASSED, Verdict.FAILED, Verdict.NOTED, Verdict.SKIPPED
SETPOINT = "battery.power.setpoint"


@pytest.fixture(scope="module")
def blind_course(tmp_path_factory) -> Course:
    """Batteries that can only be written: one good, one that acknowledges only, one whose own timer does not fire."""

    async def run() -> Course:
        folder = tmp_path_factory.mktemp("blind")
        async with Emulated(folder, ("blind_good", "blind_deaf", "blind_stuck")) as there:
            there.values.deaf.add("blind_deaf")
            there.values.stuck.add("blind_stuck")
            return await commissioned(there, wishes())

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("owner", "subject", "verdict", "reason"),
    [
        ("blind_good", SETPOINT, P, "followed"),
        ("blind_good", f"{SETPOINT} back", P, "power_back"),
        ("blind_good", "power_cut", P, "power_fell_back"),
        ("blind_good", "upstream_lost", P, "power_safe"),
        ("blind_good", "meter_lost", P, "power_safe"),
        ("blind_deaf", SETPOINT, F, "no_effect"),
        ("blind_deaf", f"{SETPOINT} back", S, "unseen"),
        ("blind_stuck", SETPOINT, P, "followed"),
        ("blind_stuck", "power_cut", F, "power_stays"),
    ],
)
def test_a_setpoint_that_cannot_be_read_back_is_judged_by_the_power(blind_course, owner, subject, verdict, reason):
    (row,) = [one for one in rows(blind_course, owner=owner, subject=subject) if one.part is not Part.CAPABILITY]
    assert (row.verdict, row.reason) == (verdict, reason), row


def test_nothing_else_fails_on_it(blind_course):
    failed = {(one.owner, one.subject) for one in rows(blind_course, verdict=F)}
    assert {owner for owner, _ in failed} == {"blind_deaf", "blind_stuck"}, failed
    assert ("blind_stuck", "power_cut") in failed


async def test_beside_one_that_can_be_read_back_the_registers_tell(tmp_path):
    async with Emulated(tmp_path, ("blind_good", "good")) as there:
        course = await commissioned(there, wishes(left_out={"device_lost": "not_wanted"}))
    assert rows(course, verdict=F) == []
    assert whole(course.checks) is Whole.PASSED_IN_PART
    assert {one.reason for one in rows(course, owner="good", part=Part.DRILL)} == {"fell_back", "register_safe"}
    assert {one.reason for one in rows(course, owner="blind_good", part=Part.DRILL)} == {"power_fell_back"}
