"""Tables of the report: verdicts as a sign and a word, never a colour alone; sentences in both languages."""

from collections.abc import Iterable, Sequence
from html import escape

from gateway.commission.acceptance import Check, Verdict
from gateway.commission.phrases import sentence, subject
from gateway.insight.page.tongues import TAGS, both
from gateway.texts import LANGUAGES

SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.NOTED: "!", Verdict.SKIPPED: "–"}
ORDER = (Verdict.FAILED, Verdict.NOTED, Verdict.PASSED, Verdict.SKIPPED)


def verdict(of: Verdict) -> str:
    """Sign and word."""
    return f'<span class="v-{of.value}">{SIGNS[of]} {both(f"commission.verdict.{of.value}")}</span>'


def sign(of: Verdict, number: int | None = None) -> str:
    """The sign alone, with how many; its word for who has it read out."""
    shown = SIGNS[of] if number is None else f"{SIGNS[of]} {number}"
    return f'<span class="v-{of.value}">{shown}<span class="unseen"> {both(f"commission.verdict.{of.value}")}</span></span>'


def tally(checks: Iterable[Check]) -> str:
    """How many of each verdict, worst first."""
    found = list(checks)
    counts = {of: sum(one.verdict is of for one in found) for of in ORDER}
    return " &ensp; ".join(sign(of, number) for of, number in counts.items() if number) or "–"


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


def list_of(checks: Iterable[Check], *, named: bool = True) -> str:
    """One row for what is the same of several owners; `named` False leaves out what they are about."""
    grouped: dict[tuple[str, str, str], list[Check]] = {}
    for one in checks:
        grouped.setdefault((one.verdict.value, one.subject, sentence(one, "en")), []).append(one)
    rows = [(verdict(group[0].verdict), owners(group), about(group[0]), why(group[0])) for group in grouped.values()]
    if named:
        return table(("verdict", "owner", "subject", "why"), rows, look="checks")
    return table(("verdict", "owner", "why"), [(row[0], row[1], row[3]) for row in rows], look="drill")


def skipped_table(checks: Sequence[Check]) -> str:
    """What was not tried, by reason and subject."""
    grouped: dict[str, dict[str, list[Check]]] = {}
    for one in checks:
        grouped.setdefault(sentence(one, "en"), {}).setdefault(one.subject, []).append(one)
    rows = []
    for by_subject in grouped.values():
        first = next(iter(by_subject.values()))[0]
        what = "<br>".join(f"{about(group[0])}: {owners(group)}" for group in by_subject.values())
        rows.append((what, why(first)))
    return table(("what", "reason"), rows, look="skipped")


def owners(checks: Sequence[Check]) -> str:
    """Whose they are."""
    return f"<b>{escape(', '.join(dict.fromkeys(one.owner for one in checks)))}</b>"
