"""The bench of the reload tests: devices on a few lines, their ledger, and a gateway in this process."""

import asyncio
import gc
import signal
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from emulators.modbus_device import TcpServer
from emulators.unit import Stored, Unit
from gateway import applied, localsocket
from gateway.app import App, Options
from gateway.clock import SystemClock
from gateway.config.read import load_whole
from gateway.field.breaker import PACING
from gateway.notify import Notifier
from gateway.profiles.load import load_profile
from gateway.store.audit import verify
from gateway.store.audit_page import page
from tests.scenarios.universal import Canary

POLL_S = 0.2
UNITS = 4
"""Devices on each line; two more answer there than the site knows."""
METER, BATTERY, LIGHT = "meter/abb_b23", "battery/acme_200", "lighting/acme_dimmer"
PROFILES = {name: load_profile(name) for name in (METER, BATTERY, LIGHT)}
VALUES = {
    ("pcc", "power.active"): 100_000.0,
    ("battery", "battery.soc"): 50.0,
    ("battery", "battery.state"): 2.0,
    ("battery", "battery.power.setpoint"): 0.0,
    ("battery", "battery.enable"): 0.0,
    ("battery", "battery.power.setpoint.timeout"): 15.0,
    ("battery", "battery.power.fallback"): 0.0,
}


SETPOINT = ("battery", "battery.power.setpoint")


class Following(Stored):
    """A battery that does what it is told at once; everything else stands still."""

    def read(self, device: str, quantity: str) -> float | None:
        return super().read(*SETPOINT) if quantity == "battery.power" else super().read(device, quantity)


