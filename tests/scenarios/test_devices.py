"""Devices vanish, hang and reboot under a whole gateway: control goes on with what is there (U3, U4, U5)."""

import asyncio

import pytest

from tests.scenarios.house import boot_s
from tests.scenarios.rig import LOADED_S, PERIOD_S, POLL_FACTOR, POLL_S, STALE_S, bench, inside, settled, until
from tests.scenarios.universal import u3_isolation, u4_control, usual, watched

T_OFF_S = 5.0 / POLL_FACTOR
T_BACK_S = 10.0 / POLL_FACTOR


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


def offline(rig, name):
    """Told to the head-end: raised and cleared."""
    return rig.vpp.alarms(f"line_offline:{name}") or rig.vpp.alarms(f"device_offline:{name}")


@pytest.mark.parametrize(
    "how",
    [pytest.param("off", marks=pytest.mark.fault("F-001")), pytest.param("hung", marks=pytest.mark.fault("F-004"))],
)
@pytest.mark.fault("U1", "U2", "U3", "U4", "U5", "U6", "U7", "U9")
async def test_a_device_is_lost_in_an_event_and_comes_back_while_the_others_are_controlled_as_ever(rig, how):
    async with watched() as canary, inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=20_000.0, for_s=60.0)
        await settled(rig.house, 640_000.0)
        proxy = rig.devices.proxies["battery"]
        gone_s = boot_s()
        if how == "off":
            await rig.devices.off("battery")
        else:
            proxy.hang(on=True)
        rig.house.held["battery", "battery.power.setpoint"] = 0.0  # what it does while nobody looks
        await until(lambda: offline(rig, "battery") == [True], within_s=T_OFF_S + 2 * POLL_S + 1.0)
        told_s = next(one.at_s for one in rig.vpp.heard if one.name == "alarm" and "offline" in one.tree["key"])
        assert told_s - gone_s <= T_OFF_S + POLL_S + 2 * LOADED_S
        await settled(rig.house, 640_000.0)  # the lights take its share
        if how == "hung":
            assert max_open(rig, since_s=gone_s + POLL_S) <= 1
        back_s = boot_s()
        if how == "off":
            await rig.devices.on("battery")
        else:
            proxy.hang(on=False)
        await until(lambda: rig.house.writes("battery.power.setpoint", since_s=back_s), within_s=T_BACK_S + 1.0)
        assert rig.house.applied[-1].at_s - back_s <= T_BACK_S + LOADED_S
        await settled(rig.house, 640_000.0)
        end_s = boot_s()
    assert offline(rig, "battery") == [True, False]
    u3_isolation(rig.house, ("pcc", "lights"), during=(gone_s, end_s), canary=canary)
    usual(rig, canary=canary)
    assert repeated(gateway.lines) == []


def max_open(rig, *, since_s):
    """How many connections the gateway holds to the battery."""
    return len(rig.devices.proxies["battery"].links)


def repeated(lines):
    """Log events said more than ten times."""
    events = [(line["event"], line.get("key"), line.get("error")) for line in lines]
    return [event for event in set(events) if events.count(event) > 10]


@pytest.mark.fault("F-027", "I-24", "U2")
async def test_a_device_that_rebooted_has_our_value_again_soon_after_it_answers(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=80_000.0, for_s=60.0)
        await settled(rig.house, 580_000.0)
        wanted = rig.house.set("battery.power.setpoint")
        assert wanted < -10_000.0
        await rig.devices.off("battery")
        rig.house.reboot("battery")
        await asyncio.sleep(8.0 / POLL_FACTOR)
        back_s = boot_s()
        await rig.devices.on("battery")
        await until(lambda: any(one.device == "battery" and one.at_s > back_s for one in rig.house.asked))
        answers_s = next(one.at_s for one in rig.house.asked if one.device == "battery" and one.at_s > back_s)
        await until(
            lambda: rig.house.set("battery.enable") == 1.0 and rig.house.set("battery.power.setpoint") < -10_000.0
        )
        assert boot_s() - answers_s <= 5.0 / POLL_FACTOR + LOADED_S
        await settled(rig.house, 580_000.0)
    usual(rig)


