"""`gateway score`: score a trace, ours or anyone's; the head-end's record beside it is believed before the trace."""

import json
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.errors import ConfigError
from gateway.insight.events import Event
from gateway.insight.held import Held
from gateway.insight.hunan import HunanRules
from gateway.insight.params import DrParams, HunanParams, PjmParams, read_baseline, read_params
from gateway.insight.pjm import VARIANTS
from gateway.insight.score import Signals, score_dr, score_hunan, score_pjm, signals_of
from gateway.insight.trace import Disagreement, disagreements, read_recording
from gateway.texts import text


class Method(StrEnum):
    """How to score."""

    PJM = "pjm"
    HUNAN = "hunan"
    DR = "dr"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method found: the number `--min` is held against, and every figure; nothing when it cannot be scored."""

    value: float | None
    figures: dict[str, Any] | None


def score(
    trace: Annotated[Path, typer.Argument(metavar="TRACE.csv", help="headend.csv and plant.csv beside it are used")],
    method: Annotated[Method, typer.Option(help="whose rules")],
    params: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML with the method's numbers")] = None,
    least: Annotated[float | None, typer.Option("--min", metavar="X", help="exit 1 below this")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the matching part of report.json")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Score a trace. Exit 1 below --min, 2 when a file is bad."""
    try:
        recording = read_recording(trace)
        signals = signals_of(recording)
        answer = METHODS[method](signals, params)
    except ConfigError as exc:
        print(exc, file=sys.stderr)
        raise typer.Exit(2) from exc
    differing = [] if recording.headend is None else disagreements(recording.trace, recording.headend)
    if as_json:
        print(json.dumps(in_json(method, answer, signals, differing), indent=2))
    else:
        show(method, answer, signals, differing)
    if least is not None and (answer.value is None or answer.value < least):
        shown = "null" if answer.value is None else f"{answer.value:.4f}"
        print(text("score.below", score=shown, wanted=f"{least:g}"), file=sys.stderr)
        raise typer.Exit(1)


def by_pjm(signals: Signals, params: Path | None) -> Answer:
    """PJM; `--params` may name the variant."""
    found = score_pjm(signals, VARIANTS[read_params(params, PjmParams).variant])
    return Answer(None, None) if found is None else Answer(found.score, asdict(found))


def by_hunan(signals: Signals, params: Path | None) -> Answer:
    """Hunan K."""
    rules = read_params(params, HunanParams)
    found = score_hunan(signals, HunanRules(**rules.model_dump(exclude_none=True)))
    return Answer(None, None) if found is None else Answer(found.k, asdict(found))


def by_dr(signals: Signals, params: Path | None) -> Answer:
    """Delivery of one event."""
    if params is None:
        raise typer.BadParameter(text("score.params_needed"))
    wanted = read_params(params, DrParams)
    given = read_baseline(params, wanted)
    if given is None and not signals.baseline_w.known:
        raise typer.BadParameter(text("score.baseline"))
    event = Event("", "dr", wanted.start_s, wanted.end_s - wanted.start_s, wanted.committed_w)
    found = score_dr(with_baseline(signals, given), event)
    if found is None:
        return Answer(None, None)
    return Answer(found.delivery, {name: value for name, value in asdict(found).items() if name != "id"})


METHODS = {Method.PJM: by_pjm, Method.HUNAN: by_hunan, Method.DR: by_dr}


def with_baseline(signals: Signals, baseline_w: Held | None) -> Signals:
    """The signals, with the baseline that was handed in where there is one."""
    s = signals
    return Signals(s.signal, s.basepoint_w, s.capacity_w, baseline_w or s.baseline_w, s.power_w, s.measured)


def in_json(method: Method, answer: Answer, signals: Signals, differing: list[Disagreement]) -> dict[str, Any]:
    """The matching part of report.json, and what a program should know beside it."""
    reasons = {} if answer.figures is not None else {method.value: text(f"score.{method.value}_missing")}
    rows = [asdict(one) for one in differing]
    return {method.value: answer.figures, "measured": signals.measured, "disagreements": rows, "reasons": reasons}


def show(method: Method, answer: Answer, signals: Signals, differing: list[Disagreement]) -> None:
    """The same for a person."""
    for one in differing:
        sent = "–" if one.headend is None else f"{one.headend:g}"
        line = text("score.disagrees", t_s=f"{one.t_s:g}", column=one.column, trace=f"{one.trace:g}", headend=sent)
        print(line, file=sys.stderr)
    if differing:
        print(text("score.disagreements", count=len(differing)), file=sys.stderr)
    if answer.figures is None:
        print(text(f"score.{method.value}_missing"))
        return
    figures = {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in answer.figures.items()}
    print(text(f"score.{method.value}", measured=signals.measured, **figures))
