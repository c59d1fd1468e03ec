"""What the devices of a site say of themselves: function 43/14 and the SunSpec common model, by reads, before any poll."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.commission.asker import Asker
from gateway.commission.modbus_scan import fc43_of
from gateway.commission.sunspec_look import look
from gateway.errors import BusDown
from gateway.field.bus import Member
from gateway.field.open import open_line
from gateway.model.site import Site, Transport

RATE_PER_S = 20.0


@dataclass(frozen=True, slots=True)
class Said:
    """Of one device; empty where it says nothing."""

    fc43: Mapping[str, str] = field(default_factory=dict)
    sunspec: Mapping[str, str] = field(default_factory=dict)


async def said_by(site: Site, members: Iterable[Member]) -> dict[str, Said]:
    """By device; a line that cannot be opened, or whose devices dial in, says nothing here."""
    by_line: dict[str, list[Member]] = {}
    found: dict[str, Said] = {}
    for member in members:
        found[member.id] = Said()
        by_line.setdefault(member.device.connection, []).append(member)
    for line, there in by_line.items():
        connection = site.connections[line]
        if connection.transport is Transport.OPCUA or connection.dials_in:
            continue
        asker = Asker(open_line(connection, units=len(there)), rate_per_s=RATE_PER_S)
        try:
            for member in there:
                found[member.id] = await _said(asker, member)
        except BusDown:
            continue  # its readings tell
        finally:
            await asker.close()
    return found


async def _said(asker: Asker, member: Member) -> Said:
    unit = member.device.unit_id
    identity = await asker.identity(unit)
    chain = await look(asker, unit) if member.profile.sunspec_bases else None
    return Said({} if identity is None else fc43_of(identity.named()), {} if chain is None else chain.common)
