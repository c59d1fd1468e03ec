"""Readings that cannot be: the raw words asked for once more, and whether they make sense in another order."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.cli.commission_identity import RATE_PER_S
from gateway.cli.commission_lines import Lines
from gateway.commission.acceptance import Check, Verdict
from gateway.commission.asker import Asker
from gateway.commission.plausible import bounds_of
from gateway.commission.wordorder import as_sent, other_order
from gateway.errors import BusDown
from gateway.field.bus import Member
from gateway.field.open import open_line

ABSURD = ("implausible", "out_of_range")
MOST_ASKED = 12


async def with_order(lines: Lines, member: Member, rows: Sequence[Check], *, rating_w: float) -> list[Check]:
    """The rows of a device; an absurd value of several words that another order explains says so."""
    absurd = [row for row in rows if row.verdict is Verdict.FAILED and row.reason in ABSURD][:MOST_ASKED]
    absurd = [row for row in absurd if member.profile.points[row.subject].table is not None]
    connection = lines.site.connections[member.device.connection]
    if not absurd or connection.dials_in:
        return list(rows)
    await lines.silence([member.id])
    asker = Asker(open_line(connection, units=1), rate_per_s=RATE_PER_S)
    try:
        found = {row.subject: await _explained(asker, member, row, rating_w) for row in absurd}
    except BusDown:
        found = {}
    finally:
        await asker.close()
        await lines.resume([member.id])
    return [found.get(row.subject, row) for row in rows]


async def _explained(asker: Asker, member: Member, row: Check, rating_w: float) -> Check:
    point = member.profile.points[row.subject]
    if point.table is None:
        return row
    unit = member.device.unit_id if point.unit_id is None else point.unit_id
    data = await asker.words(unit, point.table, point.address, count=point.words)
    if data is None or point.table.of_bits:
        return row
    facts = {**row.facts, "words": data.hex(" ", 2).upper(), "value": as_sent(point, data), "unit": point.unit.value}
    other = other_order(point, data, bounds_of(point, rating_w))
    if other is None:
        return replace(row, facts=facts)
    order, value = other
    return replace(row, reason="other_order", facts={**facts, "order": order.value, "meant": value})
