"""Drills judged: what the devices' own registers and meters read after something was lost. Pure.

power_cut       a step was held, then nothing at all was said to the devices for longer than their timers run.
Afterwards a device with a fallback reads it; one with its own control has moved back by itself; one
that keeps its last value still has it, which its profile must say
device_lost     one device was left alone: its values are no longer used in time, and it is back in time
meter_lost      control ran without the site meter: mode FAULT in time, the setpoints read what it then asked for
upstream_lost   control followed a setpoint whose sender fell silent: HOLD, RAMP, SAFE in order, then safe values
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.commission.trials import tolerance_of
from gateway.profiles.schema import Control, Then

MOVED_BACK = 0.5
"""A device has taken over by itself when its power has left the step by this share of it."""
TIMER_MARGIN = 1.25
GRACE_S = 2.0
"""What polling, a control step and the wire may add to a stated time."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One device across a silence."""

    device: str
    control: Control
    timeout_s: float
    """After how long it falls back by its profile; inf: never."""
    silent_s: float
    rest: float | None
    """What its register read before anything was written."""
    held: float | None
    """What it read when the silence began."""
    asked: float
    after: float | None
    rest_w: float | None
    held_w: float | None
    after_w: float | None


def silence_s(timeouts_s: Sequence[float], *, extra_s: float) -> float:
    """How long to say nothing, so that every one of these timers has run out."""
    return TIMER_MARGIN * max(timeouts_s, default=0.0) + extra_s


def judge_cut(cut: Cut) -> Check:
    """One device of the drill power_cut."""
    control, lost = cut.control, cut.control.lost
    facts: dict[str, Fact] = {
        "control": control.name,
        "unit": control.unit.value,
        "held": cut.held,
        "after": cut.after,
        "fallback": lost.value,
        "silent_s": cut.silent_s,
        "held_w": cut.held_w,
        "after_w": cut.after_w,
    }
    if cut.held is None or abs(cut.held - cut.asked) > tolerance_of(control):
        return _row(cut.device, "power_cut", Verdict.SKIPPED, "step_not_held", facts)
    if cut.after is None:
        return _row(cut.device, "power_cut", Verdict.FAILED, "gone_after_cut", facts)
    kept = abs(cut.after - cut.held) <= tolerance_of(control)
    if lost.then is Then.FALLBACK and lost.value is not None:
        if lost.value == cut.held:
            return _row(cut.device, "power_cut", Verdict.SKIPPED, "step_is_fallback", facts)
        if abs(cut.after - lost.value) <= tolerance_of(control):
            return _row(cut.device, "power_cut", Verdict.PASSED, "fell_back", facts)
        return _row(cut.device, "power_cut", Verdict.FAILED, "timer_silent" if kept else "fell_elsewhere", facts)
    if lost.then is Then.KEEPS_LAST:
        verdict, reason = (Verdict.NOTED, "keeps_last") if kept else (Verdict.FAILED, "fell_elsewhere")
        return _row(cut.device, "power_cut", verdict, reason, facts)
    moved = _moved_back(cut)
    if not kept or moved:
        return _row(cut.device, "power_cut", Verdict.PASSED, "took_over", facts)
    if moved is None:
        return _row(cut.device, "power_cut", Verdict.NOTED, "not_to_be_seen", facts)
    return _row(cut.device, "power_cut", Verdict.FAILED, "timer_silent", facts)


def _moved_back(cut: Cut) -> bool | None:
    """Whether the power left the step; None where it cannot be told."""
    if cut.rest_w is None or cut.held_w is None or cut.after_w is None or cut.rest_w == cut.held_w:
        return None
    return (cut.after_w - cut.held_w) / (cut.rest_w - cut.held_w) >= MOVED_BACK


@dataclass(frozen=True, slots=True)
class Loss:
    """One device left alone while the others went on; times from the moment it was left alone, and taken up again."""

    device: str
    stale_s: float
    """By when its values must not be used any more."""
    unused_s: float | None
    back_within_s: float
    back_s: float | None
    others_late: tuple[str, ...]
    """Devices of other lines that were late meanwhile."""


