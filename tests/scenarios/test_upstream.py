"""The upstream falls silent while a whole gateway follows it over a real broker (F-059, I-10, I-11, I-20)."""

import asyncio

import pytest

from gateway.clock import SystemClock
from tests.scenarios.house import boot_s
from tests.scenarios.rig import LOADED_S, PERIOD_S, REG, bench, inside, settled, until
from tests.scenarios.universal import usual, watched

SERVICES = {"regulation": {"capacity_kw": 100, "signal_period_s": 0.1}}
TIMES_20 = {"regulation_hold_s": 0.5, "ramp_s": 3.0}
"""Regulation twenty times as fast: T_sig 0.3 s, T_hold 0.5 s, ramp 3 s."""
TIMES_60 = {"hold_s": 5.0, "link_lost_s": 2.0, "ramp_s": 1.0}
"""Other requests sixty times as fast: T_hb 2 s, T_hold 5 s, ramp 1 s."""


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


def changes(log):
    """(t_s, mode, cause) whenever the mode changed."""
    found, mode = [], None
    for line in log:
        if line["out"]["mode"] != mode:
            mode = line["out"]["mode"]
            found.append((line["t_s"], mode, line["out"]["cause"]))
    return found


def heard_s(log):
    """When the gateway last received anything of the head-end."""
    return max(arrival["received_s"] for line in log for arrival in line["in"].get("arrivals", ()))


@pytest.mark.fault("F-059", "I-10", "I-11", "U1", "U2", "U4", "U5", "U6", "U7", "U9")
async def test_a_lost_regulation_signal_is_held_then_ramped_to_the_declared_base_point(rig):
    rig.declare(660_000.0)
    site = rig.site(services=SERVICES, control=TIMES_20)
    async with watched() as canary, inside(rig, site=site) as gateway:
        await gateway.ready()
        for n in range(20):
            await rig.vpp.ask(f"s{n}", signal=0.5, **REG)
            await asyncio.sleep(0.1)
        await until(lambda: abs(rig.house.site_w() - 610_000.0) < 5000.0, within_s=2)
        await rig.uplink.stop()
        await until(lambda: gateway.mode == "safe", within_s=8)
        safe_s = boot_s()
        await asyncio.sleep(1.0)
        assert abs(rig.house.site_w() - 660_000.0) < 5000.0
        log = rig.log()
        lost_s = heard_s(log)
        (hold_s, *_), (ramp_s, *_), _ = [one for one in changes(log) if one[1] in ("hold", "ramp", "safe")]
        assert hold_s - lost_s <= 0.3 + PERIOD_S + LOADED_S
        assert ramp_s - hold_s == pytest.approx(0.5, abs=PERIOD_S + LOADED_S)
        assert safe_s - lost_s <= 0.3 + 0.5 + 3.0 + 2 * PERIOD_S + LOADED_S
        held = [line["out"]["target_w"] for line in log if hold_s <= line["t_s"] < ramp_s]
        assert held == pytest.approx([610_000.0] * len(held), abs=1.0)
        ramped = [(line["t_s"], line["out"]["target_w"]) for line in log if line["out"]["mode"] == "ramp"]
        (first_s, first_w), (last_s, last_w) = ramped[0], ramped[-1]
        assert (last_w - first_w) / (last_s - first_s) == pytest.approx(50_000.0 / 3.0, rel=0.05)
        # a bare heartbeat does not end it, a fresh command does
        await rig.uplink.start()
        await until(lambda: len(gateway.app.loop.state.book.heard) > 0 and heard_s(rig.log()) > safe_s)
        await asyncio.sleep(0.5)
        assert gateway.mode == "safe"
        await rig.vpp.ask("again", signal=1.0, **REG)
        await until(lambda: gateway.mode == "remote", within_s=2)
    assert rig.vpp.alarms("upstream_lost:site")[:2] == [True, False]
    usual(rig, canary=canary)


