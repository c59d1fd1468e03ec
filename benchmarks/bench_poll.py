"""1,000 devices of 20 points polled once a second by an ordinary gateway: polls missed, tick jitter, CPU beside the floor.

Counted by the devices' own ledgers and the trace's times. The floor process writes the same requests and reads the
answers, without decoding, quality, control, store; floor, gateway and floor again run one after the other.
"""

import csv
import tempfile
import time
from pathlib import Path

from benchmarks.rig import (
    child,
    cpu_share,
    figure,
    gateway,
    lateness,
    missed_share,
    now_s,
    percentiles,
    progress,
    rss_mb,
    wait_polled,
    write_site,
)

METERS, POINTS, PERIOD_S = 1000, 20, 1.0
FLOOR_S, RUN_S = 5.0, 16.0


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, child("benchmarks.devices", {"meters": METERS}) as devices:
        folder = Path(name)
        site = write_site(folder, devices.ready, points=POINTS, poll_s=PERIOD_S)
        spec = {"ports": devices.ready["ports"], "points": POINTS, "poll_s": PERIOD_S}
        floors = [floor_cpu(spec)]
        progress(f"gateway, {METERS} devices, {RUN_S:g} s")
        with gateway(site, "--trace", str(folder / "trace.csv"), "--origin", "0") as process:
            wait_polled(devices, METERS)
            begin_s = now_s()
            cpu = cpu_share(process.pid, RUN_S)
            end_s = now_s()
            rss = rss_mb(process.pid)
            polls = devices.report()["polls"]
        floors.append(floor_cpu(spec))
        with (folder / "trace.csv").open() as file:
            steps = [float(row["t_s"]) for row in csv.DictReader(file)]
    missed, expected = missed_share(polls, period_s=PERIOD_S, from_s=begin_s, to_s=end_s)
    floor = sum(floors) / len(floors)
    how = f"{METERS} devices x {POINTS} points, {PERIOD_S:g} s, uvloop"
    figure("poll_missed", missed, "%", target="< 0.1", method=f"{how}; gaps in the devices' ledgers", of=expected)
    inside = [t for t in steps if begin_s <= t <= end_s]
    p50, p99 = percentiles(lateness(inside, period_s=0.25), scale=1000.0)
    figure("poll_tick_late_p50", p50, "ms", method=f"{how}; steps of trace.csv against their 250 ms raster")
    figure("poll_tick_late_p99", p99, "ms", target="<= 10", method="the same")
    figure("poll_cpu", cpu, "% of a core", floor=floor, target="<= 3 x floor", method=f"{how}; /proc/PID/stat")
    figure("poll_cpu_point", cpu * 1e4 / (METERS * POINTS / PERIOD_S), "us", method="poll_cpu per point")
    figure("poll_rss", rss, "MB", method=how)


def floor_cpu(spec: dict[str, object]) -> float:
    """CPU share of the floor process."""
    progress(f"floor, {FLOOR_S:g} s")
    with child("benchmarks.floor", spec) as floor:
        time.sleep(1.0)
        return cpu_share(floor.process.pid, FLOOR_S)


if __name__ == "__main__":
    main()
