"""open_bus: the right Bus for a connection; nothing is dialled before the first read."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.field.bus import Bus, Member
from gateway.field.derived import DerivedBus
from gateway.field.line import Line, Wire
from gateway.field.mbap import Mbap
from gateway.field.modbus import ModbusBus
from gateway.field.names import HostNames
from gateway.field.rtu import SILENCES, Rtu, silence_s
from gateway.field.sunspec import SunSpecBus
from gateway.field.tcp import dial_tcp, split_address
from gateway.field.tls import TLS_PORT, Security
from gateway.model.site import Connection, Transport

if TYPE_CHECKING:
    from gateway.field.door import Doors

HOLD_OFF = 1.5
"""After a silence an RTU line is left alone for this many deadlines: a later answer could be taken for the next one's."""


LISTEN, LISTEN_FIRST = 0.2, 1.0
"""A new RTU connection is listened to for this share of a deadline: a serial server gives what came while nobody listened;
the first one for longer: who asked here before us (a line that was opened anew, a gateway that restarted) may be answered."""

PATIENCE, SHARED_PATIENCE, CALLED_PATIENCE = 1, 2, 5
"""Silences in a row after which a connection is given up: F-004, one unanswered request a socket; behind a gateway one
silent unit must not cost the others theirs; a device that dials in takes long to come back."""


def open_bus(
    connection: Connection,
    members: Sequence[Member],
    *,
    clock: Clock,
    doors: "Doors | None" = None,
    papers: Path | None = None,
) -> Bus:
    """A Bus that reaches these devices over this connection; connections that share a door are handed the same `doors`.

    `papers` is the folder of the state directory where our OPC UA certificate lies, and those we trust.
    """
    if connection.transport is Transport.OPCUA:
        from gateway.field.opcua import OpcUaBus

        return DerivedBus(OpcUaBus(connection, members, clock=clock, papers=papers), members)
    line = open_line(
        connection,
        units=len({member.device.unit_id for member in members}),
        connect_delay_s=max((m.profile.pauses.connect_s for m in members), default=0.0),
        min_gap_s=max((m.profile.pauses.request_s for m in members), default=0.0),
        doors=doors,
        listen_first=LISTEN_FIRST,
    )
    modbus = ModbusBus(line, members, clock=clock, hangs_up=connection.release_after_poll)
    return DerivedBus(SunSpecBus(modbus, members, clock=clock), members)


def open_line(
    connection: Connection,
    *,
    units: int,
    connect_delay_s: float = 0.0,
    min_gap_s: float = 0.0,
    doors: "Doors | None" = None,
    listen_first: float = LISTEN,
) -> Line:
    """A Modbus connection to so many units, without any profile; pauses are at least those of the connection."""
    gap_s = max(connection.min_gap_s, min_gap_s)
    return Line(
        _dialler(connection, units, doors, listen_first),
        connect_delay_s=max(connection.connect_delay_s, connect_delay_s),
        min_gap_s=gap_s,
        depth=1 if gap_s else connection.pipeline,
    )


def _dialler(
    given: Connection, units: int, doors: "Doors | None", listen_first: float
) -> Callable[[], Awaitable[Wire]]:
    """What dials a connection; each dial gets a framing of its own."""
    listens = chain((listen_first,), repeat(LISTEN))

    def wire() -> Wire:
        if given.transport in (Transport.MODBUS_TCP, Transport.MODBUS_TLS):
            patience = CALLED_PATIENCE if given.dials_in else PATIENCE if units == 1 else SHARED_PATIENCE
            # a gateway may send what is late over the next connection: ids do not begin anew
            first_id = random.getrandbits(16)
            framing = Mbap(
                depth=given.pipeline, patience=patience, check_id=given.check_transaction_id, first_id=first_id
            )
            return Wire(framing, timeout_s=given.timeout_s)
        silences = CALLED_PATIENCE if given.dials_in else SILENCES
        rtu = Rtu(hold_off_s=HOLD_OFF * given.timeout_s, quiet_s=silence_s(given.baud), silences=silences)
        rtu.clear_s = asyncio.get_running_loop().time() + next(listens) * given.timeout_s
        return Wire(rtu, timeout_s=given.timeout_s)

    async def serial() -> Wire:
        from gateway.field.serialport import dial_serial  # pyserial, where there is a serial line

        return await dial_serial(
            given.address,
            wire,
            baud=given.baud,
            parity=given.parity,
            stop_bits=given.stop_bits,
            timeout_s=given.connect_timeout_s,
        )

    if given.transport is Transport.MODBUS_RTU:
        return serial
    if given.dials_in:
        from gateway.field.door import Caller, Doors  # where a device calls us

        framed = given.transport is Transport.MODBUS_TCP
        caller = Caller(given.registration, given.peer, given.heartbeat, framed)
        entrance = (doors or Doors()).at(given.address).expect(caller)
        return lambda: entrance.wait(wire, timeout_s=given.connect_timeout_s)
    security = None
    if given.transport is Transport.MODBUS_TLS:
        security = Security(given.ca_file, given.cert_file, given.key_file, given.server_name)
    host, port = split_address(given.address, default_port=502 if security is None else TLS_PORT)
    names = HostNames()
    return lambda: dial_tcp(host, port, wire, timeout_s=given.connect_timeout_s, security=security, names=names)
