"""The bench of the whole-gateway tests: devices behind fault proxies, a broker, a head-end, and the gateway itself, in
this process (an injectable clock) or as the process a supervisor would start (signals, watchdog, kill)."""

import asyncio
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import yaml

from emulators.broker import embedded, mosquitto, mosquitto_program
from emulators.faults import FaultProxy
from gateway import statefile
from gateway.app import App, Options
from gateway.clock import Clock, SystemClock
from gateway.config import load_site
from gateway.config.read import profiles_of
from gateway.control.baseline import blocks_from
from gateway.control.step import begin
from gateway.field.breaker import PACING
from gateway.model.listen import Listen
from gateway.notify import Notifier
from gateway.uplink.mqtt_session import Times
from tests.scenarios.headend import HeadEnd, head_end
from tests.scenarios.house import PROFILES, Devices, House, boot_s, devices

ROOT = Path(__file__).parents[2]
POLL_S = 0.2
PERIOD_S = 0.1
STALE_S = 3 * POLL_S
POLL_FACTOR = 5
"""Polls are five times as frequent as by default, and lines are lost and found again five times as fast."""
QUICK = Times(
    keepalive_s=2, answer_s=2.0, receipt_s=1.5, first_s=0.1, cap_s=0.6, look_s=0.05, commands_per_s=1000.0, commands_at_once=500,
)  # fmt: skip
REG = {"service": "reg", "for_s": 10.0}
LOADED_S = 0.15
"""What a loaded machine may add to a time that has no tolerance of its own."""


class SteppedClock(SystemClock):
    """The machine's clocks, with a wall clock that tests step."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms

    def utc_ms(self) -> int:
        return super().utc_ms() + self.offset_ms


async def until(true: Callable[[], Any], *, within_s: float = 10.0) -> float:
    """Wait for something to become true: how long it took. TimeoutError is raised at the test's own line."""
    began_s = boot_s()
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - what is waited for is of another task or process
            await asyncio.sleep(0.01)
    return boot_s() - began_s


async def settled(house: House, watts: float, *, within_s: float = 8.0) -> None:
    """Wait until the site draws so much, and has for half a second."""
    since_s = boot_s()
    async with asyncio.timeout(within_s):
        while boot_s() - since_s < 0.5:
            if abs(house.site_w() - watts) > 4000.0:
                since_s = boot_s()
            await asyncio.sleep(0.02)


@dataclass
class Bench:
    """Everything around a gateway."""

    folder: Path
    devices: Devices
    vpp: HeadEnd
    uplink: FaultProxy
    """Between the gateway and the broker."""

    @property
    def house(self) -> House:
        return self.devices.house

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def decisions(self) -> Path:
        return self.folder / "decisions.jsonl"

    def site(self, *, devices: dict[str, dict[str, Any]] | None = None, **sections: dict[str, Any]) -> Path:
        """Write the site file; keyword arguments are laid over its sections."""
        tree: dict[str, Any] = {
            "site": {"id": "tower", "timezone": "Asia/Shanghai", "meter": "pcc"},
            "connections": {
                name: {"modbus_tcp": f"127.0.0.1:{proxy.port}", "timeout_s": POLL_S, "connect_timeout_s": 0.5}
                for name, proxy in self.devices.proxies.items()
            },
            "devices": {name: {"profile": profile, "on": name, "poll_s": POLL_S} for name, profile in PROFILES.items()},
            "assets": {
                "battery": {
                    "kind": "battery", "device": "battery", "max_charge_kw": 200, "max_discharge_kw": 200,
                    "energy_kwh": 400, "safe_kw": 0, "dead_time_s": 0.05, "lag_s": 0.15,
                },
                "lighting": {
                    "kind": "dimmer", "devices": ["lights"], "rated_kw": 60, "operating_kw": 60, "min_kw": 20,
                    "max_kw": 60, "min_level_pct": 30, "dead_time_s": 0.05, "lag_s": 0.15,
                },
            },
            "limits": {"max_import_kw": 1000, "max_export_kw": 0},
            "services": {
                "regulation": {"capacity_kw": 100, "signal_period_s": 0.2},
                "demand_response": {"max_shed_kw": 200},
                "automatic_response": {"max_shed_kw": 200},
            },
            "links": {"vpp": {"mqtt": f"mqtt://127.0.0.1:{self.uplink.port}", "telemetry_s": POLL_S}},
            "control": {
                "period_s": PERIOD_S, "hold_s": 2.0, "regulation_hold_s": 1.0, "ramp_s": 2.0, "link_lost_s": 2.0,
                "input_return_s": 0.5,
            },
        }  # fmt: skip
        for name, changes in sections.items():
            tree[name] = {**tree.get(name, {}), **changes}
        for name, changes in (devices or {}).items():
            tree["devices"][name] |= changes
        path = self.folder / "tower.yaml"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return path

    def declare(self, basepoint_w: float) -> None:
        """Give the gateway a plan in force, as if it had run for a while: five-minute blocks of one base point."""
        now_s, control = boot_s(), begin(load_site(self.site()), now_s=boot_s())
        control.plan.blocks = blocks_from([basepoint_w] * 3, origin_s=now_s - 30.0)
        self.state.mkdir(exist_ok=True)
        statefile.save(self.state, control, boot=statefile.boot_id(), now_s=now_s, utc_ms=SystemClock().utc_ms())

    def log(self) -> list[dict[str, Any]]:
        """The decision log of the run so far, whole lines only."""
        text = self.decisions.read_text() if self.decisions.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def audit(self, kind: str) -> list[dict[str, Any]]:
        """The records of one kind in the audit chain."""
        records = []
        for path in sorted((self.state / "audit").glob("audit-*.jsonl")):
            records += [json.loads(line) for line in path.read_text().splitlines()]
        return [record["data"] for record in records if record["kind"] == kind]


