"""Run under strace, which makes some fdatasync calls slow: an outbox takes samples while a clock beside it ticks.

Arguments: a folder, seconds between commits, seconds to run. Prints one JSON line: ticks and their lateness, the most
that waited in memory, commits, how long after the last slow call nothing waited.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from gateway.clock import SystemClock
from tests.uplink.parts import make_outbox, taken, until

TICK_S = 0.0125
"""T_c, compressed by twenty."""
A_SECOND = 300
"""Samples a second, at real time."""


async def main(folder: Path, commit_s: float, for_s: float) -> None:
    clock = SystemClock()
    outbox = make_outbox(folder, clock, commit_s=commit_s)
    await outbox.open()
    running = asyncio.create_task(outbox.run())
    late: list[float] = []
    most, added, began_s, due = 0, 0, time.monotonic(), 0.0
    while time.monotonic() - began_s < for_s:
        due = time.monotonic() + TICK_S
        await asyncio.sleep(TICK_S)
        late.append(time.monotonic() - due)
        wanted = round((time.monotonic() - began_s) * A_SECOND)
        outbox.add(taken(wanted - added, at_s=clock.boot_s()))
        added = wanted
        most = max(most, outbox._count)
    over_s = time.monotonic()
    await until(lambda: not outbox._count, within_s=60.0)
    drained_s = time.monotonic() - over_s
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    spans = await outbox.pending("vpp", limit=10**6)
    held = sum(span.last - span.first + 1 for span in spans)
    await outbox.close()
    said = {"late": late, "most": most, "added": added, "held": held, "drained": drained_s, "commits": len(spans)}
    print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
