"""A scenario's devices alive: the plant in real time behind Modbus TCP, Modbus RTU and OPC UA servers."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TextIO

from emulators.ledger import Ledger
from emulators.lines import Line, Wiring, wiring_of
from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer
from emulators.plant import Plant
from emulators.scenario import Scenario
from emulators.unit import Unit
from gateway.model.site import Transport

RECORD_S = 0.1


class Server(Protocol):
    """Anything that serves until it is stopped."""

    async def stop(self) -> None:
        """Serve no more."""
        ...


class Bench:
    """All servers of one scenario; `now_s` counts the run's seconds."""

    def __init__(
        self,
        scenario: Scenario,
        plant: Plant,
        now_s: Callable[[], float],
        *,
        seed: int,
        ledger: Ledger | None = None,
    ) -> None:
        self.scenario = scenario
        self.plant = plant
        self.wiring: Wiring = wiring_of(scenario.site)
        self.addresses: dict[str, str] = {}
        """By connection, once it has started."""
        self._now_s = now_s
        self._seed = seed
        self._ledger = ledger
        self._servers: list[Server] = []
        self._renewing: list[asyncio.Task[None]] = []
        self._file: TextIO | None = None

    async def start(self, base_port: int = 0) -> None:
        """Start every server: on free ports, or on `base_port` and those after it. OSError when one is taken."""
        port = base_port
        # OPC UA first: its start blocks the loop for seconds
        for line in sorted(self.wiring.lines, key=lambda one: one.connection.transport is not Transport.OPCUA):
            self.addresses[line.connection.id] = await self._start(line, port)
            port += 1 if base_port and line.connection.transport is not Transport.MODBUS_RTU else 0

    async def stop(self) -> None:
        """Stop every server and write out what is left."""
        for server in reversed(self._servers):
            await server.stop()
        self._servers.clear()
        for task in self._renewing:
            task.cancel()
        await asyncio.gather(*self._renewing, return_exceptions=True)
        if self._file is not None:
            self._file.close()

    async def record(self, path: Path) -> None:
        """Write `t_s,true_site_w` every 100 ms and at each change, until cancelled."""
        self._file = path.open("w", encoding="utf-8")
        self._file.write("t_s,true_site_w\n")
        self.plant.on_event = self._row
        tick = 0
        while True:
            now_s = self._now_s()
            if now_s >= self.plant.now_s:
                self.plant.advance(now_s)
                self._row()
            tick += 1
            if tick % 10 == 0:
                self._file.flush()
            await asyncio.sleep(RECORD_S - now_s % RECORD_S)

    def _row(self) -> None:
        if self._file is not None and not self._file.closed:
            self._file.write(f"{self.plant.now_s:.4f},{self.plant.true_site_w():.2f}\n")

    async def _start(self, line: Line, port: int) -> str:
        connection = line.connection
        if connection.transport is Transport.OPCUA:
            from emulators.opcua_device import OpcUaServer  # heavy: a second and 80 MB

            machines = [(device, self.wiring.profiles[device.id]) for device in line.devices]
            spec = self.scenario.line_of(line.devices[0].id)
            server = OpcUaServer(machines, self.plant, self._now_s, line=spec, seed=self._seed, ledger=self._ledger)
            self._servers.append(server)
            return await server.start(port or free_port())
        units = {device.unit_id: self._unit(device.id) for device in line.devices}
        for unit in units.values():
            if unit.refresh_s > 0.0:
                self._renewing.append(asyncio.create_task(_renew(unit), name=f"renew-{unit.device}"))
        if connection.transport is Transport.MODBUS_RTU:
            rtu = RtuServer(units, baud=connection.baud, ledger=self._ledger)
            self._servers.append(rtu)
            return await rtu.start()
        tcp = TcpServer(units, ledger=self._ledger)
        self._servers.append(tcp)
        return f"127.0.0.1:{await tcp.start(port)}"

    def _unit(self, device: str) -> Unit:
        spec = self.scenario.line_of(device)
        metered = self.scenario.group_of(device) == "meter"
        return Unit(
            device,
            self.wiring.profiles[device],
            self.plant,
            self._now_s,
            line=spec,
            seed=self._seed,
            age_s=spec.delay_s[1] if metered else None,
        )


async def _renew(unit: Unit) -> None:
    """Renew a unit's readings in its own rhythm."""
    while True:
        unit.renew()
        await asyncio.sleep(unit.refresh_s)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