@dataclass
class Inside:
    """A gateway in this process."""

    app: App
    task: asyncio.Task[None]
    lines: list[Any] = field(default_factory=list)
    """What it logged."""

    @property
    def mode(self) -> str:
        return self.app.loop.state.mode.mode.value

    async def ready(self) -> float:
        """Control decides and the head-end is heard: seconds it took."""
        links = self.app.upstream.links
        took_s = await until(
            lambda: self.task.done() or (self.mode != "boot" and links and all(one.connected for one in links.values()))
        )
        if self.task.done():
            self.task.result()
        return took_s

    async def stop(self) -> float:
        """An orderly stop: seconds it took."""
        began_s = boot_s()
        self.app.stopping.set()
        async with asyncio.timeout(12):
            await self.task
        return boot_s() - began_s


@dataclass
class Outside:
    """A gateway as a process of its own, and what it told its supervisor."""

    process: asyncio.subprocess.Process
    stderr: Path
    told: list[tuple[float, str]] = field(default_factory=list)

    def times(self, word: str) -> list[float]:
        """When it said so."""
        return [at_s for at_s, text in self.told if word in text]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self, *, within_s: float = 12.0) -> int:
        async with asyncio.timeout(within_s):
            return await self.process.wait()


@asynccontextmanager
async def bench(folder: Path, house: House | None = None) -> AsyncIterator[Bench]:
    """Devices, broker and head-end, all up; no gateway yet."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(devices(house))
        broker = mosquitto(0) if mosquitto_program() is not None else embedded(0)
        port = await stack.enter_async_context(broker)
        vpp = await stack.enter_async_context(head_end(port))
        uplink = FaultProxy(("127.0.0.1", port))
        await uplink.start()
        stack.push_async_callback(uplink.stop)
        yield Bench(folder, found, vpp, uplink)


@asynccontextmanager
async def inside(
    rig: Bench,
    *,
    clock: Clock | None = None,
    shadow: bool = False,
    site: Path | None = None,
    dashboard: Listen | None = None,
) -> AsyncIterator[Inside]:
    """A gateway as a task of this process; it stops in order with the block, and nothing of it stays (U6)."""
    loop = asyncio.get_running_loop()
    unhandled: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
    tasks, fds = _tasks(), _fds()
    configured = load_site(site or rig.site())
    options = Options(
        rig.state,
        dashboard=dashboard,
        shadow=shadow,
        decisions=rig.decisions,
        times=QUICK,
        pacing=PACING.compressed(POLL_FACTOR),
    )
    with structlog.testing.capture_logs() as lines:
        app = App(configured, profiles_of(configured), clock or SystemClock(), options, Notifier(None))
        running = Inside(app, asyncio.create_task(app.run(), name="gateway"), lines)
        try:
            yield running
        finally:
            if not running.task.done():
                await running.stop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
    await asyncio.sleep(0.05)
    gc.collect()
    loop.set_exception_handler(None)
    assert unhandled == []
    assert _tasks() <= tasks + 2
    assert _fds() <= fds + 2


@asynccontextmanager
async def outside(
    rig: Bench, *arguments: str, site: Path | None = None, module: str = "gateway", ready: bool = True
) -> AsyncIterator[Outside]:
    """`python -m gateway run` under a stand-in for systemd; killed with the block if it still runs."""
    path = site or rig.site()
    notify = rig.folder / "notify"
    notify.unlink(missing_ok=True)
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    supervisor.bind(str(notify))
    stderr = rig.folder / f"gateway-{len(list(rig.folder.glob('gateway-*.log')))}.log"
    command = [sys.executable, "-m", module, "run", str(path), "--state", str(rig.state), "--no-dashboard"]
    command += ["--decisions", str(rig.decisions), *arguments]
    with stderr.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, "NOTIFY_SOCKET": str(notify)}, stdout=file, stderr=file
        )
    found = Outside(process, stderr)
    loop = asyncio.get_running_loop()
    loop.add_reader(supervisor, lambda: found.told.append((boot_s(), supervisor.recv(256).decode())))
    try:
        if ready:
            await until(lambda: found.times("READY=1") or process.returncode is not None, within_s=15)
            assert process.returncode is None, stderr.read_text()
        yield found
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            await process.wait()
        loop.remove_reader(supervisor)
        supervisor.close()


def _tasks() -> int:
    return len(asyncio.all_tasks())


def _fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
