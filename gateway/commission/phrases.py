"""A check in words, for people: its reason's text with its facts filled in, in the language wanted. Pure."""

from collections import defaultdict
from collections.abc import Mapping

from gateway.commission.acceptance import Check, Fact
from gateway.texts import told, words

KILO = 1000.0
DASH = "–"
_UNITS = {"W": "kW", "Wh": "kWh", "var": "kvar", "varh": "kvarh", "VA": "kVA", "VAh": "kVAh"}


def sentence(check: Check, of: str) -> str:
    """The reason of a check in a language; one that comes from elsewhere stands for itself."""
    template = words(of).get(f"commission.why.{check.reason}")
    if template is None:
        detail = check.facts.get("detail")
        return told(detail, of) if isinstance(detail, str) and detail else check.reason
    facts = {name: told(fact, of) if isinstance(fact, str) else fact for name, fact in check.facts.items()}
    filled = {name: shown(name, value, facts) for name, value in facts.items()}
    if check.facts.get("sure"):
        filled["sure"] = words(of).get(f"commission.sure.{filled['sure']}", filled["sure"])
    return template.format_map(defaultdict(lambda: DASH, filled))


def subject(check: Check, of: str) -> str:
    """What a check is about: a point's or control's own name, or the words for a subject of ours."""
    first, _, rest = check.subject.partition(" ")
    if rest == "back":
        return words(of)["commission.subject.back"].format(control=first)
    return words(of).get(f"commission.subject.{check.subject}", check.subject)


def shown(name: str, value: Fact, facts: Mapping[str, Fact]) -> str:
    """One fact as a person reads it; its name's ending tells its unit."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return value or DASH
    if name.endswith("_w"):
        return f"{number(value / KILO)} kW"
    if name.endswith("_s"):
        return (f"{value:.2f} s" if abs(value) < 10.0 else f"{value:.0f} s").replace("-", "−")
    if name.endswith("_min") or name in ("deviation", "steady", "share"):
        return f"{100.0 * value:.1f} %".replace("-", "−")
    if name in ("value", "low", "high", "asked", "readback", "before", "after", "meant", "held", "fallback"):
        return with_unit(value, str(facts.get("unit") or ""))
    return number(value)


def with_unit(value: float, unit: str) -> str:
    """A value with its unit, powers and energies in thousands."""
    if unit in _UNITS:
        return f"{number(value / KILO)} {_UNITS[unit]}"
    plain = {"degC": "°C", "1": "", "m3": "m³", "m3/h": "m³/h"}.get(unit, unit)
    return f"{number(value)} {plain}".strip()


def number(value: float) -> str:
    """Four figures, a true minus sign, no exponent where it can be helped."""
    value += 0.0
    text = f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"
    return text.replace("-", "−").replace(",", "\N{THIN SPACE}")
