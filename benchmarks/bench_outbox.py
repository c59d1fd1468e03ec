"""One commit of 1000 samples, on the disk when it returns: ours beside one bare blob in the same kind of database.

Both take turns in one run, so that a slow moment of the disk hits both; the figure is the median, and its ratio to the
floor. The floor packs the same numbers with `array` and writes them as one row: no numbering, no cursor, no times.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from array import array
from collections import Counter
from pathlib import Path
from statistics import median

from gateway.clock import SystemClock
from gateway.log import configure
from gateway.model.point import PointId
from gateway.model.reading import Quality
from gateway.uplink.batch import Lot, Stamp, Taken
from gateway.uplink.outbox import Outbox
from gateway.uplink.outbox_file import OutboxFile
from gateway.wire.telemetry import Receipt

SAMPLES, COMMITS = 1000, 200


def samples(round_: int) -> Lot:
    """1000 samples of 200 points, values that do not compress to nothing."""
    return Lot.of(
        Taken(
            PointId(f"dev{n % 200}/power.active"),
            ((n * 7919 + round_ * 104729) % 99991) / 7.0,
            Quality.GOOD,
            round_ + n / 1e3,
        )
        for n in range(SAMPLES)
    )


class Floor:
    """The least that survives a power cut."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, body BLOB)")
        self._numbers: dict[str, int] = {}

    def commit(self, taken: Lot) -> None:
        """One blob."""
        numbers = array("I", [self._numbers.setdefault(point, len(self._numbers)) for point in taken.points])
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO batch (body) VALUES (?)", (numbers.tobytes() + taken.values.tobytes(),))
        self._db.execute("COMMIT")


def timed_ms(work: object, *args: object, **how: object) -> float:
    """How long one call took."""
    began = time.perf_counter()
    work(*args, **how)  # type: ignore[operator]
    return (time.perf_counter() - began) * 1e3


def commits() -> None:
    """The file alone, in one thread."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        floor = Floor(folder)
        ours = OutboxFile(folder, Stamp("boot", 0.0, 1_800_000_000_000), links=("vpp",), cap_bytes=2**30)
        floor_ms, ours_ms = [], []
        for n in range(COMMITS):
            taken, now = samples(n), Stamp("boot", n + 1.0, 1_800_000_000_000 + 1000 * n)
            receipt = Receipt(ours.found.box, 1, max(0, (n - 5) * SAMPLES))
            floor_ms.append(timed_ms(floor.commit, taken))
            ours_ms.append(timed_ms(ours.commit, taken, now, lost=Counter(), receipts=[("vpp", receipt)]))
        _, used, _ = ours.depth()
        figure("outbox_commit_1000_ms", median(ours_ms), floor=median(floor_ms))
        figure("outbox_bytes_in_use_after_receipts", float(used))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        kept = OutboxFile(Path(name), Stamp("boot", 0.0, 1_800_000_000_000), links=("vpp",), cap_bytes=2**30)
        for n in range(50):
            kept.commit(samples(n), Stamp("boot", n + 1.0, 0), lost=Counter(), receipts=())
        figure("outbox_bytes_per_sample", kept.depth()[1] / (50 * SAMPLES))


async def with_thread() -> None:
    """The whole way: queue, worker thread, loop."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder, clock = Path(name), SystemClock()
        outbox = Outbox(folder, clock, links=("vpp",), on_alarm=print)
        await outbox.open()
        floor, floor_ms, ours_ms = Floor(folder), [], []
        for n in range(COMMITS // 2):
            taken = samples(n)
            floor_ms.append(timed_ms(floor.commit, taken))
            outbox.add(taken)
            began = time.perf_counter()
            await outbox.commit()
            ours_ms.append((time.perf_counter() - began) * 1e3)
        await outbox.close()
        figure("outbox_add_and_commit_1000_through_the_thread_ms", median(ours_ms), floor=median(floor_ms))


def figure(name: str, value: float, *, floor: float | None = None) -> None:
    """One JSON line."""
    line = {"figure": name, "value": round(value, 4)}
    if floor is not None:
        line |= {"floor": round(floor, 4), "ratio": round(value / floor, 2)}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    configure(level="error")
    commits()
    asyncio.run(with_thread())
