"""A reckoning as a page: what a period used, cost and emitted, hour by hour, and every event with its evidence."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from gateway.insight.page.build import Heading, document, part
from gateway.insight.page.figures import hero
from gateway.insight.page.tongues import both
from gateway.insight.usage_words import NONE, UNITS, WHOLE, amount, delivered, finding, moment, outcome, share
from gateway.insight.verdict import Promise
from gateway.texts import LANGUAGES, words

HEIGHT = 180
"""Of the tallest bar, in px; the text of its axis stands below."""
MOST_TICKS, WIDEST = 16, 5.0
"""Labels of an axis at most; the widest a bar may be, % of the picture."""
Words = dict[str, Any]


def usage_page(found: Words, *, language: str) -> str:
    """The page of a reckoning, as `reckoning.in_json` tells it; it begins in `language`."""
    energy = found["energy"]
    zone = ZoneInfo(energy["timezone"])
    about = both(
        "usage.about", begin=moment(energy["from_ms"], zone), end=moment(energy["to_ms"], zone), zone=energy["timezone"]
    )
    stands = "".join(_finding(one, zone) for one in energy["findings"])
    course = "usage.course" if energy["cell"] == "hour" else "usage.days"
    body = [
        part("usage.result", _heroes(energy)),
        part("usage.findings", stands) if stands else "",
        part(course, "".join(_course(one, energy["cell"], zone) for one in energy["meters"] if one["part_of"] is None)),
        part("usage.meters", _meters(energy["meters"], zone)),
        part("usage.assets", _assets(energy["assets"])) if energy["assets"] else "",
        part("usage.how", "".join(_how(energy))),
        part("usage.events", _events(found, zone)),
    ]
    return document(Heading(found["site"], energy["timezone"], Promise(), language), about, "".join(body), key="usage")


def _heroes(energy: Words) -> str:
    found = []
    for one in energy["carriers"]:
        cost, kilos = one["cost"], one["carbon_kg"]
        small = [] if cost is None else [f"{cost['total'] - (cost['earned'] or 0.0):,.2f} {escape(energy['currency'])}"]
        small += [] if kilos is None else [f"{kilos:,.1f} kg CO₂"]
        known = "" if one["known"] >= WHOLE else " · " + both("usage.about_known", share=share(one["known"]))
        found.append(
            hero(both(f"usage.{one['carrier']}"), amount(one["total"], one["unit"]), " · ".join(small) + known)
        )
    return f'<dl class="heroes">{"".join(found)}</dl>'


def _finding(one: Words, zone: ZoneInfo) -> str:
    key, values = finding(one, zone)
    return f'<p class="stands">{both(key, **values)}</p>'


def _course(one: Words, cell: str, zone: ZoneInfo) -> str:
    """Bars over time; a cell of which nothing is known is hatched from top to bottom."""
    cells = one["cells"]
    most = max((each["amount"] for each in cells if each["amount"] is not None), default=0.0)
    unit = UNITS.get(one["unit"], one["unit"])
    carrier = both(f"usage.{one['carrier']}")
    title = f'{carrier} <span class="unit">{escape(one["id"])} · {unit} · {both("usage.most", amount=amount(most, one["unit"]))}</span>'
    width = 100.0 / max(len(cells), 1)
    every = max(1, -(-len(cells) // MOST_TICKS))
    shapes = []
    for at, each in enumerate(cells):
        label = _cell_label(each["from_ms"], cell, zone)
        bar = min(0.8 * width, WIDEST)
        x, wide = f"{at * width + (width - bar) / 2.0:.3f}%", f"{bar:.3f}%"
        if each["amount"] is None:
            shapes.append(
                f'<rect class="gap" x="{x}" y="0" width="{wide}" height="{HEIGHT}"><title>{label}: –</title></rect>'
            )
        else:
            high = HEIGHT * each["amount"] / most if most > 0.0 else 0.0
            told = f"{label}: {amount(each['amount'], one['unit'])}" + (
                "" if each["known"] >= WHOLE else f" ({share(each['known'])})"
            )
            shapes.append(
                f'<rect class="bar" x="{x}" y="{HEIGHT - high:.1f}" width="{wide}" height="{high:.1f}"><title>{told}</title></rect>'
            )
        if at % every == 0:
            shapes.append(f'<text class="tick" x="{(at + 0.5) * width:.3f}%" y="{HEIGHT + 18}">{label}</text>')
    return f'<h3>{title}</h3><svg class="bars" role="img" aria-label="{escape(one["id"])}">{"".join(shapes)}</svg>'


def _cell_label(from_ms: int, cell: str, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(from_ms / 1000.0, UTC).astimezone(zone)
    return local.strftime("%H:%M" if cell == "hour" else "%m-%d")


def _meters(meters: Sequence[Words], zone: ZoneInfo) -> str:
    rows = []
    for one in meters:
        name = escape(one["id"])
        if one["part_of"] is not None:
            name += f' <span class="unit">{both("usage.part_of", meter=one["part_of"])}</span>'
        peak = NONE if one["peak_w"] is None else f"{one['peak_w'] / 1000.0:,.1f} kW"
        figures = (amount(one["total"], one["unit"]), amount(one["export"], one["unit"]), peak, share(one["known"]))
        cells = "".join(f'<td class="n">{each}</td>' for each in figures)
        deep = ' class="deep"' if one["part_of"] is not None else ""
        source = both(f"usage.source.{one['source']}")
        rows.append(f"<tr><td{deep}>{name}</td>{cells}<td>{source}</td></tr>")
    notes = "".join(f'<p class="small">{note}</p>' for one in meters for note in _notes(one, zone))
    return _table(("meter", "used", "fed", "peak", "known", "from"), rows, figures=range(1, 5)) + notes


def _notes(one: Words, zone: ZoneInfo) -> Iterator[str]:
    if one["in_gaps"] > 0.0:
        yield both("usage.in_gaps", meter=one["id"], amount=amount(one["in_gaps"], one["unit"]))
    for at_ms, mark in one["marks"]:
        yield both(f"usage.mark.{mark}", meter=one["id"], at=moment(at_ms, zone))


def _assets(assets: Sequence[Words]) -> str:
    rows = [
        f'<tr><td>{escape(one["id"])}</td><td class="n">{amount(one["total"], "kWh")}</td><td class="n">{share(one["known"])}</td></tr>'
        for one in assets
    ]
    return (
        _table(("asset", "used", "known"), rows, figures=range(1, 3)) + f'<p class="small">{both("usage.by_power")}</p>'
    )


def _how(energy: Words) -> Iterator[str]:
    for one in energy["carriers"]:
        name = {of: words(of)[f"usage.{one['carrier']}"] for of in LANGUAGES}
        cost = one["cost"]
        if cost is not None:
            yield f'<p class="small">{both("usage.priced", carrier=name, source=one["tariff_source"])}</p>'
            several = len(cost["bands"]) > 1
            rows = [_band(band, one["unit"], energy["currency"], several=several) for band in cost["bands"]]
            yield f'<table class="narrow"><tbody>{"".join(rows)}</tbody></table>'
            if cost["estimated"] > 0.0:
                told = both("usage.estimated", cost=f"{cost['estimated']:,.2f} {energy['currency']}")
                yield f'<p class="small">{told}</p>'
            if cost["unpriced"] > 0.0:
                yield f'<p class="small">{both("usage.unpriced", amount=amount(cost["unpriced"], one["unit"]))}</p>'
        if one["carbon_source"]:
            unit = UNITS.get(one["unit"], one["unit"])
            told = both(
                "usage.factor", carrier=name, each=f"{one['carbon_each']:g}", unit=unit, source=one["carbon_source"]
            )
            yield f'<p class="small">{told}</p>'


def _band(band: Words, unit: str, currency: str, *, several: bool) -> str:
    name = escape(band["name"]) if band["name"] else both("usage.rest" if several else "usage.all")
    return (
        f'<tr><td>{name}</td><td class="n">{amount(band["used"], unit)}</td><td class="n">× {band["price"]:g} {escape(currency)}'
        f'</td><td class="n">{band["cost"]:,.2f}</td></tr>'
    )


def _events(found: Words, zone: ZoneInfo) -> str:
    if not found["events"]:
        return f'<p class="small">{both("usage.no_events")}</p>'
    rules = found["settlement_rules"]
    notes = [both("usage.rules", source=rules["source"])]
    notes += [both("usage.unconfirmed", what=rules["unconfirmed"])] if rules["unconfirmed"] else []
    notes.append(both("usage.chain_broken", why=found["chain"]) if found["chain"] else both("usage.chain_whole"))
    shown = "".join(_event(one, zone) for one in found["events"])
    return shown + "".join(f'<p class="small">{note}</p>' for note in notes)


def _event(one: Words, zone: ZoneInfo) -> str:
    evidence = one["evidence"] or {}
    settled, delivery = evidence.get("settlement"), evidence.get("delivery")
    asked = NONE if one["shed_w"] is None else f"{one['shed_w'] / 1000.0:,.0f} kW"
    facts = [
        (both("usage.asked"), asked),
        (both("usage.delivered"), delivered(one, delivery)),
        (
            both("usage.outcome"),
            escape(outcome(one)),
        ),
        (both("usage.record"), f"#{one['record']} <code>{escape(one['seal'][:16])}</code>"),
    ]
    if settled is not None:
        paid = share(settled["paid"])
        facts.insert(2, (both("usage.settled"), both("usage.valid" if settled["valid"] else "usage.void", paid=paid)))
    end = "" if one["end_ms"] is None else f"–{moment(one['end_ms'], zone)[11:]}"
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    head = f'{escape(one["service"].upper())} <span class="unit">{escape(one["id"])} · {moment(one["begin_ms"], zone)}{end}</span>'
    return f'<div class="event"><h3>{head}</h3><dl class="heroes">{cells}</dl>{_quarters(evidence, zone)}{_means(settled)}</div>'


def _quarters(evidence: Words, zone: ZoneInfo) -> str:
    quarters = evidence.get("quarters", ())
    rows = [
        f"<tr><td>{moment(one['begin_ms'], zone)[11:]}</td>"
        + "".join(f'<td class="n">{_kw(one[name])}</td>' for name in ("baseline_w", "power_w", "shed_w"))
        + "</tr>"
        for one in quarters
    ]
    return _table(("quarter", "baseline", "measured", "shed"), rows, figures=range(1, 4)) if rows else ""


def _means(settled: Words | None) -> str:
    if settled is None:
        return ""
    told = both(
        "usage.mean_max",
        mean=_kw(settled["mean_w"]),
        most=_kw(settled["max_w"]),
        base=_kw(settled["baseline_mean_w"]),
        base_most=_kw(settled["baseline_max_w"]),
        minutes=settled["effective_min"],
    )
    return f'<p class="small">{told}</p>'


def _table(keys: Sequence[str], rows: Sequence[str], *, figures: range) -> str:
    head = "".join(
        f"<th{' class=n' if at in figures else ''}>{both(f'usage.{key}')}</th>" for at, key in enumerate(keys)
    )
    return f'<div class="scroll"><table class="narrow"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _kw(watts: float | None) -> str:
    return NONE if watts is None else f"{watts / 1000.0:,.1f}"
