"""How the figures of a reckoning are written, on a terminal as on a page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

NONE = "–"
UNITS = {"m3": "m³"}
WHOLE = 0.9995
"""A share of the time from which on nothing is said to be missing."""


def amount(value: float | None, unit: str) -> str:
    """An amount with its unit, a dash for none."""
    if value is None:
        return NONE
    digits = 0 if abs(value) >= 1000 or abs(value) < 0.0005 else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f} {UNITS.get(unit, unit)}"


def share(of: float | None) -> str:
    """A share of the time or of what was asked, a dash for none."""
    return NONE if of is None else f"{100.0 * of:.1f} %"


def delivered(event: Mapping[str, Any], delivery: Mapping[str, Any] | None) -> str:
    """The share of what was asked, by the evidence; else, with a sign before it, as the gateway followed it."""
    if delivery is not None:
        return share(delivery["delivery"])
    return NONE if event["delivery"] is None else f"≈ {share(event['delivery'])}"


def moment(utc_ms: int, zone: ZoneInfo) -> str:
    """A local time to the minute."""
    return datetime.fromtimestamp(utc_ms / 1000.0, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def outcome(event: Mapping[str, Any]) -> str:
    """What came of an event, with the reason where it is told."""
    reason = event["reason"]
    return str(event["result"]) if reason in ("", "ok") else f"{event['result']} ({reason})"


def finding(one: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, dict[str, str]]:
    """The key of the text of what stands out, and the values it takes."""
    values = {"value": f"{1000 * one['value']:.0f}", "day": f"{24 * one['value']:.1f}"}
    if one["kind"] == "night_base":
        values = {"value": f"{100 * one['value']:.0f}", "usual": f"{100 * one['usual']:.0f}"}
    return f"usage.{one['kind']}", values | {"meter": one["meter"], "on": moment(one["from_ms"], zone)[:10]}
