"""The drills in the report: how each was made, what the registers and meters then read, and the picture of a silence."""

from gateway.commission.acceptance import Part, Verdict, of_part
from gateway.commission.page.pictures import pictures_of
from gateway.commission.page.rows import list_of, verdict
from gateway.commission.record import Record
from gateway.insight.page.tongues import both

DRILLS = ("power_cut", "upstream_lost", "meter_lost", "device_lost")


def drills(record: Record) -> str:
    """Every drill with its rows; what was left out says so and has its reason below with the rest."""
    parts = []
    for drill in DRILLS:
        rows = [one for one in of_part(record.checks, Part.DRILL) if one.subject == drill]
        made = [one for one in rows if one.verdict is not Verdict.SKIPPED]
        heading = f"<h3>{both(f'commission.subject.{drill}')}</h3>"
        if not made:
            parts.append(f'<div class="event">{heading} {verdict(Verdict.SKIPPED)}</div>')
            continue
        how = f'<p class="quiet">{both(f"commission.how.{drill}")}</p>'
        parts.append(f'<div class="event">{heading}{how}{list_of(made, named=False)}{_pictures(record, drill)}</div>')
    return "".join(parts)


def _pictures(record: Record, drill: str) -> str:
    owners = [one.owner for one in record.pictures if one.part is Part.DRILL and one.subject == drill]
    return "".join("".join(pictures_of(record, owner, Part.DRILL)) for owner in dict.fromkeys(owners))
