"""An upstream that comes and goes moves nothing (F-060)."""

import asyncio

import pytest

from tests.scenarios.rig import bench, inside, settled, until
from tests.scenarios.test_upstream import changes
from tests.scenarios.universal import usual, watched

TIMES = {"link_lost_s": 6.0, "hold_s": 15.0}
"""Twenty times as fast: T_hb 6 s."""
SPAN_S = 0.15
"""3 s up, 3 s down."""


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


@pytest.mark.fault("F-060", "U2", "U4", "U6", "U7")
async def test_a_flapping_upstream_makes_no_setpoint_chatter_and_hardly_moves_the_mode(rig, soak):
    turns = 2000 if soak else 8
    site = rig.site(control=TIMES)
    async with watched(), inside(rig, site=site) as gateway:
        await gateway.ready()
        await rig.vpp.ask("s", power_w=600_000.0, for_s=600.0)
        await settled(rig.house, 600_000.0)
        calm = len(rig.house.writes("battery.power.setpoint"))
        await asyncio.sleep(2 * turns * SPAN_S)
        calm = len(rig.house.writes("battery.power.setpoint")) - calm
        before = len(rig.house.writes("battery.power.setpoint"))
        for _ in range(turns):
            await rig.uplink.stop()
            await asyncio.sleep(SPAN_S)
            await rig.uplink.start()
            await asyncio.sleep(SPAN_S)
        flapping = len(rig.house.writes("battery.power.setpoint")) - before
        assert flapping <= 2 * calm + 2
        moved = changes(rig.log())
        await gateway.ready()  # connected again
        await until(lambda: rig.vpp.sink.summary()["unexplained"] == 0, within_s=10)
        await asyncio.sleep(2.0)
    assert len(moved) - 2 <= 4  # boot and local came before
    usual(rig)