@pytest.mark.fault("F-059", "I-10", "I-11", "I-24", "U1", "U2", "U5", "U7")
async def test_a_lost_setpoint_is_held_then_ramped_to_safe_and_only_a_command_ends_it(rig):
    async with watched() as canary, inside(rig, site=rig.site(control=TIMES_60)) as gateway:
        await gateway.ready()
        await rig.vpp.ask("a1", power_w=560_000.0, for_s=600.0)
        await settled(rig.house, 560_000.0)
        await rig.uplink.stop()
        lost_s = heard_s(rig.log())
        await until(lambda: gateway.mode == "hold", within_s=4)
        assert abs(rig.house.site_w() - 560_000.0) < 3000.0
        await until(lambda: gateway.mode == "safe", within_s=8)
        await until(lambda: rig.house.set("battery.power.setpoint") == 0.0, within_s=2)
        await until(lambda: rig.house.set("light.level.setpoint") == 100.0, within_s=2)
        lost_s = max(lost_s, heard_s(rig.log()))
        times = {mode: at_s for at_s, mode, _ in changes(rig.log())}
        assert times["hold"] - lost_s <= 2.0 + PERIOD_S + LOADED_S
        assert times["ramp"] - times["hold"] == pytest.approx(5.0, abs=PERIOD_S + LOADED_S)
        assert times["safe"] - times["ramp"] == pytest.approx(1.0, abs=PERIOD_S + LOADED_S)
        await rig.uplink.start()
        await until(lambda: ("failed", "upstream_lost") in rig.vpp.answers("a1"))
        await asyncio.sleep(1.0)
        assert gateway.mode == "safe" == rig.vpp.mode()
        await rig.vpp.ask("a2", power_w=640_000.0, for_s=600.0)
        await until(lambda: rig.vpp.mode() == "remote", within_s=3)
    usual(rig, canary=canary)


@pytest.mark.fault("F-059", "I-10", "I-20", "U1", "U5")
async def test_an_event_runs_to_its_own_end_without_its_upstream(rig):
    async with watched() as canary, inside(rig, site=rig.site(control=TIMES_60)) as gateway:
        await gateway.ready()
        tree = await rig.vpp.ask("e1", kind="event", shed_w=50_000.0, for_s=5.0)
        await until(lambda: gateway.mode == "remote", within_s=3)
        await asyncio.sleep(0.5)
        await rig.uplink.stop()
        await until(lambda: gateway.mode != "remote", within_s=8)
        ended = [line for line in rig.log() if line["out"]["mode"] == "local"][-1]
        clock = SystemClock()
        end_s = clock.boot_s() - (clock.utc_ms() - tree["valid_until"]) / 1000.0
        began = next(at_s for at_s, mode, _ in changes(rig.log()) if mode == "remote")
        last = [at_s for at_s, mode, _ in changes(rig.log()) if mode == "local"][-1]
        assert -0.02 <= last - end_s <= PERIOD_S + LOADED_S
        shed = [line["out"]["site_w"] for line in rig.log() if began + 2.0 < line["t_s"] < last]
        assert sum(shed) / len(shed) == pytest.approx(610_000.0, abs=2500.0)
        assert shed == pytest.approx([610_000.0] * len(shed), abs=10_000.0)
        assert ended["out"]["cause"] == "requests_ended"
        await until(lambda: abs(rig.house.site_w() - 660_000.0) < 3000.0, within_s=3)
        await rig.uplink.start()
        assert (await rig.vpp.answered("e1", count=2))[-1] == ("done", "ended")
    usual(rig, canary=canary)


@pytest.mark.fault("F-059", "I-10", "I-20", "U5")
async def test_a_limit_is_never_relaxed_while_its_issuer_is_silent(rig):
    limits = {"failsafe_import_kw": 600}
    async with inside(rig, site=rig.site(control=TIMES_60, limits=limits)) as gateway:
        await gateway.ready()
        await rig.vpp.ask("l1", service="limit", kind="limit", max_import_w=620_000, for_s=None)
        await until(lambda: rig.house.site_w() < 621_000.0, within_s=3)
        await rig.uplink.stop()
        await until(lambda: rig.house.site_w() < 601_000.0, within_s=4)  # the stricter of it and the fail-safe one
        rig.house.load_w = 580_000.0
        await asyncio.sleep(1.0)
        rig.house.load_w = 600_000.0
        await asyncio.sleep(1.5)
        assert rig.house.site_w() < 602_000.0
        await rig.uplink.start()
        await until(lambda: rig.house.site_w() > 610_000.0, within_s=5)  # a heartbeat: its issuer is there
        await asyncio.sleep(1.5)
        assert rig.house.site_w() < 622_000.0
        await rig.vpp.ask("l2", service="limit", kind="limit", max_import_w=None, for_s=None)
        await until(lambda: rig.house.site_w() > 655_000.0, within_s=5)
        assert gateway.mode == "local"
    usual(rig)
