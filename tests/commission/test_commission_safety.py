"""`gateway commission` when it must not, cannot or shall not go on: nothing is left moved, nothing is passed over in silence."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway import holding, localsocket
from gateway.app import App, Options
from gateway.cli.asking import open_place
from gateway.cli.commission import commission
from gateway.cli.commission_daemon import DaemonPlace
from gateway.cli.commission_run import not_reached
from gateway.cli.commissioning import DRILLS, Course, course_through
from gateway.clock import SystemClock
from gateway.commission.acceptance import Part, Verdict, Whole, whole
from gateway.config.read import load_site, profiles_of
from gateway.model.mode import Mode
from gateway.notify import Notifier
from tests.commission.sites import Emulated, commissioned, rows, wishes

NOBODY: Any = None
"""Nobody is asked before a request is known to be well formed."""


async def test_an_asset_that_stops_following_fails_its_drill_and_is_given_back(tmp_path):
    async with Emulated(tmp_path, ("good",)) as there:

        def goes_deaf(line: str) -> None:
            if line.endswith("upstream_lost"):
                there.values.deaf.add("good")

        kept_out = dict.fromkeys(("power_cut", "meter_lost", "device_lost"), "not_wanted")
        course = await commissioned(there, wishes(left_out=kept_out), Course(goes_deaf))
    (drill,) = rows(course, subject="upstream_lost")
    assert (drill.verdict, drill.reason) == (Verdict.FAILED, "not_following")


async def test_read_only_writes_nothing_and_names_every_control_and_drill(tmp_path):
    async with Emulated(tmp_path, ("good",)) as there:
        course = await commissioned(there, wishes(writes=False))
        assert there.values.writes == []
    skipped = rows(course, verdict=Verdict.SKIPPED, reason="read_only")
    assert {check.subject for check in skipped} == {"battery.power.setpoint", *DRILLS}
    assert whole(course.checks) is Whole.PASSED_IN_PART


async def test_a_step_beyond_the_sites_limits_is_not_taken_and_says_why(tmp_path):
    async with Emulated(tmp_path, ("good",)) as there:
        there.values.load_w = 5_000.0  # a step of -10 kW would export, which the site may not
        course = await commissioned(there, wishes())
        asked = {value for device, name, value in there.values.writes if name == "battery.power.setpoint"}
    (trial,) = rows(course, owner="good", subject="trial")
    assert (trial.verdict, trial.reason) == (Verdict.SKIPPED, "site_limit")
    assert asked <= {0.0}
    assert {check.reason for check in rows(course, part=Part.DRILL)} == {"nothing_follows"}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("interlocks: {fire: {device: lamp, point: light.level, clear: 1, assets: [good]}}", "interlock"),
        ("feeders: {riser: {devices: [good], max_import_kw: 5, max_export_kw: 5, other_load_kw: 0}}", "feeder_limit"),
        ("feeders: {riser: {devices: [good], max_phase_a: 10, other_load_kw: 0}}", "feeder_limit"),
    ],
    ids=["a tripped interlock", "a limit inside the building", "a limit of a phase"],
)
async def test_what_stands_above_control_stands_above_a_step_too(tmp_path, more, reason):
    async with Emulated(tmp_path, ("good",), lamp=True, more=more) as there:
        course = await commissioned(there, wishes(left_out=dict.fromkeys((*DRILLS, "others"), "not_wanted")))
        asked = {value for device, name, value in there.values.writes if name == "battery.power.setpoint"}
    (trial,) = rows(course, owner="good", subject="trial")
    assert (trial.verdict, trial.reason) == (Verdict.SKIPPED, reason)
    assert asked <= {0.0}


async def test_what_the_command_line_leaves_out_is_named(tmp_path):
    async with Emulated(tmp_path, ("good", "other")) as there:
        course = await commissioned(there, wishes(left_out=dict.fromkeys(("other", *DRILLS), "not_agreed")))
        assert {device for device, _, _ in there.values.writes} == {"good"}
    assert {check.subject for check in rows(course, reason="not_agreed")} == {"trial", *DRILLS}


async def test_an_interruption_gives_the_asset_back_before_it_ends(tmp_path):
    async with Emulated(tmp_path, ("good",)) as there:
        course = Course(lambda _line: None)
        task = asyncio.create_task(commissioned(there, wishes(hold_s=60.0), course))
        async with asyncio.timeout(30.0):
            while not there.reads("good", "battery.enable"):  # noqa: ASYNC110 - a register tells no event
                await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (there.reads("good", "battery.enable"), there.reads("good", "battery.power.setpoint")) == (0.0, 0.0)
        site = load_site(there.site)
    assert rows(course, part=Part.READING, owner="good")
    missing = {check.subject: check.reason for check in not_reached(site, course, DRILLS)}
    assert missing == {"trial": "cut_short", **dict.fromkeys(DRILLS, "not_reached")}


async def test_a_device_lost_in_the_middle_of_its_trial_ends_it_and_is_named(tmp_path):
    async with Emulated(tmp_path, ("good", "gone")) as there:
        task = asyncio.create_task(commissioned(there, wishes(left_out=dict.fromkeys(DRILLS, "not_wanted"))))
        async with asyncio.timeout(60.0):
            while not there.reads("gone", "battery.enable"):  # noqa: ASYNC110 - a register tells no event
                await asyncio.sleep(0.02)
            assert there.server is not None
            del there.server.units[3]
            course = await task
    assert rows(course, owner="good", reason="followed")
    found = rows(course, owner="gone", part=Part.COMMAND, verdict=Verdict.FAILED)
    assert found, rows(course, owner="gone", part=Part.COMMAND)


@asynccontextmanager
async def daemon(there: Emulated):
    """A gateway that runs on the building, its control out of its start."""
    site = load_site(there.site)
    app = App(site, profiles_of(site), SystemClock(), Options(there.state), Notifier(None))
    running = asyncio.create_task(app.run())
    async with asyncio.timeout(30.0):
        while not (there.state / localsocket.NAME).exists() or app.loop.state.mode.mode is Mode.BOOT:  # noqa: ASYNC110 - a file tells no event
            await asyncio.sleep(0.05)
    try:
        yield app
    finally:
        app.stopping.set()
        await running


async def test_beside_a_gateway_the_steps_are_holds_of_its_own_control(tmp_path):
    async with Emulated(tmp_path, ("good",)) as there, daemon(there):
        place = await asyncio.to_thread(open_place, there.site, there.state, direct=False)
        course = Course(lambda _line: None)
        await course_through(DaemonPlace(place, SystemClock()), course, wishes(hold_s=2.0))
        asked = {value for _, name, value in there.values.writes if name == "battery.power.setpoint"}
    assert rows(course, owner="good", subject="battery.power.setpoint", reason="followed")
    assert {check.reason for check in rows(course, part=Part.DRILL)} == {"daemon_runs"}
    assert asked == {0.0, -10_000.0}
    chain = "".join(path.read_text() for path in (there.state / "audit").glob("*.jsonl"))
    assert '"did":"override"' in chain, "a hold is in the daemon's own audit chain"


@pytest.mark.parametrize(
    "wrong",
    [{"power_w": True}, {"power_w": "1"}, {"for_s": 1e9}, {"for_s": 0}, {"more": 1}, {"why": None}, {"do": "unhold"}],
)
async def test_a_hold_must_be_a_number_and_not_for_ever(wrong):
    asked = {"do": "hold", "asset": "good", "power_w": 1000.0, "for_s": 5.0, "why": "test"}
    answer = await holding.answer(NOBODY, {**asked, **wrong}, 0)
    assert answer["error"] == "malformed"


SITE = Path(__file__).parents[2] / "emulators/scenarios/battery_full.site.yaml"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--verify", "nowhere"), 1, "commission.sig"),
        ((), 2, "site file"),
        ((str(SITE), "--asset", "nobody"), 2, "battery"),
        ((str(SITE), "--skip", "lunch"), 2, "power_cut"),
    ],
)
def test_what_cannot_be_done_ends_with_its_code_and_what_there_is(tmp_path, monkeypatch, arguments, code, word):
    monkeypatch.setenv("GATEWAY_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(commission)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code
    assert word in result.output
