"""The gateway as the process a supervisor starts: stopped, blocked, killed, terminated in the middle of an event."""

import asyncio
import random
import signal
from collections import Counter

import pytest

from gateway.demo import taken_samples
from tests.scenarios.house import boot_s
from tests.scenarios.rig import POLL_S, STALE_S, bench, outside, settled, until
from tests.scenarios.universal import integrity, u2_writes, u5_freshness, u9_audit, usual

WATCHDOG_S = 1.0


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


async def event(rig, id_="e1", *, shed_w=80_000.0, for_s=60.0):
    """An event that is accepted; asked again until the link is up."""
    await until(lambda: rig.vpp.mode() is not None)
    tree = await rig.vpp.ask(id_, kind="event", shed_w=shed_w, for_s=for_s)
    assert ("accepted", "ok") in await rig.vpp.answered(id_)
    await settled(rig.house, 660_000.0 - shed_w)
    return tree


@pytest.mark.fault("F-071", "U2", "U5", "U9")
async def test_a_process_that_was_stopped_reads_before_it_writes_and_catches_up_once(rig):
    async with outside(rig) as gateway:
        await event(rig)
        gateway.signal(signal.SIGSTOP)
        stopped_s = boot_s()
        await asyncio.sleep(0.2)
        rig.house.load_w += 30_000.0
        await asyncio.sleep(3.8)
        before = len(rig.house.asked)
        gateway.signal(signal.SIGCONT)
        resumed_s = boot_s()
        assert [at_s for at_s in gateway.times("WATCHDOG=1") if stopped_s + 0.05 < at_s < resumed_s] == []
        await settled(rig.house, 580_000.0)
        await until(lambda: [at_s for at_s in gateway.times("WATCHDOG=1") if at_s > resumed_s], within_s=3)
        after = rig.house.asked[before:]
        first_write = next(one for one in after if one.writes)
        assert any(one.device == "pcc" and one.at_s < first_write.at_s for one in after)
        line = next(line for line in rig.log() if line["t_s"] > resumed_s and line["out"].get("commands"))
        meter = [
            one["in"]["readings"]["pcc/power.active"]
            for one in rig.log()
            if one["t_s"] <= line["t_s"] and "pcc/power.active" in one["in"]["readings"]
        ][-1]
        assert line["t_s"] - meter[3] <= STALE_S
        assert {one["out"]["mode"] for one in rig.log() if one["t_s"] > resumed_s} == {"remote"}
        soon = [one for one in after if one.at_s < resumed_s + POLL_S]
        written = Counter(one.device for one in soon if one.writes)
        for (device, _), count in Counter((one.device, one.pdu) for one in soon if not one.writes).items():
            assert count <= 2 + written[device]  # its own turn, one to catch up, and the read-back of every write
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
    usual(rig)


@pytest.mark.fault("F-072", "U7", "U9")
async def test_a_blocked_loop_feeds_no_watchdog_and_says_so(rig, monkeypatch):
    monkeypatch.setenv("GATEWAY_TEST_BLOCK", "2.0 3.0")
    async with outside(rig, module="tests.scenarios.hooked") as gateway:
        ready_s = gateway.times("READY=1")[0]
        await until(lambda: rig.vpp.alarms("control_late:site") == [True], within_s=10)
        assert boot_s() - (ready_s + 2.0) <= 3.0 + 5.0
        fed = gateway.times("WATCHDOG=1")
        assert [at_s for at_s in fed if ready_s + 2.1 < at_s < ready_s + 4.9] == []
        assert [at_s for at_s in fed if at_s < ready_s + 2.1] != []
        await until(lambda: [at_s for at_s in gateway.times("WATCHDOG=1") if at_s > ready_s + 5.0], within_s=3)
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
    usual(rig)


@pytest.mark.fault("F-075", "U1", "U2", "U9")
async def test_a_stop_in_an_event_hands_every_asset_back_and_leaves_nothing_unsent(rig):
    async with outside(rig) as gateway:
        await event(rig)
        assert rig.house.set("battery.power.setpoint") < -10_000.0
        began_s = boot_s()
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended(within_s=10) == 0
        assert boot_s() - began_s <= 10.0
    assert gateway.times("STOPPING=1")
    assert rig.house.set("battery.power.setpoint") == 0.0
    assert rig.house.set("light.level.setpoint") == 100.0
    await until(lambda: abs(rig.house.site_w() - 660_000.0) < 500.0)
    await until(lambda: rig.vpp.of("status")[-1]["online"] is False, within_s=3)
    assert rig.audit("stop") != []
    usual(rig)


@pytest.mark.fault("F-061", "I-21", "I-30", "A-040", "U1", "U5")
async def test_a_killed_gateway_resumes_the_event_and_loses_nothing_that_was_committed(rig):
    rng = random.Random(61)
    async with outside(rig) as gateway:
        tree = await event(rig)
        await asyncio.sleep(rng.uniform(0.0, 1.0))
        gateway.signal(signal.SIGKILL)
        await gateway.ended()
    for ready in (True, False, False, True):  # in the middle of its work, and of its start
        async with outside(rig, ready=ready) as gateway:
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            gateway.signal(signal.SIGKILL)
            await gateway.ended()
        u5_freshness(rig.log())
        assert integrity(rig.state / "outbox" / "outbox.sqlite") == "ok"
    began_s = boot_s()
    async with outside(rig) as gateway:
        assert boot_s() - began_s <= 10.0  # READY: control decides
        await until(lambda: rig.vpp.mode() == "remote")
        await settled(rig.house, 580_000.0, within_s=10)
        assert boot_s() - began_s <= 15.0
        before = len(rig.vpp.answers("e1"))
        await rig.vpp.say(tree)
        assert (await rig.vpp.answered("e1", count=before + 1))[-1] == ("accepted", "ok")
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
    summary = rig.vpp.sink.summary()
    assert summary["unexplained"] == 0
    assert summary["gap_records"] >= len(summary["epochs"]) - 1 >= 2
    assert sum(one["contiguous"] for one in summary["epochs"]) == taken_samples(rig.state / "outbox" / "outbox.sqlite")
    identities = Counter((epoch, seq) for epoch, seq, *_ in rig.vpp.samples)
    assert max(identities.values()) == 1
    gaps = [value for _, _, point, value, *_ in rig.vpp.samples if point == "gateway/gap"]
    assert all(value is None or value <= 10.0 for value in gaps)
    u2_writes(rig.house)
    u9_audit(rig.state)
