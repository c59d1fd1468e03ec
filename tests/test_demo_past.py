"""The demonstration's past: whole weeks of it, its counters ending where the emulated meters begin."""

from pathlib import Path

import numpy as np
import pytest

from emulators.plant import Plant
from emulators.scenario import load_scenario
from gateway import demo_past
from gateway.config import load_site
from gateway.store.reading import Kept

UTC_MS = 1_784_000_123_456
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    scenario = load_scenario("demo_tower")
    site = load_site(scenario.site)
    demo_past.put(folder, scenario, site, load_start_s=scenario.load_start_s, utc_ms=UTC_MS, seed=1)
    return folder


@pytest.mark.parametrize(
    ("device", "quantity"), [("pcc", "energy.active.import"), ("pulses", "water.volume"), ("pulses", "gas.volume")]
)
def test_a_counter_ends_where_the_emulated_meter_begins_and_never_falls(
    state: Path, device: str, quantity: str
) -> None:
    scenario = load_scenario("demo_tower")
    begins = Plant(scenario.plant, scenario.load(), seed=1).read(device, quantity)
    with Kept(state) as kept:
        days = kept.find(f"{device}/{quantity}", from_ms=UTC_MS - 60 * DAY_MS, to_ms=UTC_MS, most=60 * 96).columns
        minutes = kept.find(f"{device}/{quantity}", from_ms=UTC_MS - DAY_MS, to_ms=UTC_MS, most=1442).columns
    for columns, slot in ((days, 900), (minutes, 60)):
        low, high = (column[np.isfinite(column)] for column in (columns.low, columns.high))
        assert (high >= low - 1e-6).all()
        assert (low[1:] >= high[:-1] - 1e-6).all()
        assert begins is not None
        assert 0.0 <= begins - high[-1] <= 2.0 * slot * 1e6 / 3600.0


def test_its_power_goes_over_into_what_the_emulated_building_draws(state: Path) -> None:
    scenario = load_scenario("demo_tower")
    plant = Plant(scenario.plant, scenario.load(), seed=1, noise=False, load_steps=False)
    with Kept(state) as kept:
        watts = kept.find("pcc/power.active", from_ms=UTC_MS - DAY_MS, to_ms=UTC_MS, most=1442).columns.mean
    known = watts[np.isfinite(watts)]
    assert known.size >= 1430
    switching_w = scenario.plant.building.capacity_w * 12 * 0.10 / 2
    assert known[-1] == pytest.approx(plant.natural_w(), abs=switching_w)
    assert np.abs(np.diff(known)).max() < 60_000.0
