"""What the steps of an asset showed: rows for each device, the site meter and the capability, and the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf

import numpy as np

from gateway.cli.capability import Capability, Taken
from gateway.cli.commission_samples import Samples
from gateway.cli.proving import value_of
from gateway.commission.acceptance import Check, Curve, Fact, Part, Picture, Verdict
from gateway.commission.drawn import Drawn, judge_released
from gateway.commission.trials import AtMeter, Floats, Tried, judge_back, judge_meter, judge_step, tolerance_of
from gateway.control.kinds import control_of, power_point
from gateway.control.watched import meter_point
from gateway.field.bus import Member
from gateway.insight.held import Held
from gateway.model.command import Fate, Outcome
from gateway.model.point import PointId, point_id
from gateway.model.site import Asset, EvFleet, Site

SETTLED = 2.0 / 3.0
"""From this part of a step on its end is looked at."""
MOST_POINTS = 1500
LARGE = 0.25
"""A deviation is told of steps of at least this part of the room: of a small one it says nothing."""
ENOUGH = 0.9
"""An asset that gives this part of what the site file states gives it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Whose steps they are, and what was recorded of them; `devices` took part."""

    site: Site
    asset: Asset
    members: Mapping[str, Member]
    devices: tuple[str, ...]
    samples: Samples
    exact: bool
    """A device must read what it was asked for."""


def effect_rows(
    ground: Ground, rest: Taken, step: Taken, *, begun_s: float, outcomes: Sequence[Outcome]
) -> list[Check]:
    """The small step at every device."""
    asset, samples, count = ground.asset, ground.samples, len(ground.devices)
    end_s = begun_s + step.step.hold_s
    value, exact_w = value_of(asset, step.step.to_w, count)
    control = control_of(asset)
    rows = []
    for device in ground.devices:
        power, register = power_point(asset, device), point_id(device, control)
        known = ground.members[device].profile.controls[control]
        begin_w = samples.mean(power, begun_s - rest.step.hold_s * (1.0 - SETTLED), begun_s)
        t_s, watts = samples.of(power, begun_s, end_s)
        tried = Tried(
            device=device,
            control=control,
            asked=value,
            asked_w=(exact_w - rest.step.to_w) / count,
            begin_w=begin_w,
            t_s=t_s,
            watts=watts,
            readback=samples.newest(register, begun_s, end_s),
            tolerance=tolerance_of(known) if ground.exact else inf,
            fate=fate_of(outcomes, device, control, value),
            unit=known.unit.value,
            may_rest=isinstance(asset.detail, EvFleet),
        )
        rows.append(judge_step(tried))
    rows += [
        Check(Part.COMMAND, device, control, Verdict.SKIPPED, "takes_no_part")
        for device in asset.devices
        if device not in ground.devices
    ]
    return rows


def meter_row(ground: Ground, rest: Taken, taken: Sequence[Taken], begun_s: Sequence[float]) -> Check:
    """The largest step at the site meter: it stands out most of what the building does."""
    steps = zip((rest, *taken), taken, begun_s, strict=False)
    before, step, at_s = max(steps, key=lambda one: abs(one[1].asked_w))
    return judge_meter(ground.asset.id, step.asked_w, at_meter(ground, before, step, begun_s=at_s))


def at_meter(ground: Ground, rest: Taken, step: Taken, *, begun_s: float) -> AtMeter:
    """What the site meter read, from when what moved before had settled to the end of the step."""
    meter, rest_s, end_s = meter_point(ground.site), rest.step.hold_s, begun_s + step.step.hold_s
    begin_s = begun_s - rest_s / 2.0
    t_s, watts = ground.samples.of(meter, begin_s, end_s)
    drawn_s = np.concatenate((rest.t_s - rest_s, step.t_s)) + rest_s / 2.0
    drawn = Held(drawn_s, np.concatenate((rest.watts, step.watts)), end_s - begin_s)
    return AtMeter(
        before=ground.samples.of(meter, begin_s, begun_s)[1],
        after=ground.samples.of(meter, begun_s + step.step.hold_s * SETTLED, end_s)[1],
        meter=watts,
        drawn=drawn.at(t_s),
    )


def fate_of(outcomes: Sequence[Outcome], device: str, control: str, value: float) -> str:
    """The best that became of a value; '' when nothing is known."""
    found = [one.fate for one in outcomes if (one.device, one.control, one.value) == (device, control, value)]
    if not found:
        return ""
    return (Fate.CONFIRMED if Fate.CONFIRMED in found else found[-1]).value


def back_rows(
    ground: Ground,
    before: Mapping[PointId, float | None],
    after: Mapping[PointId, float | None],
    drawn: Mapping[str, Drawn],
) -> list[Check]:
    """Whether every register reads as before; one that cannot be read: whether its power left the last step."""
    name = control_of(ground.asset)
    rows = []
    for device in ground.devices:
        control, point = ground.members[device].profile.controls[name], point_id(device, name)
        if ground.members[device].profile.points[name].readable:
            rows.append(judge_back(device, control, before[point], after[point]))
        else:
            rows.append(judge_released(drawn[device], name))
    return rows


def capability_row(asset: Asset, measured: Capability | None, *, quick: bool) -> Check:
    """What the whole room gave, against what the site file states."""
    if measured is None:
        return Check(Part.CAPABILITY, asset.id, "capability", Verdict.SKIPPED, "quick" if quick else "no_full_step")
    stated_w = asset.max_w - asset.min_w
    facts: dict[str, Fact] = {name: value for name, value in asdict(measured).items() if name != "steps"}
    large = [one for one in measured.steps if abs(one.to_w - one.from_w) >= LARGE * measured.adjustable_w]
    facts["deviation"] = max((one.deviation for one in large if one.deviation is not None), key=abs, default=None)
    command_s = asset.detail.command_s if isinstance(asset.detail, EvFleet) else 0.0
    facts |= {"stated_w": stated_w, "stated_dead_s": asset.dead_time_s + command_s, "stated_lag_s": asset.lag_s}
    enough = measured.adjustable_w >= ENOUGH * stated_w
    verdict, reason = (Verdict.PASSED, "measured") if enough else (Verdict.NOTED, "less_than_stated")
    return Check(Part.CAPABILITY, asset.id, "capability", verdict, reason, facts)


def picture(ground: Ground, begin_s: float, begun_s: Sequence[float], taken: Sequence[Taken | None]) -> Picture | None:
    """Asked and drawn of the asset, and the site meter about the level that puts it beside them."""
    steps = [(at_s - begin_s, one) for at_s, one in zip(begun_s, taken, strict=False) if one is not None]
    if not steps:
        return None
    span_s = steps[-1][0] + steps[-1][1].step.hold_s
    t_s = np.concatenate([at_s + one.t_s for at_s, one in steps])
    watts = np.concatenate([one.watts for _, one in steps])
    meter_s, meter_w = ground.samples.of(meter_point(ground.site), begin_s, begin_s + span_s)
    curves = [
        Curve("asked", "asked", [at_s for at_s, _ in steps], [one.step.to_w for _, one in steps]),
        Curve("does", "drawn", *thinned(t_s, watts)),
    ]
    if (shifted := beside(meter_s, meter_w, Held(t_s, watts, span_s))) is not None:
        curves.append(Curve("plan", "meter", *thinned(meter_s, shifted)))
    return Picture(Part.COMMAND, ground.asset.id, "trial", "W", span_s, tuple(curves))


def beside(meter_s: Floats, meter_w: Floats, drawn: Held) -> Floats | None:
    """The site meter's readings less what the rest of the building draws on average, so that they lie beside an asset's."""
    rest_w = meter_w - drawn.at(meter_s)
    known = rest_w[np.isfinite(rest_w)]
    return meter_w - float(np.median(known)) if known.size else None


def thinned(t_s: Floats, values: Floats) -> tuple[list[float], list[float | None]]:
    """At most MOST_POINTS of a record, evenly taken; None for what is not known."""
    every = max(1, -(-t_s.size // MOST_POINTS))
    shown = [round(float(value), 1) if np.isfinite(value) else None for value in values[::every]]
    return np.round(t_s[::every], 2).tolist(), shown
