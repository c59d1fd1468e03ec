"""A reckoning as lines for a terminal: tables of carriers, meters, assets and events, and what nobody knows."""

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from gateway.cli.helpsheet import columns
from gateway.insight.usage_words import NONE, UNITS, amount, delivered, finding, moment, outcome, share
from gateway.texts import text


def lines_of(found: dict[str, Any]) -> Iterator[str]:
    """Everything, in the order a reader asks for it."""
    energy = found["energy"]
    zone = ZoneInfo(energy["timezone"])
    yield text(
        "usage.period",
        site=found["site"],
        begin=moment(energy["from_ms"], zone),
        end=moment(energy["to_ms"], zone),
        zone=energy["timezone"],
    )
    yield ""
    yield from _table(
        ("usage.carrier", "usage.used", "usage.cost", "usage.carbon", "usage.known"),
        [_carrier(one, energy["currency"]) for one in energy["carriers"]],
    )
    yield from _sources(energy)
    yield ""
    yield from _table(
        ("usage.meter", "usage.used", "usage.fed", "usage.peak", "usage.known", "usage.from"),
        [_meter(one) for one in energy["meters"]],
    )
    yield from _marks(energy["meters"], zone)
    if energy["assets"]:
        yield ""
        rows = [(one["id"], amount(one["total"], "kWh"), share(one["known"])) for one in energy["assets"]]
        yield from _table(("usage.asset", "usage.used", "usage.known"), rows)
        yield text("usage.by_power")
    for one in energy["findings"]:
        yield ""
        key, values = finding(one, zone)
        yield f"! {text(key, **values)}"
    yield ""
    yield from _events(found, zone)


def _carrier(one: dict[str, Any], currency: str) -> tuple[str, ...]:
    cost, kilos = one["cost"], one["carbon_kg"]
    return (
        text(f"usage.{one['carrier']}"),
        amount(one["total"], one["unit"]),
        NONE if cost is None else f"{cost['total'] - (cost['earned'] or 0.0):,.2f} {currency}",
        NONE if kilos is None else f"{kilos:,.1f} kg CO2",
        share(one["known"]),
    )


def _sources(energy: dict[str, Any]) -> Iterator[str]:
    for one in energy["carriers"]:
        cost = one["cost"]
        name = text(f"usage.{one['carrier']}")
        if cost is not None:
            yield text("usage.priced", carrier=name, source=one["tariff_source"])
            for band in cost["bands"]:
                shown = band["name"] or text("usage.rest" if len(cost["bands"]) > 1 else "usage.all")
                each = f"{band['price']:g} {energy['currency']}"
                yield f"    {shown}: {amount(band['used'], one['unit'])} × {each} = {band['cost']:,.2f}"
            if cost["estimated"] > 0.0:
                yield "    " + text("usage.estimated", cost=f"{cost['estimated']:,.2f} {energy['currency']}")
            if cost["unpriced"] > 0.0:
                yield "    " + text("usage.unpriced", amount=amount(cost["unpriced"], one["unit"]))
        if one["carbon_source"]:
            unit = UNITS.get(one["unit"], one["unit"])
            yield text(
                "usage.factor", carrier=name, each=f"{one['carbon_each']:g}", unit=unit, source=one["carbon_source"]
            )


def _meter(one: dict[str, Any]) -> tuple[str, ...]:
    name = one["id"] if one["part_of"] is None else f"  {one['id']} ({text('usage.part_of', meter=one['part_of'])})"
    peak = NONE if one["peak_w"] is None else f"{one['peak_w'] / 1000.0:,.1f} kW"
    return (
        name, amount(one["total"], one["unit"]), amount(one["export"], one["unit"]), peak, share(one["known"]),
        text(f"usage.source.{one['source']}"),
    )  # fmt: skip


def _marks(meters: Sequence[dict[str, Any]], zone: ZoneInfo) -> Iterator[str]:
    for one in meters:
        if one["in_gaps"] > 0.0:
            yield text("usage.in_gaps", meter=one["id"], amount=amount(one["in_gaps"], one["unit"]))
        for at_ms, mark in one["marks"]:
            yield text(f"usage.mark.{mark}", meter=one["id"], at=moment(at_ms, zone))


def _events(found: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    if not found["events"]:
        yield text("usage.no_events")
        return
    yield from _table(
        (
            "usage.event",
            "usage.time",
            "usage.asked",
            "usage.delivered",
            "usage.outcome",
            "usage.settled",
            "usage.record",
        ),
        [_event(one, zone) for one in found["events"]],
    )
    if any(one["delivery"] is not None and not (one["evidence"] or {}).get("delivery") for one in found["events"]):
        yield text("usage.followed")
    yield text("usage.rules", source=found["settlement_rules"]["source"])
    if found["settlement_rules"]["unconfirmed"]:
        yield text("usage.unconfirmed", what=found["settlement_rules"]["unconfirmed"])
    yield text("usage.chain_broken", why=found["chain"]) if found["chain"] else text("usage.chain_whole")


def _event(one: dict[str, Any], zone: ZoneInfo) -> tuple[str, ...]:
    evidence = one["evidence"] or {}
    settled, delivery = evidence.get("settlement"), evidence.get("delivery")
    end = "" if one["end_ms"] is None else f"–{moment(one['end_ms'], zone)[11:]}"
    verdict = NONE
    if settled is not None:
        verdict = text("usage.valid" if settled["valid"] else "usage.void", paid=share(settled["paid"]))
    return (
        f"{one['service']} {one['id']}",
        f"{moment(one['begin_ms'], zone)}{end}",
        NONE if one["shed_w"] is None else f"{one['shed_w'] / 1000.0:,.0f} kW",
        delivered(one, delivery),
        outcome(one),
        verdict,
        f"#{one['record']} {one['seal'][:12]}",
    )


def _table(keys: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[text(key) for key in keys], *rows]
    widths = [max(columns(row[at]) for row in cells) for at in range(len(keys))]
    for number, row in enumerate(cells):
        yield "  ".join(
            _padded(cell, width, left=at == 0) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        if number == 0:
            yield "  ".join("─" * width for width in widths)


def _padded(cell: str, width: int, *, left: bool) -> str:
    blanks = " " * (width - columns(cell))
    return cell + blanks if left else blanks + cell
