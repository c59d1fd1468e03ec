"""One component fails again and again, or the disk refuses: the others, and control, carry on."""

import asyncio
import errno

import pytest

from gateway import statefile
from gateway.errors import StoreError
from gateway.uplink.outbox_file import OutboxFile
from tests.scenarios.house import boot_s
from tests.scenarios.rig import bench, inside, settled, until
from tests.scenarios.universal import (
    u2_writes,
    u3_isolation,
    u4_control,
    u5_freshness,
    u7_alarms,
    u9_audit,
    usual,
    watched,
)


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


@pytest.mark.parametrize("edge", ["line:lights", "sampler", "health", "link:vpp"])
@pytest.mark.fault("F-076", "U3", "U4", "U6", "U7")
async def test_a_component_that_crashes_again_and_again_is_alone_in_it(rig, edge, monkeypatch):
    starts = []

    async def crash(*_):
        starts.append(boot_s())
        await asyncio.sleep(0.05)
        raise RuntimeError("again")

    async with watched() as canary, inside(rig) as gateway:
        app = gateway.app
        match edge:
            case "line:lights":
                monkeypatch.setattr(app.lines.pollers["lights"], "run", crash)
            case "sampler":
                monkeypatch.setattr(app.upstream, "sample", crash)
            case "health":
                monkeypatch.setattr(app._health, "run", crash)
            case _:
                monkeypatch.setattr("gateway.uplink.mqtt.MqttLink.run", crash)
        await until(lambda: gateway.mode == "local")
        began_s = boot_s()
        if edge != "link:vpp":
            await until(lambda: app.upstream.links["vpp"].connected)
            await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=60.0)
            await settled(rig.house, 600_000.0)
        await asyncio.sleep(3.5)
        assert 2 <= len(starts) <= 5
        u3_isolation(rig.house, ("pcc", "battery"), during=(began_s, boot_s()), canary=canary)
        raised = [one for one in rig.audit("alarm") if one["key"] == f"edge_crashed:{edge}"]
        assert [one["raised"] for one in raised] == [True]
    u4_control(rig.log(), canary=canary)
    u2_writes(rig.house)
    u5_freshness(rig.log())
    u7_alarms(rig.vpp, lines=gateway.lines)
    u9_audit(rig.state)


@pytest.mark.fault("F-063", "F-064", "U1", "U2", "U4", "U5", "U7", "U9")
async def test_a_disk_that_is_full_stops_neither_control_nor_telemetry_and_no_event_is_answered_before_it_is_kept(
    rig, monkeypatch
):
    full = False
    commit, save = OutboxFile.commit, statefile.save

    def committing(self, *args, **given):
        if full:
            raise StoreError("disk full")
        return commit(self, *args, **given)

    def saving(*args, **given):
        if full:
            raise StoreError(str(OSError(errno.ENOSPC, "no space")))
        save(*args, **given)

    monkeypatch.setattr(OutboxFile, "commit", committing)
    monkeypatch.setattr(statefile, "save", saving)
    async with watched() as canary, inside(rig) as gateway:
        await gateway.ready()
        full = True
        await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=60.0)
        await settled(rig.house, 600_000.0)  # actuation never waits for the disk
        await until(lambda: rig.vpp.alarms("disk_refuses:state") == [True], within_s=5)
        await asyncio.sleep(2.5)
        assert rig.vpp.answers("e1") == []
        full = False
        freed_s = boot_s()
        assert await rig.vpp.answered("e1", within_s=10) == [("accepted", "ok")]
        await until(lambda: rig.vpp.alarms("disk_refuses:state") == [True, False], within_s=10)
        held = gateway.app.outbox
        await until(lambda: not held._strikes, within_s=10)
        assert boot_s() - freed_s <= 10.0
    verdicts = [one for one in rig.audit("verdict") if one["id"] == "e1"]
    assert len(verdicts) == 1
    usual(rig, canary=canary)
