"""A broker that goes and comes back: nothing is left behind of many sessions, and a day's backlog drains beside live data."""

import asyncio
import math
import time
from collections import deque

import pytest

from gateway.clock import SystemClock
from tests.footprint import assert_nothing_left, footprint
from tests.uplink.gateway_side import Peer, uplink
from tests.uplink.parts import make_outbox, taken, until

SAMPLES_A_SECOND = 5
DAY_S = 86_400


@pytest.mark.timeout(400)
@pytest.mark.fault("F-045", "U6")
async def test_reconnects_to_a_broker_leave_nothing_behind(tmp_path, mosquitto, soak):
    async with uplink(tmp_path / "state", mosquitto.port, version="5") as side:

        async def again() -> None:
            sessions = side.link.sessions
            await mosquitto.kill()
            await until(lambda: not side.link.connected)
            await mosquitto.start()
            await until(lambda: side.link.sessions > sessions and side.link.connected)
            side.outbox.add(taken(10, at_s=SystemClock().boot_s()))
            await asyncio.sleep(0.05)

        await until(lambda: side.link.connected)
        for _ in range(2):
            await again()
        await until(lambda: not side.link.letters[0])
        before = footprint()
        for _ in range(100 if soak else 5):
            await again()
        await until(lambda: not side.link.letters[0] and len(asyncio.all_tasks()) <= before.tasks)
        assert_nothing_left(before, footprint())


@pytest.mark.tier_s
@pytest.mark.timeout(3600)
@pytest.mark.fault("F-046", "U1")
async def test_a_day_without_a_broker_drains_oldest_first_while_live_samples_keep_flowing(tmp_path, mosquitto):
    """Five samples a second for 24 h; production goes on at that rate while the backlog drains."""
    state, clock = tmp_path / "state", SystemClock()
    outbox = make_outbox(state, clock, cap_bytes=2**30)
    await outbox.open()
    backlog = SAMPLES_A_SECOND * DAY_S
    for at in range(0, backlog, 1200):  # a minute a commit
        outbox.add(taken(1200, at_s=clock.boot_s(), first=float(at)))
        await outbox.commit()
    await outbox.close()
    delays, added = deque[float](), 0
    async with Peer(mosquitto.port).running() as peer, uplink(state, mosquitto.port, cap_bytes=2**30) as side:
        await until(lambda: peer.sink.samples > 0, within_s=60.0)
        began_s, took_s = time.monotonic(), 0.0
        while not took_s or added < 20 * SAMPLES_A_SECOND:
            if added < SAMPLES_A_SECOND * (time.monotonic() - began_s):
                side.outbox.add(taken(1, at_s=clock.boot_s(), first=-1.0 - added))
                added += 1
            for name, tree, _ in peer.seen:
                if name == "telemetry":
                    live = [row for row in tree["samples"] if not row[5]]
                    delays.extend((clock.utc_ms() - row[4]) / 1000.0 for row in live)
            peer.seen.clear()
            if not took_s and peer.sink.samples >= backlog:
                took_s = time.monotonic() - began_s
            assert time.monotonic() - began_s < DAY_S / 5.0
            await asyncio.sleep(0.01)
        await until(lambda: peer.sink.samples == backlog + added, within_s=60.0)
        summary = peer.sink.summary()
    assert summary["unexplained"] == 0
    assert peer.sink.samples == backlog + added
    assert backlog / took_s >= 5 * SAMPLES_A_SECOND
    assert sorted(delays)[math.floor(0.99 * (len(delays) - 1))] <= 10.0
