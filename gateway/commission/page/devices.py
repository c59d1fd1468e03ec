"""The devices of the report: who is there, and every point as it was read."""

from collections.abc import Sequence
from html import escape

from gateway.commission.acceptance import Check, Part
from gateway.commission.page.rows import table, tally, verdict, why
from gateway.commission.phrases import DASH, with_unit
from gateway.commission.record import DeviceLine, Record
from gateway.insight.page.tongues import both


def device_table(record: Record) -> str:
    """Who is there, whether it is what the site file says, and how its points read."""
    rows = []
    for line in record.devices:
        own = [one for one in record.checks if one.owner == line.id]
        identity = next((one for one in own if one.part is Part.IDENTITY), None)
        rows.append(
            (
                f"<b>{escape(line.id)}</b>",
                _what(line),
                f"<code>{escape(line.where)}</code>",
                "" if identity is None else f"{verdict(identity.verdict)}<br><small>{why(identity)}</small>",
                tally(one for one in own if one.part is Part.READING),
            )
        )
    return table(("device", "what", "where", "identity", "points"), rows, look="devices")


def reading_tables(record: Record) -> str:
    """Every point of every device with what it read; devices that read alike share nothing: each has its own table."""
    return "".join(_readings(line, record.checks) for line in record.devices)


def _readings(line: DeviceLine, checks: Sequence[Check]) -> str:
    own = [one for one in checks if one.owner == line.id and one.part is Part.READING]
    if not own:
        return ""
    rows = [(f"<code>{escape(one.subject)}</code>", _value(one), _rhythm(one), _judged(one)) for one in own]
    made = table(("point", "value", "rhythm", "verdict"), rows, look="readings")
    heading = f'<h3>{escape(line.id)}</h3> <span class="unit">{escape(line.profile)}, {both("commission.page.source")} {escape(line.evidence)}</span>'
    return f'<div class="device">{heading}{made}</div>'


def _judged(check: Check) -> str:
    plain = check.reason in ("read", "said")
    return verdict(check.verdict) if plain else f"{verdict(check.verdict)} <small>{why(check)}</small>"


def _value(check: Check) -> str:
    if (said := check.facts.get("said")) is not None:
        return f"“{escape(str(said))}”"
    value = check.facts.get("value")
    if not isinstance(value, float | int):
        return DASH
    if check.subject.startswith("device."):
        return f"{value:.0f}"
    name = check.facts.get("name")
    shown = with_unit(float(value), str(check.facts.get("unit") or ""))
    return escape(f"{shown} ({name})" if name else shown)


def _rhythm(check: Check) -> str:
    longest, period = check.facts.get("longest_s"), check.facts.get("period_s")
    if not isinstance(longest, float) or not isinstance(period, float) or not check.facts.get("repeated"):
        return ""
    return f"{longest:.1f} / {period:g} s"


def _what(line: DeviceLine) -> str:
    serial = f", {both('commission.page.serial')} {escape(line.serial)}" if line.serial else ""
    return f"{escape(line.vendor)} {escape(line.model)}<br><small>{escape(line.profile)}{serial}</small>"
