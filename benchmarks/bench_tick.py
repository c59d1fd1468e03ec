"""Lateness of the 250 ms control tick with 100 devices polled ten times a second, beside asyncio.sleep in a process
that polls the same and does nothing else; the gateway's ticks are the times of its trace's rows."""

import csv
import tempfile
import time
from pathlib import Path

from benchmarks.rig import child, figure, gateway, lateness, now_s, percentiles, progress, wait_polled, write_site

METERS, POINTS, PERIOD_S, TICK_S = 100, 20, 0.1, 0.25
FLOOR_S, RUN_S = 8.0, 20.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, child("benchmarks.devices", {"meters": METERS}) as devices:
        folder = Path(name)
        site = write_site(folder, devices.ready, points=POINTS, poll_s=PERIOD_S)
        spec = {"ports": devices.ready["ports"], "points": POINTS, "poll_s": PERIOD_S, "tick_s": TICK_S}
        late = {loop: floor(spec, loop) for loop in ("asyncio", "uvloop")}
        progress(f"gateway, {METERS} devices at {1 / PERIOD_S:g} Hz, {RUN_S:g} s")
        with gateway(site, "--trace", str(folder / "trace.csv"), "--origin", "0"):
            wait_polled(devices, METERS)
            begin_s = now_s()
            time.sleep(RUN_S)
            end_s = now_s()
        for loop in late:
            late[loop] += floor(spec, loop)
        with (folder / "trace.csv").open() as file:
            steps = [float(row["t_s"]) for row in csv.DictReader(file)]
    ours = percentiles(lateness([t for t in steps if begin_s <= t <= end_s], period_s=TICK_S), scale=1000.0)
    for at, which, target in ((0, "p50", ""), (1, "p99", "<= 5 ms")):
        floors = {loop: percentiles(values, scale=1000.0)[at] for loop, values in late.items()}
        how = f"{METERS} devices at {1 / PERIOD_S:g} Hz; floor: asyncio.sleep on asyncio"
        figure(
            f"tick_late_{which}", ours[at], "ms", floor=floors["asyncio"], target=target, method=how,
            uvloop_sleep_ms=round(floors["uvloop"], 3),
        )  # fmt: skip


def floor(spec: dict[str, object], loop: str) -> list[float]:
    """Lateness of asyncio.sleep on this loop, s."""
    progress(f"floor on {loop}, {FLOOR_S / 2:g} s")
    with child("benchmarks.floor", {**spec, "loop": loop}) as one:
        time.sleep(1.0)
        one.report()
        time.sleep(FLOOR_S / 2)
        late: list[float] = one.report()["late"]
        return late


if __name__ == "__main__":
    main()
