"""Commands tried: which are, and what the record of a small step says of one. Pure.

A command has worked when the register reads as written *and* the power moved the way and about as far as it was asked to.
Each is looked at where it can be seen: at the device's own power, and at the site meter where the step stands out of what
the building does anyway. Afterwards the register must read as it did before, or the device's own timer must govern it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.commission.acceptance import Check, Fact, Part, Verdict
from gateway.insight.response import Response, estimate
from gateway.profiles.schema import Control, Profile, Set, Wear, Zero

Floats = NDArray[np.float64]
LEAST_SHARE, MOST_SHARE = 0.3, 2.0
"""A step of a power is followed when what came of it is this part of what was asked."""
LEAST_STEP_W = 1.0
LEAST_AT_METER, MOST_AT_METER = 0.5, 1.5
SEEN_OVER_NOISE = 5.0
"""A step is judged at the site meter when it is so many times what the building varies by itself."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was recorded of one device during a step; times count from the command on."""

    device: str
    control: str
    asked: float
    """What was written, in the control's unit."""
    asked_w: float
    """The change of power it stands for."""
    begin_w: float | None
    """Its power before."""
    t_s: Floats
    watts: Floats
    readback: float | None
    tolerance: float
    """Within this the register reads as written."""
    fate: str
    """What the writer made of it: `confirmed`, `differs` …"""
    unit: str
    """The control's."""
    may_rest: bool = False
    """What it moves may take nothing whatever it is offered: a car that is full."""


@dataclass(frozen=True, slots=True)
class AtMeter:
    """What the site meter read around a step.

    What the building does by itself is the least spread of three: of the meter less the asset if it sees it, of the meter
    alone if it does not, of the meter and the asset if one of them has the wrong sign.
    """

    before: Floats
    after: Floats
    meter: Floats
    """All the while."""
    drawn: Floats
    """What the asset drew at the same times."""


def judge_step(tried: Tried) -> Check:
    """Whether the command arrived, and its effect."""
    facts: dict[str, Fact] = {
        "asked": tried.asked,
        "readback": tried.readback,
        "asked_w": tried.asked_w,
        "fate": tried.fate,
        "unit": tried.unit,
    }
    if tried.readback is not None and abs(tried.readback - tried.asked) > tried.tolerance:
        return _row(tried, Verdict.FAILED, "not_kept", facts)
    if tried.fate in ("refused", "unknown", "expired"):
        return _row(tried, Verdict.FAILED, "not_written", facts)
    if tried.begin_w is None or not np.isfinite(tried.watts).any():
        return _row(tried, Verdict.FAILED, "power_unknown", facts)
    if abs(tried.asked_w) < LEAST_STEP_W:
        return _row(tried, Verdict.NOTED, "step_too_small", facts)
    found = estimate(tried.t_s, tried.watts, begin_w=tried.begin_w)
    last = tried.watts[np.isfinite(tried.watts)][-1]
    facts |= {"begin_w": tried.begin_w, "end_w": float(last), "change_w": _change(found, tried)}
    share = _change(found, tried) / tried.asked_w
    if share <= -LEAST_SHARE:
        return _row(tried, Verdict.FAILED, "wrong_way", facts)
    if share < LEAST_SHARE and tried.may_rest and not np.nan_to_num(tried.watts).any():
        return _row(tried, Verdict.NOTED, "draws_nothing", facts)
    if share < LEAST_SHARE:
        return _row(tried, Verdict.FAILED, "no_effect", facts)
    if share > MOST_SHARE:
        return _row(tried, Verdict.FAILED, "too_much", facts)
    if found is not None:
        facts |= {"dead_s": found.dead_s, "lag_s": found.lag_s}
    return _row(tried, Verdict.PASSED, "followed", facts)


