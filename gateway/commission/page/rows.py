"""Tables of the report: verdicts as a sign and a word, never a colour alone; sentences in both languages."""

from collections.abc import Iterable, Sequence
from html import escape

from gateway.commission.acceptance import Check, Part, Verdict
from gateway.commission.phrases import DASH, sentence, subject, with_unit
from gateway.commission.record import DeviceLine, Record
from gateway.insight.page.tongues import TAGS, both
from gateway.texts import LANGUAGES

SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.NOTED: "!", Verdict.SKIPPED: "–"}
FAMILIES = frozenset(("trial", "meter", "capability"))
"""Subjects of an asset as a whole."""


def verdict(check: Check) -> str:
    """Sign and word."""
    word = both(f"commission.verdict.{check.verdict.value}")
    return f'<span class="v-{check.verdict.value}">{SIGNS[check.verdict]} {word}</span>'


def why(check: Check) -> str:
    """The reason in both languages."""
    return "".join(f'<span lang="{TAGS[of]}">{escape(sentence(check, of))}</span>' for of in LANGUAGES)


def about(check: Check) -> str:
    """What it is about, in both languages."""
    return "".join(f'<span lang="{TAGS[of]}">{escape(subject(check, of))}</span>' for of in LANGUAGES)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, look: str = "") -> str:
    """A table; heads are keys below `commission.head.`, cells are HTML."""
    head = "".join(f"<th>{both(f'commission.head.{name}') if name else ''}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="scroll"><table class="{look}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def list_of(checks: Iterable[Check]) -> str:
    """Checks one a row."""
    rows = [(verdict(one), f"<b>{escape(one.owner)}</b>", about(one), why(one)) for one in checks]
    return table(("verdict", "owner", "subject", "why"), rows, look="checks")


def skipped_table(checks: Sequence[Check]) -> str:
    """What was not tried, by reason: who has it in common."""
    by_reason: dict[str, list[Check]] = {}
    for one in checks:
        by_reason.setdefault(f"{one.reason}\0{one.facts.get('detail', '')}", []).append(one)
    rows = []
    for group in by_reason.values():
        names = dict.fromkeys(f"{escape(one.owner)} {about(one)}" for one in group)
        rows.append((why(group[0]), f"{len(group)}", "; ".join(names)))
    return table(("why", "count", "what"), rows, look="skipped")


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
                "" if identity is None else f"{verdict(identity)}<br>{why(identity)}",
                _read(own),
            )
        )
    return table(("device", "what", "where", "identity", "points"), rows, look="devices")


def reading_tables(record: Record) -> str:
    """Every point of every device with what it read."""
    return "".join(_readings(line, record.checks) for line in record.devices)


def _readings(line: DeviceLine, checks: Sequence[Check]) -> str:
    own = [one for one in checks if one.owner == line.id and one.part is Part.READING]
    if not own:
        return ""
    rows = [(f"<code>{escape(one.subject)}</code>", _value(one), _rhythm(one), verdict(one)) for one in own]
    made = table(("point", "value", "rhythm", "verdict"), rows, look="readings")
    return (
        f'<div class="device"><h3>{escape(line.id)}</h3> <span class="unit">{escape(line.profile)}</span>{made}</div>'
    )


def _value(check: Check) -> str:
    if (said := check.facts.get("said")) is not None:
        return f"“{escape(str(said))}”"
    value = check.facts.get("value")
    if not isinstance(value, float | int):
        return DASH
    name = check.facts.get("name")
    shown = with_unit(float(value), str(check.facts.get("unit") or ""))
    return escape(f"{shown} ({name})" if name else shown)


def _rhythm(check: Check) -> str:
    longest, period = check.facts.get("longest_s"), check.facts.get("period_s")
    if not isinstance(longest, float) or not isinstance(period, float):
        return ""
    return f"{longest:.1f} / {period:g} s"


def _what(line: DeviceLine) -> str:
    serial = f"<br><small>{escape(line.serial)}</small>" if line.serial else ""
    return f"{escape(line.vendor)} {escape(line.model)}<br><small>{escape(line.profile)}</small>{serial}"


def _read(own: Sequence[Check]) -> str:
    readings = [one for one in own if one.part is Part.READING]
    good = sum(one.verdict is Verdict.PASSED for one in readings)
    bad = sum(one.verdict is Verdict.FAILED for one in readings)
    noted = sum(one.verdict is Verdict.NOTED for one in readings)
    parts = [f'<span class="v-passed">✓ {good}</span>'] if good else []
    parts += [f'<span class="v-noted">! {noted}</span>'] if noted else []
    parts += [f'<span class="v-failed">✗ {bad}</span>'] if bad else []
    return " ".join(parts)
