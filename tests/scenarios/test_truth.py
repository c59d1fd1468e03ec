"""What the VPP is told of a device is what the device has, or that nobody knows (U8, I-24)."""

import pytest

from tests.scenarios.rig import bench, inside, settled, until

SETPOINT = "battery/battery.power.setpoint"


@pytest.fixture
async def rig(tmp_path):
    async with bench(tmp_path) as found:
        yield found


def told(rig):
    """The newest sample of the setpoint at the VPP: (value, quality)."""
    of_point = [sample for sample in rig.vpp.samples if sample[2] == SETPOINT]
    return (of_point[-1][3], of_point[-1][4]) if of_point else None


@pytest.mark.fault("U8", "I-24")
async def test_the_setpoint_told_upstream_is_the_one_the_device_holds_or_unknown(rig):
    key = ("battery", "battery.power.setpoint")
    async with inside(rig) as gateway:
        await gateway.ready()
        await rig.vpp.ask("e1", kind="event", shed_w=20_000.0, for_s=60.0)
        await settled(rig.house, 640_000.0)
        await until(lambda: told(rig) == (pytest.approx(rig.house.held[key], abs=1.0), "good"), within_s=5.0)
        await rig.devices.off("battery")
        await until(lambda: told(rig) == (None, "invalid"), within_s=8.0)