def judge_meter(asset: str, asked_w: float, seen: AtMeter) -> Check:
    """Whether the site meter saw the asset's step."""
    facts: dict[str, Fact] = {"asked_w": asked_w}
    before, after = seen.before[np.isfinite(seen.before)], seen.after[np.isfinite(seen.after)]
    if not before.size or not after.size:
        return Check(Part.COMMAND, asset, "meter", Verdict.FAILED, "meter_unknown", facts)
    alone = seen.meter[np.isfinite(seen.drawn)], seen.drawn[np.isfinite(seen.drawn)]
    noise = min(_spread(alone[0] - sign * alone[1]) for sign in (-1.0, 0.0, 1.0)) if alone[0].size else 0.0
    change = float(np.mean(after) - np.mean(before))
    facts |= {"change_w": change, "noise_w": noise}
    if abs(asked_w) < max(SEEN_OVER_NOISE * noise, LEAST_STEP_W):
        return Check(Part.COMMAND, asset, "meter", Verdict.NOTED, "meter_noisy", facts)
    share = change / asked_w
    if share <= -LEAST_AT_METER:
        return Check(Part.COMMAND, asset, "meter", Verdict.FAILED, "meter_wrong_way", facts)
    if not LEAST_AT_METER <= share <= MOST_AT_METER:
        return Check(Part.COMMAND, asset, "meter", Verdict.FAILED, "meter_not_seen", facts)
    return Check(Part.COMMAND, asset, "meter", Verdict.PASSED, "meter_saw", facts)


def _spread(values: Floats) -> float:
    """A standard deviation that the few samples between a change of the one and of the other do not move."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def judge_back(device: str, control: Control, before: float | None, after: float | None) -> Check:
    """Whether the register reads as it did before the trial."""
    facts: dict[str, Fact] = {"before": before, "after": after, "unit": control.unit.value}
    if after is None:
        verdict, reason = Verdict.FAILED, "back_unknown"
    elif before is not None and abs(after - before) <= tolerance_of(control):
        verdict, reason = Verdict.PASSED, "back"
    elif not any(isinstance(step, Set) and control.name in dict(step.writes) for step in control.release):
        verdict, reason = Verdict.PASSED, "released"
    elif control.keepalive is not None:
        verdict, reason = Verdict.NOTED, "back_by_itself"
    else:
        verdict, reason = Verdict.FAILED, "not_back"
    return Check(Part.COMMAND, device, f"{control.name} back", verdict, reason, facts)


def untried(device: str, profile: Profile, moved: Iterable[str]) -> list[Check]:
    """The controls of a device that are not tried, each with its reason; `moved` are those of its asset."""
    found = []
    for control in profile.controls.values():
        if control.name not in moved:
            found.append(
                Check(Part.COMMAND, device, control.name, Verdict.SKIPPED, why_not(profile, control) or "spare")
            )
    return found


def why_not(profile: Profile, control: Control) -> str:
    """Why a control that steers no asset must not be tried on a live site; '' when a nudge does no harm."""
    if control.wear is Wear.STORED:
        return "stored"
    if not profile.points[control.name].readable:
        return "not_read_back"
    writes = [name for step in control.apply if isinstance(step, Set) for name, _ in step.writes]
    if writes != [control.name] or len(control.apply) != 1:
        return "starts_something"
    point = profile.points[control.name]
    if control.zero is Zero.STOPS or point.enum or control.high - control.low <= control.step:
        return "switches"
    return ""


def nudged(control: Control, value: float) -> float:
    """A lawful value one step away from where a control stands: the smallest step, at least 1 % of its range."""
    step = max(control.step, 0.01 * (control.high - control.low))
    away = value + step if value + step <= control.high else value - step
    return min(max(away, control.low), control.high)


def tolerance_of(control: Control) -> float:
    """Within this a register reads as written: half of the control's step, and what a float rounds away."""
    return 0.5 * control.step + 1e-6 * max(abs(control.low), abs(control.high))


def _change(found: Response | None, tried: Tried) -> float:
    """What came of a step: the fit's, else the mean of its last third."""
    if found is not None:
        return found.change_w
    known = np.isfinite(tried.watts)
    last = tried.watts[known & (tried.t_s >= tried.t_s[-1] * 2.0 / 3.0)]
    return float(last.mean() - tried.begin_w) if last.size and tried.begin_w is not None else 0.0


def _row(tried: Tried, verdict: Verdict, reason: str, facts: Mapping[str, Fact]) -> Check:
    return Check(Part.COMMAND, tried.device, tried.control, verdict, reason, dict(facts))
