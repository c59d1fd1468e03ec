"""What benchmarks share: a site with emulated devices in another process, the gateway as a process, figures as JSON lines."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
PROFILE = """
schema: 1
profile:
  id: bench.wide
  version: 1.0.0
  class: meter
  vendor: Bench
  models: [Wide]
  confidence: A
  evidence: ["the meter of the benchmarks"]
link: {tcp: {port: 502}, unit_id: 1, max_read: 125, max_gap: 0}
defaults: {table: holding, type: f32}
blocks:
  - every: fast
    points:
"""
READY_S = 30.0


def now_s() -> float:
    """Boot time, the clock of every process here."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def figure(
    name: str, value: float, unit: str, *, floor: float | None = None, target: str = "", method: str = "", **more: Any
) -> None:
    """One figure as a JSON line; `floor` was measured in the same run."""
    line = {
        "figure": name,
        "value": round(value, 4),
        "unit": unit,
        "floor": None if floor is None else round(floor, 4),
        "ratio": round(value / floor, 3) if floor else None,
        "target": target,
        "method": method,
        **more,
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def progress(text: str) -> None:
    """What is being done, for the person who waits."""
    print(f"   {text}", file=sys.stderr, flush=True)


def percentiles(values: list[float], *, scale: float = 1.0) -> tuple[float, float]:
    """Median and 99th percentile, scaled; NaN when there are none."""
    if not values:
        return float("nan"), float("nan")
    p50, p99 = np.percentile(np.asarray(values) * scale, (50, 99))
    return float(p50), float(p99)


class Child:
    """A process of ours that prints one JSON line when it is ready and one more for every line it is sent."""

    def __init__(self, module: str, spec: Mapping[str, Any]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(spec)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.ready: dict[str, Any] = self._line()

    def report(self) -> dict[str, Any]:
        """What it noted since the last report."""
        assert self.process.stdin is not None
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def child(module: str, spec: Mapping[str, Any]) -> Iterator[Child]:
    """A Child that ends with the block."""
    one = Child(module, spec)
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def gateway(site: Path, *arguments: str, dashboard: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """An ordinary `gateway run` on a fresh state directory beside the site file, and its end."""
    if not dashboard:
        arguments = (*arguments, "--no-dashboard")
    log = (site.parent / "gateway.log").open("wb")
    state = tempfile.mkdtemp(prefix="state-", dir=site.parent)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", str(site), "--state", state, *arguments],
        cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is not None:
            progress(f"the gateway ended: {(site.parent / 'gateway.log').read_text()[-2000:]}")
        process.terminate()
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def write_site(
    folder: Path,
    devices: Mapping[str, Any],
    *,
    points: int,
    poll_s: float,
    meter_poll_s: float = 1.0,
    mqtt_port: int | None = None,
) -> Path:
    """The site file for what `benchmarks.devices` serves: meters of `points` floats each, site meter and battery."""
    profiles = folder / "device_profiles" / "meter"
    profiles.mkdir(parents=True, exist_ok=True)
    lines = [f"      x.value{at:03d}: {{at: {2 * at}, scale: 0.1, unit: V}}" for at in range(points)]
    (profiles / "bench_wide.yaml").write_text(PROFILE + "\n".join(lines) + "\n")
    connections = {name: {"modbus_tcp": f"127.0.0.1:{port}"} for name, port in devices["ports"].items()}
    named = {
        name: {"profile": "meter/bench_wide", "on": name, "unit_id": 1, "poll_s": poll_s}
        for name in connections
        if name not in ("pcc", "battery")
    }
    named["pcc"] = {"profile": "meter/abb_b23", "on": "pcc", "unit_id": 1, "poll_s": meter_poll_s}
    named["battery"] = {"profile": "battery/acme_200", "on": "battery", "unit_id": 1}
    site: dict[str, Any] = {
        "site": {"id": "bench", "timezone": "Asia/Shanghai", "meter": "pcc"},
        "connections": connections,
        "devices": named,
        "assets": {
            "battery": {
                "kind": "battery", "device": "battery", "max_charge_kw": 200, "max_discharge_kw": 200,
                "energy_kwh": 400, "safe_kw": 0, "dead_time_s": 0.05, "lag_s": 0.05,
            }
        },
        "limits": {"max_import_kw": 1800, "max_export_kw": 0},
        "services": {
            "regulation": {"capacity_kw": 200, "signal_period_s": 2},
            "automatic_response": {"max_shed_kw": 200},
        },
    }  # fmt: skip
    if mqtt_port is not None:
        site["links"] = {"vpp": {"mqtt": f"mqtt://127.0.0.1:{mqtt_port}"}}
    path = folder / "bench.site.yaml"
    path.write_text(yaml.safe_dump(site, sort_keys=False))
    return path


def wait_polled(devices: Child, count: int) -> None:
    """Until so many devices were polled twice from now on, and a moment more: the start is over."""
    devices.report()
    seen: dict[str, int] = {}
    end_s = now_s() + READY_S
    while sum(number >= 2 for number in seen.values()) < count and now_s() < end_s:
        time.sleep(0.2)
        for name, times in devices.report()["polls"].items():
            seen[name] = seen.get(name, 0) + len(times)
    time.sleep(1.0)
    devices.report()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    raise RuntimeError(f"process {pid} has no memory")


def cpu_share(pid: int, for_s: float) -> float:
    """Share of one core a process uses over the next seconds, in %."""
    begin_s, used_s = now_s(), cpu_s(pid)
    time.sleep(for_s)
    return 100.0 * (cpu_s(pid) - used_s) / (now_s() - begin_s)


def missed_share(polls: Mapping[str, list[float]], *, period_s: float, from_s: float, to_s: float) -> tuple[float, int]:
    """Share of polls that did not come, in %, of how many, by the gaps between those that came."""
    missed = expected = 0
    for times in polls.values():
        inside = [t for t in times if from_s <= t <= to_s]
        if not inside:
            missed += round((to_s - from_s) / period_s)
            expected += round((to_s - from_s) / period_s)
            continue
        gaps = [later - earlier for earlier, later in pairwise(inside)]
        missed += sum(max(0, round(gap / period_s) - 1) for gap in gaps)
        expected += sum(max(1, round(gap / period_s)) for gap in gaps)
    return 100.0 * missed / max(1, expected), expected


def lateness(times: list[float], *, period_s: float) -> list[float]:
    """How late the first step of each turn of a raster ran; the raster's place is that of its earliest steps."""
    if not times:
        return []
    at = np.asarray(times)
    turn = (at - at[0]) % period_s
    counts, edges = np.histogram(turn, bins=50, range=(0.0, period_s))
    common = float(edges[int(np.argmax(counts))])
    near = (turn - common + period_s / 2) % period_s - period_s / 2
    phase = at[0] + common + float(np.percentile(near[np.abs(near) < 0.02], 2))
    slots = np.arange(np.ceil((at[0] - phase) / period_s), np.floor((at[-1] - phase) / period_s)) * period_s + phase
    first = np.searchsorted(at, slots - 0.0005)
    return [float(max(0.0, at[index] - slot)) for index, slot in zip(first, slots, strict=True) if index < len(at)]
