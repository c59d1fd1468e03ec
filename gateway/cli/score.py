"""`gateway score`: score a trace, ours or anyone's; the head-end's record beside it is believed before the trace."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.complain import complain
from gateway.cli.scoring import METHODS, Answer, Asked, Method
from gateway.errors import ConfigError
from gateway.insight.score import Signals, signals_of
from gateway.insight.trace import Disagreement, disagreements, read_recording
from gateway.texts import text


def score(
    trace: Annotated[Path, typer.Argument(metavar="TRACE.csv", help="option.score.trace")],
    method: Annotated[Method, typer.Option(help="option.score.method")],
    params: Annotated[Path | None, typer.Option(metavar="FILE|SET", help="option.score.params")] = None,
    least: Annotated[float | None, typer.Option("--min", metavar="X", help="option.score.min")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="option.score.json")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """Score a trace. Exit 1 below --min, 2 when a file is bad."""
    try:
        recording = read_recording(trace)
        signals = signals_of(recording)
        answer = METHODS[method](Asked(signals, trace.parent, params))
    except ConfigError as exc:
        complain(exc)
        raise typer.Exit(2) from exc
    differing = [] if recording.headend is None else disagreements(recording.trace, recording.headend)
    if as_json:
        print(json.dumps(in_json(method, answer, signals, differing), indent=2))
    else:
        show(method, answer, differing)
    if least is not None and (answer.value is None or answer.value < least):
        shown = "null" if answer.value is None else f"{answer.value:.4f}"
        print(text("score.below", score=shown, wanted=f"{least:g}"), file=sys.stderr)
        raise typer.Exit(1)


def in_json(method: Method, answer: Answer, signals: Signals, differing: list[Disagreement]) -> dict[str, Any]:
    """The matching part of report.json, and what a program should know beside it."""
    reasons = {} if answer.figures is not None else {method.value: text(f"score.{method.value}_missing")}
    rows = [asdict(one) for one in differing]
    return {method.value: answer.figures, "measured": signals.measured, "disagreements": rows, "reasons": reasons}


def show(method: Method, answer: Answer, differing: list[Disagreement]) -> None:
    """The same for a person."""
    for one in differing:
        sent = "–" if one.headend is None else f"{one.headend:g}"
        line = text("score.disagrees", t_s=f"{one.t_s:g}", column=one.column, trace=f"{one.trace:g}", headend=sent)
        print(line, file=sys.stderr)
    if differing:
        print(text("score.disagreements", count=len(differing)), file=sys.stderr)
    for line in answer.lines or (text(f"score.{method.value}_missing"),):
        print(line)
