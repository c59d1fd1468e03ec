"""What to scan: an address, a range of them, a serial port, an OPC UA endpoint; and unit ids as people write them. Pure."""

import ipaddress
import re
from dataclasses import dataclass

from gateway.errors import ProfileError
from gateway.texts import say

MODBUS_PORT, OPCUA_PORT = 502, 4840
MOST_HOSTS = 1024
MOST_UNIT = 255
_LAST_OCTETS = re.compile(r"(\d+\.\d+\.\d+\.)(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Hosts:
    """TCP endpoints to try: Modbus at every `ports`, OPC UA at its own port when nobody said a port."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    opcua_too: bool


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial line by its device path."""

    path: str


@dataclass(frozen=True, slots=True)
class OpcUa:
    """One OPC UA endpoint."""

    url: str


Target = Hosts | SerialPort | OpcUa


def parse_target(given: str) -> Target:
    """`192.168.1.0/24`, `192.168.1.10-40`, `host[:port]`, `/dev/ttyUSB0`, `opc.tcp://…`; ProfileError with what to write."""
    if given.startswith("opc.tcp://"):
        return OpcUa(given)
    if given.startswith(("/", "./", "COM")):
        return SerialPort(given)
    place, port = _split_port(given)
    hosts = _hosts(place, given)
    if len(hosts) > MOST_HOSTS:
        raise ProfileError(say("refused.many_hosts", given=given, count=len(hosts), most=MOST_HOSTS))
    return Hosts(hosts, (port or MODBUS_PORT,), opcua_too=port is None)


def parse_units(given: str) -> tuple[int, ...]:
    """Unit ids: `1`, `1-10,247`; in the order given, each once; ProfileError for what is none."""
    units: dict[int, None] = {}
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ProfileError(say("refused.unit_ids", given=given))
        low, high = int(first), int(last or first)
        if not 0 <= low <= high <= MOST_UNIT:
            raise ProfileError(say("refused.unit_range", given=given, most=MOST_UNIT))
        units |= dict.fromkeys(range(low, high + 1))
    return tuple(units)


def _split_port(given: str) -> tuple[str, int | None]:
    if given.startswith("["):
        place, _, port = given[1:].partition("]")
        return place, _port(port.removeprefix(":"), given) if port else None
    if given.count(":") == 1:
        place, _, port = given.partition(":")
        return place, _port(port, given)
    return given, None


def _port(text: str, given: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ProfileError(say("refused.no_port", given=given, port=text))
    return int(text)


def _hosts(place: str, given: str) -> tuple[str, ...]:
    if ranged := _LAST_OCTETS.fullmatch(place):
        first, last = int(ranged[2]), int(ranged[3])
        if not 0 <= first <= last <= 255:
            raise ProfileError(say("refused.lower_first", given=given))
        return tuple(f"{ranged[1]}{number}" for number in range(first, last + 1))
    if "/" in place:
        try:
            net = ipaddress.ip_network(place, strict=False)
        except ValueError as exc:
            raise ProfileError(say("refused.ip_range", given=given)) from exc
        if net.num_addresses > 4 * MOST_HOSTS:
            raise ProfileError(say("refused.many_addresses", given=given, count=net.num_addresses, most=MOST_HOSTS))
        return tuple(map(str, net.hosts()))
    if not place or re.search(r"[\s@]", place):
        raise ProfileError(say("refused.no_target", given=given))
    return (place,)
