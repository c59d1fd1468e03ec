"""Faults of the network and the machine around the lines: bad links, everything gone at once, black holes, no descriptors left."""

import asyncio
import json
import os
import random
import resource
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from emulators.faults import FaultProxy
from gateway.model.point import point_id
from gateway.model.reading import Cause
from tests.field import things
from tests.field.peers import tcp_peer
from tests.field.rig import FACTOR, polling, until
from tests.field.test_faults_poller import SLACK_S, T_POLL, T_TO, fast, line
from tests.footprint import footprint
from tests.needs import program

ROOT = Path(__file__).parents[2]


@pytest.mark.fault("F-021")
async def test_a_bad_network_costs_polls_and_never_gives_a_wrong_value():
    """200 ± 200 ms and 5 % resets, on three devices whose registers hold their own addresses."""
    rng = random.Random(21)
    wrong = []
    async with AsyncExitStack() as stack:
        lines, proxies = [], []
        for at in range(3):
            peer = await stack.enter_async_context(tcp_peer())
            proxy = FaultProxy(("127.0.0.1", peer.port), seed=at)
            proxy.down.delay_s = proxy.down.jitter_s = 0.2 / FACTOR  # to four tenths of the deadline
            port = await proxy.start()
            stack.push_async_callback(proxy.stop)
            proxies.append(proxy)
            wide = things.wide(f"wide{at}", blocks=2)
            quick = replace(wide, device=replace(wide.device, poll_s=T_POLL))
            lines.append((things.tcp(f"127.0.0.1:{port}", timeout_s=T_TO), [quick]))
        rig = await stack.enter_async_context(polling(*lines))
        for _ in range(100):
            await asyncio.sleep(0.03)
            for at, proxy in enumerate(proxies):
                if rng.random() < 0.05:
                    proxy.reset()
                snapshot = rig.image.snapshot(rig.clock.boot_s())
                for register in (*range(60), *range(200, 260)):
                    value = snapshot.reading(point_id(f"wide{at}", f"r{register}")).value
                    if value not in (None, register):
                        wrong.append((register, value))
        health = [poller.health() for poller in rig.pollers]
    assert not wrong
    assert sum(one.get("read_errors", 0) for one in health) <= 0.2 * sum(one["polls"] for one in health)


@pytest.mark.fault("F-022", "U6")
async def test_devices_that_vanish_and_return_together_are_all_back_soon_and_dialled_gently():
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(tcp_peer()) for _ in range(5)]
        lines = [(line(peer), [fast(f"thing{at}")]) for at, peer in enumerate(peers)]
        rig = await stack.enter_async_context(polling(*lines))
        names = [f"thing{at}" for at in range(5)]
        await until(lambda: all(rig.reading(name, "power").usable == 100.0 for name in names), within_s=3.0)
        tasks = len(asyncio.all_tasks())
        for peer in peers:
            await peer.stop()
        await until(lambda: all(rig.reading(n, "power").cause is Cause.OFFLINE for n in names), within_s=3.0)
        before = [poller.health()["dialled"] for poller in rig.pollers]
        gone_s, grown = 2.0, footprint().rss_mb
        await asyncio.sleep(gone_s)
        dialled = [poller.health()["dialled"] - was for poller, was in zip(rig.pollers, before, strict=True)]
        assert max(dialled) <= 2.0 * FACTOR * gone_s
        assert len(asyncio.all_tasks()) <= tasks
        assert footprint().rss_mb - grown <= 2.0
        for peer in peers:
            await peer.start()
        took_s = await until(lambda: all(rig.reading(n, "power").usable == 100.0 for n in names), within_s=5.0)
        assert took_s <= 15.0 / FACTOR + SLACK_S


