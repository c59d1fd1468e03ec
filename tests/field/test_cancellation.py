"""A write that is cancelled at any await point leaves no lock, no half transaction, no value of another register (F-090)."""

import asyncio
import random

import pytest

from gateway.errors import BusError
from tests.field import things
from tests.field.peers import Asked, Reply, tcp_peer
from tests.field.test_faults_bus import bus_to

TIMEOUT_S = 0.05


@pytest.mark.fault("F-090")
async def test_a_write_cancelled_at_any_point_leaves_a_line_that_reads_the_right_values(soak):
    rounds, rng = 500 if soak else 60, random.Random(90)

    def script(asked: Asked) -> Reply:
        return [(rng.uniform(0.0, 0.004), asked.reply())]

    # every register holds its address; the one that is written lies beyond those that are read
    read, written = things.wide("read", unit_id=1, blocks=2), things.thing("thing", unit_id=2)
    async with tcp_peer(script) as peer:
        bus = bus_to(peer.address, [read, written], timeout_s=TIMEOUT_S)
        cut = 0
        for seed in range(rounds):
            work = asyncio.create_task(bus.write("thing", {"limit": float(seed % 100)}))
            for _ in range(rng.randrange(12)):  # so many turns of the event loop
                await asyncio.sleep(0 if rng.random() < 0.7 else rng.uniform(0.0, 0.003))
            work.cancel()
            try:
                await work
            except asyncio.CancelledError:
                cut += 1
            except BusError:
                pass
            number = seed % 2
            async with asyncio.timeout(2.0):  # nobody holds the lock
                fetched = await bus.read("read", number)
            assert list(fetched.values) == [
                float(name.removeprefix("r")) for name in bus.batches("read")[number].points
            ]
        await bus.close()
    assert cut >= rounds // 4
