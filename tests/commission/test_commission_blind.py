"""`gateway commission` where a setpoint can only be written: its measured effect judges, or nobody does."""

import asyncio

import pytest

from gateway.cli.commissioning import Course
from gateway.commission.acceptance import Part, Verdict
from tests.commission.sites import Emulated, commissioned, rows, wishes

P, F, S = Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED
SETPOINT = "battery.power.setpoint"
SHORT = {"hold_s": 0.8, "watch_s": 0.6}


@pytest.fixture(scope="module")
def beside_a_good_one(tmp_path_factory) -> Course:
    """One battery that can be read back beside two that cannot: a good one, and one that acknowledges only."""

    async def run() -> Course:
        folder = tmp_path_factory.mktemp("mixed")
        async with Emulated(folder, ("good", "blind_good", "blind_deaf")) as there:
            there.values.deaf.add("blind_deaf")
            left_out = dict.fromkeys(("meter_lost", "device_lost"), "not_wanted")
            return await commissioned(there, wishes(left_out=left_out, **SHORT))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("owner", "subject", "verdict", "reason"),
    [
        ("good", SETPOINT, P, "followed"),
        ("good", f"{SETPOINT} back", P, "back"),
        ("good", "power_cut", P, "fell_back"),
        ("good", "upstream_lost", P, "register_safe"),
        ("blind_good", SETPOINT, P, "followed"),
        ("blind_good", f"{SETPOINT} back", P, "power_back"),
        ("blind_good", "power_cut", P, "power_fell_back"),
        ("blind_deaf", SETPOINT, F, "no_effect"),
        ("blind_deaf", f"{SETPOINT} back", S, "unseen"),
    ],
)
def test_a_setpoint_that_cannot_be_read_back_is_judged_by_its_power(beside_a_good_one, owner, subject, verdict, reason):
    (row,) = [one for one in rows(beside_a_good_one, owner=owner, subject=subject) if one.part is not Part.READING]
    assert (row.verdict, row.reason) == (verdict, reason), row


def test_nothing_fails_that_does_what_it_should(beside_a_good_one):
    failed = [one for one in rows(beside_a_good_one, verdict=F) if one.owner != "blind_deaf"]
    assert failed == []


async def test_where_no_setpoint_can_be_read_back_the_losses_are_shown_by_power(tmp_path):
    async with Emulated(tmp_path, ("blind_good",)) as there:
        left_out = dict.fromkeys(("power_cut", "device_lost"), "not_wanted")
        course = await commissioned(there, wishes(left_out=left_out, **SHORT))
    assert rows(course, verdict=F) == []
    assert [one.reason for one in rows(course, owner="blind_good", part=Part.DRILL)] == ["power_safe", "power_safe"]
