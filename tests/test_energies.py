"""What stands out in the meters is an alarm, once, until it is gone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.clock import VirtualClock
from gateway.config import load_site, profiles_of
from gateway.dashboard.past import EventPast
from gateway.energies import EnergyView
from gateway.model.command import Alarm
from gateway.model.image import Image
from gateway.model.point import PointSpec, Unit, point_id
from gateway.store.history import History
from gateway.store.past import Means, put_past

SITE = """site: {id: tower, timezone: Asia/Shanghai, meter: pcc}
connections: {plant: {modbus_tcp: "127.0.0.1:5020"}, pulses: {modbus_tcp: "127.0.0.1:5021"}}
devices:
  pcc: {profile: meter/abb_b23, on: plant, unit_id: 1}
  pulses: {profile: meter/acme_pulse, on: pulses}
energy: {meters: {mains: {carrier: water, device: pulses}}}
"""
VOLUME = point_id("pulses", "water.volume")
DAY_MS = 86_400_000
BEGIN_MS = 1_784_000_000_000 // DAY_MS * DAY_MS
DRY = slice(2 * 96 + 40, 2 * 96 + 50)
"""In the third day nothing runs for two and a half hours."""


@pytest.fixture
async def view(tmp_path: Path):
    """Three days of water, and the alarms that were told."""
    flow = np.full(3 * 96, 0.05)
    flow[DRY] = 0.0
    after = 1000.0 + np.cumsum(flow)
    drawn, base = np.full(3 * 96, 80_000.0), np.full(3 * 96, 100_000.0)
    points = {
        VOLUME: Means(Unit.CUBIC_METRE, after - flow / 2, after - flow, after),
        "pcc/power.active": Means(Unit.WATT, drawn, drawn, drawn),
        "gateway/baseline.power": Means(Unit.WATT, base, base, base),
    }
    put_past(tmp_path, points, begin_ms=BEGIN_MS)
    (tmp_path / "site.yaml").write_text(SITE)
    site = load_site(tmp_path / "site.yaml")
    told: list[Alarm] = []
    clock = VirtualClock(1000.0, BEGIN_MS + 2 * DAY_MS)
    history = History(tmp_path, Image([PointSpec(VOLUME, Unit.CUBIC_METRE, 5.0)]), clock, on_alarm=told.append)
    made: Any = EnergyView(site, profiles_of(site), history, clock, on_alarm=told.append)
    yield made, clock, told
    await history.close()


async def test_water_that_never_stops_is_told_once_and_cleared_when_it_stopped(view) -> None:
    made, clock, told = view
    await made.look()
    await made.look()
    assert [(one.key, one.raised) for one in told] == [("water_leak:mains", True)]
    assert "200 L/h" in told[0].detail
    clock.step_utc(DAY_MS)
    await made.look()
    assert [(one.key, one.raised) for one in told] == [("water_leak:mains", True), ("water_leak:mains", False)]


async def test_the_evidence_of_an_event_is_its_quarters_and_its_settlement(view) -> None:
    made, _, _ = view
    event = EventPast(
        "e1", "vpp", "remote", "dr", "event", "site", BEGIN_MS, BEGIN_MS + 3_600_000, 20_000.0, None, "done", "ok",
        BEGIN_MS + 3_600_000, 0.99,
    )  # fmt: skip
    found = await made.evidence(event)
    assert [(one.baseline_w, one.power_w) for one in found.quarters] == [(100_000.0, 80_000.0)] * 4
    assert (found.delivery, found.energy_wh, found.known) == (1.0, 20_000.0, 1.0)
    assert (found.settlement.valid, found.settlement.paid) == (True, 1.0)
    assert found.unconfirmed


async def test_what_cannot_be_settled_has_no_evidence(view) -> None:
    made, _, _ = view
    limit = EventPast("l1", "vpp", "remote", "limit", "limit", "site", 0, None, None, None, "done", "ok", 1, None)
    with pytest.raises(LookupError):
        await made.evidence(limit)
