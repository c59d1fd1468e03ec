"""Which parts of a scan's target a running gateway owns. Pure but for what a path on disk really is."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.commission.target import MODBUS_PORT, OPCUA_PORT, Hosts, OpcUa, SerialPort, Target
from gateway.field.tcp import split_address


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a running gateway speaks on."""

    id: str
    transport: str
    address: str


def without(target: Target, owned: Iterable[Line]) -> tuple[Target | None, list[Line]]:
    """What may be scanned (None: nothing of it), and the lines that stand in the way."""
    lines = list(owned)
    match target:
        case SerialPort(path):
            taken = [line for line in lines if line.transport == "modbus_rtu" and _same_file(line.address, path)]
            return (None if taken else target), taken
        case OpcUa(url):
            wanted = _opcua_place(url)
            taken = [line for line in lines if line.transport == "opcua" and _opcua_place(line.address) == wanted]
            return (None if taken else target), taken
        case Hosts():
            taken = [line for line in lines if _host_of(line) in target.hosts and _port_of(line) in _ports(target)]
            hosts = {_host_of(line) for line in taken}
            left = tuple(host for host in target.hosts if host not in hosts)
            return (replace(target, hosts=left) if left else None), taken


def _ports(target: Hosts) -> tuple[int, ...]:
    return (*target.ports, OPCUA_PORT) if target.opcua_too else target.ports


def _host_of(line: Line) -> str:
    return _opcua_place(line.address)[0] if line.transport == "opcua" else split_address(line.address)[0]


def _port_of(line: Line) -> int:
    if line.transport == "opcua":
        return _opcua_place(line.address)[1]
    return split_address(line.address, default_port=802 if line.transport == "modbus_tls" else MODBUS_PORT)[1]


def _opcua_place(url: str) -> tuple[str, int]:
    return split_address(url.removeprefix("opc.tcp://").partition("/")[0], default_port=OPCUA_PORT)


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
