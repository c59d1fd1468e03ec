"""An emulated OPC UA server for machines of one plant: values pulled from it, writes handed to it.

Objects hang below Objects by the names that the site's device parameters give; the nodes are those of the profile. Values
are renewed every so often, as a controller's cycle does, and again just before a client reads.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from emulators.fault_table import Timetable
from emulators.ledger import Ledger
from emulators.opcua_nodes import NodeMaker, Variable, typed
from emulators.scenario import LineSpec
from emulators.unit import Values
from gateway.model.site import Device
from gateway.profiles.schema import Point, Profile

STATUS = {
    "offline": StatusCodes.BadNotConnected,
    "reboot": StatusCodes.BadNotConnected,
    "hang": StatusCodes.BadTimeout,
    "late": StatusCodes.BadTimeout,
    "busy": StatusCodes.BadDeviceFailure,
}
"""What the server says of the nodes of a machine that it cannot reach."""
HEALTHY = Timetable()
Shown = tuple[Any, int]
"""A node's value and its status code."""


class OpcUaServer:
    """One server for all `machines`: devices with their profiles."""

    def __init__(
        self,
        machines: list[tuple[Device, Profile]],
        plant: Values,
        now_s: Callable[[], float],
        *,
        line: LineSpec,
        faults: Timetable = HEALTHY,
        seed: int = 0,
        ledger: Ledger | None = None,
        texts: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        """`texts`: by device, what its text points say."""
        self._machines = machines
        self._plant = plant
        self._now_s = now_s
        self._line = line
        self._faults = faults
        self._random = Random(f"{seed}/line/opcua")
        self._ledger = ledger
        self._texts = texts
        self._server = Server()
        self._nodes: dict[ua.NodeId, Variable] = {}
        self._shown: dict[ua.NodeId, Shown] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def start(self, port: int) -> str:
        """Build the nodes and listen; the endpoint URL."""
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what goes wrong is raised, too
        server = self._server
        await server.init()
        url = f"opc.tcp://127.0.0.1:{port}/"
        server.set_endpoint(url)
        server.set_server_name("vpp-gateway emulated plant")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        maker = NodeMaker(server)
        for device, profile in self._machines:
            for made in await maker.machine(device, profile, self._texts.get(device.id, {}), self._raw):
                self._nodes[made.node.nodeid] = made
                self._shown[made.node.nodeid] = (made.shown(self._raw), StatusCodes.Good)
            await maker.methods(device, profile, self._set)
        server.subscribe_server_callback(CallbackType.PreRead, self._before_read)
        server.subscribe_server_callback(CallbackType.PostWrite, self._after_write)
        await server.start()
        self._renewing = asyncio.create_task(self._renew_always(), name="opcua-renew")
        return url

    async def stop(self) -> None:
        """Stop renewing, then the server."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._server.stop()

    def _raw(self, device: str, point: Point) -> float:
        value = self._plant.read(device, point.name)
        return 0.0 if value is None else (value - point.offset) / point.factor

    def _status(self, device: str) -> int:
        faults = self._faults.of(device, self._now_s())
        return next((code for fault, code in STATUS.items() if fault in faults), StatusCodes.Good)

    async def _renew(self, nodes: list[ua.NodeId]) -> None:
        self._plant.advance(max(self._now_s(), self._plant.now_s))
        for nodeid in nodes:
            made = self._nodes[nodeid]
            value, status = made.shown(self._raw), self._status(made.device)
            if (value, status) != self._shown[nodeid]:
                self._shown[nodeid] = (value, status)
                await made.node.write_value(
                    ua.DataValue(made.variant(value), StatusCode=ua.StatusCode(ua.UInt32(status)))
                )

    async def _renew_always(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(*self._line.delay_s) or 0.2)
            await self._renew(list(self._nodes))

    async def _before_read(self, event: Any, _service: Any) -> None:
        """A client's read of nodes that it may also write sees them as they are now."""
        if event.is_external:
            wanted = [item.NodeId for item in event.request_params.NodesToRead if item.NodeId in self._nodes]
            await self._renew([nodeid for nodeid in wanted if self._nodes[nodeid].point.writable])

    async def _after_write(self, event: Any, _service: Any) -> None:
        """A client wrote: hand it to the plant; what the machine refuses or ignores stands there again at once."""
        if not event.is_external:
            return
        for item, result in zip(event.request_params.NodesToWrite, event.response_params, strict=True):
            if item.NodeId in self._nodes and result.is_good():
                self._written(item.NodeId, item.Value.Value.Value)
        await self._renew(list(self._nodes))

    def _written(self, nodeid: ua.NodeId, raw: float) -> None:
        device, point = self._nodes[nodeid].device, self._nodes[nodeid].point
        self._shown[nodeid] = (typed(float(raw), point.kind), StatusCodes.Good)
        self._set(device, point, float(raw))

    def _set(self, device: str, point: Point, raw: float) -> bool:
        """A client set a point; False: the machine is out of reach or refuses it."""
        value = raw * point.factor + point.offset
        self._plant.advance(max(self._now_s(), self._plant.now_s))
        dice = self._random.random()
        if self._status(device) != StatusCodes.Good:
            outcome = "unreachable"
        elif dice < self._line.refused_share + self._line.ignored_share:
            outcome = "ignored"
        else:
            outcome = "applied" if self._plant.write_point(device, point.name, value) else "refused"
        if self._ledger is not None:
            self._ledger.write(device, point.name, value, outcome)
        return outcome in ("applied", "ignored")