@pytest.mark.fault("F-074")
async def test_without_descriptors_the_links_that_stand_go_on_and_the_others_come_when_there_are_some():
    async with tcp_peer() as held, tcp_peer() as wanted:  # noqa: SIM117 - the rig needs both
        async with polling((line(held), [fast("held")])) as rig:
            await until(lambda: rig.reading("held", "power").usable == 100.0, within_s=2.0)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            hogs: list[int] = []
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(_descriptors()) + 3, hard))
            try:
                while True:
                    try:
                        hogs.append(os.dup(0))
                    except OSError:
                        break
                async with polling((line(wanted), [fast("wanted")])) as other:
                    await until(lambda: other.reading("wanted", "power").cause is Cause.OFFLINE, within_s=3.0)
                    assert any("Too many open files" in alarm.detail for alarm in other.alarms)
                    errors = rig.pollers[0].health().get("read_errors", 0)
                    assert rig.reading("held", "power").usable == 100.0
                    for hog in hogs:
                        os.close(hog)
                    hogs.clear()
                    took_s = await until(lambda: other.reading("wanted", "power").usable == 100.0, within_s=5.0)
                    assert took_s <= 10.0 / FACTOR + SLACK_S
                    assert rig.pollers[0].health().get("read_errors", 0) == errors
            finally:
                for hog in hogs:
                    os.close(hog)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.tier_r
@pytest.mark.fault("F-002", "U3")
def test_an_address_that_swallows_every_packet_is_given_up_in_time_and_disturbs_nobody():
    unshare, ip = program("unshare"), program("ip")
    commands = [
        f"{ip} {rest}"
        for rest in (
            "link set lo up",
            "link add v0 type veth peer name v1",  # nobody answers on v1
            "link set v1 up",
            "addr add 10.9.9.1/24 dev v0",
            "link set v0 arp off up",
        )
    ]
    done = subprocess.run(
        [unshare, "--map-root-user", "--net", sys.executable, "-m", "tests.field.blackhole", *commands],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen["took"]) >= 2
    assert max(seen["took"]) <= 3.0 / FACTOR + SLACK_S
    assert seen["most"] == 1
    assert seen["offline"] == "OFFLINE"
    assert seen["ill"] <= max(1.2 * seen["well"], seen["well"] + 0.05, 2 * seen["poll"])


@pytest.mark.fault("F-073", "U6")
@pytest.mark.parametrize(
    ("warm", "polls"),
    [(300, 1_500), pytest.param(50_000, 1_000_000, marks=[pytest.mark.tier_s, pytest.mark.timeout(0)])],
)
async def test_polls_with_faults_leave_memory_tasks_and_descriptors_as_they_were(warm, polls):
    rng = random.Random(73)

    def script(asked):
        return (
            [] if rng.random() < 0.0005 else [(0.0, asked.frame(b"\x83\x06") if rng.random() < 0.05 else asked.reply())]
        )

    async with tcp_peer(script) as peer:
        peer.ledger = _Forgetful()  # type: ignore[assignment]
        members = [things.thing(f"thing{unit}", unit_id=unit, poll_s=0.001) for unit in (1, 2, 3)]
        async with polling((line(peer), members)) as rig:

            def polled() -> float:
                return rig.pollers[0].health().get("polls", 0)

            await until(lambda: polled() > warm, within_s=600.0)
            before = (_rss_mb(), len(asyncio.all_tasks()), len(_descriptors()))
            began_s = rig.clock.boot_s()
            await until(lambda: polled() > polls, within_s=7200.0)
            after = (_rss_mb(), len(asyncio.all_tasks()), len(_descriptors()))
            hours = max((rig.clock.boot_s() - began_s) / 3600.0, 1.0)
    assert after[0] - before[0] <= 1.0 * hours + 1.0
    assert abs(after[1] - before[1]) <= 2
    assert abs(after[2] - before[2]) <= 2


class _Forgetful(list):
    """A ledger that keeps nothing: its memory is not what is measured."""

    def append(self, _asked) -> None:
        return None


def _descriptors() -> list[int]:
    return [int(one.name) for one in Path("/proc/self/fd").iterdir()]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
