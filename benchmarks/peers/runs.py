"""Who takes part in the comparison, and one run of one of them under one load."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.peers.assembled.start import configured as assembled
from benchmarks.peers.floor.start import configured as floor
from benchmarks.peers.load import Load, Silent
from benchmarks.peers.node_red.start import configured as node_red
from benchmarks.peers.ours.start import configured as ours
from benchmarks.peers.process import Command, Tree, running
from benchmarks.peers.thingsboard.start import configured as thingsboard
from benchmarks.peers.thingsboard.start import single, wide
from benchmarks.rig import Child, now_s

PEERS: Mapping[str, Callable[[Load], Command]] = {
    "floor": floor,
    "ours": ours,
    "assembled": assembled,
    "node_red": node_red,
    "thingsboard_wide": partial(thingsboard, items=wide),
    "thingsboard_point": partial(thingsboard, items=single),
}
POINTS = 60
START_S = 40.0
SETTLE_S = 3.0
LEAST_DELIVERED = 0.95


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one gateway gave."""

    start_s: float
    """From starting the process to the first value of a meter at the subscriber."""
    start_cpu_s: float
    """Processor time until then: the part of the start that a busy machine does not change."""
    cpu_us: float
    """Processor time per point that the subscriber got."""
    points_s: float
    offered_s: float
    rss_mb: float
    late_ms: float
    """Median from a meter's answer to the message that holds it."""

    @property
    def delivered(self) -> float:
        """Share of the points of all polls that were due."""
        return self.points_s / self.offered_s

    @property
    def kept_up(self) -> bool:
        """It delivered what was offered, but for what the edges of the window take."""
        return self.delivered >= LEAST_DELIVERED


def run(name: str, world: Child, *, mqtt_port: int, period_s: float, window_s: float) -> Run:
    """Start one, wait until it is in its stride, measure it over a window, end it; raises NotInstalled, Silent."""
    with tempfile.TemporaryDirectory(prefix=f"peer-{name}-") as folder:
        load = Load(world.ready["ports"], POINTS, period_s, mqtt_port, Path(folder))
        command = PEERS[name](load)
        world.report()
        with running(command) as tree:
            start_s = _wait(tree, world) - tree.began_s
            start_cpu_s = tree.cpu_s()
            time.sleep(SETTLE_S)
            world.report()
            begin_s, used_s = now_s(), tree.cpu_s()
            time.sleep(window_s)
            used_s, took_s = tree.cpu_s() - used_s, now_s() - begin_s
            seen = world.report()
            if not tree.alive() or not seen["points"]:
                raise Silent(f"it published nothing: {tree.last_words()}")
            return Run(
                start_s=start_s,
                start_cpu_s=start_cpu_s,
                cpu_us=1e6 * used_s / seen["points"],
                points_s=seen["points"] / took_s,
                offered_s=len(load.meters) * POINTS / period_s,
                rss_mb=tree.rss_mb(),
                late_ms=1e3 * median(seen["late_s"]) if seen["late_s"] else float("nan"),
            )


def _wait(tree: Tree, world: Child) -> float:
    """When the first value of a meter came."""
    end_s = now_s() + START_S
    while now_s() < end_s and tree.alive():
        time.sleep(0.05)
        first_s: float | None = world.report()["first_s"]
        if first_s is not None:
            return first_s
    raise Silent(f"no value in {START_S:g} s: {tree.last_words()}")
