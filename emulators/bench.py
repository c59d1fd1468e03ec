"""Devices alive: the lines of a site file as Modbus TCP, Modbus RTU and OPC UA servers over one set of values."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from emulators.box import Box
from emulators.dialling import keep_calling
from emulators.fault_table import Timetable
from emulators.faulty import FaultyUnit
from emulators.ledger import Ledger
from emulators.lines import Line, Wiring
from emulators.modbus_device import TcpServer
from emulators.modbus_rtu import RtuServer
from emulators.modbus_serialserver import SerialServer
from emulators.params import with_params
from emulators.scenario import LineSpec
from emulators.standalone import start_texts
from emulators.unit import PERFECT, Served, Unit, Values
from gateway.model.site import Connection, Device, Transport
from gateway.profiles.schema import Profile
from gateway.shipped import shipped

GATE_S = 0.05
"""How often a server looks whether its devices are offline."""


class Server(Protocol):
    """Anything that serves until it is stopped."""

    async def stop(self) -> None:
        """Serve no more."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How devices answer: delays and losses by device, whose readings are samples of some age, faults, dice, ledger."""

    lines: Mapping[str, LineSpec] = field(default_factory=dict)
    """By device; a perfect line unless told."""
    sampled: Container[str] = ()
    """Devices that sample at whole seconds and answer only with values younger than their line's longest delay."""
    faults: Timetable = field(default_factory=Timetable)
    seed: int = 0
    ledger: Ledger | None = None


class Bench:
    """All servers of one wiring; `now_s` counts the run's seconds."""

    def __init__(self, wiring: Wiring, values: Values, now_s: Callable[[], float], *, manner: Manner) -> None:
        self.wiring = wiring
        self.addresses: dict[str, str] = {}
        """By connection, once it has started."""
        self._values = values
        self._now_s = now_s
        self._manner = manner
        self._servers: list[Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, base_port: int = 0) -> None:
        """Start every server: on free ports, or on `base_port` and those after it. OSError when one is taken."""
        port = base_port
        # OPC UA first: its start blocks the loop for seconds
        for line in sorted(self.wiring.lines, key=lambda one: one.connection.transport is not Transport.OPCUA):
            self.addresses[line.connection.id] = await self._start(line, port)
            port += 1 if base_port and line.connection.transport is not Transport.MODBUS_RTU else 0

    async def stop(self) -> None:
        """Stop every server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in reversed(self._servers):
            await server.stop()
        self._servers.clear()

    async def _start(self, line: Line, port: int) -> str:
        connection, manner = line.connection, self._manner
        if connection.transport is Transport.OPCUA:
            from emulators.opcua_device import OpcUaServer  # heavy: a second and 80 MB

            machines = [(device, self.wiring.profiles[device.id]) for device in line.devices]
            spec = manner.lines.get(line.devices[0].id, PERFECT)
            server = OpcUaServer(
                machines, self._values, self._now_s,
                line=spec, faults=manner.faults, seed=manner.seed, ledger=manner.ledger,
                texts={device.id: _texts(profile) for device, profile in machines},
            )  # fmt: skip
            self._servers.append(server)
            return await server.start(port or free_port())
        units = self._units(line)
        if connection.transport is Transport.MODBUS_RTU:
            rtu = RtuServer(units, baud=connection.baud, ledger=manner.ledger)
            self._servers.append(rtu)
            return await rtu.start()
        if connection.dials_in:
            return self._call(connection, units, port or free_port())
        if connection.transport is Transport.MODBUS_RTU_TCP:
            serial = SerialServer(units, ledger=manner.ledger)
            self._servers.append(serial)
            return f"127.0.0.1:{await serial.start(port)}"
        tcp = TcpServer(units, ledger=manner.ledger)
        self._servers.append(tcp)
        port = await tcp.start(port)
        names = [device.id for device in line.devices]
        if any(manner.faults.has(name, "one_client") for name in names):
            tcp.one_client = lambda: any("one_client" in manner.faults.of(name, self._now_s()) for name in names)
        if all(manner.faults.has(name, "offline") for name in names):
            self._tasks.append(asyncio.create_task(self._gate(tcp, names, port), name=f"gate-{connection.id}"))
        return f"127.0.0.1:{port}"

    def _call(self, connection: Connection, units: Mapping[int, Served], port: int) -> str:
        """Dial in to a gateway that listens there."""
        kind = SerialServer if connection.transport is Transport.MODBUS_RTU_TCP else TcpServer
        caller = kind(units, ledger=self._manner.ledger)
        self._servers.append(caller)
        calling = keep_calling(caller, port, connection.registration)
        self._tasks.append(asyncio.create_task(calling, name=f"call-{connection.id}"))
        return f"127.0.0.1:{port}"

    def _units(self, line: Line) -> dict[int, Served]:
        """What answers at each unit id: a device, or the places of a box that several devices of the site are."""
        places: dict[int, list[Served]] = {}
        for device in line.devices:
            places.setdefault(device.unit_id, []).append(self._unit(device, line.connection.timeout_s))
        return {unit_id: own[0] if len(own) == 1 else Box(own) for unit_id, own in places.items()}

    def _unit(self, of: Device, deadline_s: float) -> Served:
        manner, device = self._manner, of.id
        line = manner.lines.get(device, PERFECT)
        unit = Unit(
            device,
            with_params(self.wiring.profiles[device], of.params),
            self._values,
            self._now_s,
            line=line,
            seed=manner.seed,
            age_s=line.delay_s[1] if device in manner.sampled else None,
            texts=_texts(self.wiring.profiles[device]),
        )
        if unit.refresh_s > 0.0:
            self._tasks.append(asyncio.create_task(_renew(unit), name=f"renew-{device}"))
        return FaultyUnit(unit, manner.faults, self._now_s, deadline_s=deadline_s)

    async def _gate(self, server: TcpServer, devices: list[str], port: int) -> None:
        """Refuse connections while every device behind the endpoint is offline."""
        shut = False
        while True:
            now_s = self._now_s()
            wanted = all("offline" in self._manner.faults.of(device, now_s) for device in devices)
            if wanted and not shut:
                await server.stop()
            elif shut and not wanted:
                await server.start(port)
            shut = wanted
            await asyncio.sleep(GATE_S)


def _texts(profile: Profile) -> dict[str, str]:
    """What a shipped device type's text points say."""
    return start_texts(profile, shipped("device_profiles") / f"{profile.name.partition('@')[0]}.vectors.yaml")


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
