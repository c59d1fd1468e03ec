"""What stands above a step of a commissioning: limits inside the building, reckoned with what is not seen at its worst."""

import pytest

from gateway.cli.commission_guard import check
from gateway.cli.proving import Unsafe
from gateway.model.command import Command
from gateway.model.safety import Feeder
from tests.control.fakes import battery, pv, site, snapshot, zones

SUN = pv(rated_w=50_000.0)
ROOMS = zones(count=4)
BATTERY = battery()


def refusal(feeder, values, *, to_w):
    """Why the battery may not go from nothing to this; None: it may."""
    where = site(BATTERY, SUN, ROOMS, feeders={"riser": feeder})
    command = Command("battery", "battery.power.setpoint", to_w, "selftest", 0.0, 10.0)
    try:
        check(where, [command], snapshot({"battery/battery.power": 0.0} | values, now_s=0.0))
    except Unsafe as refused:
        return refused.code
    return None


@pytest.mark.fault("I-08", "I-17")
@pytest.mark.parametrize(
    ("values", "to_w", "allowed"),
    [
        ({f"{SUN.devices[0]}/pv.power": -30_000.0}, -15_000.0, True),
        ({f"{SUN.devices[0]}/pv.power": -30_000.0}, -25_000.0, False),
        ({}, -5_000.0, False),  # an inverter nobody reads may give all it can
        ({}, 5_000.0, True),
    ],
)
def test_below_a_feeder_without_a_meter_what_is_not_read_gives_and_draws_all_it_can(values, to_w, allowed):
    feeder = Feeder("riser", frozenset({"battery", *SUN.devices}), 50_000.0, 50_000.0)
    assert refusal(feeder, values, to_w=to_w) == (None if allowed else "feeder_limit")


@pytest.mark.parametrize(("to_w", "allowed"), [(-25_000.0, True), (-35_000.0, False), (25_000.0, True)])
def test_rooms_that_have_one_meter_together_count_once(to_w, allowed):
    feeder = Feeder("riser", frozenset({"battery", *ROOMS.devices}), 50_000.0, 10_000.0)
    values = {"cooling/power.active": 20_000.0}
    assert refusal(feeder, values, to_w=to_w) == (None if allowed else "feeder_limit")
