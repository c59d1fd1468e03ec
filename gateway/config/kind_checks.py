"""What inverters, switched loads and rooms of a site file must satisfy besides what every asset must."""

from collections.abc import Iterator
from math import ceil, floor, inf

from gateway.config.build import bounds_kw
from gateway.config.form import AnyAsset, PvForm, SwitchedForm, ZonesForm
from gateway.profiles.schema import Profile
from gateway.texts import say

Found = tuple[str, str, str, str]
"""Key, code, message and remedy."""
WHOLE = 1e-6


def kind_problems(form: AnyAsset) -> Iterator[Found]:
    """Everything wrong with the numbers of an asset of these kinds."""
    if isinstance(form, PvForm | SwitchedForm):
        yield from _within_rating(form)
    if isinstance(form, ZonesForm):
        yield from _comfort(form)
    if isinstance(form, PvForm) and bounds_kw(form)[1] > 0.0:
        yield "max_kw", "out_of_range", say("problem.only_generates"), ""
    if isinstance(form, SwitchedForm):
        for key in ("operating_kw", "safe_kw"):
            if (kw := getattr(form, key)) is not None:
                yield from _whole(form, key, kw)
        longest_s = inf if form.longest_off_s is None else form.longest_off_s
        if longest_s <= form.min_off_s:
            message = say(
                "problem.not_less", low="min_off_s", first=form.min_off_s, high="longest_off_s", last=longest_s
            )
            yield "longest_off_s", "min_above_max", message, ""


def pace_problem(form: AnyAsset, profile: Profile) -> Iterator[Found]:
    """A device that takes its value seldom must not be told more often: what it ignores looks like disobedience.

    Nor must a room be told finer steps than it knows.
    """
    name = {PvForm: "pv.power.limit.percent", ZonesForm: "zone.temperature.setpoint"}.get(type(form), "")
    control = profile.controls.get(name)
    if not isinstance(form, PvForm | ZonesForm) or control is None:
        return
    if form.command_s < control.interval_s:
        message = say("problem.command_fast", profile=profile.name, interval=control.interval_s)
        yield "command_s", "beyond_device", message, say("remedy.command_s", interval=control.interval_s)
    if isinstance(form, ZonesForm):
        steps = form.step_k / control.step
        if round(steps) < 1 or abs(steps - round(steps)) > WHOLE:
            message = say("problem.step_of_device", profile=profile.name, step=control.step)
            yield "step_k", "beyond_device", message, say("remedy.step_k", step=control.step)


def _comfort(form: ZonesForm) -> Iterator[Found]:
    """Bands that are none, and a set-point that people would not stand."""
    for key in ("occupied_c", "unoccupied_c"):
        low, high = getattr(form, key) or (0.0, 1.0)
        if low >= high:
            message = say("problem.not_less", low=f"{key}[0]", first=low, high=f"{key}[1]", last=high)
            yield key, "min_above_max", message, say("remedy.swap")
    low, high = form.occupied_c
    if low < high and not low <= form.setpoint_c <= high:
        message = say("problem.setpoint_outside", setpoint=form.setpoint_c, low=low, high=high)
        yield "setpoint_c", "out_of_range", message, ""


def _within_rating(form: PvForm | SwitchedForm) -> Iterator[Found]:
    low, high = bounds_kw(form)
    rated_kw, count = form.rated_kw, len(form.devices)
    least, most = (-rated_kw * count, inf) if isinstance(form, PvForm) else (0.0, rated_kw * count)
    for key, beyond in (("min_kw", low < least - WHOLE), ("max_kw", high > most + WHOLE)):
        if beyond:
            yield key, "out_of_range", say("problem.beyond_rating", count=count, rated=rated_kw), ""


def _whole(form: SwitchedForm, key: str, kw: float) -> Iterator[Found]:
    loads = kw / form.rated_kw
    if abs(loads - round(loads)) > WHOLE:
        message = say("problem.whole_loads", key=key, kw=kw, rated=form.rated_kw)
        less, more = floor(loads) * form.rated_kw, ceil(loads) * form.rated_kw
        yield key, "out_of_range", message, say("remedy.whole_loads", less=less, more=more)
