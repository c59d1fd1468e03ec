"""open_bus: the right Bus for a connection; nothing is dialled before the first read."""

from collections.abc import Sequence

from gateway.clock import Clock
from gateway.field.bus import Bus, Member
from gateway.field.line import Line, Wire
from gateway.field.mbap import Mbap
from gateway.field.modbus import ModbusBus
from gateway.field.rtu import Rtu, silence_s
from gateway.field.serialport import dial_serial
from gateway.field.tcp import dial_tcp, split_address
from gateway.model.site import Connection, Transport

HOLD_OFF = 1.5
"""After a silence an RTU line is left alone for this many deadlines: a later answer could be taken for the next one's."""


def open_bus(connection: Connection, members: Sequence[Member], *, clock: Clock) -> Bus:
    """A Bus that reaches these devices over this connection."""
    if connection.transport is Transport.OPCUA:
        from gateway.field.opcua import OpcUaBus

        return OpcUaBus(connection, members, clock=clock)
    line = open_line(
        connection,
        units=len({member.device.unit_id for member in members}),
        connect_delay_s=max((m.profile.pauses.connect_s for m in members), default=0.0),
        min_gap_s=max((m.profile.pauses.request_s for m in members), default=0.0),
    )
    return ModbusBus(line, members, clock=clock)


def open_line(connection: Connection, *, units: int, connect_delay_s: float = 0.0, min_gap_s: float = 0.0) -> Line:
    """A Modbus connection to so many units, without any profile; pauses are at least those of the connection."""
    return Line(
        _Dialler(connection, units),
        connect_delay_s=max(connection.connect_delay_s, connect_delay_s),
        min_gap_s=max(connection.min_gap_s, min_gap_s),
    )


class _Dialler:
    """Dials one connection; each dial gets a framing of its own."""

    def __init__(self, connection: Connection, units: int) -> None:
        self._connection = connection
        self._units = units

    async def __call__(self) -> Wire:
        given = self._connection
        if given.transport is Transport.MODBUS_RTU:
            return await dial_serial(
                given.address,
                self._wire,
                baud=given.baud,
                parity=given.parity,
                stop_bits=given.stop_bits,
                timeout_s=given.connect_timeout_s,
            )
        host, port = split_address(given.address)
        return await dial_tcp(host, port, self._wire, timeout_s=given.connect_timeout_s)

    def _wire(self) -> Wire:
        given = self._connection
        if given.transport is Transport.MODBUS_TCP:
            # F-004: one unanswered request a socket; behind a gateway one silent unit must not cost the others theirs
            patience = 1 if self._units == 1 else 2
            return Wire(Mbap(patience=patience, check_id=given.check_transaction_id), timeout_s=given.timeout_s)
        framing = Rtu(hold_off_s=HOLD_OFF * given.timeout_s, quiet_s=silence_s(given.baud))
        return Wire(framing, timeout_s=given.timeout_s)
