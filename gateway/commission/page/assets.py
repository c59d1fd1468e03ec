"""One asset in the report: the picture of its steps, what was measured of it against the site file, each of its devices."""

from collections.abc import Sequence
from html import escape

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.commission.page.pictures import pictures_of
from gateway.commission.page.rows import list_of, sign, table, verdict, why
from gateway.commission.phrases import DASH, shown
from gateway.commission.record import AssetLine, Record
from gateway.insight.page.tongues import both

MEASURES = (
    ("adjustable", "adjustable_w", "stated_w"),
    ("response", "response_s", "stated_dead_s"),
    ("lag", "lag_s", "stated_lag_s"),
    ("t90", "t90_s", ""),
    ("ramp", "ramp_per_min", ""),
    ("deviation", "deviation", ""),
    ("steady", "steady", ""),
)
FASTEST_PER_MIN = 10.0
"""A ramp of more than so many times the capacity a minute is a jump, and no figure."""


def asset_part(record: Record, line: AssetLine) -> str:
    """Everything of one asset."""
    own = [one for one in record.checks if one.owner == line.id and one.part in (Part.COMMAND, Part.CAPABILITY)]
    measured = next((one for one in own if one.part is Part.CAPABILITY and one.verdict is not Verdict.SKIPPED), None)
    rest = [one for one in own if one is not measured and one.verdict is not Verdict.SKIPPED and _is_whole(one)]
    kind = both(f"commission.kind.{line.kind}", number=len(line.devices))
    parts = (
        "".join(pictures_of(record, line.id, Part.COMMAND)),
        "" if measured is None else capability_table(measured),
        device_steps(record.checks, line),
        list_of(rest) if rest else "",
    )
    shown_parts = "".join(parts) or f'<p class="quiet">{both("commission.page.untouched")}</p>'
    return f'<div class="event"><h3>{escape(line.id)}</h3> <span class="unit">{kind}</span>{shown_parts}</div>'


def capability_table(check: Check) -> str:
    """Measured beside stated."""
    rows = []
    for name, measured, stated in MEASURES:
        value = check.facts.get(measured)
        if name == "ramp" and isinstance(value, float) and value > FASTEST_PER_MIN:
            continue
        rows.append(
            (both(f"commission.measure.{name}"), _fact(measured, check), _fact(stated, check) if stated else "")
        )
    made = table(("measure", "measured", "stated"), rows, look="narrow")
    return f"<p>{verdict(check.verdict)} {why(check)}</p>{made}"


def device_steps(checks: Sequence[Check], line: AssetLine) -> str:
    """What the small step did at each device that took part, and how its register read afterwards."""
    rows = []
    for device in line.devices:
        own = [one for one in checks if one.owner == device and one.part is Part.COMMAND]
        step = next((one for one in own if "asked_w" in one.facts), None)
        if step is None:
            continue
        back = next((one for one in own if one.subject.endswith(" back")), None)
        rows.append(
            (
                verdict(step.verdict),
                f"<b>{escape(device)}</b>",
                _fact("asked", step),
                _fact("readback", step),
                f"{_fact('change_w', step)} <small>/ {_fact('asked_w', step)}</small>",
                _fact("dead_s", step),
                _fact("lag_s", step),
                ""
                if back is None
                else f"{sign(back.verdict)} {_fact('after' if 'after' in back.facts else 'after_w', back)}",
            )
        )
    heads = ("verdict", "device", "written", "readback", "change", "dead", "lag", "afterwards")
    return table(heads, rows, look="steps") if rows else ""


def _is_whole(check: Check) -> bool:
    """A row of the asset itself, not of a device of the same name."""
    return check.subject in ("meter", "trial")


def _fact(name: str, check: Check) -> str:
    value: Fact = check.facts.get(name)
    return DASH if value is None else escape(shown(name, value, check.facts))
