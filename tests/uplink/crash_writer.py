"""A child process that writes an outbox and says what was stored: `python crash_writer.py FOLDER COMMIT_S`.

Each line it prints is `<epoch> <seq>` of the newest sample that was on the disk when the line was written; the
samples' values count up over the whole life of the folder, so that whoever reads them sees what is missing.
"""

import asyncio
import sys
from pathlib import Path

from gateway.clock import SystemClock
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Batch, Lot, Taken
from gateway.uplink.outbox import Outbox


async def write(folder: Path, commit_s: float) -> None:
    clock = SystemClock()
    outbox = Outbox(folder, clock, links=("vpp",), on_alarm=print, commit_s=commit_s)
    await outbox.open()
    outbox.on_commit(told)
    print(f"open {outbox.epoch} {clock.boot_s()}", flush=True)
    running = asyncio.create_task(outbox.run())
    while not running.done():
        now_s = clock.boot_s()
        outbox.add(Lot.of([Taken(PointId("pcc/power.active"), now_s, Quality.GOOD, now_s)] * 5))
        await asyncio.sleep(0.002)


def told(batches: list[Batch]) -> None:
    for batch in batches:
        print(f"{batch.span.epoch} {batch.span.last}", flush=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    asyncio.run(write(Path(sys.argv[1]), float(sys.argv[2])))
