"""Lateness of the 250 ms control tick with twenty open pages and a scraper once a second, beside the same gateway alone.

The two are measured by turns on one gateway, so that what else the machine does falls on both. Ticks are the rows of
its trace; pages are server-sent event streams of another process that reads all it is sent. That process has the least
right to the processor: browsers and scrapers run elsewhere on the network and take no time of this machine.
"""

import asyncio
import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rig import (
    child,
    cpu_s,
    figure,
    gateway,
    lateness,
    now_s,
    percentiles,
    progress,
    wait_polled,
    write_site,
)
from gateway.errors import StoreError
from gateway.localsocket import ask

METERS, POINTS, PERIOD_S, TICK_S = 50, 20, 0.5, 0.25
PAGES, TURNS, TURN_S = 20, 12, 10.0
WAIT_S = 60.0


def main() -> None:
    """Measure and print."""
    late: dict[bool, list[float]] = {False: [], True: []}
    used: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as name, child("benchmarks.devices", {"meters": METERS}) as devices:
        folder = Path(name)
        site = write_site(folder, devices.ready, points=POINTS, poll_s=PERIOD_S)
        spans: list[tuple[bool, float, float]] = []
        with gateway(
            site, "--trace", str(folder / "trace.csv"), "--origin", "0", "--port", "0", dashboard=True
        ) as ours:
            wait_polled(devices, METERS)
            link = _link(folder)
            for turn in range(2 * TURNS):
                watched = turn % 2 == 1
                progress(f"{PAGES if watched else 0} pages, {TURN_S:g} s")
                if watched:
                    with child("benchmarks.bench_dashboard", {"link": link}) as pages:
                        _measure(ours.pid, watched=watched, spans=spans, used=used)
                        told = pages.report()
                        assert told["pages"] == PAGES, told
                    link = _link(folder)
                else:
                    _measure(ours.pid, watched=watched, spans=spans, used=used)
        with (folder / "trace.csv").open() as file:
            steps = [float(row["t_s"]) for row in csv.DictReader(file)]
    for watched, begin_s, end_s in spans:
        late[watched] += lateness([t for t in steps if begin_s <= t <= end_s], period_s=TICK_S)
    how = f"{PAGES} event streams and a scrape a second; {METERS} devices at {1 / PERIOD_S:g} Hz; floor: nobody looks"
    for at, which, target in ((0, "p50", ""), (1, "p99", "<= 1.2 x floor")):
        alone, seen = (percentiles(late[watched], scale=1000.0)[at] for watched in (False, True))
        figure(f"dashboard_tick_late_{which}", seen, "ms", floor=alone, target=target, method=how)
    alone, seen = (sum(used[watched]) / len(used[watched]) for watched in (False, True))
    figure("dashboard_cpu", seen, "%", floor=alone, method=f"of one core; {how}")


def _measure(pid: int, *, watched: bool, spans: list[tuple[bool, float, float]], used: dict[bool, list[float]]) -> None:
    time.sleep(1.0)
    begin_s, before = now_s(), cpu_s(pid)
    time.sleep(TURN_S)
    spans.append((watched, begin_s, now_s()))
    used[watched].append(100.0 * (cpu_s(pid) - before) / TURN_S)


def _link(folder: Path) -> str:
    (state,) = folder.glob("state-*")
    end_s = now_s() + WAIT_S
    while now_s() < end_s:
        try:
            answer = ask(state, {"do": "link", "user": "bench", "role": "viewer"})
        except StoreError:
            answer = {}
        if "url" in answer:
            return str(answer["url"])
        time.sleep(0.2)
    raise RuntimeError("the dashboard did not come up")


async def _look(link: str) -> None:
    """The pages, as a process of their own: addresses of loopback's own net, as eight is the most from one."""
    from aiohttp import ClientSession, ClientTimeout, CookieJar, TCPConnector

    base, _, secret = link.partition("/#enter=")
    seen = [0] * PAGES
    jar = CookieJar(unsafe=True)
    async with ClientSession(cookie_jar=jar) as first:
        async with first.post(f"{base}/api/v1/enter", json={"link": secret}, headers={"Origin": base}) as answer:
            answer.raise_for_status()

        async def page(at: int) -> None:
            connector = TCPConnector(local_addr=(f"127.0.2.{at + 1}", 0))
            async with (
                ClientSession(cookie_jar=jar, connector=connector, timeout=ClientTimeout(total=None)) as session,
                session.get(f"{base}/api/v1/stream") as stream,
            ):
                async for line in stream.content:
                    seen[at] += line.startswith(b"event: now")

        async def scrape() -> None:
            while True:
                async with first.get(f"{base}/metrics") as answer:
                    await answer.read()
                await asyncio.sleep(1.0)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in (*(page(at) for at in range(PAGES)), scrape())]
            while not all(seen):  # noqa: ASYNC110 - twenty pages, each its own
                await asyncio.sleep(0.05)
            print(json.dumps({}), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            print(json.dumps({"pages": sum(count >= TURN_S / 2 for count in seen)}), flush=True)
            for task in tasks:
                task.cancel()


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("{"):
        os.nice(19)
        asyncio.run(_look(json.loads(sys.argv[1])["link"]))
    else:
        main()
