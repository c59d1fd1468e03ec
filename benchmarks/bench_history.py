"""A month's trend out of a year of 1,000 points, beside a sample a second and a loop that must not wait.

The year is made first, from noise that packs as badly as real values do. Then months are asked for at random while the
history goes on sampling all points; a ticker on the same loop says how late the loop ran. The collector runs as it does
in `gateway run`.
"""

import asyncio
import gc
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.rig import figure, now_s, percentiles, progress
from gateway.clock import SystemClock
from gateway.dashboard import records
from gateway.dashboard.jsontext import adapter, dump
from gateway.history_view import HistoryView
from gateway.model.image import Image
from gateway.model.point import PointId, PointSpec, Unit
from gateway.model.reading import Cause, Quality
from gateway.store import chunks
from gateway.store.history import History
from gateway.store.history_file import NAME, HistoryFile
from gateway.store.tiers import QUARTER, Columns

POINTS, DAYS, MONTH_MS = 1_000, 365, 30 * 86_400_000
QUESTIONS, STEPS, QUIET_S = 200, 1_000, 10.0
TICK_S = 0.001


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        specs = [PointSpec(PointId(f"d{at // 10:03d}/q{at % 10}"), Unit.WATT, 5.0) for at in range(POINTS)]
        progress(f"a year of {POINTS} points")
        begin_ms = _year(folder, specs)
        size = sum(path.stat().st_size for path in folder.glob(NAME + "*")) / 1e6
        progress(f"{QUESTIONS} months at random")
        gc.collect()  # as `gateway run` sets it: what was built lives for ever, the collector need not look
        gc.freeze()
        gc.set_threshold(10_000, 20, 100)
        took_s, late_s, quiet_s = asyncio.run(_ask(folder, specs, begin_ms))
    p50, p99 = percentiles(took_s, scale=1000.0)
    how = f"{POINTS} points, {DAYS} days, {STEPS} steps, JSON included, 1 Hz sampling meanwhile"
    figure("history_month_p50", p50, "ms", method=how)
    figure("history_month_p99", p99, "ms", target="<= 200 ms", method=how)
    figure(
        "history_stall",
        max(late_s) * 1000.0,
        "ms",
        floor=max(quiet_s) * 1000.0,
        target="<= 5 ms",
        method="latest turn of the loop; floor: the same loop, nothing asked, nothing kept",
    )
    figure(
        "history_stall_p99",
        percentiles(late_s, scale=1000.0)[1],
        "ms",
        floor=percentiles(quiet_s, scale=1000.0)[1],
        method="the same, 99th percentile of 1 ms turns",
    )
    figure("history_year", size, "MB", method=f"quarters of an hour of {POINTS} points over {DAYS} days on the disk")


def _year(folder: Path, specs: list[PointSpec]) -> int:
    file = HistoryFile(folder)
    series = file.series((spec.id, spec.unit.value) for spec in specs)
    draw = np.random.default_rng(1)
    end_ms = SystemClock().utc_ms() // QUARTER.span_ms * QUARTER.span_ms
    begin_ms = end_ms - DAYS * QUARTER.span_ms
    for day_ms in range(begin_ms, end_ms, QUARTER.span_ms):
        mean = draw.normal(100_000.0, 20_000.0, (QUARTER.slots, POINTS))
        spread = draw.uniform(100.0, 5_000.0, (QUARTER.slots, POINTS))
        count = np.full(QUARTER.slots, 900, np.uint16)
        quality = np.zeros(QUARTER.slots, np.uint8)

        def pack(at: int, mean: np.ndarray = mean, spread: np.ndarray = spread) -> bytes:
            one, wide = mean[:, at], spread[:, at]
            return chunks.pack(Columns(one, one - wide, one + wide, count, quality), wide=False, plain=False)  # noqa: B023

        file.put(QUARTER, day_ms, [(number, pack(at)) for at, number in enumerate(series)])
    file.close()
    return begin_ms


async def _ask(folder: Path, specs: list[PointSpec], begin_ms: int) -> tuple[list[float], list[float], list[float]]:
    image, clock = Image(specs), SystemClock()
    columns = image.columns(spec.id for spec in specs)
    history = History(folder, image, clock, on_alarm=lambda _alarm: None)
    view = HistoryView(history)
    adapter(records.Series)  # the server makes it when it starts, in a thread
    took_s: list[float] = []
    late_s: list[float] = []
    async with asyncio.TaskGroup() as group:
        ticker = group.create_task(_tick(late_s))
        await asyncio.sleep(QUIET_S)
        quiet_s, late_s[:] = late_s.copy(), []
        keeper = group.create_task(history.run())
        poster = group.create_task(_post(image, columns))
        await asyncio.sleep(2.0)  # the file is open, the first sample in
        late_s.clear()
        for _ in range(QUESTIONS):
            from_ms = begin_ms + random.randrange((DAYS - 30) * 86_400_000)
            point = PointId(random.choice(specs).id)
            asked_s = now_s()
            found = await view.series(point, from_ms=from_ms, to_ms=from_ms + MONTH_MS, most=STEPS)
            dump(records.Series, found)
            took_s.append(now_s() - asked_s)
            await asyncio.sleep(0.05)
        for task in (ticker, keeper, poster):
            task.cancel()
    asked = late_s.copy()
    await history.close()
    return took_s, asked, quiet_s


async def _post(image: Image, columns: Sequence[int]) -> None:
    count = len(columns)
    while True:
        values = [random.gauss(100_000.0, 20_000.0) for _ in range(count)]
        image.post_block(columns, values, [Quality.GOOD] * count, [Cause.NONE] * count, SystemClock().boot_s())
        await asyncio.sleep(1.0)


async def _tick(late_s: list[float]) -> None:
    while True:
        due_s = now_s() + TICK_S
        await asyncio.sleep(TICK_S)
        late_s.append(max(0.0, now_s() - due_s))


if __name__ == "__main__":
    main()