class Book:
    """Every request a device was asked: (boot time, device, function, start address)."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.rows: list[tuple[float, str, int, int]] = []

    def request(self, device: str, pdu: bytes, _answer: object) -> None:
        self.rows.append((self._clock.boot_s(), device, *struct.unpack_from(">BH", pdu)))

    def periods(self, device: str, *, from_s: float, to_s: float, canary: Canary | None = None) -> list[float]:
        """The times between the fast reads of a device, but for those in which the whole machine stood still."""
        reads = [(at, address) for at, name, function, address in self.rows if name == device and function in (3, 4)]
        often = max({address for _, address in reads}, key=lambda address: sum(one == address for _, one in reads))
        times = [at for at, address in reads if address == often and from_s <= at <= to_s]
        gaps = [(a, b) for a, b in pairwise(times) if canary is None or not canary.excuses(a, b)]
        return [b - a for a, b in gaps]

    def since(self, device: str, from_s: float) -> list[tuple[float, int, int]]:
        """What a device was asked since."""
        return [(at, function, address) for at, name, function, address in self.rows if name == device and at > from_s]


class Bench:
    """Devices, the site that belongs to them, the gateway when it runs."""

    def __init__(self, folder: Path, *, lines: int = 2) -> None:
        self.lines = lines
        self.folder, self.state, self.file = folder, folder / "state", folder / "site.yaml"
        self.clock = SystemClock()
        self.book = Book(self.clock)
        self.values = Following(VALUES)
        self.servers: list[TcpServer] = []
        self.tree: dict[str, Any] = {}
        self.app: App | None = None

    async def start(self) -> None:
        names = ["pcc", "battery", *(f"light{at:02d}" for at in range(2, self.lines * UNITS))]
        connections, devices = {}, {}
        for line in range(self.lines):
            units = {}
            for unit in range(1, UNITS + 3):
                name = names[line * UNITS + unit - 1] if unit <= UNITS else f"spare{line}{unit}"
                profile = METER if name == "pcc" else BATTERY if name == "battery" else LIGHT
                if profile == LIGHT:
                    self.values.values |= {(name, "light.power"): 500.0, (name, "light.level"): 100.0}
                    self.values.values[name, "light.level.setpoint"] = 100.0
                units[unit] = Unit(name, PROFILES[profile], self.values, lambda: 0.0)
                if unit <= UNITS:
                    devices[name] = {"profile": profile, "on": f"line{line}", "unit_id": unit, "poll_s": POLL_S}
            server = TcpServer(units, ledger=self.book)
            port = await server.start()
            self.servers.append(server)
            connections[f"line{line}"] = {"modbus_tcp": f"127.0.0.1:{port}", "timeout_s": 0.3, "connect_timeout_s": 0.5}
        self.tree = {
            "site": {"id": "tower", "timezone": "Asia/Shanghai", "meter": "pcc"},
            "connections": connections,
            "devices": devices,
            "assets": {
                "battery": {
                    "kind": "battery", "device": "battery", "max_charge_kw": 200, "max_discharge_kw": 200,
                    "energy_kwh": 400, "safe_kw": 0,
                },
                "lighting": {
                    "kind": "dimmer", "devices": ["light02", "light03"], "rated_kw": 1, "operating_kw": 1, "min_kw": 0.2,
                    "max_kw": 1, "min_level_pct": 30,
                },
            },
            "limits": {"max_import_kw": 900, "max_export_kw": 0},
            "control": {"period_s": 0.1},
        }  # fmt: skip
        self.write()

    async def stop(self) -> None:
        for server in self.servers:
            await server.stop()

    def write(
        self, change: Callable[[dict[str, Any]], object] = lambda _tree: None, *, file: Path | None = None
    ) -> Path:
        """Write the site file, changed."""
        tree = deepcopy(self.tree)
        change(tree)
        path = file or self.file
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return path

    @asynccontextmanager
    async def gateway(self, *, return_s: float = 1.5) -> AsyncIterator[App]:
        """A gateway on the site file, all its devices answering."""
        begun = applied.begin(self.file, self.state)
        configured = begun.configured
        options = Options(
            self.state, site_file=self.file, configured=configured, not_used=begun.why, return_s=return_s,
            pacing=PACING.compressed(5),
        )  # fmt: skip
        self.app = app = App(configured.site, configured.profiles, self.clock, options, Notifier(None))
        gc.collect()
        gc.freeze()  # as the daemon does: a collection of everything takes longer than a poll
        running = asyncio.create_task(app.run())
        try:
            await self.until(lambda: all(map(self.answers, configured.site.devices)) and self.mode != "boot")
            yield app
        finally:
            app.stopping.set()
            await running
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                asyncio.get_running_loop().remove_signal_handler(number)
            self.app = None
            gc.unfreeze()

    @property
    def mode(self) -> str:
        return "" if self.app is None else self.app.loop.state.mode.mode.value

    @property
    def setpoint_w(self) -> float:
        """What the battery was told last, in its own sign."""
        return self.values.values[SETPOINT]

    async def take_over(self, watts: float) -> None:
        """A person has the battery draw so much."""
        assert self.app is not None
        done = await self.app.front.people.override("eve", "battery", power_w=watts, for_s=600.0, why="test")
        assert done.result == "accepted", done
        await self.until(lambda: abs(self.setpoint_w) == watts)

    def answers(self, device: str) -> bool:
        """Whether the gateway has heard a device."""
        assert self.app is not None
        return any(poller.heard(device) for poller in self.app.lines.pollers.values())

    async def until(self, true: Callable[[], object], *, within_s: float = 15.0) -> None:
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110 - of other tasks
                await asyncio.sleep(0.02)

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        await self.until((self.state / localsocket.NAME).exists)
        return await asyncio.to_thread(localsocket.ask, self.state, request)

    async def apply(self, file: Path | None = None, *, keep: bool = False) -> dict[str, Any]:
        """Apply a file through the socket; its outcome."""
        path = file or self.file
        asked = {"do": "apply", "file": str(path), "sha256": applied.digest(path.read_bytes()), "keep": keep}
        assert await self.ask(asked) == {"begun": True}
        return await self.outcome()

    async def outcome(self) -> dict[str, Any]:
        async with asyncio.timeout(30.0):
            while (told := await self.ask({"do": "applying"}))["outcome"] is None or told["stage"]:  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0.05)
        return dict(told["outcome"])

    def recorded(self, kind: str = "configuration") -> list[dict[str, Any]]:
        """What the audit chain holds of a kind, newest first, after checking it."""
        assert verify(self.state / "audit") is None
        records, _ = page(self.state / "audit", before=None, limit=100, kind=kind)
        return [record["data"] for record in records]

    def saved(self) -> dict[str, Any]:
        """What a restart would start with."""
        last = applied.load(self.state)
        assert last is not None
        return dict(load_whole(Path(last.file), last.raw).words)
