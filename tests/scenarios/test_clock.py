"""The wall clock steps, or is not set yet, under a whole gateway: only people's times change."""

import asyncio

import pytest

from gateway.clock import EARLIEST_UTC_MS
from tests.scenarios.headend import utc_ms
from tests.scenarios.house import boot_s
from tests.scenarios.rig import LOADED_S, PERIOD_S, SteppedClock, bench, inside, settled, until
from tests.scenarios.universal import usual, watched

HOUR_MS = 3_600_000


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


@pytest.mark.fault("F-068", "I-20", "I-27", "U1", "U4")
async def test_a_stepped_wall_clock_neither_ends_nor_repeats_an_event(rig):
    clock = SteppedClock()
    async with watched() as canary, inside(rig, clock=clock) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=7.0)
        await until(lambda: gateway.mode == "remote")
        begin_s = gateway.app.loop.state.book.entries[0].begin_s
        await settled(rig.house, 600_000.0)
        for step_h in (2, -4, 2):
            clock.offset_ms += step_h * HOUR_MS
            await asyncio.sleep(1.0)
            assert gateway.mode == "remote"
            assert abs(rig.house.site_w() - 600_000.0) < 5000.0
        await until(lambda: gateway.mode == "local", within_s=6)
        modes = [(line["t_s"], line["out"]["mode"]) for line in rig.log()]
        turns = [pair for before, pair in zip([(0.0, ""), *modes], modes, strict=False) if before[1] != pair[1]]
        assert [mode for _, mode in turns if mode != "boot"] == ["local", "remote", "local"]
        assert turns[-1][0] - begin_s == pytest.approx(7.0, abs=PERIOD_S + LOADED_S)
        assert await rig.vpp.answered("e1", count=2) == [("accepted", "ok"), ("done", "ended")]
    numbers = [seq for _, seq, *_ in rig.vpp.samples]
    assert numbers == sorted(set(numbers))
    usual(rig, canary=canary)


@pytest.mark.fault("F-069", "U1")
async def test_a_gateway_without_a_clock_controls_at_once_and_sends_no_sample_of_1970(rig):
    clock = SteppedClock(-utc_ms())
    began_s = boot_s()
    async with inside(rig, clock=clock, site=rig.site(limits={"max_import_kw": 630})) as gateway:
        await gateway.ready()
        assert gateway.mode == "local"
        await settled(rig.house, 630_000.0)  # the site's own limit
        assert boot_s() - began_s <= 15.0
        await asyncio.sleep(1.5)
        assert rig.vpp.samples == []
        await rig.vpp.ask("e1", kind="event", shed_w=10_000.0)
        assert (await rig.vpp.answered("e1"))[0][0] == "refused"
        clock.offset_ms = 0
        await until(lambda: rig.vpp.samples, within_s=5)
        await rig.vpp.ask("e2", power_w=600_000.0)
        assert ("accepted", "ok") in await rig.vpp.answered("e2")
        await settled(rig.house, 600_000.0)
    times = [t_ms for _, _, _, _, _, t_ms, _ in rig.vpp.samples]
    assert min(times) >= EARLIEST_UTC_MS
    age_s = boot_s() - began_s
    assert utc_ms() - min(times) == pytest.approx(age_s * 1000.0, abs=2500.0)  # as old as the run, which began before
    usual(rig)
