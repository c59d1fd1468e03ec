"""1,000 devices of 20 points at 1 s from one gateway process, with MQTT, outbox and history: polls missed, points told.

The devices are two other processes; their ledgers say which polls did not come. Every value is another one at every
poll, so all 20,000 points a second go to the disk and to a subscriber. On two cores the gateway, both device processes,
the broker and the subscriber share them: what is missed here a gateway with a machine of its own does not miss.
"""

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.peers.load import Load
from benchmarks.peers.ours.start import configured
from benchmarks.peers.process import running
from benchmarks.rig import Child, child, figure, missed_share, now_s, percentiles, progress
from emulators.broker import embedded, mosquitto, mosquitto_program

DEVICES, PROCESSES, POINTS, PERIOD_S = 1000, 2, 20, 1.0
START_S, SETTLE_S, RUN_S = 60.0, 5.0, 40.0


def measure(worlds: list[Child], mqtt_port: int) -> None:
    """Start, wait until every device is asked, measure, print."""
    ports = {name: port for world in reversed(worlds) for name, port in world.ready["ports"].items()}
    with tempfile.TemporaryDirectory(prefix="thousand-") as folder:
        command = configured(Load(ports, POINTS, PERIOD_S, mqtt_port, Path(folder)))
        progress(f"gateway, {DEVICES} devices, {RUN_S:g} s")
        with running(command) as tree:
            end_s = now_s() + START_S
            while now_s() < end_s and not all(all(world.report()["polls"].values()) for world in worlds):
                time.sleep(2.0 * PERIOD_S)
            time.sleep(SETTLE_S)
            for world in worlds:
                world.report()
            begin_s, used_s = now_s(), tree.cpu_s()
            time.sleep(RUN_S)
            took_s, used_s = now_s() - begin_s, tree.cpu_s() - used_s
            found = [world.report() for world in worlds]
            rss = tree.rss_mb()
    polls = {name: times for one in found for name, times in one["polls"].items()}
    missed, of = missed_share(polls, period_s=PERIOD_S, from_s=begin_s, to_s=begin_s + took_s)
    told, offered = sum(one["points"] for one in found), DEVICES * POINTS * took_s / PERIOD_S
    late_ms = [1e3 * late for one in found for late in one["late_s"]]
    how = (
        f"{DEVICES} devices x {POINTS} points at {PERIOD_S:g} s, devices in {PROCESSES} processes, MQTT QoS 1, store on"
    )
    figure("thousand_missed", missed, "%", target="< 0.1", method=f"{how}; the devices' ledgers", of=of)
    figure(
        "thousand_told", 100.0 * told / offered, "% of points", target=">= 99", method="at a subscriber", points=told
    )
    if late_ms:
        p50, p99 = percentiles(late_ms)
        figure(
            "thousand_late_p50", p50, "ms", method="a device's answer to the message that holds it", p99=round(p99, 1)
        )
    figure("thousand_cpu", 100.0 * used_s / took_s, "% of a core", method=f"{how}; kernel's counters")
    figure("thousand_cpu_point", 1e6 * used_s / max(1, told), "us", method="the same per point told")
    figure("thousand_rss", rss, "MB", method=how)
    polled = [len(times) / took_s for times in polls.values()]
    figure("thousand_rate_median", median(polled), "polls/s", method="per device")


async def main() -> None:
    """One broker, the devices, the gateway."""
    async with mosquitto(0) if mosquitto_program() else embedded(0) as port:
        with ExitStack() as stack:
            share = DEVICES // PROCESSES
            specs = [{"meters": share, "first": at * share} for at in range(PROCESSES)]
            specs[0]["mqtt_port"] = port
            worlds = [stack.enter_context(child("benchmarks.peers.world", spec)) for spec in specs]
            await asyncio.to_thread(measure, worlds, port)


if __name__ == "__main__":
    asyncio.run(main())
