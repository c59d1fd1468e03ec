"""A whole scan: addresses that listen, settings a serial line speaks with, then each line in turn. Reads only."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gateway.commission.finding import Scanned
from gateway.commission.known import Catalogue
from gateway.commission.modbus_scan import Manner, scan_line, who_answers
from gateway.commission.target import OPCUA_PORT, Hosts, OpcUa, SerialPort, Target
from gateway.errors import BusDown
from gateway.model.site import Connection, Transport
from gateway.profiles.schema import Profile

KNOCKS = 16
"""Addresses tried at a time."""
KNOCK_S = 0.7
TCP_DEADLINE_S, SERIAL_DEADLINE_S, OPCUA_DEADLINE_S = 0.8, 0.25, 5.0
OPCUA_CONNECT_S = 10.0
TCP_UNITS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 200, 247, 255)
SERIAL_UNITS = tuple(range(1, 33))
FIRST_UNITS = (1, 2, 3, 4, 5, 10, 33, 247)
"""Asked at every serial setting, the rest only at the one that answers."""
SETTINGS = ((9600, "N", 1), (19200, "E", 1), (9600, "E", 1), (19200, "N", 1), (9600, "N", 2), (38400, "N", 1), (115200, "N", 1), (4800, "N", 1), (19200, "O", 1), (57600, "N", 1))  # fmt: skip
"""Speed, parity and stop bits, as often as they are met."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person asked for; None: the usual."""

    profiles: Sequence[Profile]
    units: tuple[int, ...] | None = None
    baud: int | None = None
    parity: str | None = None
    stop_bits: int | None = None
    deadline_s: float | None = None
    rate_per_s: float = 20.0
    progress: Callable[[str, int], None] = lambda _what, _asked: None


async def scan(target: Target, wishes: Wishes) -> list[Scanned]:
    """What is there, one entry a line that could be spoken to, in the order of their addresses."""
    match target:
        case OpcUa(url):
            return [await _endpoint(url, wishes)]
        case SerialPort(path):
            return [await _serial(path, wishes)]
        case Hosts():
            return await _hosts(target, wishes)


async def _hosts(target: Hosts, wishes: Wishes) -> list[Scanned]:
    ports = (*target.ports, *((OPCUA_PORT,) if target.opcua_too else ()))
    places = [(host, port) for host in target.hosts for port in ports]
    listening = await _listening(places, wishes)
    if not listening and len(target.hosts) == 1:
        nobody = Connection("tcp", Transport.MODBUS_TCP, f"{target.hosts[0]}:{target.ports[0]}")
        return [Scanned(nobody, (), 0, "closed")]
    scanned = []
    manner = _manner(wishes, TCP_UNITS)
    for host, port in listening:
        if port == OPCUA_PORT and target.opcua_too:
            scanned.append(await _endpoint(f"opc.tcp://{host}:{port}", wishes))
            continue
        deadline_s = wishes.deadline_s or TCP_DEADLINE_S
        line = Connection("tcp", Transport.MODBUS_TCP, f"{host}:{port}", timeout_s=deadline_s)
        scanned.append(await scan_line(line, manner))
    return scanned


async def _listening(places: Sequence[tuple[str, int]], wishes: Wishes) -> list[tuple[str, int]]:
    """The places that take a connection; a few are tried at a time."""
    gate = asyncio.Semaphore(KNOCKS)
    tried = 0

    async def knock(host: str, port: int) -> bool:
        nonlocal tried
        async with gate:
            tried += 1
            wishes.progress(f"{host}:{port}", tried)
            try:
                async with asyncio.timeout(KNOCK_S):
                    _, writer = await asyncio.open_connection(host, port)
            except (TimeoutError, OSError):
                return False
            writer.close()
            return True

    answers = await asyncio.gather(*(knock(host, port) for host, port in places))
    return [place for place, listens in zip(places, answers, strict=True) if listens]


async def _serial(path: str, wishes: Wishes) -> Scanned:
    """Find the setting that somebody answers at, then scan with it."""
    manner = _manner(wishes, SERIAL_UNITS)
    first = replace(manner, units=tuple(unit for unit in FIRST_UNITS if unit in manner.units) or manner.units)
    asked = 0
    lines = [_line(path, setting, wishes) for setting in _settings(wishes)]
    for line in lines:
        try:
            unit, more = await who_answers(line, first)
        except BusDown as exc:
            return Scanned(line, (), asked, "down", exc.said)
        asked += more
        if unit is not None:
            found = await scan_line(line, manner)
            return replace(found, asked=asked + found.asked)
    if first.units != manner.units and len(lines) == 1:
        return await scan_line(lines[0], manner)
    return Scanned(lines[0], (), asked, "silent")


def _settings(wishes: Wishes) -> list[tuple[int, str, int]]:
    """Those that agree with what the person knows; all that was said when none does."""
    wanted = (wishes.baud, wishes.parity, wishes.stop_bits)
    fitting = [one for one in SETTINGS if all(w is None or w == s for w, s in zip(wanted, one, strict=True))]
    return fitting or [(wishes.baud or 9600, wishes.parity or "N", wishes.stop_bits or 1)]


def _line(path: str, setting: tuple[int, str, int], wishes: Wishes) -> Connection:
    baud, parity, stop_bits = setting
    deadline_s = wishes.deadline_s or SERIAL_DEADLINE_S * max(1.0, 9600 / baud)
    return Connection("rtu", Transport.MODBUS_RTU, path, baud, parity, stop_bits, timeout_s=deadline_s)


async def _endpoint(url: str, wishes: Wishes) -> Scanned:
    from gateway.commission.opcua_scan import scan_endpoint  # heavy: a second and 80 MB

    deadline_s = wishes.deadline_s or OPCUA_DEADLINE_S
    line = Connection("opcua", Transport.OPCUA, url, timeout_s=deadline_s, connect_timeout_s=OPCUA_CONNECT_S)
    return await scan_endpoint(line, wishes.profiles)


def _manner(wishes: Wishes, usual: Iterable[int]) -> Manner:
    units = wishes.units or tuple(usual)
    return Manner(units, wishes.rate_per_s, Catalogue(wishes.profiles), partial(wishes.progress))
