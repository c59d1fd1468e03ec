"""An emulated OPC UA server for machines of one plant: values pulled from it, writes handed to it.

Objects hang below Objects by the names that the site's device parameters give; the nodes are those of the profile. Values
are renewed every so often, as a controller's cycle does, and again just before a client reads.
"""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from emulators.fault_table import Timetable
from emulators.ledger import Ledger
from emulators.scenario import LineSpec
from emulators.unit import Values
from gateway.model.site import Device
from gateway.profiles.schema import Kind, PathStep, Point, Profile

VARIANTS = {Kind.F32: ua.VariantType.Float, Kind.F64: ua.VariantType.Double, Kind.BOOL: ua.VariantType.Boolean}

STATUS = {
    "offline": StatusCodes.BadNotConnected,
    "reboot": StatusCodes.BadNotConnected,
    "hang": StatusCodes.BadTimeout,
    "late": StatusCodes.BadTimeout,
    "busy": StatusCodes.BadDeviceFailure,
}
"""What the server says of the nodes of a machine that it cannot reach."""
HEALTHY = Timetable()
Shown = tuple[float, int]
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
    ) -> None:
        self._machines = machines
        self._plant = plant
        self._now_s = now_s
        self._line = line
        self._faults = faults
        self._random = Random(f"{seed}/line/opcua")
        self._ledger = ledger
        self._server = Server()
        self._nodes: dict[ua.NodeId, tuple[Node, str, Point]] = {}
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
        spaces: dict[str, int] = {}
        for device, profile in self._machines:
            await self._add(device, profile, spaces)
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

    async def _add(self, device: Device, profile: Profile, spaces: dict[str, int]) -> None:
        params = {name: param.default for name, param in profile.params.items()} | dict(device.params)
        for point in profile.points.values():
            node = self._server.nodes.objects
            for step in point.path[:-1]:
                node = await self._child(node, step, params, spaces)
            last = point.path[-1]
            space = await self._space(last, spaces)
            variant = VARIANTS[point.kind]
            value = self._raw(device.id, point)
            shown = bool(value) if variant is ua.VariantType.Boolean else value
            variable = await node.add_variable(space, last.name, shown, variant)
            if point.writable:
                await variable.set_writable()
            self._nodes[variable.nodeid] = (variable, device.id, point)
            self._shown[variable.nodeid] = (value, StatusCodes.Good)

    async def _child(self, node: Node, step: PathStep, params: dict[str, Any], spaces: dict[str, int]) -> Node:
        space = await self._space(step, spaces)
        name = str(params[step.name]) if step.param else step.name
        for child in await node.get_children():
            if await child.read_browse_name() == ua.QualifiedName(name, space):
                return child
        return await node.add_object(space, name)

    async def _space(self, step: PathStep, spaces: dict[str, int]) -> int:
        if step.namespace not in spaces:
            spaces[step.namespace] = await self._server.register_namespace(step.namespace)
        return spaces[step.namespace]

    def _raw(self, device: str, point: Point) -> float:
        value = self._plant.read(device, point.name)
        return 0.0 if value is None else (value - point.offset) / point.factor

    def _status(self, device: str) -> int:
        faults = self._faults.of(device, self._now_s())
        return next((code for fault, code in STATUS.items() if fault in faults), StatusCodes.Good)

    async def _renew(self, nodes: list[ua.NodeId]) -> None:
        self._plant.advance(max(self._now_s(), self._plant.now_s))
        for nodeid in nodes:
            node, device, point = self._nodes[nodeid]
            value, status = self._raw(device, point), self._status(device)
            if (value, status) != self._shown[nodeid]:
                self._shown[nodeid] = (value, status)
                variant = VARIANTS[point.kind]
                shown = bool(value) if variant is ua.VariantType.Boolean else value
                await node.write_value(
                    ua.DataValue(ua.Variant(shown, variant), StatusCode=ua.StatusCode(ua.UInt32(status)))
                )

    async def _renew_always(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(*self._line.delay_s) or 0.2)
            await self._renew(list(self._nodes))

    async def _before_read(self, event: Any, _service: Any) -> None:
        """A client's read of nodes that it may also write sees them as they are now."""
        if event.is_external:
            wanted = [item.NodeId for item in event.request_params.NodesToRead if item.NodeId in self._nodes]
            await self._renew([nodeid for nodeid in wanted if self._nodes[nodeid][2].writable])

    async def _after_write(self, event: Any, _service: Any) -> None:
        """A client wrote: hand it to the plant; what the machine refuses or ignores stands there again at once."""
        if not event.is_external:
            return
        for item, result in zip(event.request_params.NodesToWrite, event.response_params, strict=True):
            if item.NodeId in self._nodes and result.is_good():
                self._written(item.NodeId, item.Value.Value.Value)
        await self._renew(list(self._nodes))

    def _written(self, nodeid: ua.NodeId, raw: float) -> None:
        _, device, point = self._nodes[nodeid]
        self._shown[nodeid] = (float(raw), StatusCodes.Good)
        value = float(raw) * point.factor + point.offset
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
