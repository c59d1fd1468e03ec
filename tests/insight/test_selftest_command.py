"""`gateway selftest`: what it finds out in a rehearsal, what it refuses, and that it always lets go of the asset."""

import asyncio
import json
import os
import subprocess
import sys
from math import exp, inf
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway import statelock
from gateway.cli import proving
from gateway.cli.capability import capability
from gateway.cli.proving import Unsafe, prove
from gateway.cli.selftest import selftest
from gateway.control.kinds import POWER, SOC
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.model.reading import Cause, Quality, Reading
from gateway.model.site import Asset, Battery, Limits, Services, Site

ROOT = Path(__file__).parents[2]
BATTERY = Asset("battery", ("b1",), -100e3, 100e3, 0.0, 0.0, 0.5, 0.5, Battery(2e5))
METER = point_id("pcc", "power.active")
POWER_POINT = point_id("b1", POWER[Battery])
SOC_POINT = point_id("b1", SOC)


def site(**limits):
    return Site("s", "", "pcc", {}, {}, {"battery": BATTERY}, Limits(**limits), Services(), {})


class FakeBench:
    """A battery that answers after its lag, a building of 300 kW, and a record of what was written."""

    def __init__(self, *, soc=50.0, meter=300e3, gain=1.0, dies_s=inf, lost_s=(inf, inf)):
        self.written = []
        self._lost_s = lost_s
        self._now_s = 0.0
        self._power_w = self._goal_w = 0.0
        self._soc, self._meter, self._gain, self._dies_s = soc, meter, gain, dies_s
        self._image = Image([PointSpec(point, Unit.NONE, 5.0) for point in (METER, POWER_POINT, SOC_POINT)])

    def now_s(self):
        return self._now_s

    def snapshot(self):
        return self._image.snapshot(self._now_s)

    async def write(self, commands):
        self.written += [command.value for command in commands]
        for command in commands:
            self._goal_w = 0.0 if command.value is None else self._gain * command.value

    async def pass_time(self, seconds):
        self._now_s += seconds
        self._power_w += (self._goal_w - self._power_w) * (1.0 - exp(-seconds / BATTERY.lag_s))
        if self._now_s > self._dies_s:
            return
        lost = self._meter is None or self._lost_s[0] <= self._now_s < self._lost_s[1]
        meter = None if lost else self._meter + self._power_w
        for point, value in ((METER, meter), (POWER_POINT, self._power_w), (SOC_POINT, self._soc)):
            quality = Quality.GOOD if value is not None else Quality.INVALID
            self._image.post(
                point, Reading(value, quality, Cause.NONE if value is not None else Cause.OFFLINE, self._now_s)
            )


def run(bench, at=None):
    return asyncio.run(prove(at or site(), BATTERY, bench, hold_s=10.0, tell=lambda *_: None))


def test_an_asset_is_moved_small_first_then_both_ways_and_released():
    bench = FakeBench()
    found = capability(run(bench))
    assert found is not None
    assert found.adjustable_w == pytest.approx(200e3, rel=1e-3)
    assert found.lag_s == pytest.approx(0.5, abs=0.1)
    levels = [value for at, value in enumerate(bench.written) if at == 0 or value != bench.written[at - 1]]
    assert levels == [0.0, -25e3, 0.0, -100e3, 0.0, 100e3, 0.0, None]


@pytest.mark.parametrize(
    ("bench", "limits", "code", "largest_w"),
    [
        ({"gain": 0.0}, {}, "not_following", 25e3),
        ({"gain": -1.0}, {}, "not_following", 25e3),
        ({"soc": None}, {}, "soc_unknown", 0.0),
        ({}, {"max_import_w": 350e3, "max_export_w": 0.0}, "site_limit", 100e3),
        ({"meter": None}, {"max_import_w": 500e3}, "meter_unknown", 0.0),
        ({"dies_s": 30.0}, {}, "guard", 100e3),
    ],
    ids=["does not follow", "the wrong way", "charge unknown", "import limit", "no meter", "falls silent"],
)
def test_what_is_not_safe_is_not_done_and_the_asset_is_let_go(bench, limits, code, largest_w):
    bench = FakeBench(**bench)
    with pytest.raises(Unsafe) as refused:
        run(bench, site(**limits))
    assert refused.value.code == code
    assert max((abs(value) for value in bench.written if value is not None), default=0.0) <= largest_w
    assert bench.written == [] or bench.written[-1] is None


