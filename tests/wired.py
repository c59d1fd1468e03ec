"""The devices of one connection of a shipped scenario on a real wire, and a bus to them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from emulators.bench import Bench, Manner
from emulators.lines import wiring_of
from emulators.load import Load
from emulators.plant import Plant
from emulators.scenario import load_scenario
from gateway.clock import SystemClock
from gateway.config import load_site
from gateway.config.read import profiles_of
from gateway.field.bus import Bus
from gateway.field.open import open_bus
from gateway.field.points import member_of


@asynccontextmanager
async def wired(scenario_id: str, connection: str, devices: Sequence[str]) -> AsyncIterator[tuple[Plant, Bus]]:
    """The plant and the bus, while everything is up."""
    scenario = load_scenario(scenario_id)
    site, wiring = load_site(scenario.site), wiring_of(scenario.site)
    plant = Plant(scenario.plant, Load.constant(15_000.0), seed=1)
    bench = Bench(wiring, plant, lambda: plant.now_s, manner=Manner())
    await bench.start()
    try:
        profiles = profiles_of(site)
        members = [member_of(site.devices[name], profiles) for name in devices]
        line = replace(site.connections[connection], address=bench.addresses[connection])
        bus = open_bus(line, members, clock=SystemClock())
        yield plant, bus
        await bus.close()
    finally:
        await bench.stop()
