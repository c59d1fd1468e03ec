"""This gateway beside ThingsBoard's, Node-RED, one assembled from libraries, and the floor: the same meters and broker.

`make bench-peers` installs the peers into .cache/peers and runs this; benchmarks/peers/README.md says how to read it. All
take turns; a figure is the median of the rounds. Processor time and memory are the kernel's, of the whole process tree;
points are counted by a subscriber.
"""

import asyncio
import os
import platform
import sys
from collections.abc import Mapping
from statistics import median

from benchmarks.peers.load import NotInstalled, Silent
from benchmarks.peers.runs import PEERS, Run, run
from benchmarks.peers.table import LOAD_PERIODS_S, rows, show
from benchmarks.rig import Child, child, figure, progress
from emulators.broker import mosquitto, mosquitto_program

METERS, ROUNDS = 50, 3
WINDOW_S, LOAD_WINDOW_S = 10.0, 6.0


def steady(world: Child, port: int, absent: dict[str, str]) -> dict[str, list[Run]]:
    """Every gateway in turn at one poll a second, ROUNDS times."""
    runs: dict[str, list[Run]] = {name: [] for name in PEERS}
    silent: dict[str, str] = {}
    for number in range(ROUNDS):
        for name in (one for one in PEERS if one not in absent):
            progress(f"round {number + 1} of {ROUNDS}: {name}")
            try:
                runs[name].append(run(name, world, mqtt_port=port, period_s=1.0, window_s=WINDOW_S))
            except NotInstalled as exc:
                absent[name] = str(exc)
            except Silent as exc:
                silent[name] = str(exc)
                progress(f"  {exc}")
    absent.update((name, why) for name, why in silent.items() if not runs[name])
    return runs


def loaded(world: Child, port: int, absent: Mapping[str, str]) -> dict[str, list[Run]]:
    """Every gateway with ever shorter periods, until it does not keep up."""
    runs: dict[str, list[Run]] = {name: [] for name in PEERS}
    for name in (one for one in PEERS if one not in absent):
        for period_s in LOAD_PERIODS_S:
            progress(f"{name}, a poll every {period_s:g} s")
            try:
                runs[name].append(run(name, world, mqtt_port=port, period_s=period_s, window_s=LOAD_WINDOW_S))
            except Silent as exc:
                progress(f"  {exc}")
                break
            if not runs[name][-1].kept_up:
                break
    return runs


async def main() -> None:
    """Measure and print."""
    if mosquitto_program() is None:
        print("needs the program mosquitto: install the package mosquitto", file=sys.stderr)
        return
    absent: dict[str, str] = {}
    async with mosquitto(0) as port:
        with child("benchmarks.peers.world", {"meters": METERS, "mqtt_port": port}) as world:
            runs = await asyncio.to_thread(steady, world, port, absent)
            loads = await asyncio.to_thread(loaded, world, port, absent)
    for name, found in runs.items():
        for key in ("cpu_us", "late_ms", "start_s", "start_cpu_s", "rss_mb", "delivered") if found else ():
            values = [getattr(one, key) for one in found]
            figure(f"peers_{key}_{name}", median(values), key.rpartition("_")[2], each=[round(v, 3) for v in values])
        for one in loads[name]:
            what = f"peers_load_{name}"
            figure(what, one.points_s, "points/s", offered=one.offered_s, cpu_us=round(one.cpu_us, 2))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    print(show(rows(runs, loads), absent, machine=machine))


if __name__ == "__main__":
    asyncio.run(main())