@pytest.mark.parametrize(("back_s", "ends"), [(18.0, False), (30.0, True)])
def test_a_site_meter_that_is_not_read_just_now_is_waited_for(back_s, ends):
    bench = FakeBench(lost_s=(14.9, back_s))
    if ends:
        with pytest.raises(Unsafe):
            run(bench, site(max_import_w=500e3))
    else:
        assert run(bench, site(max_import_w=500e3))
    assert bench.written[-1] is None


@pytest.mark.parametrize(("soc", "levels"), [(12.0, {0.0, 25e3, 100e3}), (88.0, {0.0, -25e3, -100e3})])
def test_an_empty_battery_is_only_charged_and_a_full_one_only_discharged(soc, levels):
    bench = FakeBench(soc=soc)
    run(bench)
    assert {value for value in bench.written if value is not None} == levels


def test_a_test_that_is_broken_off_lets_go_as_well(monkeypatch):
    monkeypatch.setattr(proving, "follows", lambda _taken: (_ for _ in ()).throw(KeyboardInterrupt))
    bench = FakeBench()
    with pytest.raises(KeyboardInterrupt):
        run(bench)
    assert bench.written[-1] is None


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setenv("GATEWAY_LANG", "en")
    app = typer.Typer()
    app.command()(selftest)
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


def test_a_rehearsal_finds_what_the_scenario_s_battery_can_do(command):
    result = command("battery_full", "battery", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["adjustable_w"] == pytest.approx(400e3, rel=0.01)
    assert 0.3 <= found["response_s"] <= 0.7  # the plant: 0.3 to 0.6 s, and the line's delay
    assert found["lag_s"] == pytest.approx(0.3, abs=0.1)
    assert len(found["steps"]) == 6


def test_a_rehearsal_is_shown_as_a_table(command):
    result = command("no_battery", "lighting")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].split() == ["adjustable", "capacity", "40.0", "kW", "(20.0", "–", "60.0)"]
    assert "step 1 of 6" in result.stderr


def test_an_asset_that_is_not_there_is_named_with_those_that_are(command):
    result = command("battery_full", "nix")
    assert result.exit_code == 2
    assert "write one of battery, ev, fans, chiller" in result.stderr


def test_what_a_gateway_steers_is_not_moved_beside_it(command, tmp_path):
    site_file = ROOT / "emulators/scenarios/battery_full.site.yaml"
    lock = statelock.take(tmp_path)
    try:
        result = command(site_file, "battery", "--state", tmp_path, "--yes")
    finally:
        os.close(lock)
    assert result.exit_code == 3
    assert "steers battery" in result.stderr


@pytest.mark.tier_s
@pytest.mark.timeout(240)
def test_on_its_lines_an_asset_shows_the_same(command, tmp_path):
    """Emulated devices over real sockets, in real time."""
    devices = subprocess.Popen(
        [sys.executable, "-m", "gateway", "emulate", "battery_full", "--out", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert devices.stdout is not None
        site_file = devices.stdout.readline().strip()
        state = tmp_path / "state"
        result = command(site_file, "battery", "--state", state, "--yes", "--hold", "8", "--json")
    finally:
        devices.terminate()
        devices.communicate(timeout=20)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["adjustable_w"] == pytest.approx(400e3, rel=0.01)
    assert found["response_s"] + found["lag_s"] < 3.0
    assert "6 steps" in "".join(file.read_text() for file in (state / "audit").iterdir())
