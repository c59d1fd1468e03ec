"""The report at a glance: one row an asset with what an owner asks first, and the site's own rows below."""

from collections.abc import Sequence
from html import escape

from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.page.rows import ORDER, sign, table, tally
from gateway.commission.phrases import DASH, shown
from gateway.commission.record import AssetLine, Record
from gateway.insight.page.tongues import both

CONTROLS = ("meter", "trial")
"""Subjects of an asset's command rows that are no control."""


def glance(record: Record) -> str:
    """Both tables."""
    rows = [_asset(line, record.checks) for line in record.assets]
    heads = ("asset", "commands", "at_meter", "capacity", "dead", "timers")
    assets = table(heads, rows, look="glance") if rows else ""
    devices = {line.id for line in record.devices}
    site = [
        (both("commission.glance.identity"), tally(one for one in record.checks if one.part is Part.IDENTITY)),
        (both("commission.glance.readings"), tally(one for one in record.checks if one.part is Part.READING)),
        *(
            (both(f"commission.subject.{drill}"), tally(_drill(record.checks, drill)))
            for drill in ("upstream_lost", "meter_lost", "device_lost")
        ),
    ]
    lines = "".join(f"<div><dt>{name}</dt><dd>{cell}</dd></div>" for name, cell in site)
    count = both("commission.glance.devices", number=len(devices))
    return f'{assets}<dl class="site">{lines}</dl><p class="quiet">{count} {both("commission.glance.signs")}</p>'


def _asset(line: AssetLine, checks: Sequence[Check]) -> tuple[str, ...]:
    own = [one for one in checks if one.owner == line.id or one.owner in line.devices]
    commands = [one for one in own if one.part is Part.COMMAND and one.subject not in CONTROLS]
    commands = [one for one in commands if not one.subject.endswith(" back")] or [
        one for one in own if one.subject == "trial"
    ]
    meter = next((one for one in own if one.subject == "meter" and one.owner == line.id), None)
    capability = next((one for one in own if one.part is Part.CAPABILITY and one.owner == line.id), None)
    cut = [one for one in own if one.subject == "power_cut"]
    name = (
        f"<b>{escape(line.id)}</b><br><small>{both(f'commission.kind.{line.kind}', number=len(line.devices))}</small>"
    )
    dead = DASH if capability is None else _fact(capability, "response_s")
    return name, tally(commands), _one(meter), _capacity(line, capability), dead, tally(cut) if cut else _one(None)


def _one(check: Check | None) -> str:
    return sign(Verdict.SKIPPED) if check is None else sign(check.verdict)


def _capacity(line: AssetLine, capability: Check | None) -> str:
    stated = shown("stated_w", line.max_w - line.min_w, {})
    if capability is None or capability.verdict is Verdict.SKIPPED:
        return f"{DASH} <small>/ {stated}</small>"
    return f"{sign(capability.verdict)} {_fact(capability, 'adjustable_w')} <small>/ {stated}</small>"


def _fact(check: Check, name: str) -> str:
    value = check.facts.get(name)
    return DASH if value is None else escape(shown(name, value, check.facts))


def _drill(checks: Sequence[Check], drill: str) -> list[Check]:
    found = [one for one in checks if one.subject == drill]
    return sorted(found, key=lambda one: ORDER.index(one.verdict))
