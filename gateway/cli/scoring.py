"""The ways to score that `gateway score` knows: from a record and what `--params` says to figures and lines."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from gateway.insight.events import Event
from gateway.insight.held import Held
from gateway.insight.ledger import read_events
from gateway.insight.params import DrParams, PjmParams, RegionParams, read_baseline, read_params
from gateway.insight.pjm import VARIANTS
from gateway.insight.regions import named
from gateway.insight.score import (
    Signals,
    event_indices,
    instruction_indices,
    instructions_of,
    score_dr,
    score_k,
    score_pjm,
    score_settlement,
)
from gateway.insight.settlement import SETTLEMENTS
from gateway.insight.verdict import calls_table
from gateway.texts import text


class Method(StrEnum):
    """How to score."""

    PJM = "pjm"
    HUNAN = "hunan"
    K = "k"
    DR = "dr"
    INDICES = "indices"


@dataclass(frozen=True, slots=True)
class Asked:
    """A record, the folder it lies in, and the numbers to score it by: a file or the name of a set."""

    signals: Signals
    folder: Path
    params: Path | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method found: the number `--min` is held against, every figure, and the lines for a person.

    `figures` None: it cannot be scored.
    """

    value: float | None = None
    figures: Any = None
    lines: tuple[str, ...] = ()


def by_pjm(asked: Asked) -> Answer:
    """PJM; `--params` may name the variant."""
    found = score_pjm(asked.signals, VARIANTS[read_params(asked.params, PjmParams).variant])
    if found is None:
        return Answer()
    figures = asdict(found)
    return Answer(found.score, figures, (text("score.pjm", measured=asked.signals.measured, **shown(figures)),))


def by_region(asked: Asked) -> Answer:
    """A region's K; `--params` may name it."""
    params = read_params(asked.params, RegionParams)
    region = params.rules()
    found = score_k(asked.signals, region)
    if found is None:
        return Answer()
    figures = {"region": params.region, **asdict(found), **named(found, region)}
    lines = [text("score.k", measured=asked.signals.measured, **shown(figures | {"k1": 0.0}))]
    if region.admission is not None:
        figures["admitted"] = found.k >= region.admission
        lines.append(text("score.admitted" if figures["admitted"] else "score.not_admitted", least=region.admission))
    if region.unconfirmed:
        figures["unconfirmed"] = region.unconfirmed
        lines.append(text("score.unconfirmed", what=region.unconfirmed))
    return Answer(found.k, figures, tuple(lines))


def by_dr(asked: Asked) -> Answer:
    """Delivery and settlement of one event."""
    if asked.params is None:
        raise typer.BadParameter(text("score.params_needed"))
    wanted = read_params(asked.params, DrParams)
    given = read_baseline(asked.params, wanted)
    if given is None and not asked.signals.baseline_w.known:
        raise typer.BadParameter(text("score.baseline"))
    signals = with_baseline(asked.signals, given)
    event = Event("", "dr", wanted.start_s, wanted.end_s - wanted.start_s, wanted.committed_w)
    found = score_dr(signals, event)
    if found is None:
        return Answer()
    settled = score_settlement(signals, event, SETTLEMENTS[wanted.rules])
    figures = {name: value for name, value in asdict(found).items() if name != "id"}
    lines = [text("score.dr", measured=signals.measured, **shown(figures))]
    figures["settlement"] = None if settled is None else {"rules": wanted.rules, **asdict(settled)}
    if settled is not None:
        words = {name: f"{value / 1000.0:.1f}" for name, value in asdict(settled).items() if name.endswith("_w")}
        verdict = text("score.valid" if settled.valid else "score.void")
        by_mean = text("score.qualified" if settled.qualified_by_mean else "score.not_qualified")
        by_maximum = text("score.out_of_bounds" if settled.out_of_bounds else "score.in_bounds")
        words |= {"verdict": verdict, "by_mean": by_mean, "by_maximum": by_maximum}
        lines.append(
            text(
                "score.settled", rules=wanted.rules, paid=f"{settled.paid:.4f}", minutes=settled.effective_min, **words
            )
        )
    return Answer(found.delivery, figures, tuple(lines))


def by_indices(asked: Asked) -> Answer:
    """The indices of every call: the events of events.json beside the trace, and every dispatch instruction."""
    signals = asked.signals
    events = [event_indices(signals, event) for event in read_events(asked.folder)]
    found = [one for one in events if one is not None]
    found += instruction_indices(signals, instructions_of(signals)) if signals.signal.known else []
    if not found:
        return Answer()
    calls = [asdict(one) for one in found]
    return Answer(None, calls, tuple(calls_table(calls)))


METHODS: dict[Method, Callable[[Asked], Answer]] = {
    Method.PJM: by_pjm,
    Method.HUNAN: by_region,
    Method.K: by_region,
    Method.DR: by_dr,
    Method.INDICES: by_indices,
}


def with_baseline(signals: Signals, baseline_w: Held | None) -> Signals:
    """The signals, with the baseline that was handed in where there is one."""
    return signals if baseline_w is None else replace(signals, baseline_w=baseline_w)


def shown(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures as words: four digits of a number."""
    return {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in figures.items()}