def judge_loss(loss: Loss, drill: str = "device_lost") -> Check:
    """One device of the drill device_lost."""
    facts: dict[str, Fact] = {
        "unused_s": loss.unused_s,
        "stale_s": loss.stale_s,
        "back_s": loss.back_s,
        "within_s": loss.back_within_s,
        "others": ", ".join(loss.others_late),
    }
    if loss.unused_s is None or loss.unused_s > loss.stale_s + GRACE_S:
        return _row(loss.device, drill, Verdict.FAILED, "used_too_long", facts)
    if loss.back_s is None or loss.back_s > loss.back_within_s + GRACE_S:
        return _row(loss.device, drill, Verdict.FAILED, "not_back_in_time", facts)
    if loss.others_late:
        return _row(loss.device, drill, Verdict.FAILED, "others_suffered", facts)
    return _row(loss.device, drill, Verdict.PASSED, "lost_and_found", facts)


@dataclass(frozen=True, slots=True)
class Course:
    """What control went through when something was lost; seconds since the loss, in order."""

    wanted: tuple[str, ...]
    """The modes it must pass through."""
    modes: tuple[tuple[float, str], ...]
    within_s: float
    """By when the last of them must be reached."""
    asked: float | None
    """What the registers must then read: the safe value, or what control asks for; None: anything but `held`."""
    held: float
    registers: tuple[tuple[str, float | None], ...]
    """(device, what its setpoint then read)."""
    tolerance: float
    unit: str


def judge_course(site: str, drill: str, course: Course) -> list[Check]:
    """The row of the modes, and one for each device's register."""
    seen = tuple(mode for _, mode in course.modes)
    facts: dict[str, Fact] = {
        "modes": " → ".join(f"{mode} {at_s:.1f} s" for at_s, mode in course.modes),
        "wanted": " → ".join(course.wanted),
        "within_s": course.within_s,
    }
    reached = _passes(seen, course.wanted)
    last_s = next((at_s for at_s, mode in course.modes if course.wanted and mode == course.wanted[-1]), None)
    in_time = last_s is not None and last_s <= course.within_s + GRACE_S
    rows = [_row(site, drill, Verdict.PASSED, "modes_right", facts)]
    if not reached or not in_time:
        rows = [_row(site, drill, Verdict.FAILED, "modes_late" if reached else "modes_wrong", facts)]
    for device, value in course.registers:
        told: dict[str, Fact] = {
            "after": value,
            "held": course.held,
            "fallback": course.asked,
            "unit": course.unit,
        }
        if value is None:
            rows.append(_row(device, drill, Verdict.FAILED, "register_unknown", told))
        elif abs(value - course.held) <= course.tolerance and not _stays(course):
            rows.append(_row(device, drill, Verdict.FAILED, "register_unsafe", told))
        elif course.asked is not None and abs(value - course.asked) <= course.tolerance:
            rows.append(_row(device, drill, Verdict.PASSED, "register_safe", told))
        elif course.asked is None:
            rows.append(_row(device, drill, Verdict.PASSED, "register_released", told))
        else:
            rows.append(_row(device, drill, Verdict.FAILED, "register_unsafe", told))
    return rows


def _stays(course: Course) -> bool:
    """Control asks for what was followed anyway: nothing stands against it."""
    return course.asked is not None and abs(course.asked - course.held) <= course.tolerance


def left_out(owner: str, drill: str, reason: str, detail: str = "") -> Check:
    """A drill that was not made, by name."""
    return _row(owner, drill, Verdict.SKIPPED, reason, {"detail": detail} if detail else {})


def _passes(seen: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether these modes occur in this order."""
    rest = iter(seen)
    return all(mode in rest for mode in wanted)


def _row(owner: str, drill: str, verdict: Verdict, reason: str, facts: dict[str, Fact]) -> Check:
    return Check(Part.DRILL, owner, drill, verdict, reason, facts)
