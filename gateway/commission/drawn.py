"""Drills and the end of a trial judged where a setpoint cannot be read back: by what its device drew at rest, in the step and afterwards. Pure.

A step is told from rest by half of it; what lies between says nothing, and is left to a person with both powers named.
"""

from dataclasses import dataclass

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.profiles.schema import Lost, Then

HALF = 0.5
"""A power is at a level when it is no further from it than this part of the way to the other one."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One device's power; None: not read."""

    device: str
    rest_w: float | None
    """Before anything was written."""
    held_w: float | None
    """While the step was held."""
    after_w: float | None
    """After the loss."""


def judge_silence(drawn: Drawn, lost: Lost, *, asked_w: float, fallback_w: float | None, silent_s: float) -> Check:
    """One device of the drill power_cut; `asked_w` and `fallback_w` are what the step and its fallback stand for."""
    rest_w, held_w, after_w = drawn.rest_w, drawn.held_w, drawn.after_w
    facts = _facts(drawn) | {"silent_s": silent_s, "asked_w": asked_w, "fallback_w": fallback_w}

    def row(verdict: Verdict, reason: str) -> Check:
        return Check(Part.DRILL, drawn.device, "power_cut", verdict, reason, facts)

    if rest_w is None or held_w is None:
        return row(Verdict.SKIPPED, "unseen")
    if not _is_at(held_w, asked_w, other_w=rest_w):
        return row(Verdict.SKIPPED, "step_not_held")
    if after_w is None:
        return row(Verdict.FAILED, "gone_after_cut")
    kept = _is_at(after_w, held_w, other_w=rest_w if fallback_w is None else fallback_w)
    if lost.then is Then.FALLBACK and fallback_w is not None:
        if _is_at(fallback_w, held_w, other_w=rest_w):
            return row(Verdict.SKIPPED, "step_is_fallback")
        if _is_at(after_w, fallback_w, other_w=held_w):
            return row(Verdict.PASSED, "power_fell_back")
        return row(Verdict.FAILED, "power_stays") if kept else row(Verdict.NOTED, "power_elsewhere")
    if lost.then is Then.KEEPS_LAST:
        return row(Verdict.NOTED, "power_keeps_last" if kept else "power_elsewhere")
    return row(Verdict.FAILED, "power_stays") if kept else row(Verdict.PASSED, "took_over")


def judge_followed(drawn: Drawn, drill: str, *, asked_w: float | None) -> Check:
    """One device after control lost something; `asked_w`: what control then asks of it, None: it is given back."""
    rest_w, held_w, after_w = drawn.rest_w, drawn.held_w, drawn.after_w
    facts = _facts(drawn) | {"asked_w": asked_w}

    def row(verdict: Verdict, reason: str) -> Check:
        return Check(Part.DRILL, drawn.device, drill, verdict, reason, facts)

    if rest_w is None or held_w is None or held_w == rest_w:
        return row(Verdict.SKIPPED, "unseen")
    if after_w is None:
        return row(Verdict.FAILED, "power_unknown")
    if asked_w is None:
        moved = not _is_at(after_w, held_w, other_w=rest_w)
        return row(Verdict.PASSED, "power_released") if moved else row(Verdict.NOTED, "not_to_be_seen")
    stays = _is_at(asked_w, held_w, other_w=rest_w)
    there = _is_at(after_w, asked_w, other_w=rest_w if stays else held_w)
    return row(Verdict.PASSED, "power_safe") if there else row(Verdict.FAILED, "power_unsafe")


def judge_released(drawn: Drawn, control: str) -> Check:
    """One device after its trial: whether it left the last step towards rest when it was given back."""
    rest_w, held_w, after_w = drawn.rest_w, drawn.held_w, drawn.after_w
    verdict, reason = Verdict.SKIPPED, "unseen"
    if rest_w is not None and held_w is not None and after_w is not None and _is_at(after_w, rest_w, other_w=held_w):
        verdict, reason = Verdict.PASSED, "power_back"
    return Check(Part.COMMAND, drawn.device, f"{control} back", verdict, reason, _facts(drawn))


def _is_at(power_w: float, level_w: float, *, other_w: float) -> bool:
    return level_w != other_w and abs(power_w - level_w) < HALF * abs(other_w - level_w)


def _facts(drawn: Drawn) -> dict[str, Fact]:
    return {"rest_w": drawn.rest_w, "held_w": drawn.held_w, "after_w": drawn.after_w}
