"""Interlocks and people over real sockets: fire has its assets at once, an override wins for its asset, one arbiter
decides whoever asks (F-086, F-087, F-089)."""

import asyncio
import random

import pytest

from tests.scenarios import house
from tests.scenarios.house import boot_s
from tests.scenarios.rig import LOADED_S, PERIOD_S, POLL_S, bench, inside, settled, until
from tests.scenarios.universal import usual, watched

FIRE = {"fire": {"device": "battery", "point": "battery.alarms", "action": "safe", "assets": ["battery", "lighting"]}}
INPUT = ("battery", "battery.alarms")


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    monkeypatch.setitem(house.FIXED, INPUT, 0.0)
    async with bench(tmp_path) as found:
        yield found


def people(gateway):
    return gateway.app.front.people


async def in_remote(rig, gateway):
    await rig.vpp.ask("e", kind="event", shed_w=60_000.0, for_s=60.0)
    await settled(rig.house, 600_000.0)


async def in_hold(rig, gateway):
    rig.vpp.heartbeat_s = None
    await rig.vpp.ask("s", power_w=600_000.0, for_s=60.0)
    await until(lambda: gateway.mode == "hold", within_s=8)


async def by_hand(rig, gateway):
    done = await people(gateway).override("anna", "battery", power_w=-40_000.0, for_s=600.0, why="trying")
    assert done.result == "accepted"
    await until(lambda: rig.house.set("battery.power.setpoint") == -40_000.0, within_s=3)


@pytest.mark.fault("F-086", "I-12", "I-13", "U2", "U7")
@pytest.mark.parametrize("before", [in_remote, in_hold, by_hand])
async def test_fire_is_on_the_wire_at_once_latched_and_nothing_else_writes_until_a_person_resets_it(
    rig, before, monkeypatch
):
    site = rig.site(interlocks=FIRE, control={"hold_s": 60.0})
    async with inside(rig, site=site) as gateway:
        await gateway.ready()
        await before(rig, gateway)
        monkeypatch.setitem(house.FIXED, INPUT, 1.0)
        began_s = boot_s()
        await until(lambda: rig.house.set("battery.power.setpoint") == 0.0, within_s=3)
        assert boot_s() - began_s <= POLL_S + 0.5 + PERIOD_S + 2 * LOADED_S
        await until(lambda: rig.house.set("light.level.setpoint") == 100.0, within_s=3)
        monkeypatch.setitem(house.FIXED, INPUT, 0.0)  # latched all the same
        since_s = boot_s()
        rig.vpp.heartbeat_s = 0.5
        await rig.vpp.ask("late", target="battery", power_w=-50_000.0)
        assert await rig.vpp.answered("late") == [("refused", "interlocked")]
        refused = await people(gateway).override("anna", "battery", power_w=-1_000.0, for_s=60.0, why="no")
        assert (refused.result, refused.reason) == ("refused", "interlocked")
        await asyncio.sleep(0.5)
        assert {one.value for one in rig.house.writes("battery.power.setpoint", since_s=since_s)} <= {0.0}
        done = await people(gateway).cancel("anna", "fire", why="burnt toast")
        assert done.result == "accepted"
        await until(lambda: gateway.app.loop.state.book.latched == {}, within_s=2)
        assert rig.vpp.alarms("interlock:fire")[:1] == [True]
        await until(lambda: rig.vpp.alarms("interlock:fire") == [True, False], within_s=3)
    last = rig.audit("person")[-1]
    assert (last["did"], last["result"], last["why"]) == ("cancel", "accepted", "burnt toast")


@pytest.mark.fault("F-087", "I-14", "U4", "U9")
async def test_an_override_during_an_event_wins_for_its_asset_others_share_and_the_vpp_is_told(rig):
    async with watched(), inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e", kind="event", shed_w=60_000.0, for_s=60.0)
        await settled(rig.house, 600_000.0)
        began_s = boot_s()
        await people(gateway).override("anna", "lighting", power_w=60_000.0, for_s=2.0, why="inspection")
        await until(lambda: rig.house.set("light.level.setpoint") == 100.0, within_s=3)
        assert boot_s() - began_s <= 1.0 + LOADED_S
        await until(lambda: rig.vpp.alarms("manual_override:lighting") == [True], within_s=5)
        await settled(rig.house, 600_000.0)  # the battery does it alone
        held = lambda: "manual_override:lighting" in gateway.app.loop.state.alarms  # noqa: E731 - asked twice
        assert held()
        await until(lambda: not held(), within_s=4)
        assert boot_s() - began_s == pytest.approx(2.0, abs=PERIOD_S + 3 * LOADED_S)
    usual(rig)
    assert rig.vpp.of("ack")  # and none of them speaks of what people asked
    assert {tree["id"] for tree in rig.vpp.of("ack")} == {"e"}


@pytest.mark.fault("F-089", "I-12", "U2")
async def test_the_vpp_and_people_command_one_asset_at_once_and_the_order_of_authority_decides(rig, soak):
    rounds, dice = 200 if soak else 10, random.Random(3)
    async with inside(rig) as gateway:
        await gateway.ready()
        for n in range(rounds):
            remote_w, manual_w = -1_000.0 * (n + 1), 2_000.0 * (n + 1)

            async def vpp(n=n, watts=remote_w):
                await asyncio.sleep(dice.uniform(0.0, 0.05))
                await rig.vpp.ask(f"r{n}", target="battery", power_w=watts)

            async def person(watts=manual_w):
                await asyncio.sleep(dice.uniform(0.0, 0.05))
                return await people(gateway).override("anna", "battery", power_w=watts, for_s=30.0, why="race")

            _, done = await asyncio.gather(vpp(), person())
            assert done.result == "accepted"
            assert (await rig.vpp.answered(f"r{n}", within_s=5))[0] == ("accepted", "ok")
            await until(lambda watts=manual_w: rig.house.set("battery.power.setpoint") == watts, within_s=3)
            await asyncio.sleep(0.55)  # two commands a second and issuer are taken
    assert rig.house.set("battery.enable") in (0.0, 1.0)