@pytest.mark.fault("F-081", "I-16", "I-17", "U5")
async def test_a_lost_site_meter_is_fault_and_safe_values_at_once_and_control_comes_back(rig):
    async with watched() as canary, inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=80_000.0, for_s=60.0)
        await settled(rig.house, 580_000.0)
        last_s = max(one.at_s for one in rig.house.asked if one.device == "pcc")
        await rig.devices.off("pcc")
        await until(lambda: gateway.mode == "fault", within_s=3)
        fault_s = next(line["t_s"] for line in rig.log() if line["out"]["mode"] == "fault")
        assert fault_s - last_s <= STALE_S + PERIOD_S + LOADED_S
        await until(lambda: rig.house.set("battery.power.setpoint") == 0.0, within_s=2)
        await until(lambda: rig.house.set("light.level.setpoint") == 100.0, within_s=2)
        await asyncio.sleep(1.0)
        await rig.devices.on("pcc")
        await until(lambda: gateway.mode == "remote", within_s=6)  # the event still runs
        await settled(rig.house, 580_000.0)
    assert [tree["mode"] for tree in rig.vpp.of("status") if tree["mode"]][-2:] == ["fault", "remote"]
    u4_control(rig.log(), canary=canary)
    usual(rig)
    assert rig.vpp.alarms("site_meter_lost:pcc") == [True, False]


@pytest.mark.parametrize("missing", [("battery",), ("lights",), ("pcc", "lights")], ids="+".join)
@pytest.mark.fault("F-077", "U2", "U5")
async def test_a_cold_boot_without_half_the_devices_is_ready_and_makes_safe_what_is_there(rig, missing):
    await rig.devices.off(*missing)
    began_s = boot_s()
    rig.house.held["battery", "battery.enable"] = 1.0
    rig.house.held["battery", "battery.power.setpoint"] = 90_000.0  # what somebody left behind
    async with inside(rig) as gateway:
        await until(lambda: gateway.app._ready, within_s=15)
        present = {"battery", "lights"} - set(missing)
        await until(lambda: {one.device for one in rig.house.applied} >= present, within_s=15)
        assert boot_s() - began_s <= 15.0
        if "battery" in present:
            await until(lambda: rig.house.set("battery.power.setpoint") == 0.0, within_s=5)
        await rig.devices.on(*missing)
        await until(
            lambda: gateway.mode == "local" and {one.device for one in rig.house.applied} >= {"battery", "lights"},
            within_s=8,
        )
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=20_000.0, for_s=60.0)
        await settled(rig.house, 640_000.0)
    usual(rig)


@pytest.mark.tier_s
@pytest.mark.fault("F-034", "U2", "U5", "U7", "U8")
async def test_a_site_meter_that_loses_its_sign_raises_nothing_and_is_told_as_uncertain(rig):
    async with inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=60_000.0, for_s=120.0)
        await settled(rig.house, 600_000.0)
        await asyncio.sleep(12.0)  # its twins are settled
        drawn_w = rig.house.site_w()
        rig.house.meter_sign = -1.0
        await until(lambda: rig.vpp.alarms("site_meter_reversed:pcc") == [True], within_s=30 / POLL_FACTOR)
        await asyncio.sleep(60.0 / POLL_FACTOR)
        assert rig.house.site_w() <= drawn_w + 4_000.0
        rig.house.meter_sign = 1.0
        await until(lambda: rig.vpp.alarms("site_meter_reversed:pcc") == [True, False], within_s=5)
        await settled(rig.house, 600_000.0)
        told = [sample for sample in rig.vpp.samples if sample[2] == "pcc/power.active" and (sample[3] or 0.0) < 0.0]
        assert told[-1][4] == "uncertain"
    usual(rig)
